variable "project_id" {
  description = "Project of the datasets."
  type        = string
}

variable "dataset_id" {
  description = "Dataset of the tables; the reports' dataset is named after it, with `_reports`."
  type        = string
  default     = "callmood"
}

variable "location" {
  description = "Location of the datasets: a region, or EU or US. Cannot be changed later."
  type        = string
}

variable "schemas" {
  description = "Folder with `tables/*.json` and `views/*.sql`."
  type        = string
}

variable "eraser" {
  description = "IAM member that deletes the rows of erased calls every night."
  type        = string
}

variable "kms_key_id" {
  description = "Key that tables are encrypted with; null for Google's."
  type        = string
  default     = null
}

variable "results_retention_days" {
  description = "Days after which a day's rows are deleted; null keeps them."
  type        = number
  default     = null
}

variable "time_travel_hours" {
  description = "Hours for which BigQuery can bring deleted rows back: 48 to 168. (Google keeps them seven days more, out of reach.)"
  type        = number
  default     = 168
}

variable "time_zone" {
  description = "IANA zone of the reports' days and hours."
  type        = string
  default     = "UTC"
}

variable "min_calls_per_group" {
  description = "Reports about one agent show emotion only from this many calls on."
  type        = number
  default     = 5
}

variable "report_readers" {
  description = "IAM members (`user:`, `group:`, `serviceAccount:`, `domain:`) that read every report."
  type        = list(string)
  default     = []
}

variable "accounts" {
  description = "IAM members of the deployment that see the rows of all queues: `eraser`, and `monitor` where there is one."
  type        = list(string)
}

variable "operators" {
  description = "IAM members (`user:`, `group:`, `serviceAccount:`) that read the tables too."
  type        = list(string)
  default     = []
}

variable "queue_readers" {
  description = "IAM members that see one queue's calls only, by queue."
  type        = map(list(string))
  default     = {}
}

variable "deletion_protection" {
  description = "Refuse to delete tables. Apply once with false before a teardown."
  type        = bool
  default     = true
}
