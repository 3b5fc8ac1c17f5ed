module "composer" {
  source = "../composer"
  count  = local.use_composer ? 1 : 0

  deployment  = var.deployment
  environment = var.settings.composer
  jobs        = local.jobs
  trainer     = google_service_account.accounts["trainer"].email
  topic_id    = google_pubsub_topic.retrain.id
  pipeline = {
    image         = var.image
    corpora       = local.corpora
    config        = var.settings.config
    schedule      = var.settings.schedule
    canary_share  = var.settings.canary_share
    canary_hours  = var.settings.canary_hours
    canary_limits = var.settings.canary_limits
    runs_bucket   = var.registry.runs_bucket
    registry      = var.registry.uri
    results       = var.warehouse.dataset
  }
  emails   = var.alert_emails
  channels = var.channels
}
