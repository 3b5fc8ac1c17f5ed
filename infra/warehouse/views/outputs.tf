output "names" {
  description = "Names of the views."
  value       = sort(local.names)
  depends_on  = [module.layer_9]

  precondition {
    condition     = length(setsubtract(local.names, local.upto_9)) == 0
    error_message = "These views depend on each other in a cycle, or through more than ten layers: ${join(", ", setsubtract(local.names, local.upto_9))}."
  }
}

output "metrics_version" {
  description = "Version of the definitions of stored metrics."
  value       = local.metrics_version
}
