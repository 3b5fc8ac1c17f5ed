output "subscriptions" {
  description = "Names of the push subscriptions, by function."
  value = merge(
    { for name, subscription in google_pubsub_subscription.recordings : name => subscription.name },
    { quarantine = google_pubsub_subscription.quarantine.name },
  )
}

output "dead_letter_topic" {
  description = "Name of the dead letter topic."
  value       = google_pubsub_topic.dead_letters.name
}

output "dead_letter_subscription" {
  description = "Name of the subscription that keeps dead letters for a month."
  value       = google_pubsub_subscription.dead_letters.name
}
