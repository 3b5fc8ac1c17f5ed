# A Cloud Run job for each step of model/pipeline/steps.json, all of one image. Three accounts share the steps: who trains cannot change
# what serves, who changes what serves reads no call, who reads calls changes nothing.

locals {
  steps = { for step in jsondecode(file("${path.module}/steps.json")).steps : step.name => step }
  accounts = {
    trainer   = "Makes models of the corpora"
    registrar = "Says which model serves"
    comparer  = "Compares the canary with the production model"
  }

  # gs://BUCKET/… of each corpus.
  corpora = toset([for root in values(var.corpora) : regex("^gs://([^/]+)", root)[0]])
}

resource "google_service_account" "accounts" {
  for_each = local.accounts

  project      = var.project_id
  account_id   = "${var.name}-${each.key}"
  display_name = "callmood: ${each.key}"
  description  = each.value
}

resource "google_cloud_run_v2_job" "steps" {
  for_each = local.steps

  project             = var.project_id
  location            = var.region
  name                = "${var.name}-${each.key}"
  deletion_protection = false # a job holds nothing

  template {
    template {
      service_account       = google_service_account.accounts[each.value.account].email
      timeout               = "${each.value.timeout_minutes * 60}s"
      max_retries           = each.value.retries
      encryption_key        = var.kms_key_id
      execution_environment = "EXECUTION_ENVIRONMENT_GEN2"

      containers {
        image = var.image
        args  = ["step", each.key, "--help"] # whoever starts it says of which run

        resources {
          limits = { cpu = each.value.cpu, memory = each.value.memory }
        }

        dynamic "env" {
          for_each = local.environment
          content {
            name  = env.key
            value = env.value
          }
        }
      }

      dynamic "vpc_access" {
        for_each = var.network[*]
        content {
          connector = vpc_access.value.connector
          egress    = vpc_access.value.egress

          dynamic "network_interfaces" {
            for_each = vpc_access.value.subnetwork[*]
            content {
              network    = vpc_access.value.network
              subnetwork = network_interfaces.value
            }
          }
        }
      }
    }
  }

  depends_on = [
    google_bigquery_table_iam_member.comparer_reads,
    google_storage_bucket_iam_member.corpora,
    google_storage_bucket_iam_member.models,
    google_storage_bucket_iam_member.runs,
  ]
}

locals {
  environment = {
    GOOGLE_CLOUD_PROJECT = var.project_id
    # The storage library would ask for the bucket's own metadata in the background, which no job may read.
    DISABLE_GCS_PYTHON_CLIENT_OTEL_BUCKET_METADATA = "true"
  }
}

resource "google_storage_bucket_iam_member" "corpora" {
  for_each = local.corpora

  bucket = each.key
  role   = "roles/storage.objectViewer"
  member = google_service_account.accounts["trainer"].member
}

# The comparer writes its comparison. The registrar reads the model that it registers.
resource "google_storage_bucket_iam_member" "runs" {
  for_each = { trainer = "roles/storage.objectUser", registrar = "roles/storage.objectViewer", comparer = "roles/storage.objectUser" }

  bucket = var.runs
  role   = each.value
  member = google_service_account.accounts[each.key].member
}

resource "google_storage_bucket_iam_member" "models" {
  for_each = { registrar = "roles/storage.objectUser", comparer = "roles/storage.objectViewer" }

  bucket = var.models
  role   = each.value
  member = google_service_account.accounts[each.key].member
}

resource "google_bigquery_table_iam_member" "comparer_reads" {
  for_each = toset(["recordings", "segments"])

  project    = var.project_id
  dataset_id = var.dataset_id
  table_id   = var.tables[each.key]
  role       = "roles/bigquery.dataViewer"
  member     = google_service_account.accounts["comparer"].member
}

# A query is a job of a project: this cannot be granted on anything smaller.
resource "google_project_iam_member" "comparer_runs_queries" {
  project = var.project_id
  role    = "roles/bigquery.jobUser"
  member  = google_service_account.accounts["comparer"].member
}
