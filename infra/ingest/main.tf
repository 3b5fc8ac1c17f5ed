# A private bucket for recordings, and a topic that gets a message for every created or deleted object.

resource "google_storage_bucket" "recordings" {
  # checkov:skip=CKV_GCP_62: Cloud Audit Logs (infra/project) record access, and usage logs would repeat that
  # checkov:skip=CKV_GCP_78: soft delete protects against mistakes, and versioning would keep recordings of erased customers
  project                     = var.deployment.project_id
  name                        = var.bucket_name
  location                    = var.location
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = false

  soft_delete_policy {
    retention_duration_seconds = var.soft_delete_days * 24 * 60 * 60
  }

  dynamic "lifecycle_rule" {
    for_each = { for class, days in var.storage_class_after_days : class => days if days < coalesce(var.retention_days, days + 1) }
    content {
      action {
        type          = "SetStorageClass"
        storage_class = lifecycle_rule.key
      }
      condition {
        age = lifecycle_rule.value
      }
    }
  }

  dynamic "lifecycle_rule" {
    for_each = var.retention_days[*]
    content {
      action {
        type = "Delete"
      }
      condition {
        age = lifecycle_rule.value
      }
    }
  }

  lifecycle_rule {
    action {
      type = "AbortIncompleteMultipartUpload"
    }
    condition {
      age = 1
    }
  }

  dynamic "retention_policy" {
    for_each = var.locked_retention_days[*]
    content {
      retention_period = retention_policy.value * 24 * 60 * 60
      is_locked        = true
    }
  }

  dynamic "encryption" {
    for_each = var.deployment.kms_key_id[*]
    content {
      default_kms_key_name = encryption.value
    }
  }

  lifecycle {
    precondition {
      condition     = coalesce(var.retention_days, 36500) >= coalesce(var.locked_retention_days, 0)
      error_message = "retention_days must be at least locked_retention_days: a locked recording cannot be deleted."
    }
  }
}

resource "google_pubsub_topic" "recordings" {
  project                    = var.deployment.project_id
  name                       = "${var.deployment.name}-recordings"
  kms_key_name               = var.deployment.kms_key_id
  message_retention_duration = "${var.event_retention_days * 24 * 60 * 60}s" # a seek can replay this period

  message_storage_policy {
    allowed_persistence_regions = [var.deployment.region]
  }
}

resource "google_pubsub_topic_iam_member" "storage_publisher" {
  project = var.deployment.project_id
  topic   = google_pubsub_topic.recordings.name
  role    = "roles/pubsub.publisher"
  member  = var.deployment.service_agents.storage
}

resource "google_storage_notification" "recordings" {
  bucket         = google_storage_bucket.recordings.name
  topic          = google_pubsub_topic.recordings.id
  payload_format = "JSON_API_V1"
  event_types    = ["OBJECT_FINALIZE", "OBJECT_DELETE"]

  depends_on = [google_pubsub_topic_iam_member.storage_publisher]
}
