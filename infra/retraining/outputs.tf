output "jobs" {
  description = "Name of the Cloud Run job of each step, by step."
  value       = local.jobs
}

output "topic_id" {
  description = "ID of the topic that starts the pipeline. The content of the message does not matter."
  value       = google_pubsub_topic.retrain.id
}

output "workflow" {
  description = "Definition of the workflow, as YAML."
  value       = google_workflows_workflow.retrain.source_contents
}

output "readers" {
  description = "Email addresses of the service accounts that read the rows of all queues, by name. They are available after the accounts exist."
  value       = { comparer = google_service_account.accounts["comparer"].email }
}
