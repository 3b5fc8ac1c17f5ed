variable "project_id" {
  description = "Id of an existing Google Cloud project with billing."
  type        = string
}

variable "services" {
  description = "APIs to enable, without `.googleapis.com`. They stay enabled when the deployment is destroyed: others may use them."
  type        = set(string)
  default = [
    "artifactregistry", "bigquery", "bigquerydatatransfer", "cloudbuild", "cloudfunctions", "cloudresourcemanager", "iam",
    "logging", "monitoring", "pubsub", "run", "storage",
  ]
}

variable "data_access_logs" {
  description = "Log who reads and writes objects and messages (Cloud Audit Logs, data access). Charged by volume as logging."
  type        = bool
  default     = true
}
