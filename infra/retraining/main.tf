# The retraining pipeline: one Cloud Run job for each step of model/pipeline/steps.json, with one image. Three accounts share the
# steps: the trainer cannot change the registry, the registrar cannot read calls, and the comparer reads calls and the
# registry without changing them.

locals {
  pipeline       = jsondecode(file("${path.module}/steps.json")).steps
  calibrates     = var.settings.calibration != null && var.recordings_bucket != null
  steps          = { for step in local.pipeline : step.name => step if local.calibrates || contains(try(step.pipelines, ["retrain"]), "retrain") }
  corpora        = join(" ", [for name, uri in var.settings.corpora : "${name}=${uri}"])
  corpus_buckets = toset([for uri in values(var.settings.corpora) : regex("^gs://([^/]+)", uri)[0]])
  jobs           = { for name, job in google_cloud_run_v2_job.steps : name => job.name }

  # Options that are the same for every step: python -m model step --help.
  options = [
    "--corpora", local.corpora,
    "--config", var.settings.config,
    "--registry", var.registry.uri,
    "--cache", "gs://${var.registry.runs_bucket}/features",
    "--share", tostring(var.settings.canary_share),
    "--results", var.warehouse.dataset,
    "--limits=${var.settings.canary_limits}", # the value begins with hyphens
    "--recordings", local.calibrates ? "gs://${var.recordings_bucket}" : "",
  ]

  environment = merge(var.analysis_environment, {
    GOOGLE_CLOUD_PROJECT = var.deployment.project_id
    # Without this setting, the storage library reads bucket metadata in the background, which the accounts may not read.
    DISABLE_GCS_PYTHON_CLIENT_OTEL_BUCKET_METADATA = "true"
  })

  accounts = merge(
    {
      trainer   = "Trains and evaluates models"
      registrar = "Registers, promotes, and rolls back models"
      comparer  = "Compares the canary with the production model"
    },
    local.calibrates ? { calibrator = "Calibrates the production model to the callers of the recordings" } : {},
  )
}

resource "google_service_account" "accounts" {
  for_each = local.accounts

  project      = var.deployment.project_id
  account_id   = "${var.deployment.name}-${each.key}"
  display_name = "callmood: ${each.key}"
  description  = each.value
}

resource "google_cloud_run_v2_job" "steps" {
  for_each = local.steps

  project             = var.deployment.project_id
  location            = var.deployment.region
  name                = "${var.deployment.name}-${each.key}"
  deletion_protection = false # the job is stateless

  template {
    template {
      service_account       = google_service_account.accounts[each.value.account].email
      timeout               = "${each.value.timeout_minutes * 60}s"
      max_retries           = each.value.retries
      encryption_key        = var.deployment.kms_key_id
      execution_environment = "EXECUTION_ENVIRONMENT_GEN2"

      containers {
        image = var.image
        args  = ["step", each.key, "--help"] # an execution overrides the arguments

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
        for_each = var.deployment.network[*]
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
    google_bigquery_table_iam_member.comparer_tables,
    google_storage_bucket_iam_member.corpora,
    google_storage_bucket_iam_member.models,
    google_storage_bucket_iam_member.recordings,
    google_storage_bucket_iam_member.runs,
  ]
}

resource "google_storage_bucket_iam_member" "corpora" {
  for_each = local.corpus_buckets

  bucket = each.key
  role   = "roles/storage.objectViewer"
  member = google_service_account.accounts["trainer"].member
}

# The comparer writes its comparison. The registrar reads the model that it registers.
resource "google_storage_bucket_iam_member" "runs" {
  for_each = merge(
    { trainer = "roles/storage.objectUser", registrar = "roles/storage.objectViewer", comparer = "roles/storage.objectUser" },
    local.calibrates ? { calibrator = "roles/storage.objectUser" } : {},
  )

  bucket = var.registry.runs_bucket
  role   = each.value
  member = google_service_account.accounts[each.key].member
}

resource "google_storage_bucket_iam_member" "models" {
  for_each = merge(
    { registrar = "roles/storage.objectUser", comparer = "roles/storage.objectViewer" },
    local.calibrates ? { calibrator = "roles/storage.objectViewer" } : {},
  )

  bucket = var.registry.models_bucket
  role   = each.value
  member = google_service_account.accounts[each.key].member
}

# The only account of the pipeline that reads recordings. It keeps statistics over all calls only.
resource "google_storage_bucket_iam_member" "recordings" {
  count = local.calibrates ? 1 : 0

  bucket = var.recordings_bucket
  role   = "roles/storage.objectViewer"
  member = google_service_account.accounts["calibrator"].member
}

resource "google_bigquery_table_iam_member" "comparer_tables" {
  for_each = toset(["recordings", "segments"])

  project    = var.deployment.project_id
  dataset_id = var.warehouse.dataset_id
  table_id   = var.warehouse.tables[each.key]
  role       = "roles/bigquery.dataViewer"
  member     = google_service_account.accounts["comparer"].member
}

# Query jobs belong to a project, so this role cannot be granted on a smaller resource.
resource "google_project_iam_member" "comparer_jobs" {
  project = var.deployment.project_id
  role    = "roles/bigquery.jobUser"
  member  = google_service_account.accounts["comparer"].member
}
