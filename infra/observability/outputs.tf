output "dashboard_id" {
  description = "Id of the dashboard."
  value       = google_monitoring_dashboard.overview.id
}

output "metrics" {
  description = "Names of the log-based metrics."
  value       = sort(concat([for metric in google_logging_metric.counts : metric.name], [for metric in google_logging_metric.sums : metric.name], [google_logging_metric.failed.name]))
}

output "channels" {
  description = "Ids of the notification channels of those who are told."
  value       = local.channels
}
