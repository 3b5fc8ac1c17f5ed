# Cloud Composer in the place of the workflow: the same steps as an Airflow DAG, with training on Vertex AI. It costs money
# while idle too (docs/cost.md).

locals {
  dags = "${path.module}/dags"
  files = {
    "retrain.py" = file("${local.dags}/callmood_retraining/retrain.py")
    "steps.py"   = file("${local.dags}/callmood_retraining/steps.py")
    "steps.json" = file("${local.dags}/callmood_retraining/steps.json")
    "settings.json" = jsonencode({
      project      = var.project_id
      region       = var.region
      name         = var.name
      image        = var.image
      runs         = var.runs
      registry     = var.registry
      cache        = "gs://${var.runs}/features"
      corpora      = var.corpora
      config       = var.config
      share        = var.share
      watch_hours  = var.watch_hours
      limits       = var.limits
      results      = var.results
      trainer      = var.trainer
      kms_key      = var.kms_key_id
      machine      = var.machine
      subscription = google_pubsub_subscription.retrain.name
      schedule     = var.schedule
      time_zone    = var.time_zone
      emails       = var.emails
    })
  }
}

resource "google_composer_environment" "airflow" {
  project = var.project_id
  region  = var.region
  name    = "${var.name}-airflow"

  config {
    environment_size = "ENVIRONMENT_SIZE_${var.size}"

    software_config {
      image_version = var.airflow
    }

    node_config {
      service_account = google_service_account.airflow.email
      network         = var.network
      subnetwork      = var.subnetwork
    }

    dynamic "encryption_config" {
      for_each = var.kms_key_id[*]
      content {
        kms_key_name = encryption_config.value
      }
    }
  }

  depends_on = [google_project_iam_member.airflow]
}

resource "google_storage_bucket_object" "dags" {
  for_each = local.files

  bucket  = regex("^gs://([^/]+)", google_composer_environment.airflow.config[0].dag_gcs_prefix)[0]
  name    = "dags/callmood_retraining/${each.key}"
  content = each.value
}

# The DAG waits for a message of drift here.
resource "google_pubsub_subscription" "retrain" {
  project                    = var.project_id
  name                       = "${var.name}-retrain-dag"
  topic                      = var.topic_id
  ack_deadline_seconds       = 60
  message_retention_duration = "${7 * 24 * 60 * 60}s"

  expiration_policy {
    ttl = ""
  }
}

resource "google_pubsub_subscription_iam_member" "airflow_hears" {
  project      = var.project_id
  subscription = google_pubsub_subscription.retrain.name
  role         = "roles/pubsub.subscriber"
  member       = google_service_account.airflow.member
}

resource "google_service_account" "airflow" {
  project      = var.project_id
  account_id   = "${var.name}-airflow"
  display_name = "callmood: airflow"
  description  = "Runs Airflow, which takes the steps from corpora to a new model"
}

resource "google_cloud_run_v2_job_iam_member" "airflow_executes" {
  for_each = var.jobs

  project  = var.project_id
  location = var.region
  name     = each.value
  role     = "roles/run.jobsExecutorWithOverrides"
  member   = google_service_account.airflow.member
}

# Vertex AI trains as the trainer.
resource "google_service_account_iam_member" "airflow_trains" {
  service_account_id = "projects/${var.project_id}/serviceAccounts/${var.trainer}"
  role               = "roles/iam.serviceAccountUser"
  member             = google_service_account.airflow.member
}

# Google Cloud grants none of these on anything smaller than a project.
resource "google_project_iam_member" "airflow" {
  # checkov:skip=CKV_GCP_49: an environment of Composer runs as an account with roles/composer.worker, by Google's design
  for_each = toset(["roles/aiplatform.user", "roles/composer.worker", "roles/run.viewer"])

  project = var.project_id
  role    = each.key
  member  = google_service_account.airflow.member
}

resource "google_monitoring_alert_policy" "failed" {
  project               = var.project_id
  display_name          = "${var.name}: Airflow made no new model, or took it back"
  combiner              = "OR"
  severity              = "WARNING"
  notification_channels = var.channels

  conditions {
    display_name = "A run of callmood_retrain failed"
    condition_threshold {
      filter          = "resource.type = \"cloud_composer_workflow\" AND resource.labels.workflow_name = \"callmood_retrain\" AND metric.type = \"composer.googleapis.com/workflow/run_count\" AND metric.labels.state = \"failed\""
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
    content   = "The model that served goes on to. Airflow's grid shows which step failed, its log why: docs/retraining.md."
    mime_type = "text/markdown"
  }
}
