output "id" {
  description = "ID of the project. It is available after the APIs are enabled."
  value       = var.project_id
  depends_on  = [google_project_service.required]
}

output "number" {
  description = "Number of the project."
  value       = data.google_project.this.number
}

output "service_agents" {
  description = "IAM members of Google's service agents in the project, by name: storage, bigquery, pubsub, functions, run, artifacts, eventarc, and with `composer` also composer and aiplatform. They are available after the agents exist."
  value       = local.service_agents

  depends_on = [
    google_project_service_identity.agents,
    data.google_storage_project_service_account.storage,
    data.google_bigquery_default_service_account.bigquery,
  ]
}

output "kms_key_id" {
  description = "ID of the encryption key, or null for Google-managed keys. It is available after the service agents may use the key."
  value       = local.kms_key_id
  depends_on  = [google_kms_crypto_key_iam_member.service_agents]
}
