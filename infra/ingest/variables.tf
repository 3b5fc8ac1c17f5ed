variable "project_id" {
  description = "Project of the bucket and the topic."
  type        = string
}

variable "name" {
  description = "Name of the deployment; begins the topic's name."
  type        = string
}

variable "region" {
  description = "Region that messages are kept in."
  type        = string
}

variable "bucket_name" {
  description = "Name of the bucket, unique in the world."
  type        = string
}

variable "location" {
  description = "Location of the bucket: a region, or EU, US, ASIA."
  type        = string
}

variable "storage_agent" {
  description = "IAM member by which Cloud Storage publishes its notifications."
  type        = string
}

variable "kms_key_id" {
  description = "Key that recordings and messages are encrypted with; null for Google's."
  type        = string
  default     = null
}

variable "retention_days" {
  description = "Days after which a recording is deleted; null keeps it. Its results stay (see the warehouse)."
  type        = number
  default     = null
}

variable "locked_retention_days" {
  description = "Days during which nobody can delete a recording, not even the owner; null for none. Can never be undone."
  type        = number
  default     = null
}

variable "colder_after_days" {
  description = "Days after which a recording moves to a colder, cheaper storage class, by class."
  type        = map(number)
  default     = { NEARLINE = 30, COLDLINE = 90 }
}

variable "soft_delete_days" {
  description = "Days for which a deleted recording can be restored; 0 for none."
  type        = number
  default     = 7
}

variable "replay_days" {
  description = "Days for which events are kept for replay."
  type        = number
  default     = 7
}
