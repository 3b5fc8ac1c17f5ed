# The whole deployment at a glance. Recordings come in (ingest), events reach the functions (delivery), which write rows
# (warehouse), each as an account of its own (identity). variables.tf says what can be chosen, settings.tf what the functions
# are told, docs/deploy.md how to begin.

module "project" {
  source = "./infra/project"

  project_id       = var.project_id
  data_access_logs = var.data_access_logs
  retraining       = var.retraining != null
}

module "encryption" {
  source = "./infra/encryption"

  project_id = module.project.id
  name       = var.name
  location   = var.region
  kms_key    = var.kms_key
  agents     = module.project.agents
}

module "ingest" {
  source = "./infra/ingest"

  project_id            = module.project.id
  name                  = var.name
  region                = var.region
  bucket_name           = local.bucket
  location              = coalesce(var.bucket_location, var.region)
  storage_agent         = module.project.agents.storage
  kms_key_id            = module.encryption.key_id
  retention_days        = var.retention_days
  locked_retention_days = var.locked_retention_days
  colder_after_days     = var.colder_after_days
  soft_delete_days      = var.soft_delete_days
  replay_days           = var.replay_days
}

module "warehouse" {
  source = "./infra/warehouse"

  project_id             = module.project.id
  dataset_id             = var.dataset_id
  location               = coalesce(var.dataset_location, var.region)
  schemas                = local.schemas
  eraser                 = "serviceAccount:${module.identity.emails["eraser"]}"
  accounts               = [for name in setintersection(["eraser", "monitor"], keys(module.identity.emails)) : "serviceAccount:${module.identity.emails[name]}"]
  kms_key_id             = module.encryption.key_id
  results_retention_days = var.results_retention_days
  time_travel_hours      = var.time_travel_hours
  time_zone              = coalesce(var.settings.time_zone, "UTC")
  min_calls_per_group              = var.min_calls_per_group
  report_readers         = var.report_readers
  operators              = var.operators
  queue_readers          = var.queue_readers
  deletion_protection    = var.deletion_protection
}

module "identity" {
  source = "./infra/identity"

  project_id         = module.project.id
  project_number     = module.project.number
  name               = var.name
  region             = var.region
  bucket             = module.ingest.bucket
  topic              = module.ingest.topic
  dataset_id         = module.warehouse.dataset_id
  tables             = module.warehouse.tables
  reports_dataset_id = module.warehouse.reports_dataset_id
  pubsub_agent       = module.project.agents.pubsub
  model_uri          = var.settings.model_uri
  monitor            = var.monitor != null
  reference_uri      = var.settings.reference_uri
  views              = module.warehouse.views
  operators          = var.operators
  alert_secrets      = var.alert_webhook
  score_secrets      = local.score
}

module "results" {
  source = "./infra/results"

  project_id = module.project.id
  name       = var.name
  region     = var.region
  schemas    = local.schemas
  publisher  = module.identity.emails["analyze"]
  kms_key_id = module.encryption.key_id
}

module "functions" {
  source = "./infra/functions"

  project_id  = module.project.id
  name        = var.name
  region      = var.region
  accounts    = module.identity.emails
  environment = local.environment
  analyze     = var.analyze
  alert       = var.alert_webhook
  monitor     = var.monitor != null
  score       = local.score
  network     = var.network
  kms_key_id  = module.encryption.key_id
}

module "live" {
  source = "./infra/live"
  count  = var.live == null ? 0 : 1

  project_id    = module.project.id
  name          = var.name
  region        = var.region
  image         = coalesce(var.live.image, "${module.registry.images}/serve:latest")
  environment   = local.environment
  callers       = var.live.callers
  session_key   = var.live.session_key
  api_key       = var.live.api_key
  calls         = var.live.calls
  cpu           = var.live.cpu
  memory        = var.live.memory
  min_instances = var.live.min_instances
  max_instances = var.live.max_instances
  network       = var.network
  kms_key_id    = module.encryption.key_id
}

module "delivery" {
  source = "./infra/delivery"

