variable "project_id" {
  description = "Project of the dataset."
  type        = string
}

variable "dataset_id" {
  description = "Dataset that the views are made in."
  type        = string
}

variable "views" {
  description = "Query, description and, where they are described, columns (JSON) of each view, by name."
  type        = map(object({ query = string, description = string, schema = optional(string) }))
}
