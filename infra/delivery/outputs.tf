output "subscriptions" {
  description = "Names of the push subscriptions of recording events, by function."
  value = merge(
    { for name, subscription in google_pubsub_subscription.recordings : name => subscription.name },
    { dead-letter = google_pubsub_subscription.dead_letter.name },
  )
}

output "dead_letter_subscriptions" {
  description = "Names of the subscriptions that move an event to a dead letter topic after its last delivery attempt."
  value       = sort([for subscription in merge(google_pubsub_subscription.recordings, google_pubsub_subscription.alert) : subscription.name])
}

output "monitor_job" {
  description = "Name of the scheduler job that invokes the function monitor, or null."
  value       = one([for job in google_cloud_scheduler_job.monitor : job.name])
}

output "monitor_schedule" {
  description = "Cron schedule of the function monitor, or null."
  value       = var.monitor_schedule
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
