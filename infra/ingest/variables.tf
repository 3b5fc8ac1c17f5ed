variable "deployment" {
  description = "Project, name, region, encryption key (null for a Google-managed key), and service agents of the deployment."
  type = object({
    project_id     = string
    name           = string
    region         = string
    kms_key_id     = optional(string)
    service_agents = object({ storage = string })
  })
}

variable "bucket_name" {
  description = "Name of the bucket. Bucket names are globally unique."
  type        = string
}

variable "location" {
  description = "Location of the bucket: a region, or EU, US, ASIA."
  type        = string
}

variable "retention_days" {
  description = "Age in days at which a recording is deleted, or null to keep recordings. Results stay."
  type        = number
  default     = null
}

variable "locked_retention_days" {
  description = "Age in days until which a recording cannot be deleted, not even by a project owner; null for no lock. A lock is permanent."
  type        = number
  default     = null
}

variable "storage_class_after_days" {
  description = "Age in days at which a recording moves to a colder storage class, by class."
  type        = map(number)
  default     = { NEARLINE = 30, COLDLINE = 90 }
}

variable "soft_delete_days" {
  description = "Days during which a deleted recording can be restored, or 0 to disable soft delete."
  type        = number
  default     = 7
}

variable "event_retention_days" {
  description = "Days during which the topic retains events for a replay."
  type        = number
  default     = 7
}
