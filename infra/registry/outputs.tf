output "runs" {
  description = "Name of the bucket of runs."
  value       = google_storage_bucket.runs.name
}

output "models" {
  description = "Name of the bucket of models."
  value       = google_storage_bucket.models.name
}

output "uri" {
  description = "Address of the model registry."
  value       = "gs://${google_storage_bucket.models.name}/registry"
}

output "images" {
  description = "Repository that images are pushed to: REPOSITORY/train, REPOSITORY/serve."
  value       = local.repository
}
