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

output "results_topic" {
  description = "Topic that gets one message a call: other systems subscribe to it."
  value       = module.results.topic_id
}

output "functions" {
  description = "Names of the functions, by entry point."
  value       = module.functions.names
}

output "live" {
  description = "Address of the service that judges calls while they go on; null without `live`."
  value       = one(module.live[*].url)
}

output "score" {
  description = "Address of the function that answers at once with a recording's segments; null without it."
  value       = module.functions.score_url
}

output "accounts" {
  description = "E-mail addresses of the service accounts, by name."
  value       = module.identity.emails
}

output "registry" {
  description = "Address of the model registry; settings.model_uri = \"REGISTRY@production\" lets its models serve."
  value       = module.registry.uri
}

output "images" {
  description = "Repository for the images of infra/images."
  value       = module.registry.images
}

output "retraining_jobs" {
  description = "Names of the Cloud Run jobs that make a new model, by step; none without `retraining`."
  value       = try(module.jobs[0].names, {})
}

output "looker_studio_url" {
  description = "Opens a new Looker Studio report with every view as a data source (docs/looker-studio.md)."
  value = "${local.looker_studio}${join("", flatten([
    for number, view in local.report_views : [for pair in local.looker_sources[view] : "&ds.ds${number}.${pair}"]
  ]))}"
}

output "looker_studio_urls" {
  description = "The same for each view alone, by name."
  value       = { for view, pairs in local.looker_sources : view => "${local.looker_studio}${join("", [for pair in pairs : "&ds.ds0.${pair}"])}" }
}

# Looker Studio's Linking API, as functions/callmood/ops/looker.py speaks it.
locals {
  # All views but those that only pick a table's rows for the others.
  report_views  = [for view in module.warehouse.views : view if !can(jsondecode(file("${path.module}/schemas/views/${view}.json")).fields_of)]
  looker_studio = "https://lookerstudio.google.com/reporting/create?c.mode=edit&r.reportName=callmood"
  looker_sources = {
    for view in local.report_views : view => [
      "connector=bigQuery",
      "datasourceName=${view}",
      "type=TABLE",
      "projectId=${urlencode(var.project_id)}",
      "datasetId=${module.warehouse.reports_dataset_id}",
      "tableId=${view}",
      "billingProjectId=${urlencode(var.project_id)}",
    ]
  }
}