  project_id            = module.project.id
  name                  = var.name
  region                = var.region
  topic_id              = module.ingest.topic_id
  results_topic_id      = module.results.topic_id
  functions             = module.functions.names
  urls                  = module.functions.urls
  accounts              = module.identity.emails
  pubsub_agent          = module.project.agents.pubsub
  max_delivery_attempts = var.max_delivery_attempts
  kms_key_id            = module.encryption.key_id
}

module "monitor" {
  source = "./infra/monitor"
  count  = var.monitor == null ? 0 : 1

  project_id = module.project.id
  name       = var.name
  region     = var.region
  url        = module.functions.urls["monitor"]
  account    = module.identity.emails["push-monitor"]
  schedule   = var.monitor.schedule
  time_zone  = coalesce(var.settings.time_zone, "UTC")
  channels   = module.observability.channels
}

module "registry" {
  source = "./infra/registry"

  project_id        = module.project.id
  name              = var.name
  region            = var.region
  source_repository = var.source_repository
  operators         = var.operators
  kms_key_id        = module.encryption.key_id
}

module "jobs" {
  source = "./infra/jobs"
  count  = var.retraining == null ? 0 : 1

  project_id = module.project.id
  name       = var.name
  region     = var.region
  image      = local.training_image
  corpora    = var.retraining.corpora
  runs       = module.registry.runs
  models     = module.registry.models
  dataset_id = module.warehouse.dataset_id
  tables     = module.warehouse.tables
  network    = var.network
  kms_key_id = module.encryption.key_id
}

module "schedule" {
  source = "./infra/schedule"
  count  = var.retraining == null ? 0 : 1

  project_id  = module.project.id
  name        = var.name
  region      = var.region
  jobs        = module.jobs[0].names
  runs        = module.registry.runs
  options     = local.retraining_options
  schedule    = var.retraining.composer == null ? var.retraining.schedule : null
  on_drift    = var.retraining.composer == null
  time_zone   = coalesce(var.settings.time_zone, "UTC")
  watch_hours = var.retraining.watch_hours
  publishers  = var.monitor == null ? {} : { monitor = module.identity.emails["monitor"] }
  channels    = module.observability.channels
  kms_key_id  = module.encryption.key_id
}

module "composer" {
  source = "./infra/composer"
  count  = try(var.retraining.composer, null) == null ? 0 : 1

  project_id  = module.project.id
  name        = var.name
  region      = var.region
  size        = var.retraining.composer.size
  airflow     = var.retraining.composer.image
  network     = var.retraining.composer.network
  subnetwork  = var.retraining.composer.subnetwork
  machine     = var.retraining.composer.machine
  jobs        = module.jobs[0].names
  image       = local.training_image
  trainer     = module.jobs[0].accounts["trainer"]
  runs        = module.registry.runs
  registry    = module.registry.uri
  results     = module.warehouse.dataset
  corpora     = local.corpora
  config      = var.retraining.config
  share       = var.retraining.share
  watch_hours = var.retraining.watch_hours
  limits      = var.retraining.limits
  topic_id    = module.schedule[0].topic
  schedule    = var.retraining.schedule
  time_zone   = coalesce(var.settings.time_zone, "UTC")
  emails      = var.alert_emails
  channels    = module.observability.channels
  kms_key_id  = module.encryption.key_id
}

module "observability" {
  source = "./infra/observability"

  project_id     = module.project.id
  project_number = module.project.number
  name           = var.name
  functions      = module.functions.names
  subscriptions  = module.delivery.subscriptions
  dead_letters   = module.delivery.dead_letter_subscription
  topic          = module.ingest.topic
  emails         = var.alert_emails
  thresholds     = var.alert_thresholds
  budget         = var.budget
}

module "perimeter" {
  source = "./infra/perimeter"
  count  = var.perimeter == null ? 0 : 1

  project_number = module.project.number
  name           = var.name
  access_policy  = var.perimeter.access_policy
  members        = var.perimeter.members
  dry_run        = var.perimeter.dry_run
}
