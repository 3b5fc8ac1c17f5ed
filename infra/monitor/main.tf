# Every night `monitor` looks at the day before, and an alert says where calls have drifted.

resource "google_cloud_scheduler_job" "monitor" {
  project          = var.project_id
  region           = var.region
  name             = "${var.name}-monitor"
  description      = "Has the calls of the day before compared with what the model knows."
  schedule         = var.schedule
  time_zone        = var.time_zone
  attempt_deadline = "600s"

  http_target {
    http_method = "POST"
    uri         = var.url
    oidc_token {
      service_account_email = var.account
      audience              = var.url
    }
  }

  retry_config {
    retry_count          = 3
    min_backoff_duration = "60s"
  }
}

# An alert can only be made on a metric that is known.
resource "google_monitoring_metric_descriptor" "threshold_ratio" {
  project      = var.project_id
  type         = "custom.googleapis.com/${var.name}/threshold_ratio"
  display_name = "Drift of a day's calls"
  description  = "How far a metric of the day's calls is from the reference, over what counts as drift: above 1 is drift."
  metric_kind  = "GAUGE"
  value_type   = "DOUBLE"

  dynamic "labels" {
    for_each = { metric = "Metric that is compared.", model_version = "Version of the emotion model.", queue = "Queue of the calls; empty for all." }
    content {
      key         = labels.key
      value_type  = "STRING"
      description = labels.value
    }
  }
}

resource "google_monitoring_metric_descriptor" "accuracy" {
  project      = var.project_id
  type         = "custom.googleapis.com/${var.name}/accuracy"
  display_name = "Share of labeled segments that the model heard as people did"
  description  = "Of the segments that were drawn by chance and labeled so far."
  metric_kind  = "GAUGE"
  value_type   = "DOUBLE"

  dynamic "labels" {
    for_each = { model_version = "Version of the emotion model.", queue = "Empty: all calls." }
    content {
      key         = labels.key
      value_type  = "STRING"
      description = labels.value
    }
  }
}

resource "google_monitoring_alert_policy" "drift" {
  project               = var.project_id
  display_name          = "${var.name}: calls have drifted"
  combiner              = "OR"
  severity              = "WARNING"
  notification_channels = var.channels

  conditions {
    display_name = "A metric of the day's calls is further from the reference than chance explains"
    condition_threshold {
      filter          = "resource.type = \"global\" AND metric.type = \"${google_monitoring_metric_descriptor.threshold_ratio.type}\""
      comparison      = "COMPARISON_GT"
      threshold_value = 1
      duration        = "0s"
      aggregations {
        alignment_period     = "3600s"
        per_series_aligner   = "ALIGN_MAX"
        cross_series_reducer = "REDUCE_MAX"
        group_by_fields      = ["metric.labels.model_version", "metric.labels.queue"]
      }
    }
  }

  documentation {
    subject = "${var.name}: calls have drifted"
    content = "The calls of a day no longer look like those the model knows. `SELECT * FROM drift_checks_current WHERE is_drift` says which metric and which queue; docs/monitoring.md, what to do."
  }
}
