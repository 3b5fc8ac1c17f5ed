# The complete deployment at a glance. Recordings arrive in a bucket (ingest). Pub/Sub delivers events to the functions
# (delivery, functions), which write rows to BigQuery (warehouse). Each function has its own service account (identity).
# variables.tf describes the options, locals.tf the settings of the functions, and docs/deploy.md the first deployment.

module "project" {
  source = "./infra/project"

  project_id       = var.project_id
  name             = var.name
  region           = var.region
  retraining       = var.retraining != null
  composer         = try(var.retraining.composer, null) != null
  data_access_logs = var.data_access_logs
  kms_key          = var.kms_key
}

module "ingest" {
  source = "./infra/ingest"

  deployment               = local.deployment
  bucket_name              = coalesce(var.bucket_name, "${var.project_id}-${var.name}-recordings")
  location                 = coalesce(var.bucket_location, var.region)
  retention_days           = var.retention_days
  locked_retention_days    = var.locked_retention_days
  storage_class_after_days = var.storage_class_after_days
  soft_delete_days         = var.soft_delete_days
  event_retention_days     = var.event_retention_days
}

module "warehouse" {
  source = "./infra/warehouse"

  deployment             = local.deployment
  dataset_id             = var.dataset_id
  location               = coalesce(var.dataset_location, var.region)
  schemas                = local.schemas
  accounts               = module.identity.emails
  readers                = merge(module.identity.readers, try(module.retraining[0].readers, {}))
  results_retention_days = var.results_retention_days
  time_travel_hours      = var.time_travel_hours
  min_calls_per_group    = var.min_calls_per_group
  store_metrics          = var.store_metrics
  report_readers         = var.report_readers
  operators              = var.operators
  queue_readers          = var.queue_readers
  deletion_protection    = var.deletion_protection
}

module "identity" {
  source = "./infra/identity"

  deployment = local.deployment
  ingest     = module.ingest
  warehouse = {
    dataset_id      = module.warehouse.dataset_id
    tables          = module.warehouse.tables
    erasable_tables = module.warehouse.erasable_tables
  }
  model_uri     = var.settings.model_uri
  reference_uri = var.settings.reference_uri
  monitor       = var.monitor != null
  alert_secrets = var.alert_webhook
  operators     = var.operators
}

module "functions" {
  source = "./infra/functions"

  deployment    = local.deployment
  accounts      = module.identity.emails
  environment   = local.environment
  analyze       = var.analyze
  alert_secrets = var.alert_webhook
  monitor       = var.monitor != null
  archive       = var.functions_archive
}

module "delivery" {
  source = "./infra/delivery"

  deployment            = local.deployment
  schemas               = local.schemas
  recordings_topic_id   = module.ingest.topic_id
  services              = module.functions.services
  accounts              = module.identity.emails
  max_delivery_attempts = var.max_delivery_attempts
  monitor_schedule      = try(var.monitor.schedule, null)
  digest                = local.has_digest
}

module "realtime" {
  source = "./infra/realtime"
  count  = var.realtime == null ? 0 : 1

  deployment  = local.deployment
  service     = var.realtime
  image       = try(var.images.serve, null)
  environment = local.analysis_environment
}

module "registry" {
  source = "./infra/registry"

  deployment          = local.deployment
  source_repository   = var.source_repository
  operators           = var.operators
  deletion_protection = var.deletion_protection
}

module "retraining" {
  source = "./infra/retraining"
  count  = var.retraining == null ? 0 : 1

  deployment       = local.deployment
  settings         = var.retraining
  image            = try(var.images.train, null)
  registry         = module.registry
  warehouse        = module.warehouse
  drift_publishers = { for name, email in module.identity.emails : name => email if name == "monitor" }
  alert_emails     = var.alert_emails
  channels         = module.observability.channels

  recordings_bucket    = module.ingest.bucket
  analysis_environment = local.analysis_environment
}

module "observability" {
  source = "./infra/observability"

  deployment       = local.deployment
  services         = module.functions.services
  recordings_topic = module.ingest.topic
  delivery         = module.delivery
  queries          = module.warehouse.scheduled_queries
  monitor          = var.monitor != null
  emails           = var.alert_emails
  thresholds       = var.alert_thresholds
  budget           = var.budget
}

module "perimeter" {
  source = "./infra/perimeter"
  count  = var.perimeter == null ? 0 : 1

  deployment = local.deployment
  perimeter  = var.perimeter
  builders   = concat([module.identity.emails["builder"]], [module.registry.image_builder])
  callers    = try(var.realtime.callers, [])
}
