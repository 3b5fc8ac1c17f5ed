output "subscriptions" {
  description = "Names of the push subscriptions of recording events, by function."
  value = merge(
    { for name, subscription in google_pubsub_subscription.recordings : name => subscription.name },
    { dead-letter = google_pubsub_subscription.dead_letter.name },
  )
}

output "dead_letter_topic" {
  description = "Name of the dead letter topic."
  value       = google_pubsub_topic.dead_letters.name
}

output "retained_dead_letters" {
  description = "Name of the subscription that retains dead letters for a month."
  value       = google_pubsub_subscription.retained_dead_letters.name
}

output "results_topic_id" {
  description = "ID of the topic that gets one message for each analyzed call. It is available after the function analyze may publish to it."
  value       = google_pubsub_topic.results.id
  depends_on  = [google_pubsub_topic_iam_member.analyze_publisher]
}
