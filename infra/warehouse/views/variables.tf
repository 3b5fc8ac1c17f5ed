variable "project_id" {
  description = "Project of both datasets."
  type        = string
}

variable "dataset_id" {
  description = "Dataset that the views are made in."
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
  description = "Folder of the views: `NAME.sql`, and `NAME.json` where columns are described."
  type        = string
}

variable "time_zone" {
  description = "IANA zone of the views' days and hours."
  type        = string
}

variable "min_calls_per_group" {
  description = "Calls from which on a row about one agent shows emotion."
  type        = number
}
