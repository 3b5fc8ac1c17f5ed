output "metrics" {
  description = "Names of the metrics that `monitor` writes."
  value       = [google_monitoring_metric_descriptor.accuracy.type, google_monitoring_metric_descriptor.threshold_ratio.type]
}
