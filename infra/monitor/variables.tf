variable "project_id" {
  description = "Project of the deployment."
  type        = string
}

variable "name" {
  description = "Name of the deployment; begins the schedule's name, and is part of the metrics'."
  type        = string
}

variable "region" {
  description = "Region of the schedule."
  type        = string
}

variable "url" {
  description = "Address of the function `monitor`."
  type        = string
}

variable "account" {
  description = "E-mail address of the service account that calls it."
  type        = string
}

variable "schedule" {
  description = "When, as cron has it."
  type        = string
  default     = "30 4 * * *"
}

variable "time_zone" {
  description = "Zone of the schedule: that of the calls' days."
  type        = string
  default     = "UTC"
}

variable "channels" {
  description = "Ids of the channels that the alert goes to."
  type        = list(string)
  default     = []
}
