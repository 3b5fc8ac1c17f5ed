output "bucket" {
  description = "Put recordings here: gcloud storage cp call.wav gs://BUCKET/"
  value       = module.ingest.bucket
}

output "dataset" {
  description = "The tables, as `project.dataset`."
  value       = module.warehouse.dataset
}

output "reports_dataset" {
  description = "The reports, as `project.dataset`."
  value       = "${var.project_id}.${module.warehouse.reports_dataset_id}"
}

output "topic" {
  description = "Topic that is told of every recording; `callmood backfill` publishes to it."
  value       = module.ingest.topic
}

output "functions" {
  description = "Names of the functions, by entry point."
  value       = module.functions.names
}

output "accounts" {
  description = "E-mail addresses of the service accounts, by name."
  value       = module.identity.emails
}
