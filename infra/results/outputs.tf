output "topic_id" {
  description = "Id of the topic, once the functions may publish to it."
  value       = google_pubsub_topic.results.id
  depends_on  = [google_pubsub_topic_iam_member.analyze_publishes]
}
