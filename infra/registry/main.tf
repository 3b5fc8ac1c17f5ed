# What a new model is made into and kept in: a bucket for runs, which pass, one for models, which stay, and images.

resource "google_storage_bucket" "runs" {
  # checkov:skip=CKV_GCP_62: access is logged by Cloud Audit Logs (infra/project), which usage logs would only repeat
  # checkov:skip=CKV_GCP_78: a run can be made again, and what is kept of it lies in the registry
  project                     = var.project_id
  name                        = "${var.project_id}-${var.name}-runs"
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = true

  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      age = var.runs_kept_days
    }
  }

  dynamic "encryption" {
    for_each = var.kms_key_id[*]
    content {
      default_kms_key_name = encryption.value
    }
  }
}

resource "google_storage_bucket" "models" {
  # checkov:skip=CKV_GCP_62: access is logged by Cloud Audit Logs (infra/project), which usage logs would only repeat
  project                     = var.project_id
  name                        = "${var.project_id}-${var.name}-models"
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = false # rows name the version that made them

  versioning {
    enabled = true
  }

  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      num_newer_versions = 50 # of aliases.json: models themselves never change
    }
  }

  dynamic "encryption" {
    for_each = var.kms_key_id[*]
    content {
      default_kms_key_name = encryption.value
    }
  }
}

resource "google_storage_bucket_iam_member" "operators_promote" {
  for_each = toset(var.operators)

  bucket = google_storage_bucket.models.name
  role   = "roles/storage.objectUser"
  member = each.key
}

resource "google_artifact_registry_repository" "images" {
  project       = var.project_id
  location      = var.region
  repository_id = "${var.name}-images"
  description   = "Images that make models and serve them: infra/images."
  format        = "DOCKER"
  kms_key_name  = var.kms_key_id

  vulnerability_scanning_config {
    enablement_config = "INHERITED" # scanned where the project enables containerscanning.googleapis.com
  }

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

# Builds both images whenever the repository's branch moves: only where a connected repository is named.
resource "google_cloudbuild_trigger" "images" {
  for_each = toset(var.source_repository[*])

  project         = var.project_id
  location        = var.region
  name            = "${var.name}-images"
  description     = "Builds the images of infra/images."
  filename        = "infra/images/cloudbuild.yaml"
  service_account = google_service_account.image_builder[each.key].id
  included_files  = ["infra/images/**", "functions/**", "model/**", "schemas/**", "pyproject.toml", "requirements.txt"]

  substitutions = {
    _REPOSITORY = local.repository
    _TAG        = "latest"
  }

  repository_event_config {
    repository = each.key
    push {
      branch = "^main$"
    }
  }
}

resource "google_service_account" "image_builder" {
  for_each = toset(var.source_repository[*])

  project      = var.project_id
  account_id   = "${var.name}-image-builder"
  display_name = "callmood: image-builder"
  description  = "Builds the images that make models and serve them"
}

resource "google_artifact_registry_repository_iam_member" "image_builder_pushes" {
  for_each = google_service_account.image_builder

  project    = var.project_id
  location   = var.region
  repository = google_artifact_registry_repository.images.name
  role       = "roles/artifactregistry.writer"
  member     = each.value.member
}

resource "google_project_iam_member" "image_builder_logs" {
  for_each = google_service_account.image_builder

  project = var.project_id
  role    = "roles/logging.logWriter"
  member  = each.value.member
}

locals {
  repository = "${var.region}-docker.pkg.dev/${var.project_id}/${google_artifact_registry_repository.images.repository_id}"
}
