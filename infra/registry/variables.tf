variable "deployment" {
  description = "Project, name, region, and encryption key (null for a Google-managed key) of the deployment. The name is the prefix of the buckets and the repository."
  type = object({
    project_id = string
    name       = string
    region     = string
    kms_key_id = optional(string)
  })
}

variable "runs_retention_days" {
  description = "Age in days at which the files of a training run are deleted. The registered model stays."
  type        = number
  default     = 180

  validation {
    condition     = var.runs_retention_days >= 1
    error_message = "runs_retention_days must be at least 1."
  }
}

variable "source_repository" {
  description = "ID of a Cloud Build repository (projects/…/locations/…/connections/…/repositories/…) whose main branch the images are built from; null for manual builds."
  type        = string
  default     = null
}

variable "operators" {
  description = "IAM members (`user:`, `group:`, `serviceAccount:`) that promote models and roll them back."
  type        = list(string)
  default     = []
}

variable "deletion_protection" {
  description = "Whether Terraform refuses to delete a bucket that contains models."
  type        = bool
  default     = true
}
