variable "project_id" {
  description = "Project of the deployment."
  type        = string
}

variable "project_number" {
  description = "The project's number."
  type        = string
}

variable "name" {
  description = "Name of the deployment; begins the metrics' names."
  type        = string
}

variable "functions" {
  description = "Names of the functions' services on Cloud Run, by entry point."
  type        = map(string)
}

variable "subscriptions" {
  description = "Names of the push subscriptions, by function."
  type        = map(string)
}

variable "dead_letters" {
  description = "Name of the subscription that keeps dead letters."
  type        = string
}

variable "topic" {
  description = "Name of the topic that is told of recordings."
  type        = string
}

variable "emails" {
  description = "E-mail addresses that alerts go to."
  type        = list(string)
  default     = []
}

variable "thresholds" {
  description = "When to alert: age of the oldest waiting recording, share of failed attempts, time for one analysis, hours without any recording (null: never)."
  type = object({
    oldest_waiting_s = optional(number, 1800)
    error_share      = optional(number, 0.1)
    latency_s        = optional(number, 300)
    silence_hours    = optional(number)
  })
  default = {}
}

variable "budget" {
  description = "Monthly budget for the project, in the billing account's currency; null for none."
  type        = object({ billing_account = string, monthly_amount = number })
  default     = null
}

variable "usd_per_instance_second" {
  description = "List price of one second of one instance of `analyze`, for the dashboard's estimate."
  type        = number
  default     = 0.000029
}
