variable "project_id" {
  description = "Project of the environment."
  type        = string
}

variable "name" {
  description = "Name of the deployment; begins the environment's name."
  type        = string
}

variable "region" {
  description = "Region of the environment: that of the jobs."
  type        = string
}

variable "size" {
  description = "Size of the environment: SMALL, MEDIUM or LARGE."
  type        = string
  default     = "SMALL"
}

variable "airflow" {
  description = "Composer's image version; its latest build of Airflow 2.10 by default."
  type        = string
  default     = "composer-3-airflow-2.10.5"
}

variable "network" {
  description = "VPC network of the environment; null for none of one's own."
  type        = string
  default     = null
}

variable "subnetwork" {
  description = "Subnetwork of the environment, with the network."
  type        = string
  default     = null
}

variable "jobs" {
  description = "Name of each step's Cloud Run job, by the step's name."
  type        = map(string)
}

variable "image" {
  description = "The training image, which Vertex AI trains with."
  type        = string
}

variable "trainer" {
  description = "E-mail address of the account that trains."
  type        = string
}

variable "machine" {
  description = "Machine that Vertex AI trains on, as machine_type, accelerator_type and accelerator_count."
  type = object({
    machine_type      = optional(string, "n1-standard-8")
    accelerator_type  = optional(string, "ACCELERATOR_TYPE_UNSPECIFIED")
    accelerator_count = optional(number, 0)
  })
  default  = {}
  nullable = false
}

variable "runs" {
  description = "Name of the bucket of runs."
  type        = string
}

variable "registry" {
  description = "Address of the model registry."
  type        = string
}

variable "results" {
  description = "The tables, as `project.dataset`."
  type        = string
}

variable "corpora" {
  description = "NAME=gs://… of each corpus, with spaces between."
  type        = string
}

variable "config" {
  description = "Recipe of the training image."
  type        = string
}

variable "share" {
  description = "Share of the recordings that a canary judges."
  type        = number
}

variable "watch_hours" {
  description = "Hours for which it does, before it is compared."
  type        = number
}

variable "limits" {
  description = "Options of model.deployment.compare_canary; empty for its defaults."
  type        = string
  default     = ""
}

variable "topic_id" {
  description = "Id of the topic that is told of drift."
  type        = string
}

variable "schedule" {
  description = "When to start, as cron has it; null for only when calls drift."
  type        = string
  default     = null
}

variable "time_zone" {
  description = "Time zone of the schedule."
  type        = string
  default     = "UTC"
}

variable "emails" {
  description = "Addresses that Airflow writes to when a step fails, where it can send mail."
  type        = list(string)
  default     = []
}

variable "channels" {
  description = "Ids of the notification channels that are told of a run that failed."
  type        = list(string)
  default     = []
}

variable "kms_key_id" {
  description = "Key that the environment and training are encrypted with; null for Google's."
  type        = string
  default     = null
}
