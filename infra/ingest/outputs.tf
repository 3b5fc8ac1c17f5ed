output "bucket" {
  description = "Name of the bucket for recordings."
  value       = google_storage_bucket.recordings.name
}

output "topic" {
  description = "Name of the topic that gets a message for every created or deleted recording."
  value       = google_pubsub_topic.recordings.name
}

output "topic_id" {
  description = "ID of that topic."
  value       = google_pubsub_topic.recordings.id
}
