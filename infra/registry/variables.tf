variable "project_id" {
  description = "Project of the buckets and images."
  type        = string
}

variable "name" {
  description = "Name of the deployment; begins the buckets' and the repository's names."
  type        = string
}

variable "region" {
  description = "Region of the buckets and images."
  type        = string
}

variable "runs_kept_days" {
  description = "Days after which what a run left is deleted; the model it made stays in the registry."
  type        = number
  default     = 180
}

variable "source_repository" {
  description = "Id of a Cloud Build repository (projects/…/locations/…/connections/…/repositories/…) whose main branch the images are built from; null for builds by hand."
  type        = string
  default     = null
}

variable "operators" {
  description = "IAM members (`user:`, `group:`, `serviceAccount:`) that promote models by hand, and take them back."
  type        = list(string)
  default     = []
}

variable "kms_key_id" {
  description = "Key that models, runs and images are encrypted with; null for Google's."
  type        = string
  default     = null
}
