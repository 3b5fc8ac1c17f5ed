variable "project_id" {
  description = "Project of the topic."
  type        = string
}

variable "name" {
  description = "Name of the deployment; begins the topic's name."
  type        = string
}

variable "region" {
  description = "Region that messages are kept in."
  type        = string
}

variable "schemas" {
  description = "Folder with `topics/results.avsc`."
  type        = string
}

variable "publisher" {
  description = "E-mail address of the account that publishes."
  type        = string
}

variable "kms_key_id" {
  description = "Key that messages are encrypted with; null for Google's."
  type        = string
  default     = null
}
