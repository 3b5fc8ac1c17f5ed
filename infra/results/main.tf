# One message a call for other systems, published when its rows are written.

resource "google_pubsub_schema" "results" {
  project    = var.project_id
  name       = "${var.name}-results"
  type       = "AVRO"
  definition = file("${var.schemas}/topics/results.avsc")
}

resource "google_pubsub_topic" "results" {
  project                    = var.project_id
  name                       = "${var.name}-results"
  kms_key_name               = var.kms_key_id
  message_retention_duration = "${7 * 24 * 60 * 60}s"

  schema_settings {
    schema   = google_pubsub_schema.results.id
    encoding = "JSON"
  }

  message_storage_policy {
    allowed_persistence_regions = [var.region]
  }
}

resource "google_pubsub_topic_iam_member" "analyze_publishes" {
  project = var.project_id
  topic   = google_pubsub_topic.results.name
  role    = "roles/pubsub.publisher"
  member  = "serviceAccount:${var.publisher}"
}
