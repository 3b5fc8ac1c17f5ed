output "names" {
  description = "Names of the views."
  value       = sort(local.names)
  depends_on  = [module.layer_7]

  precondition {
    condition     = length(setsubtract(local.names, local.upto_7)) == 0
    error_message = "These views depend on each other in a cycle, or through more than eight layers: ${join(", ", setsubtract(local.names, local.upto_7))}."
  }
}
