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
  description = "Folder of the views' SQL files."
  type        = string
}
