# A bucket for training runs, a bucket for the model registry, and a repository for container images.

resource "google_storage_bucket" "runs" {
  # checkov:skip=CKV_GCP_62: Cloud Audit Logs (infra/project) record access, and usage logs would repeat that
  # checkov:skip=CKV_GCP_78: a run is reproducible, and the registry contains its results
  project                     = var.deployment.project_id
  name                        = "${var.deployment.project_id}-${var.deployment.name}-runs"
  location                    = var.deployment.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = true

  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      age = var.runs_retention_days
    }
  }

  dynamic "encryption" {
    for_each = var.deployment.kms_key_id[*]
    content {
      default_kms_key_name = encryption.value
    }
  }
}

resource "google_storage_bucket" "models" {
  # checkov:skip=CKV_GCP_62: Cloud Audit Logs (infra/project) record access, and usage logs would repeat that
  project                     = var.deployment.project_id
  name                        = "${var.deployment.project_id}-${var.deployment.name}-models"
  location                    = var.deployment.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = !var.deletion_protection # rows refer to model versions

  versioning {
    enabled = true
  }

  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      num_newer_versions = 50 # versions of aliases.json; model files are immutable
    }
  }

  dynamic "encryption" {
    for_each = var.deployment.kms_key_id[*]
    content {
      default_kms_key_name = encryption.value
    }
  }
}

resource "google_storage_bucket_iam_member" "operators_models" {
  for_each = toset(var.operators)

  bucket = google_storage_bucket.models.name
  role   = "roles/storage.objectUser"
  member = each.key
}

resource "google_artifact_registry_repository" "images" {
  project       = var.deployment.project_id
  location      = var.deployment.region
  repository_id = "${var.deployment.name}-images"
  description   = "Images for training and for the real-time service (infra/images)."
  format        = "DOCKER"
  kms_key_name  = var.deployment.kms_key_id

  vulnerability_scanning_config {
    enablement_config = "INHERITED" # enabled if the project enables containerscanning.googleapis.com
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

  lifecycle {
    # Another key would replace the repository and delete the images in use. They contain no data of customers.
    ignore_changes = [kms_key_name]
  }
}

# Builds both images on every push to the main branch of the connected repository.
resource "google_cloudbuild_trigger" "images" {
  for_each = toset(var.source_repository[*])

  project         = var.deployment.project_id
  location        = var.deployment.region
  name            = "${var.deployment.name}-images"
  description     = "Builds the images of infra/images."
  filename        = "infra/images/cloudbuild.yaml"
  service_account = google_service_account.image_builder.id
  included_files  = ["infra/images/**", "functions/**", "model/**", "schemas/**", "pyproject.toml", "requirements.txt"]

  substitutions = {
    _REPOSITORY = local.repository
    _TAG        = "$SHORT_SHA"
  }

  repository_event_config {
    repository = each.key
    push {
      branch = "^main$"
    }
  }
}

resource "google_service_account" "image_builder" {
  project      = var.deployment.project_id
  account_id   = "${var.deployment.name}-image-builder"
  display_name = "callmood: image-builder"
  description  = "Builds the images for training and for the real-time service"
}

resource "google_artifact_registry_repository_iam_member" "image_builder_images" {
  project    = var.deployment.project_id
  location   = var.deployment.region
  repository = google_artifact_registry_repository.images.name
  role       = "roles/artifactregistry.writer"
  member     = google_service_account.image_builder.member
}

resource "google_project_iam_member" "image_builder_logs" {
  project = var.deployment.project_id
  role    = "roles/logging.logWriter"
  member  = google_service_account.image_builder.member
}

# `./run images` uploads the sources of a build to this folder.
resource "google_storage_bucket_iam_member" "image_builder_sources" {
  bucket = google_storage_bucket.runs.name
  role   = "roles/storage.objectViewer"
  member = google_service_account.image_builder.member

  condition {
    title       = "sources of images only"
    description = "Cloud Build reads the sources of a build from this folder."
    expression  = "resource.name.startsWith(\"projects/_/buckets/${google_storage_bucket.runs.name}/objects/images/\")"
  }
}

locals {
  repository = "${var.deployment.region}-docker.pkg.dev/${var.deployment.project_id}/${google_artifact_registry_repository.images.repository_id}"
}
