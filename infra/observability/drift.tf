# Metrics of the function monitor, and an alert for drift.

resource "google_monitoring_metric_descriptor" "threshold_ratio" {
  count = var.monitor ? 1 : 0

  project      = var.deployment.project_id
  type         = "custom.googleapis.com/${var.deployment.name}/threshold_ratio"
  display_name = "Daily drift, relative to the threshold"
  description  = "Drift statistic of the calls of a day divided by its threshold. A value above 1 is drift."
  metric_kind  = "GAUGE"
  value_type   = "DOUBLE"

  dynamic "labels" {
    for_each = { metric = "Metric that is compared.", model_version = "Version of the emotion model.", queue = "Queue of the calls, or empty for all calls." }
    content {
      key         = labels.key
      value_type  = "STRING"
      description = labels.value
    }
  }
}

resource "google_monitoring_metric_descriptor" "accuracy" {
  count = var.monitor ? 1 : 0

  project      = var.deployment.project_id
  type         = "custom.googleapis.com/${var.deployment.name}/accuracy"
  display_name = "Accuracy on annotated segments"
  description  = "Share of randomly sampled, annotated segments whose predicted emotion is correct."
  metric_kind  = "GAUGE"
  value_type   = "DOUBLE"

  dynamic "labels" {
    for_each = { model_version = "Version of the emotion model.", queue = "Always empty: all calls." }
    content {
      key         = labels.key
      value_type  = "STRING"
      description = labels.value
    }
  }
}

resource "google_monitoring_alert_policy" "drift" {
  count = var.monitor ? 1 : 0

  project               = var.deployment.project_id
  display_name          = "${var.deployment.name}: calls drift from the reference"
  combiner              = "OR"
  severity              = "WARNING"
  notification_channels = local.channels

  conditions {
    display_name = "A drift statistic of the calls of a day exceeds its threshold"
    # Cloud Monitoring accepts a PromQL condition before the metric exists. A threshold condition fails with 404 for some
    # minutes after the descriptor is created.
    condition_prometheus_query_language {
      query                     = "max by (model_version, queue) (max_over_time(custom_googleapis_com:${replace(var.deployment.name, "-", "_")}_threshold_ratio{monitored_resource=\"global\"}[1h])) > 1"
      duration                  = "0s"
      evaluation_interval       = "3600s"
      disable_metric_validation = true
    }
  }

  documentation {
    subject = "${var.deployment.name}: calls drift from the reference"
    content = "The calls of a day differ from the reference of the model. `SELECT * FROM drift_checks_current WHERE is_drift` returns the metrics and queues. docs/monitoring.md describes the next steps. ${local.runbook}calls-drift-from-the-reference"
  }
}
