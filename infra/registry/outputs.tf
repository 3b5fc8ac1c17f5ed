output "runs_bucket" {
  description = "Name of the bucket for training runs."
  value       = google_storage_bucket.runs.name
}

output "models_bucket" {
  description = "Name of the bucket for models."
  value       = google_storage_bucket.models.name
}

output "uri" {
  description = "URI of the model registry."
  value       = "gs://${google_storage_bucket.models.name}/registry"
}

output "images" {
  description = "Repository of the images REPOSITORY/train and REPOSITORY/serve."
  value       = local.repository
}
