output "id" {
  description = "The project's id, once its APIs are enabled."
  value       = var.project_id
  depends_on  = [google_project_service.required]
}

output "number" {
  description = "The project's number."
  value       = data.google_project.this.number
}

output "agents" {
  description = "IAM members by which Google's services act in the project: storage, pubsub, bigquery, functions, run, artifacts."
  value = merge(
    {
      storage  = data.google_storage_project_service_account.storage.member
      bigquery = data.google_bigquery_default_service_account.bigquery.member
    },
    {
      for name, domain in {
        pubsub    = "gcp-sa-pubsub"
        functions = "gcf-admin-robot"
        run       = "serverless-robot-prod"
        artifacts = "gcp-sa-artifactregistry"
      } : name => "serviceAccount:service-${data.google_project.this.number}@${domain}.iam.gserviceaccount.com"
    },
  )
}
