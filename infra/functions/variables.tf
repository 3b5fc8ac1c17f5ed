variable "project_id" {
  description = "Project of the functions."
  type        = string
}

variable "name" {
  description = "Name of the deployment; begins the functions' names."
  type        = string
}

variable "region" {
  description = "Region of the functions."
  type        = string
}

variable "accounts" {
  description = "E-mail addresses of the service accounts `analyze`, `erase`, `monitor`, `quarantine` and `builder`."
  type        = map(string)
}

variable "environment" {
  description = "Settings of the functions, as environment variables (docs/settings.md)."
  type        = map(string)
}

variable "analyze" {
  description = "Resources of `analyze`, and of `score`."
  type = object({
    memory        = optional(string, "2Gi")
    cpu           = optional(string, "1")
    concurrency   = optional(number, 1)
    min_instances = optional(number, 0)
    max_instances = optional(number, 20)
    timeout_s     = optional(number, 540)
  })
  default = {}
}

variable "alert" {
  description = "Ids of the secrets that hold the webhook's address and the signing key, for the function `alert`; null for no such function."
  type        = object({ url = string, signature = optional(string) })
  default     = null
}

variable "monitor" {
  description = "Whether there is a function `monitor`."
  type        = bool
  default     = true
}

variable "score" {
  description = "Who may call the function `score`, and ids of the secrets that sign its sessions and hold its API key; null for no such function."
  type        = object({ callers = list(string), session_key = optional(string), api_key = optional(string) })
  default     = null
}

variable "small" {
  description = "Resources of the other functions, which write one row or post one message an event."
  type = object({
    memory        = optional(string, "512Mi")
    cpu           = optional(string, "1")
    concurrency   = optional(number, 8)
    min_instances = optional(number, 0)
    max_instances = optional(number, 5)
    timeout_s     = optional(number, 100)
  })
  default = {}
}

variable "network" {
  description = "VPC that the functions reach the world through: a Serverless VPC Access connector, or a network and subnetwork. Egress: PRIVATE_RANGES_ONLY or ALL_TRAFFIC."
  type = object({
    connector  = optional(string)
    network    = optional(string)
    subnetwork = optional(string)
    egress     = optional(string, "PRIVATE_RANGES_ONLY")
  })
  default = null
}

variable "kms_key_id" {
  description = "Key that sources and images are encrypted with; null for Google's."
  type        = string
  default     = null
}
