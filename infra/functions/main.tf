# The Cloud Functions (2nd gen), built from one archive. The name of the archive contains a hash of its content, so Terraform
# redeploys the functions if the code, the schemas, the model, or the requirements change, and only then.

locals {
  archive = coalesce(var.archive, google_storage_bucket_object.functions.name)

  functions = merge(
    {
      analyze     = { description = "Analyzes a recording, and writes one row for each speech segment.", resources = var.analyze }
      erase       = { description = "Hides the results of a deleted recording if ERASE_ON_DELETE is set.", resources = var.small }
      dead-letter = { description = "Records an undeliverable event.", resources = var.small }
    },
    var.alert_secrets == null ? {} : { alert = { description = "Posts a call that needs attention to a webhook.", resources = var.small } },
    var.monitor ? { monitor = { description = "Compares the calls of a day with the reference of the model.", resources = local.monitor_resources } } : {},
  )
  # One request processes all calls of a day.
  monitor_resources = merge(var.small, { memory = "1Gi", concurrency = 1, max_instances = 1, timeout_s = 540 })

  # Settings that come from Secret Manager, by function.
  secrets = {
    alert = { ALERT_URL = try(var.alert_secrets.url_secret, null), ALERT_SECRET = try(var.alert_secrets.signing_key_secret, null) }
  }
}

# The archive contains the files that infra/functions/source links to, and nothing else.
data "archive_file" "functions" {
  type             = "zip"
  source_dir       = "${path.module}/source"
  output_path      = "${path.root}/build/functions.zip"
  output_file_mode = "0644"
  excludes         = ["**/__pycache__", "**/*.pyc", "**/*.egg-info", "**/.*"]
}

resource "google_storage_bucket" "sources" {
  # checkov:skip=CKV_GCP_62: Cloud Audit Logs (infra/project) record access, and usage logs would repeat that
  # checkov:skip=CKV_GCP_78: every archive has a unique name, so no archive is overwritten
  project                     = var.deployment.project_id
  name                        = "${var.deployment.project_id}-${var.deployment.name}-sources"
  location                    = var.deployment.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = true # Terraform can upload archives again

  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      age            = 365
      matches_prefix = ["functions-"]
    }
  }

  dynamic "encryption" {
    for_each = var.deployment.kms_key_id[*]
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

  # Earlier archives stay in the bucket, for a rollback. The bucket deletes them after a year.
  deletion_policy = "ABANDON"
}

resource "google_artifact_registry_repository" "images" {
  project       = var.deployment.project_id
  location      = var.deployment.region
  repository_id = "${var.deployment.name}-functions"
  description   = "Images of the callmood functions, built by Cloud Functions."
  format        = "DOCKER"
  kms_key_name  = var.deployment.kms_key_id

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

  lifecycle {
    # Another key would replace the repository and delete the images in use. They contain no data of customers.
    ignore_changes = [kms_key_name]
  }
}

resource "google_artifact_registry_repository_iam_member" "builder_images" {
  project    = var.deployment.project_id
  location   = var.deployment.region
  repository = google_artifact_registry_repository.images.name
  role       = "roles/artifactregistry.writer"
  member     = "serviceAccount:${var.accounts["builder"]}"
}

resource "google_storage_bucket_iam_member" "builder_sources" {
  bucket = google_storage_bucket.sources.name
  role   = "roles/storage.objectViewer"
  member = "serviceAccount:${var.accounts["builder"]}"
}

resource "google_cloudfunctions2_function" "functions" {
  for_each = local.functions

  project      = var.deployment.project_id
  location     = var.deployment.region
  name         = "${var.deployment.name}-${each.key}"
  description  = each.value.description
  kms_key_name = var.deployment.kms_key_id

  build_config {
    runtime           = "python311"
    entry_point       = replace(each.key, "-", "_")
    docker_repository = google_artifact_registry_repository.images.id
    service_account   = "projects/${var.deployment.project_id}/serviceAccounts/${var.accounts["builder"]}"

    environment_variables = {
      GOOGLE_FUNCTION_SOURCE = "functions/main.py"
      # With SOURCE_DATE_EPOCH, Python validates bytecode by source hash (PEP 552). The image does not preserve file times,
      # so timestamp-based bytecode would be compiled again at every cold start.
      SOURCE_DATE_EPOCH = "315532800"
    }

    source {
      storage_source {
        bucket = google_storage_bucket.sources.name
        object = local.archive
      }
    }

    automatic_update_policy {} # base image security patches without a deployment
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
    ingress_settings                 = "ALLOW_INTERNAL_ONLY" # Pub/Sub of the same project is internal
    vpc_connector                    = try(var.deployment.network.connector, null)
    vpc_connector_egress_settings    = try(var.deployment.network.connector, null) == null ? null : var.deployment.network.egress
    direct_vpc_egress                = try(var.deployment.network.subnetwork, null) == null ? null : "VPC_EGRESS_${var.deployment.network.egress}"

    dynamic "secret_environment_variables" {
      for_each = { for name, secret in lookup(local.secrets, each.key, {}) : name => secret if secret != null }
      content {
        key        = secret_environment_variables.key
        project_id = var.deployment.project_id
        secret     = secret_environment_variables.value
        version    = "latest"
      }
    }

    dynamic "direct_vpc_network_interface" {
      for_each = try(var.deployment.network.subnetwork, null)[*]
      content {
        network    = var.deployment.network.network
        subnetwork = var.deployment.network.subnetwork
      }
    }
  }

  depends_on = [
    google_artifact_registry_repository_iam_member.builder_images,
    google_storage_bucket_iam_member.builder_sources,
  ]
}
