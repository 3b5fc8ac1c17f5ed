variable "deployment" {
  description = "Project, encryption key (null for a Google-managed key), and IANA time zone of the deployment. Reports use days and hours in this time zone."
  type = object({
    project_id = string
    kms_key_id = optional(string)
    time_zone  = optional(string, "UTC")
  })
}

variable "dataset_id" {
  description = "ID of the dataset of the tables. The report dataset has the same ID with the suffix `_reports`."
  type        = string
  default     = "callmood"
}

variable "location" {
  description = "Location of the datasets: a region, or EU or US. It cannot be changed later."
  type        = string
}

variable "schemas" {
  description = "Folder with `tables/*.json` and `views/*.sql`."
  type        = string
}

variable "accounts" {
  description = "Email addresses of the service accounts, by name. `eraser` deletes the rows of erased calls."
  type        = map(string)

  validation {
    condition     = contains(keys(var.accounts), "eraser")
    error_message = "accounts must contain eraser."
  }
}

variable "readers" {
  description = "Email addresses of the service accounts that read the rows of all queues, by name: every account that reads a table with a column `queue`. `monitor` also reads the report dataset."
  type        = map(string)
  default     = {}
}

variable "results_retention_days" {
  description = "Age in days at which rows are deleted, or null to keep rows. Rows of `releases` are kept."
  type        = number
  default     = null
}

variable "time_travel_hours" {
  description = "Hours during which BigQuery can restore deleted rows: 48 to 168. Google keeps them 7 more days in fail-safe storage, which you cannot query."
  type        = number
  default     = 168
}

variable "min_calls_per_group" {
  description = "Minimum number of calls for which a report about one agent shows emotion."
  type        = number
  default     = 5
}

variable "store_metrics" {
  description = "Whether an hourly query stores the metrics of calls, so that reports do not read their segments: for 100,000 calls per month or more (docs/million-calls.md). A call then appears in reports after the next run."
  type        = bool
  default     = false
}

variable "report_readers" {
  description = "IAM members (`user:`, `group:`, `serviceAccount:`, `domain:`) that read every report."
  type        = list(string)
  default     = []
}

variable "operators" {
  description = "IAM members (`user:`, `group:`, `serviceAccount:`) that also read the tables."
  type        = list(string)
  default     = []
}

variable "queue_readers" {
  description = "IAM members that read the calls of one queue only, by queue."
  type        = map(list(string))
  default     = {}
}

variable "deletion_protection" {
  description = "Whether Terraform refuses to delete tables. Apply false before a teardown."
  type        = bool
  default     = true
}
