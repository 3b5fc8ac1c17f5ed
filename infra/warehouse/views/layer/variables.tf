variable "project_id" {
  description = "Project of the dataset."
  type        = string
}

variable "dataset_id" {
  description = "Dataset that the views are made in."
  type        = string
}

variable "views" {
  description = "Description and query of each view, by name."
  type        = map(object({ description = string, query = string }))
}
