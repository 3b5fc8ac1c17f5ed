output "dashboard_id" {
  description = "ID of the dashboard."
  value       = google_monitoring_dashboard.overview.id
}

output "metrics" {
  description = "Names of the log-based metrics."
  value       = sort(concat([for metric in google_logging_metric.counts : metric.name], [for metric in google_logging_metric.sums : metric.name], [google_logging_metric.failed.name]))
}

output "channels" {
  description = "IDs of the notification channels."
  value       = local.channels
}
