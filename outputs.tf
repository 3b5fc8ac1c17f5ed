output "bucket" {
  description = "Bucket for recordings. To upload one: gcloud storage cp call.wav gs://BUCKET/"
  value       = module.ingest.bucket
}

output "dataset" {
  description = "Dataset of the tables, as `project.dataset`."
  value       = module.warehouse.dataset
}

output "reports_dataset" {
  description = "Report dataset, as `project.dataset`."
  value       = "${var.project_id}.${module.warehouse.reports_dataset_id}"
}

output "topic" {
  description = "Topic that gets a message for every created or deleted recording. `callmood backfill` publishes to it."
  value       = module.ingest.topic
}

output "results_topic" {
  description = "Topic that gets one message for each analyzed call. Other systems can subscribe to it."
  value       = module.delivery.results_topic_id
}

output "functions" {
  description = "Names of the deployed functions, by function."
  value       = { for name, service in module.functions.services : name => service.name }
}

output "realtime" {
  description = "URL of the real-time service, or null without `realtime`."
  value       = one(module.realtime[*].url)
}

output "accounts" {
  description = "Email addresses of the service accounts, by name."
  value       = module.identity.emails
}

output "registry" {
  description = "URI of the model registry. With settings.model_uri = \"REGISTRY@production\", the functions use its production model."
  value       = module.registry.uri
}

output "images" {
  description = "Repository of the images of infra/images."
  value       = module.registry.images
}

output "image_builder" {
  description = "Email address of the service account that builds the images."
  value       = module.registry.image_builder
}

output "runs_bucket" {
  description = "Bucket for training runs. `./run images` uploads the sources of the images to its folder images/."
  value       = module.registry.runs_bucket
}

output "archive" {
  description = "Archive that the functions are built from. functions_archive selects an earlier one."
  value       = module.functions.archive
}

output "sources_bucket" {
  description = "Bucket of the archives of the functions."
  value       = module.functions.sources_bucket
}

output "kms_key" {
  description = "ID of the encryption key, or null for Google-managed keys. A teardown keeps a created key: to deploy again, set kms_key to this ID."
  value       = module.project.kms_key_id
}

output "retraining_jobs" {
  description = "Name of the Cloud Run job of each step of the retraining pipeline, by step; empty without `retraining`."
  value       = try(module.retraining[0].jobs, {})
}

output "looker_studio_url" {
  description = "URL that creates a Looker Studio report with all views as data sources (docs/looker-studio.md)."
  value       = "${local.looker_studio}${join("", [for view in local.report_views : local.looker_sources[view]])}"
}

output "looker_studio_urls" {
  description = "URL that creates a Looker Studio report with one view as its data source, by view."
  value       = { for view, source in local.looker_sources : view => "${local.looker_studio}${source}" }
}

# The Linking API of Looker Studio, as in functions/callmood/ops/looker.py.
locals {
  # Views that only select the current rows of a table (fields_of), and steps of other views, are not data sources.
  report_views = [
    for view in module.warehouse.views : view
    if length(setintersection(keys(jsondecode(file("${path.module}/schemas/views/${view}.json"))), ["fields_of", "is_internal"])) == 0
  ]
  looker_studio = "https://lookerstudio.google.com/reporting/create?c.mode=edit&r.reportName=callmood"
  looker_sources = {
    for view in local.report_views : view => join("", [for pair in [
      "connector=bigQuery",
      "datasourceName=${view}",
      "type=TABLE",
      "projectId=${urlencode(var.project_id)}",
      "datasetId=${module.warehouse.reports_dataset_id}",
      "tableId=${view}",
      "billingProjectId=${urlencode(var.project_id)}",
    ] : "&ds.${view}.${pair}"])
  }
}
