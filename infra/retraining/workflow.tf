# Runs the pipeline: a workflow executes the jobs in order. Cloud Scheduler and drift messages start the workflow. With Cloud
# Composer (infra/composer), a DAG replaces the schedule and the drift trigger.

locals {
  use_composer  = var.settings.composer != null
  failure_steps = [for step in local.pipeline : step.on_failure if can(step.on_failure)]
}

resource "google_workflows_workflow" "retrain" {
  project             = var.deployment.project_id
  region              = var.deployment.region
  name                = "${var.deployment.name}-retrain"
  description         = "Trains a model, runs it as a canary, and promotes it or rolls it back."
  service_account     = google_service_account.workflow["retrainer"].id
  deletion_protection = false

  source_contents = templatefile("${path.module}/workflow.yaml.tftpl", {
    steps   = [for step in local.pipeline : step if !contains(local.failure_steps, step.name) && contains(try(step.pipelines, ["retrain"]), "retrain")]
    jobs    = { for step, job in local.jobs : step => "projects/${var.deployment.project_id}/locations/${var.deployment.region}/jobs/${job}" }
    runs    = var.registry.runs_bucket
    options = local.options
    wait_s  = var.settings.canary_hours * 60 * 60
  })

  depends_on = [google_cloud_run_v2_job_iam_member.retrainer_jobs, google_project_iam_member.retrainer_operations]
}

# Calibration to the callers of the deployment (docs/calibration.md): a workflow from the same template, with the same canary and
# promotion. It runs each month, and instead of a retraining after drift.
resource "google_workflows_workflow" "calibrate" {
  count = local.calibrates ? 1 : 0

  project             = var.deployment.project_id
  region              = var.deployment.region
  name                = "${var.deployment.name}-calibrate"
  description         = "Calibrates the production model to the callers, runs it as a canary, and promotes it or rolls it back."
  service_account     = google_service_account.workflow["retrainer"].id
  deletion_protection = false

  source_contents = templatefile("${path.module}/workflow.yaml.tftpl", {
    steps   = [for step in local.pipeline : step if !contains(local.failure_steps, step.name) && contains(try(step.pipelines, ["retrain"]), "calibrate")]
    jobs    = { for step, job in local.jobs : step => "projects/${var.deployment.project_id}/locations/${var.deployment.region}/jobs/${job}" }
    runs    = var.registry.runs_bucket
    options = local.options
    wait_s  = var.settings.canary_hours * 60 * 60
  })

  depends_on = [google_cloud_run_v2_job_iam_member.retrainer_jobs, google_project_iam_member.retrainer_operations]
}

resource "google_cloud_scheduler_job" "calibrate" {
  for_each = toset(local.calibrates ? [var.settings.calibration.schedule] : [])

  project          = var.deployment.project_id
  region           = var.deployment.region
  name             = "${var.deployment.name}-calibrate"
  description      = "Starts the calibration workflow."
  schedule         = each.key
  time_zone        = var.deployment.time_zone
  attempt_deadline = "60s"

  http_target {
    http_method = "POST"
    uri         = "https://workflowexecutions.googleapis.com/v1/${google_workflows_workflow.calibrate[0].id}/executions"
    oauth_token {
      service_account_email = google_service_account.workflow["retrain-trigger"].email
    }
  }

  retry_config {
    retry_count = 3
  }
}

resource "google_cloud_scheduler_job" "retrain" {
  for_each = toset(local.use_composer ? [] : var.settings.schedule[*])

  project          = var.deployment.project_id
  region           = var.deployment.region
  name             = "${var.deployment.name}-retrain"
  description      = "Starts the retraining workflow."
  schedule         = each.key
  time_zone        = var.deployment.time_zone
  attempt_deadline = "60s"

  http_target {
    http_method = "POST"
    uri         = "https://workflowexecutions.googleapis.com/v1/${google_workflows_workflow.retrain.id}/executions"
    oauth_token {
      service_account_email = google_service_account.workflow["retrain-trigger"].email
    }
  }

  retry_config {
    retry_count = 3
  }
}

resource "google_pubsub_topic" "retrain" {
  project                    = var.deployment.project_id
  name                       = "${var.deployment.name}-retrain"
  kms_key_name               = var.deployment.kms_key_id
  message_retention_duration = "${7 * 24 * 60 * 60}s"

  message_storage_policy {
    allowed_persistence_regions = [var.deployment.region]
  }
}

resource "google_pubsub_topic_iam_member" "drift_publishers" {
  for_each = var.drift_publishers

  project = var.deployment.project_id
  topic   = google_pubsub_topic.retrain.name
  role    = "roles/pubsub.publisher"
  member  = "serviceAccount:${each.value}"
}

resource "google_eventarc_trigger" "drift" {
  count = local.use_composer ? 0 : 1

  project         = var.deployment.project_id
  location        = var.deployment.region
  name            = "${var.deployment.name}-drift"
  service_account = google_service_account.workflow["retrain-trigger"].email

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
    # Drift means other callers or lines, which a calibration follows; a new network does not need to learn them.
    workflow = local.calibrates ? google_workflows_workflow.calibrate[0].id : google_workflows_workflow.retrain.id
  }

  depends_on = [google_project_iam_member.trigger_workflow]
}

resource "google_service_account" "workflow" {
  for_each = {
    retrainer       = "Runs the retraining workflow"
    retrain-trigger = "Starts the retraining workflow"
  }

  project      = var.deployment.project_id
  account_id   = "${var.deployment.name}-${each.key}"
  display_name = "callmood: ${each.key}"
  description  = each.value
}

resource "google_cloud_run_v2_job_iam_member" "retrainer_jobs" {
  for_each = local.jobs

  project  = var.deployment.project_id
  location = var.deployment.region
  name     = each.value
  role     = "roles/run.jobsExecutorWithOverrides"
  member   = google_service_account.workflow["retrainer"].member
}

# The workflow polls the operation of a job, which belongs to the project.
resource "google_project_iam_member" "retrainer_operations" {
  project = var.deployment.project_id
  role    = "roles/run.viewer"
  member  = google_service_account.workflow["retrainer"].member
}

# This role cannot be granted on a single workflow.
resource "google_project_iam_member" "trigger_workflow" {
  project = var.deployment.project_id
  role    = "roles/workflows.invoker"
  member  = google_service_account.workflow["retrain-trigger"].member
}

resource "google_monitoring_alert_policy" "failed" {
  project               = var.deployment.project_id
  display_name          = "${var.deployment.name}: retraining failed, or the canary was rolled back"
  combiner              = "OR"
  severity              = "WARNING"
  notification_channels = var.channels

  conditions {
    display_name = "An execution of the retraining workflow failed"
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
    subject   = "${var.deployment.name}: retraining failed"
    content   = "The production model is unchanged. The workflow execution shows the failed step. The log of the Cloud Run job of that step contains the reason. See docs/retraining.md. Runbook: docs/million-calls.md#retraining-failed"
    mime_type = "text/markdown"
  }
}
