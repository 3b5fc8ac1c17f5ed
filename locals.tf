# Values that several modules share, and the settings of the functions.

locals {
  schemas = "${path.root}/schemas"

  deployment = {
    project_id     = module.project.id
    project_number = module.project.number
    service_agents = module.project.service_agents
    kms_key_id     = module.project.kms_key_id
    name           = var.name
    region         = var.region
    network        = var.network
    time_zone      = coalesce(var.settings.time_zone, "UTC")
  }

  # The function reads a recording into memory, and decoding needs about the same amount again.
  memory_bytes = tonumber(regex("^[0-9]+", var.analyze.memory)) * pow(2, endswith(var.analyze.memory, "Gi") ? 30 : 20)

  # Settings as environment variables (docs/settings.md).
  settings = { for name, value in var.settings : upper(name) => try(join(",", value), tostring(value), jsonencode(value)) if value != null }

  # Settings of the analysis, for the real-time service.
  analysis_environment = merge(
    {
      GOOGLE_CLOUD_PROJECT = var.project_id
      MAX_SIZE_BYTES       = tostring(floor(local.memory_bytes / 3))
      # Without this setting, the storage library reads bucket metadata in the background, which the accounts may not read.
      DISABLE_GCS_PYTHON_CLIENT_OTEL_BUCKET_METADATA = "true"
    },
    { for name, value in local.settings : name => value if !contains(["ERASE_ON_DELETE", "REFERENCE_URI", "RETRAIN_AFTER_DAYS"], name) },
  )

  has_digest = try(var.monitor.digest_weekday, null) != null

  # All settings, for the functions.
  environment = merge(
    local.analysis_environment,
    local.settings,
    {
      # An upgrade changes tables first, then views, and then the functions that use them.
      DATASET         = module.warehouse.dataset
      REPORTS_DATASET = module.warehouse.reports_dataset
      RESULTS_TOPIC   = module.delivery.results_topic_id
      METRICS_PREFIX  = "custom.googleapis.com/${var.name}"
    },
    local.has_digest ? { DIGEST_WEEKDAY = tostring(var.monitor.digest_weekday) } : {},
    var.retraining == null ? {} : { RETRAIN_TOPIC = module.retraining[0].topic_id },
  )
}
