variable "project_id" {
  description = "Project of the subscriptions."
  type        = string
}

variable "name" {
  description = "Name of the deployment; begins the subscriptions' names."
  type        = string
}

variable "region" {
  description = "Region of the functions, and that messages are kept in."
  type        = string
}

variable "topic_id" {
  description = "Id of the topic that is told of recordings."
  type        = string
}

variable "results_topic_id" {
  description = "Id of the topic that gets one message a call; needed where there is a function `alert`."
  type        = string
  default     = null
}

variable "functions" {
  description = "Names of the functions' services on Cloud Run, by entry point."
  type        = map(string)
}

variable "urls" {
  description = "Addresses of these services, by entry point."
  type        = map(string)
}

variable "accounts" {
  description = "E-mail addresses of the service accounts `push-analyze`, `push-erase` and `push-quarantine`."
  type        = map(string)
}

variable "pubsub_agent" {
  description = "IAM member by which Pub/Sub acts in the project."
  type        = string
}

variable "max_delivery_attempts" {
  description = "Deliveries after which an event becomes a dead letter: 5 to 100."
  type        = number
  default     = 5
}

variable "kms_key_id" {
  description = "Key that dead letters are encrypted with; null for Google's."
  type        = string
  default     = null
}
