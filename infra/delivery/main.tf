# How events reach the functions: one authenticated push subscription a function, retried with back-off; what fails to the
# end goes to a dead letter topic, which a function records and a second subscription keeps.

locals {
  day   = 24 * 60 * 60
  alert = toset([for name in keys(var.functions) : name if name == "alert"])
  from_recordings = {
    analyze = "OBJECT_FINALIZE"
    erase   = "OBJECT_DELETE"
  }
}

resource "google_pubsub_topic" "dead_letters" {
  project                    = var.project_id
  name                       = "${var.name}-dead-letters"
  kms_key_name               = var.kms_key_id
  message_retention_duration = "${31 * local.day}s"

  message_storage_policy {
    allowed_persistence_regions = [var.region]
  }
}

resource "google_pubsub_subscription" "recordings" {
  for_each = local.from_recordings

  project                    = var.project_id
  name                       = "${var.name}-${each.key}"
  topic                      = var.topic_id
  filter                     = "attributes.eventType = \"${each.value}\""
  ack_deadline_seconds       = 600
  message_retention_duration = "${7 * local.day}s"

  push_config {
    push_endpoint = var.urls[each.key]
    oidc_token {
      service_account_email = var.accounts["push-${each.key}"]
      audience              = var.urls[each.key]
    }
  }

  retry_policy {
    minimum_backoff = "10s"
    maximum_backoff = "600s"
  }

  dead_letter_policy {
    dead_letter_topic     = google_pubsub_topic.dead_letters.id
    max_delivery_attempts = var.max_delivery_attempts
  }

  expiration_policy {
    ttl = "" # never, however quiet the phones are
  }

  depends_on = [google_cloud_run_v2_service_iam_member.push, google_pubsub_topic_iam_member.dead_letters]
}

resource "google_pubsub_subscription" "quarantine" {
  project                    = var.project_id
  name                       = "${var.name}-quarantine"
  topic                      = google_pubsub_topic.dead_letters.id
  ack_deadline_seconds       = 60
  message_retention_duration = "${7 * local.day}s"

  push_config {
    push_endpoint = var.urls["quarantine"]
    oidc_token {
      service_account_email = var.accounts["push-quarantine"]
      audience              = var.urls["quarantine"]
    }
  }

  retry_policy {
    minimum_backoff = "10s"
    maximum_backoff = "600s"
  }

  expiration_policy {
    ttl = ""
  }

  depends_on = [google_cloud_run_v2_service_iam_member.push]
}

# Calls that need attention, where there is a function to tell of them.
resource "google_pubsub_subscription" "alert" {
  for_each = local.alert

  project                    = var.project_id
  name                       = "${var.name}-alert"
  topic                      = var.results_topic_id
  filter                     = "attributes.needs_attention = \"true\""
  ack_deadline_seconds       = 120
  message_retention_duration = "${7 * local.day}s"

  push_config {
    push_endpoint = var.urls["alert"]
    oidc_token {
      service_account_email = var.accounts["push-alert"]
      audience              = var.urls["alert"]
    }
  }

  retry_policy {
    minimum_backoff = "10s"
    maximum_backoff = "600s"
  }

  dead_letter_policy {
    dead_letter_topic     = google_pubsub_topic.dead_alerts[each.key].id
    max_delivery_attempts = var.max_delivery_attempts
  }

  expiration_policy {
    ttl = ""
  }

  depends_on = [google_cloud_run_v2_service_iam_member.push]
}

resource "google_pubsub_topic" "dead_alerts" {
  for_each = local.alert

  project                    = var.project_id
  name                       = "${var.name}-dead-alerts"
  kms_key_name               = var.kms_key_id
  message_retention_duration = "${31 * local.day}s"

  message_storage_policy {
    allowed_persistence_regions = [var.region]
  }
}

resource "google_pubsub_subscription" "dead_alerts" {
  for_each = google_pubsub_topic.dead_alerts

  project                    = var.project_id
  name                       = "${var.name}-dead-alerts"
  topic                      = each.value.id
  ack_deadline_seconds       = 60
  message_retention_duration = "${31 * local.day}s"

  expiration_policy {
    ttl = ""
  }
}

resource "google_pubsub_topic_iam_member" "dead_alerts" {
  for_each = google_pubsub_topic.dead_alerts

  project = var.project_id
  topic   = each.value.name
  role    = "roles/pubsub.publisher"
  member  = var.pubsub_agent
}

# Nothing reads this one: it keeps every dead letter for a month, should recording it fail too.
resource "google_pubsub_subscription" "dead_letters" {
  project                    = var.project_id
  name                       = "${var.name}-dead-letters"
  topic                      = google_pubsub_topic.dead_letters.id
  ack_deadline_seconds       = 60
  message_retention_duration = "${31 * local.day}s"

  expiration_policy {
    ttl = ""
  }
}

resource "google_cloud_run_v2_service_iam_member" "push" {
  for_each = var.functions

  project  = var.project_id
  location = var.region
  name     = each.value
  role     = "roles/run.invoker"
  member   = "serviceAccount:${var.accounts["push-${each.key}"]}"
}

# Pub/Sub itself moves a message: it publishes the dead letter and acknowledges the original.
resource "google_pubsub_topic_iam_member" "dead_letters" {
  project = var.project_id
  topic   = google_pubsub_topic.dead_letters.name
  role    = "roles/pubsub.publisher"
  member  = var.pubsub_agent
}

resource "google_pubsub_subscription_iam_member" "dead_letters" {
  for_each = merge(google_pubsub_subscription.recordings, google_pubsub_subscription.alert)

  project      = var.project_id
  subscription = each.value.name
  role         = "roles/pubsub.subscriber"
  member       = var.pubsub_agent
}
