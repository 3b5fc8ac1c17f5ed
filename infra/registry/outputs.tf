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

output "image_builder" {
  description = "Email address of the service account that builds images. It is available after the account has its permissions."
  value       = google_service_account.image_builder.email

  depends_on = [
    google_artifact_registry_repository_iam_member.image_builder_images,
    google_project_iam_member.image_builder_logs,
    google_storage_bucket_iam_member.image_builder_sources,
  ]
}
