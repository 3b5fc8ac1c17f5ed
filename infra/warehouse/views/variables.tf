variable "project_id" {
  description = "Project of both datasets."
  type        = string
}

variable "dataset_id" {
  description = "Dataset of the views."
  type        = string
}

variable "tables_dataset" {
  description = "Dataset of the tables that the views read."
  type        = string
}

variable "tables" {
  description = "Names of the tables."
  type        = set(string)
}

variable "folder" {
  description = "Folder of the views: `NAME.sql`, and `NAME.json` with column descriptions."
  type        = string
}

variable "parameters" {
  description = "Values of the placeholders in the SQL files: IANA time zone of days and hours, minimum number of calls for which a row about one agent shows emotion, and whether a scheduled query stores the metrics of past days."
  type        = object({ time_zone = string, min_calls_per_group = number, store_metrics = bool })
}
