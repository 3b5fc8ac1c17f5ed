variable "project_id" {
  description = "ID of an existing Google Cloud project with billing."
  type        = string
}

variable "name" {
  description = "Name of the deployment. It names the key ring."
  type        = string
}

variable "region" {
  description = "Region of the encryption key. It must be the region of the data."
  type        = string
}

variable "services" {
  description = "APIs to enable, without `.googleapis.com`. They stay enabled after a teardown, because other software may use them."
  type        = set(string)
  default = [
    "accesscontextmanager", "artifactregistry", "bigquery", "bigquerydatatransfer", "billingbudgets", "cloudbuild", "cloudfunctions",
    "cloudkms", "cloudresourcemanager", "cloudscheduler", "eventarc", "iam", "logging", "monitoring", "pubsub", "run", "secretmanager", "storage",
  ]
}

variable "retraining" {
  description = "Whether to enable the APIs that the retraining pipeline needs."
  type        = bool
  default     = false
}

variable "composer" {
  description = "Whether to enable the APIs that Cloud Composer and Vertex AI need, and create their service agents."
  type        = bool
  default     = false
}

variable "data_access_logs" {
  description = "Whether to log reads and writes of objects and messages (Cloud Audit Logs). This replaces an existing audit configuration of Cloud Storage, Pub/Sub, and IAM in the project. The logs are billed by volume."
  type        = bool
  default     = false
}

variable "kms_key" {
  description = "`create` for a new key ring and a rotating key, the ID of an existing key, or null for Google-managed keys."
  type        = string
  default     = null
}

variable "key_rotation_days" {
  description = "Days between two versions of a created key."
  type        = number
  default     = 90

  validation {
    condition     = var.key_rotation_days >= 1
    error_message = "key_rotation_days must be at least 1."
  }
}

variable "key_protection_level" {
  description = "Protection level of a created key: SOFTWARE, or HSM for a hardware security module."
  type        = string
  default     = "SOFTWARE"

  validation {
    condition     = contains(["SOFTWARE", "HSM"], var.key_protection_level)
    error_message = "key_protection_level must be SOFTWARE or HSM."
  }
}
