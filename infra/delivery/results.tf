# Publishes one message for each analyzed call, for the function alert and for other systems.

resource "google_pubsub_schema" "results" {
  project    = var.deployment.project_id
  name       = "${var.deployment.name}-results"
  type       = "AVRO"
  definition = file("${var.schemas}/topics/results.avsc")
}

resource "google_pubsub_topic" "results" {
  project                    = var.deployment.project_id
  name                       = "${var.deployment.name}-results"
  kms_key_name               = var.deployment.kms_key_id
  message_retention_duration = "${7 * local.day}s"

  schema_settings {
    schema   = google_pubsub_schema.results.id
    encoding = "JSON"
  }

  message_storage_policy {
    allowed_persistence_regions = [var.deployment.region]
  }
}

resource "google_pubsub_topic_iam_member" "analyze_publisher" {
  project = var.deployment.project_id
  topic   = google_pubsub_topic.results.name
  role    = "roles/pubsub.publisher"
  member  = "serviceAccount:${var.accounts["analyze"]}"
}

# The weekly digest of the function monitor.
resource "google_pubsub_topic_iam_member" "monitor_publisher" {
  for_each = toset(var.digest ? ["digest"] : [])

  project = var.deployment.project_id
  topic   = google_pubsub_topic.results.name
  role    = "roles/pubsub.publisher"
  member  = "serviceAccount:${var.accounts["monitor"]}"
}

# Calls that need attention, if the function alert is deployed.
resource "google_pubsub_subscription" "alert" {
  for_each = local.has_alert

  project                    = var.deployment.project_id
  name                       = "${var.deployment.name}-alert"
  topic                      = google_pubsub_topic.results.id
  filter                     = "attributes.needs_attention = \"true\""
  ack_deadline_seconds       = 120
  message_retention_duration = "${7 * local.day}s"

  push_config {
    push_endpoint = var.services["alert"].url
    oidc_token {
      service_account_email = var.accounts["push-alert"]
      audience              = var.services["alert"].url
    }
  }

  retry_policy {
    minimum_backoff = "${var.minimum_backoff_s}s"
    maximum_backoff = "600s"
  }

  dead_letter_policy {
    dead_letter_topic     = google_pubsub_topic.alert_dead_letters[each.key].id
    max_delivery_attempts = var.max_delivery_attempts
  }

  expiration_policy {
    ttl = ""
  }

  depends_on = [google_cloud_run_v2_service_iam_member.invokers]
}

resource "google_pubsub_topic" "alert_dead_letters" {
  for_each = local.has_alert

  project                    = var.deployment.project_id
  name                       = "${var.deployment.name}-alert-dead-letters"
  kms_key_name               = var.deployment.kms_key_id
  message_retention_duration = "${31 * local.day}s"

  message_storage_policy {
    allowed_persistence_regions = [var.deployment.region]
  }
}

resource "google_pubsub_subscription" "retained_alert_dead_letters" {
  for_each = google_pubsub_topic.alert_dead_letters

  project                    = var.deployment.project_id
  name                       = "${var.deployment.name}-retained-alert-dead-letters"
  topic                      = each.value.id
  ack_deadline_seconds       = 60
  message_retention_duration = "${31 * local.day}s"

  expiration_policy {
    ttl = ""
  }
}

resource "google_pubsub_topic_iam_member" "alert_dead_letters" {
  for_each = google_pubsub_topic.alert_dead_letters

  project = var.deployment.project_id
  topic   = each.value.name
  role    = "roles/pubsub.publisher"
  member  = var.deployment.service_agents.pubsub
}
