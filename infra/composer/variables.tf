variable "deployment" {
  description = "Project, name, region (of the jobs), encryption key (null for a Google-managed key), and IANA time zone of the deployment."
  type = object({
    project_id = string
    name       = string
    region     = string
    kms_key_id = optional(string)
    time_zone  = optional(string, "UTC")
  })
}

variable "environment" {
  description = "Size (SMALL, MEDIUM, or LARGE), image version, and VPC network of the environment, and the machine that Vertex AI trains on."
  type = object({
    size       = optional(string, "SMALL")
    image      = optional(string, "composer-3-airflow-2.10.5")
    network    = optional(string)
    subnetwork = optional(string)
    machine = optional(object({
      machine_type      = optional(string, "n1-standard-8")
      accelerator_type  = optional(string, "ACCELERATOR_TYPE_UNSPECIFIED")
      accelerator_count = optional(number, 0)
    }), {})
  })
  default = {}

  validation {
    condition     = contains(["SMALL", "MEDIUM", "LARGE"], var.environment.size)
    error_message = "environment.size must be SMALL, MEDIUM, or LARGE."
  }
}

variable "jobs" {
  description = "Name of the Cloud Run job of each step, by step."
  type        = map(string)
}

variable "trainer" {
  description = "Email address of the service account that runs the training step."
  type        = string
}

variable "topic_id" {
  description = "ID of the topic of drift messages."
  type        = string
}

variable "pipeline" {
  description = "Training image, corpora as `NAME=gs://…` separated by spaces, configuration in the image, cron schedule (null: drift only), share and duration of the canary, options of `python -m model compare-canary`, bucket of runs, URI of the registry, and tables as `project.dataset`."
  type = object({
    image         = string
    corpora       = string
    config        = optional(string, "model/configs/shipped.toml")
    schedule      = optional(string)
    canary_share  = optional(number, 0.1)
    canary_hours  = optional(number, 24)
    canary_limits = optional(string, "")
    runs_bucket   = string
    registry      = string
    results       = string
  })
}

variable "emails" {
  description = "Email addresses that Airflow notifies when a step fails. Airflow needs an email backend."
  type        = list(string)
  default     = []
}

variable "channels" {
  description = "IDs of the notification channels for failed runs."
  type        = list(string)
  default     = []
}
