# Who starts the chain where there is no Composer: a workflow takes its steps, Cloud Scheduler and a message of drift start it.

locals {
  steps         = jsondecode(file("${path.module}/steps.json")).steps
  failure_steps = [for step in local.steps : step.on_failure if can(step.on_failure)]
}

resource "google_workflows_workflow" "retrain" {
  project             = var.project_id
  region              = var.region
  name                = "${var.name}-retrain"
  description         = "Makes a new model, tries it on some of the calls, and keeps it or takes it back."
  service_account     = google_service_account.accounts["retrainer"].id
  deletion_protection = false

  source_contents = templatefile("${path.module}/workflow.yaml.tftpl", {
    steps   = [for step in local.steps : step if !contains(local.failure_steps, step.name)]
    jobs    = { for step, job in var.jobs : step => "projects/${var.project_id}/locations/${var.region}/jobs/${job}" }
    runs    = var.runs
    options = var.options
    wait_s  = var.watch_hours * 60 * 60
  })

  depends_on = [google_cloud_run_v2_job_iam_member.retrainer_executes, google_project_iam_member.retrainer_waits]
}

resource "google_cloud_scheduler_job" "retrain" {
  for_each = toset(var.schedule[*])

  project          = var.project_id
  region           = var.region
  name             = "${var.name}-retrain"
  description      = "Makes a new model from time to time."
  schedule         = each.key
  time_zone        = var.time_zone
  attempt_deadline = "60s"

  http_target {
    http_method = "POST"
    uri         = "https://workflowexecutions.googleapis.com/v1/${google_workflows_workflow.retrain.id}/executions"
    oauth_token {
      service_account_email = google_service_account.accounts["starter"].email
    }
  }

  retry_config {
    retry_count = 3
  }
}

resource "google_pubsub_topic" "retrain" {
  project                    = var.project_id
  name                       = "${var.name}-retrain"
  kms_key_name               = var.kms_key_id
  message_retention_duration = "${7 * 24 * 60 * 60}s"

  message_storage_policy {
    allowed_persistence_regions = [var.region]
  }
}

resource "google_pubsub_topic_iam_member" "publishes" {
  for_each = var.publishers

  project = var.project_id
  topic   = google_pubsub_topic.retrain.name
  role    = "roles/pubsub.publisher"
  member  = "serviceAccount:${each.value}"
}

resource "google_eventarc_trigger" "drift" {
  count = var.on_drift ? 1 : 0

  project         = var.project_id
  location        = var.region
  name            = "${var.name}-drift"
  service_account = google_service_account.accounts["starter"].email

  matching_criteria {
    attribute = "type"
    value     = "google.cloud.pubsub.topic.v1.messagePublished"
  }

  transport {
    pubsub {
      topic = google_pubsub_topic.retrain.id
    }
  }

  destination {
    workflow = google_workflows_workflow.retrain.id
  }

  depends_on = [google_project_iam_member.starter_starts]
}

resource "google_service_account" "accounts" {
  for_each = {
    retrainer = "Takes the steps from corpora to a new model"
    starter   = "Starts the making of a new model"
  }

  project      = var.project_id
  account_id   = "${var.name}-${each.key}"
  display_name = "callmood: ${each.key}"
  description  = each.value
}

resource "google_cloud_run_v2_job_iam_member" "retrainer_executes" {
  for_each = var.jobs

  project  = var.project_id
  location = var.region
  name     = each.value
  role     = "roles/run.jobsExecutorWithOverrides"
  member   = google_service_account.accounts["retrainer"].member
}

# To wait for a job is to ask for an operation of the project's.
resource "google_project_iam_member" "retrainer_waits" {
  project = var.project_id
  role    = "roles/run.viewer"
  member  = google_service_account.accounts["retrainer"].member
}

# Workflows cannot be granted one by one.
resource "google_project_iam_member" "starter_starts" {
  project = var.project_id
  role    = "roles/workflows.invoker"
  member  = google_service_account.accounts["starter"].member
}

resource "google_monitoring_alert_policy" "failed" {
  project               = var.project_id
  display_name          = "${var.name}: a new model was not made, or was taken back"
  combiner              = "OR"
  severity              = "WARNING"
  notification_channels = var.channels

  conditions {
    display_name = "A run of the workflow failed"
    condition_threshold {
      filter          = "resource.type = \"workflows.googleapis.com/Workflow\" AND resource.labels.workflow_id = \"${google_workflows_workflow.retrain.name}\" AND metric.type = \"workflows.googleapis.com/finished_execution_count\" AND metric.labels.status = \"FAILED\""
      comparison      = "COMPARISON_GT"
      threshold_value = 0
      duration        = "0s"
      aggregations {
        alignment_period   = "300s"
        per_series_aligner = "ALIGN_DELTA"
      }
    }
  }

  documentation {
    subject   = "${var.name}: no new model"
    content   = "The model that served goes on to. The workflow's execution shows which step failed, that step's Cloud Run job why: docs/retraining.md."
    mime_type = "text/markdown"
  }
}
