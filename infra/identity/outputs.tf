output "readers" {
  description = "Email addresses of the service accounts that read the rows of all queues, by name. They are available after the accounts exist."
  value       = { for name, account in google_service_account.accounts : name => account.email if contains(["eraser", "monitor"], name) }
}

output "emails" {
  description = "Email addresses of the service accounts, by name. They are available after the accounts have their permissions."
  value       = { for name, account in google_service_account.accounts : name => account.email }

  depends_on = [
    google_bigquery_table_iam_member.appends,
    google_bigquery_table_iam_member.erases,
    google_bigquery_table_iam_member.eraser_erasures,
    google_project_iam_member.builder_logs,
    google_project_iam_member.builder_sources,
    google_project_iam_member.eraser_jobs,
    google_project_iam_member.monitor,
    google_secret_manager_secret_iam_member.alert_secrets,
    google_service_account_iam_member.pubsub_tokens,
    google_storage_bucket_iam_member.analyze_recordings,
  ]
}
