output "topic" {
  description = "Topic that starts the making of a new model: publish anything."
  value       = google_pubsub_topic.retrain.id
}

output "workflow" {
  description = "The workflow, as YAML."
  value       = google_workflows_workflow.retrain.source_contents
}
