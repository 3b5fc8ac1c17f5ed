variable "project_id" {
  description = "Id of an existing Google Cloud project with billing."
  type        = string
}

variable "services" {
  description = "APIs to enable, without `.googleapis.com`. They stay enabled when the deployment is destroyed: others may use them."
  type        = set(string)
  default = [
    "accesscontextmanager", "artifactregistry", "bigquery", "bigquerydatatransfer", "billingbudgets", "cloudbuild", "cloudfunctions",
    "cloudkms", "cloudresourcemanager", "cloudscheduler", "iam", "logging", "monitoring", "pubsub", "run", "secretmanager", "storage",
  ]
}

variable "data_access_logs" {
  description = "Log who reads and writes objects and messages (Cloud Audit Logs, data access). Charged by volume as logging."
  type        = bool
  default     = true
}

variable "retraining" {
  description = "Enable what the making of new models needs, too."
  type        = bool
  default     = false
}
