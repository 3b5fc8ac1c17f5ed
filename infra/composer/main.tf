# A Cloud Composer environment that runs the retraining pipeline as an Airflow DAG, with training on Vertex AI. The environment
# also costs money while idle (docs/cost.md).

locals {
  dags = "${path.module}/dags"
  files = {
    "retrain.py" = file("${local.dags}/callmood_retraining/retrain.py")
    "steps.py"   = file("${local.dags}/callmood_retraining/steps.py")
    "steps.json" = file("${local.dags}/callmood_retraining/steps.json")
    "settings.json" = jsonencode(merge(var.pipeline, {
      project      = var.deployment.project_id
      region       = var.deployment.region
      name         = var.deployment.name
      kms_key      = var.deployment.kms_key_id
      time_zone    = var.deployment.time_zone
      cache        = "gs://${var.pipeline.runs_bucket}/features"
      trainer      = var.trainer
      machine      = var.environment.machine
      subscription = google_pubsub_subscription.retrain.name
      emails       = var.emails
    }))
  }
}

resource "google_composer_environment" "airflow" {
  project = var.deployment.project_id
  region  = var.deployment.region
  name    = "${var.deployment.name}-airflow"

  config {
    environment_size = "ENVIRONMENT_SIZE_${var.environment.size}"

    software_config {
      image_version = var.environment.image
    }

    node_config {
      service_account = google_service_account.airflow.email
      network         = var.environment.network
      subnetwork      = var.environment.subnetwork
    }

    dynamic "encryption_config" {
      for_each = var.deployment.kms_key_id[*]
      content {
        kms_key_name = encryption_config.value
      }
    }
  }

  lifecycle {
    # Another key would replace the environment.
    ignore_changes = [config[0].encryption_config]
  }

  depends_on = [google_project_iam_member.airflow]
}

resource "google_storage_bucket_object" "dags" {
  for_each = local.files

  bucket  = regex("^gs://([^/]+)", google_composer_environment.airflow.config[0].dag_gcs_prefix)[0]
  name    = "dags/callmood_retraining/${each.key}"
  content = each.value
}

# The DAG callmood_drift pulls drift messages from this subscription.
resource "google_pubsub_subscription" "retrain" {
  project                    = var.deployment.project_id
  name                       = "${var.deployment.name}-retrain-dag"
  topic                      = var.topic_id
  ack_deadline_seconds       = 60
  message_retention_duration = "${7 * 24 * 60 * 60}s"

  expiration_policy {
    ttl = ""
  }
}

resource "google_pubsub_subscription_iam_member" "airflow_subscriber" {
  project      = var.deployment.project_id
  subscription = google_pubsub_subscription.retrain.name
  role         = "roles/pubsub.subscriber"
  member       = google_service_account.airflow.member
}

resource "google_service_account" "airflow" {
  project      = var.deployment.project_id
  account_id   = "${var.deployment.name}-airflow"
  display_name = "callmood: airflow"
  description  = "Runs Airflow for the retraining pipeline"
}

resource "google_cloud_run_v2_job_iam_member" "airflow_jobs" {
  for_each = var.jobs

  project  = var.deployment.project_id
  location = var.deployment.region
  name     = each.value
  role     = "roles/run.jobsExecutorWithOverrides"
  member   = google_service_account.airflow.member
}

# Vertex AI runs the training step with the account of the trainer.
resource "google_service_account_iam_member" "airflow_trainer" {
  service_account_id = "projects/${var.deployment.project_id}/serviceAccounts/${var.trainer}"
  role               = "roles/iam.serviceAccountUser"
  member             = google_service_account.airflow.member
}

# These roles cannot be granted on a smaller resource than a project.
resource "google_project_iam_member" "airflow" {
  # checkov:skip=CKV_GCP_49: the account of a Composer environment requires roles/composer.worker
  for_each = toset(["roles/aiplatform.user", "roles/composer.worker", "roles/run.viewer"])

  project = var.deployment.project_id
  role    = each.key
  member  = google_service_account.airflow.member
}

resource "google_monitoring_alert_policy" "failed" {
  project               = var.deployment.project_id
  display_name          = "${var.deployment.name}: retraining in Airflow failed, or the canary was rolled back"
  combiner              = "OR"
  severity              = "WARNING"
  notification_channels = var.channels

  conditions {
    display_name = "A run of the DAG callmood_retrain failed"
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
    subject   = "${var.deployment.name}: retraining failed"
    content   = "The production model is unchanged. The grid view of Airflow shows the failed step. The log of that step contains the reason. See docs/retraining.md."
    mime_type = "text/markdown"
  }
}
