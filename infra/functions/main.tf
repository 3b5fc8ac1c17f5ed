# The functions, built from one archive. The archive's name carries the hash of its content, so a change to the code,
# the schemas, the model or the requirements deploys them anew, and nothing else does.

locals {
  functions = merge(
    local.always,
    var.alert == null ? {} : { alert = { description = "Posts calls that need attention to a webhook.", resources = var.small } },
    var.monitor ? { monitor = { description = "Compares a day's calls with what the model knows.", resources = local.daily } } : {},
    var.score == null ? {} : { score = { description = "Answers at once with a recording's segments.", resources = var.analyze } },
  )
  daily = merge(var.small, { memory = "1Gi", concurrency = 1, max_instances = 1, timeout_s = 540 }) # all calls of a day at once
  always = {
    analyze    = { description = "Analyses a recording: one row for every spoken segment.", resources = var.analyze }
    erase      = { description = "Drops the results of a deleted recording, where ERASE_ON_DELETE says so.", resources = var.small }
    quarantine = { description = "Records why an event could not be delivered.", resources = var.small }
  }
}

# Which setting of which function is a secret.
locals {
  secrets = {
    alert = { ALERT_URL = try(var.alert.url, null), ALERT_SECRET = try(var.alert.signature, null) }
    score = { SESSION_KEY = try(var.score.session_key, null), API_KEY = try(var.score.api_key, null) }
  }
}

# What is deployed is what infra/functions/source links to, and nothing else.
data "archive_file" "functions" {
  type             = "zip"
  source_dir       = "${path.module}/source"
  output_path      = "${path.root}/build/functions.zip"
  output_file_mode = "0644"
  excludes         = ["**/__pycache__", "**/*.pyc", "**/*.egg-info", "**/.*"]
}

resource "google_storage_bucket" "sources" {
  # checkov:skip=CKV_GCP_62: access is logged by Cloud Audit Logs (infra/project), which usage logs would only repeat
  # checkov:skip=CKV_GCP_78: every archive has a name of its own, so nothing is overwritten
  project                     = var.project_id
  name                        = "${var.project_id}-${var.name}-sources"
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = true # archives can be made again

  dynamic "encryption" {
    for_each = var.kms_key_id[*]
    content {
      default_kms_key_name = encryption.value
    }
  }
}

resource "google_storage_bucket_object" "functions" {
  bucket       = google_storage_bucket.sources.name
  name         = "functions-${data.archive_file.functions.output_sha256}.zip"
  source       = data.archive_file.functions.output_path
  content_type = "application/zip"
}

resource "google_artifact_registry_repository" "images" {
  project       = var.project_id
  location      = var.region
  repository_id = "${var.name}-functions"
  description   = "Images of callmood's functions, built by Cloud Functions."
  format        = "DOCKER"
  kms_key_name  = var.kms_key_id

  cleanup_policies {
    id     = "keep-recent"
    action = "KEEP"
    most_recent_versions {
      keep_count = 5
    }
  }

  cleanup_policies {
    id     = "delete-old"
    action = "DELETE"
    condition {
      older_than = "${30 * 24 * 60 * 60}s"
    }
  }
}

resource "google_artifact_registry_repository_iam_member" "builder_pushes" {
  project    = var.project_id
  location   = var.region
  repository = google_artifact_registry_repository.images.name
  role       = "roles/artifactregistry.writer"
  member     = "serviceAccount:${var.accounts["builder"]}"
}

resource "google_storage_bucket_iam_member" "builder_reads" {
  bucket = google_storage_bucket.sources.name
  role   = "roles/storage.objectViewer"
  member = "serviceAccount:${var.accounts["builder"]}"
}

resource "google_cloudfunctions2_function" "functions" {
  for_each = local.functions

  project      = var.project_id
  location     = var.region
  name         = "${var.name}-${each.key}"
  description  = each.value.description
  kms_key_name = var.kms_key_id

  build_config {
    runtime           = "python311"
    entry_point       = each.key
    docker_repository = google_artifact_registry_repository.images.id
    service_account   = "projects/${var.project_id}/serviceAccounts/${var.accounts["builder"]}"

    environment_variables = {
      GOOGLE_FUNCTION_SOURCE = "functions/main.py"
      # Makes the build's bytecode go by the source's hash: file times do not survive the image, and bytecode that goes
      # by them would be compiled again at every cold start.
      SOURCE_DATE_EPOCH = "315532800"
    }

    source {
      storage_source {
        bucket = google_storage_bucket.sources.name
        object = google_storage_bucket_object.functions.name
      }
    }

    automatic_update_policy {} # security patches of the base image arrive without a deployment
  }

  service_config {
    service_account_email            = var.accounts[each.key]
    environment_variables            = var.environment
    available_memory                 = each.value.resources.memory
    available_cpu                    = each.value.resources.cpu
    max_instance_request_concurrency = each.value.resources.concurrency
    min_instance_count               = each.value.resources.min_instances
    max_instance_count               = each.value.resources.max_instances
    timeout_seconds                  = each.value.resources.timeout_s
    ingress_settings                 = each.key == "score" ? "ALLOW_ALL" : "ALLOW_INTERNAL_ONLY" # Pub/Sub of the same project is internal
    vpc_connector                    = try(var.network.connector, null)
    vpc_connector_egress_settings    = try(var.network.connector, null) == null ? null : var.network.egress
    direct_vpc_egress                = try(var.network.subnetwork, null) == null ? null : "VPC_EGRESS_${var.network.egress}"

    dynamic "secret_environment_variables" {
      for_each = { for name, secret in lookup(local.secrets, each.key, {}) : name => secret if secret != null }
      content {
        key        = secret_environment_variables.key
        project_id = var.project_id
        secret     = secret_environment_variables.value
        version    = "latest"
      }
    }

    dynamic "direct_vpc_network_interface" {
      for_each = try(var.network.subnetwork, null)[*]
      content {
        network    = var.network.network
        subnetwork = var.network.subnetwork
      }
    }
  }

  depends_on = [
    google_artifact_registry_repository_iam_member.builder_pushes,
    google_storage_bucket_iam_member.builder_reads,
  ]
}

resource "google_cloud_run_v2_service_iam_member" "score_callers" {
  for_each = toset(try(var.score.callers, []))

  project  = var.project_id
  location = var.region
  name     = google_cloudfunctions2_function.functions["score"].name
  role     = "roles/run.invoker"
  member   = each.key
}
