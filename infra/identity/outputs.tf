output "emails" {
  description = "E-mail addresses of the service accounts, by name, once they may do their work."
  value       = { for name, account in google_service_account.accounts : name => account.email }

  depends_on = [
    google_bigquery_table_iam_member.appends,
    google_bigquery_table_iam_member.erases,
    google_bigquery_table_iam_member.eraser_reads,
    google_bigquery_table_iam_member.monitor_asks,
    google_project_iam_member.builder_logs,
    google_project_iam_member.builder_reads_sources,
    google_project_iam_member.eraser_runs_queries,
    google_project_iam_member.monitor,
    google_secret_manager_secret_iam_member.alert_reads,
    google_service_account_iam_member.pubsub_signs,
    google_storage_bucket_iam_member.analyze_reads,
  ]
}
