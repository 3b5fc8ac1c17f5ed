variable "project_id" {
  description = "Project of the accounts."
  type        = string
}

variable "project_number" {
  description = "The project's number."
  type        = string
}

variable "name" {
  description = "Name of the deployment; begins the accounts' names."
  type        = string
}

variable "region" {
  description = "Region of the functions."
  type        = string
}

variable "bucket" {
  description = "Name of the recordings bucket."
  type        = string
}

variable "topic" {
  description = "Name of the topic that is told of recordings."
  type        = string
}

variable "dataset_id" {
  description = "Id of the tables' dataset."
  type        = string
}

variable "tables" {
  description = "Ids of the tables, by name."
  type        = map(string)
}

variable "pubsub_agent" {
  description = "IAM member by which Pub/Sub acts in the project."
  type        = string
}

variable "model_uri" {
  description = "`gs://` address of another emotion model, which `analyze` may then read; null for the deployed one."
  type        = string
  default     = null
}

variable "reference_uri" {
  description = "`gs://` address of the reference that `monitor` compares calls with; null for the one beside the model."
  type        = string
  default     = null
}

variable "reports_dataset_id" {
  description = "Id of the reports' dataset."
  type        = string
}

variable "views" {
  description = "Names of its views."
  type        = set(string)
}

variable "monitor" {
  description = "Whether there is a function `monitor`."
  type        = bool
  default     = true
}

variable "alert_secrets" {
  description = "Ids of the secrets that the function `alert` reads; null where it is not deployed."
  type        = object({ url = string, signature = optional(string) })
  default     = null
}

variable "operators" {
  description = "IAM members (`user:`, `group:`, `serviceAccount:`) that run callmood's commands against the deployment."
  type        = list(string)
  default     = []
}

variable "score_secrets" {
  description = "Ids of the secrets that the function `score` reads; null for no such function."
  type        = object({ session_key = optional(string), api_key = optional(string) })
  default     = null
}
