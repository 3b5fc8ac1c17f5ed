variable "project_id" {
  description = "Project of the dataset."
  type        = string
}

variable "dataset_id" {
  description = "Dataset of the views."
  type        = string
}

variable "views" {
  description = "Query, description, columns, and optional column schema (JSON) of each view, by name. The columns are `name type` in order."
  type        = map(object({ query = string, description = string, columns = list(string), schema = optional(string) }))
}
