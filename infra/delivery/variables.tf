variable "deployment" {
  description = "Project, name, region, encryption key (null for a Google-managed key), service agents, and IANA time zone of the deployment. The name is the prefix of topics and subscriptions."
  type = object({
    project_id     = string
    name           = string
    region         = string
    kms_key_id     = optional(string)
    service_agents = object({ pubsub = string })
    time_zone      = optional(string, "UTC")
  })
}

variable "schemas" {
  description = "Folder with `topics/results.avsc`."
  type        = string
}

variable "recordings_topic_id" {
  description = "ID of the topic that gets a message for every created or deleted recording."
  type        = string
}

variable "services" {
  description = "Name and URL of the Cloud Run service of each function, by function."
  type        = map(object({ name = string, url = string }))

  validation {
    condition     = length(setsubtract(["analyze", "erase", "dead-letter"], keys(var.services))) == 0
    error_message = "services must contain analyze, erase, and dead-letter."
  }
}

variable "accounts" {
  description = "Email addresses of the service accounts, by name: `analyze`, and `push-FUNCTION` for each function."
  type        = map(string)
}

variable "max_delivery_attempts" {
  description = "Delivery attempts after which an event goes to the dead letter topic: 5 to 100. BigQuery accepts a new column some minutes after an upgrade, and 20 attempts take more than two hours."
  type        = number
  default     = 20
}

variable "minimum_backoff_s" {
  description = "Seconds before the second delivery attempt. The delay doubles with each attempt, to at most 600 s."
  type        = number
  default     = 30
}

variable "monitor_schedule" {
  description = "Cron schedule of the function `monitor` in the time zone of the deployment, or null for no schedule."
  type        = string
  default     = null
}

variable "digest" {
  description = "Whether the function monitor publishes a weekly digest to the results topic."
  type        = bool
}
