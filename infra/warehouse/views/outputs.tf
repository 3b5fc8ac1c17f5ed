output "names" {
  description = "Names of the views."
  value       = sort(local.names)
  depends_on  = [module.layer_4]

  precondition {
    condition     = length(setsubtract(local.names, local.upto_4)) == 0
    error_message = "Views read each other in a circle, or more than five deep: ${join(", ", setsubtract(local.names, local.upto_4))}."
  }
}
