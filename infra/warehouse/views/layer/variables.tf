variable "project_id" {
  description = "Project of the dataset."
  type        = string
}

variable "dataset_id" {
  description = "Dataset of the views."
  type        = string
}

variable "views" {
  description = "Query, description, and optional column schema (JSON) of each view, by name."
  type        = map(object({ query = string, description = string, schema = optional(string) }))
}
