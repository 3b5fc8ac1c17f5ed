# Delivers events to the functions: one authenticated push subscription for each function, with retries and exponential
# backoff. After the last attempt an event goes to the dead letter topic. The function dead-letter records it, and a second
# subscription retains it.

locals {
  day       = 24 * 60 * 60
  has_alert = contains(keys(var.services), "alert") ? toset(["alert"]) : toset([])
  recording_events = {
    analyze = "OBJECT_FINALIZE"
    erase   = "OBJECT_DELETE"
  }
}

resource "google_pubsub_topic" "dead_letters" {
  project                    = var.deployment.project_id
  name                       = "${var.deployment.name}-dead-letters"
  kms_key_name               = var.deployment.kms_key_id
  message_retention_duration = "${31 * local.day}s"

  message_storage_policy {
    allowed_persistence_regions = [var.deployment.region]
  }
}

resource "google_pubsub_subscription" "recordings" {
  for_each = local.recording_events

  project                    = var.deployment.project_id
  name                       = "${var.deployment.name}-${each.key}"
  topic                      = var.recordings_topic_id
  filter                     = "attributes.eventType = \"${each.value}\""
  ack_deadline_seconds       = 600
  message_retention_duration = "${7 * local.day}s"

  push_config {
    push_endpoint = var.services[each.key].url
    oidc_token {
      service_account_email = var.accounts["push-${each.key}"]
      audience              = var.services[each.key].url
    }
  }

  retry_policy {
    minimum_backoff = "${var.minimum_backoff_s}s"
    maximum_backoff = "600s"
  }

  dead_letter_policy {
    dead_letter_topic     = google_pubsub_topic.dead_letters.id
    max_delivery_attempts = var.max_delivery_attempts
  }

  expiration_policy {
    ttl = "" # the subscription never expires, even without traffic
  }

  depends_on = [google_cloud_run_v2_service_iam_member.invokers, google_pubsub_topic_iam_member.dead_letters]
}

resource "google_pubsub_subscription" "dead_letter" {
  project                    = var.deployment.project_id
  name                       = "${var.deployment.name}-dead-letter"
  topic                      = google_pubsub_topic.dead_letters.id
  ack_deadline_seconds       = 60
  message_retention_duration = "${7 * local.day}s"

  push_config {
    push_endpoint = var.services["dead-letter"].url
    oidc_token {
      service_account_email = var.accounts["push-dead-letter"]
      audience              = var.services["dead-letter"].url
    }
  }

  retry_policy {
    minimum_backoff = "${var.minimum_backoff_s}s"
    maximum_backoff = "600s"
  }

  expiration_policy {
    ttl = ""
  }

  depends_on = [google_cloud_run_v2_service_iam_member.invokers]
}

# Retains every dead letter for a month, in case the function dead-letter fails too. No service reads this subscription.
resource "google_pubsub_subscription" "retained_dead_letters" {
  project                    = var.deployment.project_id
  name                       = "${var.deployment.name}-retained-dead-letters"
  topic                      = google_pubsub_topic.dead_letters.id
  ack_deadline_seconds       = 60
  message_retention_duration = "${31 * local.day}s"

  expiration_policy {
    ttl = ""
  }
}

# Invokers: Pub/Sub for each subscription, Cloud Scheduler for monitor.
resource "google_cloud_run_v2_service_iam_member" "invokers" {
  for_each = var.services

  project  = var.deployment.project_id
  location = var.deployment.region
  name     = each.value.name
  role     = "roles/run.invoker"
  member   = "serviceAccount:${var.accounts["push-${each.key}"]}"
}

# To move a message, Pub/Sub publishes the dead letter and acknowledges the original message.
resource "google_pubsub_topic_iam_member" "dead_letters" {
  project = var.deployment.project_id
  topic   = google_pubsub_topic.dead_letters.name
  role    = "roles/pubsub.publisher"
  member  = var.deployment.service_agents.pubsub
}

resource "google_pubsub_subscription_iam_member" "dead_letters" {
  for_each = merge(google_pubsub_subscription.recordings, google_pubsub_subscription.alert)

  project      = var.deployment.project_id
  subscription = each.value.name
  role         = "roles/pubsub.subscriber"
  member       = var.deployment.service_agents.pubsub
}

resource "google_cloud_scheduler_job" "monitor" {
  for_each = toset(var.monitor_schedule[*])

  project          = var.deployment.project_id
  region           = var.deployment.region
  name             = "${var.deployment.name}-monitor"
  description      = "Invokes the function monitor, which compares the calls of the previous day with the reference of the model."
  schedule         = each.key
  time_zone        = var.deployment.time_zone
  attempt_deadline = "600s"

  http_target {
    http_method = "POST"
    uri         = var.services["monitor"].url
    oidc_token {
      service_account_email = var.accounts["push-monitor"]
      audience              = var.services["monitor"].url
    }
  }

  retry_config {
    retry_count          = 3
    min_backoff_duration = "60s"
  }

  depends_on = [google_cloud_run_v2_service_iam_member.invokers]
}
