variable "deployment" {
  description = "Project, name, region, encryption key (null for a Google-managed key), IANA time zone, and VPC network (null for none) of the deployment. The name is the prefix of jobs and accounts."
  type = object({
    project_id = string
    name       = string
    region     = string
    kms_key_id = optional(string)
    time_zone  = optional(string, "UTC")
    network = optional(object({
      connector  = optional(string)
      network    = optional(string)
      subnetwork = optional(string)
      egress     = optional(string, "PRIVATE_RANGES_ONLY")
    }))
  })
}

variable "settings" {
  description = "URI of each corpus by name, training configuration, cron schedule (null: drift only), share and duration of the canary, options of `python -m model compare-canary`, cron schedule of the calibration to the callers (docs/calibration.md; null: none), and the Cloud Composer environment (null: Cloud Workflows)."
  type = object({
    corpora       = map(string)
    config        = optional(string, "model/configs/shipped.toml")
    schedule      = optional(string, "0 3 1 * *")
    canary_share  = optional(number, 0.1)
    canary_hours  = optional(number, 24)
    canary_limits = optional(string, "")
    calibration   = optional(object({ schedule = optional(string, "0 5 15 * *") }))
    composer = optional(object({
      size       = optional(string, "SMALL")
      image      = optional(string, "composer-3-airflow-2.10.5")
      network    = optional(string)
      subnetwork = optional(string)
      machine = optional(object({
        machine_type      = optional(string, "n1-standard-8")
        accelerator_type  = optional(string, "ACCELERATOR_TYPE_UNSPECIFIED")
        accelerator_count = optional(number, 0)
      }), {})
    }))
  })
}

variable "image" {
  description = "Training image, built from infra/images/train.Containerfile, as REPOSITORY/train@sha256:DIGEST."
  type        = string

  validation {
    condition     = can(regex("@sha256:[0-9a-f]{64}$", var.image))
    error_message = "image must be pinned by its digest (…@sha256:…): Cloud Run resolves a tag once, and does not notice a new image."
  }
}

variable "registry" {
  description = "Buckets of training runs and of models, and URI of the model registry."
  type        = object({ runs_bucket = string, models_bucket = string, uri = string })
}

variable "warehouse" {
  description = "Dataset of the tables as `project.dataset` and as ID, and the IDs of the tables by name."
  type        = object({ dataset = string, dataset_id = string, tables = map(string) })
}

variable "recordings_bucket" {
  description = "Bucket of recordings that the calibration samples."
  type        = string
  default     = null
}

variable "analysis_environment" {
  description = "Settings of the analysis, which the calibration uses too, by variable."
  type        = map(string)
  default     = {}
}

variable "drift_publishers" {
  description = "Email addresses of the service accounts that may start the pipeline with a drift message, by name."
  type        = map(string)
  default     = {}
}

variable "alert_emails" {
  description = "Email addresses that Airflow notifies when a step fails."
  type        = list(string)
  default     = []
}

variable "channels" {
  description = "IDs of the notification channels for failed runs."
  type        = list(string)
  default     = []
}
