variable "deployment" {
  description = "Number of the project to enclose, and name of the deployment. The name identifies the perimeter."
  type        = object({ project_number = string, name = string })
}

variable "perimeter" {
  description = "Number of the access policy of the organization, members with access from outside (`user:` or `serviceAccount:`, including the deployer), and whether the perimeter only logs violations."
  type = object({
    access_policy = string
    members       = list(string)
    dry_run       = optional(bool, true)
  })
}
