variable "project_number" {
  description = "Number of the project to enclose."
  type        = string
}

variable "name" {
  description = "Name of the deployment; names the perimeter."
  type        = string
}

variable "access_policy" {
  description = "Number of the organization's access policy."
  type        = string
}

variable "members" {
  description = "Who may reach the data from outside the perimeter: `user:` or `serviceAccount:`. Whoever deploys must be among them."
  type        = list(string)
}

variable "dry_run" {
  description = "Only log what the perimeter would refuse."
  type        = bool
  default     = true
}
