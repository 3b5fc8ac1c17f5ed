variable "deployment" {
  description = "Project, name, region, encryption key (null for a Google-managed key), and VPC network (null for none) of the deployment. The name is the prefix of the functions."
  type = object({
    project_id = string
    name       = string
    region     = string
    kms_key_id = optional(string)
    network = optional(object({
      connector  = optional(string)
      network    = optional(string)
      subnetwork = optional(string)
      egress     = optional(string, "PRIVATE_RANGES_ONLY")
    }))
  })
}

variable "accounts" {
  description = "Email addresses of the service accounts, by name: one for each function, and `builder`."
  type        = map(string)

  validation {
    condition     = length(setsubtract(["analyze", "erase", "dead-letter", "builder"], keys(var.accounts))) == 0
    error_message = "accounts must contain analyze, erase, dead-letter, and builder."
  }
}

variable "environment" {
  description = "Settings of the functions, as environment variables (docs/settings.md)."
  type        = map(string)
}

variable "analyze" {
  description = "Resources of `analyze`."
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

variable "small" {
  description = "Resources of the other functions, which write one row or post one message for each event."
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

variable "alert_secrets" {
  description = "IDs of the secrets that contain the webhook URL and the signing key, for the function `alert`; null to omit the function."
  type        = object({ url_secret = string, signing_key_secret = optional(string) })
  default     = null
}

variable "monitor" {
  description = "Whether to deploy the function `monitor`."
  type        = bool
  default     = true
}

variable "archive" {
  description = "Name of an earlier archive to build the functions from, for a rollback; null for the archive of this version."
  type        = string
  default     = null
}
