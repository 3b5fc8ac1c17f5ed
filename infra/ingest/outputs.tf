output "bucket" {
  description = "Name of the recordings bucket."
  value       = google_storage_bucket.recordings.name
}

output "topic" {
  description = "Name of the topic that is told of every recording."
  value       = google_pubsub_topic.recordings.name
}

output "topic_id" {
  description = "Id of that topic."
  value       = google_pubsub_topic.recordings.id
}
