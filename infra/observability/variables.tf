variable "deployment" {
  description = "Project and name of the deployment. The name is the prefix of the metrics."
  type = object({
    project_id     = string
    project_number = string
    name           = string
  })
}

variable "services" {
  description = "Name of the Cloud Run service of each function, by function."
  type        = map(object({ name = string }))
}

variable "recordings_topic" {
  description = "Name of the topic that gets a message for every created or deleted recording."
  type        = string
}

variable "delivery" {
  description = "Names of the push subscriptions by function, of the subscriptions with a dead letter topic, of the subscription that retains dead letters, and name and cron schedule of the scheduler job of `monitor` (null for none)."
  type = object({
    subscriptions             = map(string)
    dead_letter_subscriptions = list(string)
    retained_dead_letters     = string
    monitor_job               = optional(string)
    monitor_schedule          = optional(string)
  })
}

variable "queries" {
  description = "IDs of the scheduled queries, by name (`erase`, `store_metrics`, `store_outcomes`): projects/…/transferConfigs/ID."
  type        = map(string)
}

variable "monitor" {
  description = "Whether the function `monitor` is deployed, whose metrics need descriptors and an alert."
  type        = bool
  default     = true
}

variable "emails" {
  description = "Email addresses that receive alerts."
  type        = list(string)
  default     = []
}

variable "thresholds" {
  description = "Alert thresholds: age of the oldest unprocessed event in seconds, ratio of failed requests, 95th percentile of the analysis time in seconds, and hours without a recording (null disables the alert)."
  type = object({
    oldest_event_s      = optional(number, 1800)
    error_ratio         = optional(number, 0.1)
    latency_s           = optional(number, 300)
    no_recordings_hours = optional(number)
  })
  default = {}
}

variable "budget" {
  description = "Billing account and monthly budget of the project in the currency of the account, or null for no budget."
  type        = object({ billing_account = string, monthly_amount = number })
  default     = null
}

variable "usd_per_instance_second" {
  description = "List price in USD of one second of one instance of `analyze`, for the cost estimate on the dashboard."
  type        = number
  default     = 0.000029
}
