variable "project_id" {
  description = "Project of the workflow."
  type        = string
}

variable "name" {
  description = "Name of the deployment; begins the workflow's and accounts' names."
  type        = string
}

variable "region" {
  description = "Region of the workflow: that of the jobs."
  type        = string
}

variable "jobs" {
  description = "Name of each step's Cloud Run job, by the step's name."
  type        = map(string)
}

variable "runs" {
  description = "Name of the bucket of runs."
  type        = string
}

variable "options" {
  description = "Options of model.pipeline.steps that are the same for every step and run, as words."
  type        = list(string)
}

variable "schedule" {
  description = "When to start, as cron has it, such as `0 3 1 * *`; null for only when calls drift."
  type        = string
  default     = null
}

variable "on_drift" {
  description = "Start when a message of drift comes; not where something else listens for it."
  type        = bool
  default     = true
}

variable "channels" {
  description = "Ids of the notification channels that are told of a run that failed."
  type        = list(string)
  default     = []
}

variable "time_zone" {
  description = "Time zone of the schedule."
  type        = string
  default     = "UTC"
}

variable "watch_hours" {
  description = "Hours for which the canary judges calls before it is compared with the model that serves."
  type        = number
  default     = 24
}

variable "kms_key_id" {
  description = "Key that messages are encrypted with; null for Google's."
  type        = string
  default     = null
}

variable "publishers" {
  description = "E-mail addresses of the service accounts that may ask for a new model, by name."
  type        = map(string)
  default     = {}
}
