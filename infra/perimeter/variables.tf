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

variable "builders" {
  description = "Email addresses of the service accounts of builds. Cloud Build runs them outside of the perimeter."
  type        = list(string)
}

variable "callers" {
  description = "IAM members that call the real-time service from other projects."
  type        = list(string)
  default     = []
}
