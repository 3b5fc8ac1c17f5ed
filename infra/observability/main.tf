# What an operator sees, and is told: metrics from the functions' logs, one dashboard, alerts, a budget.

locals {
  service = { for name, service in var.functions : name => "resource.type = \"cloud_run_revision\" AND resource.labels.service_name = \"${service}\"" }

  # Counted or measured from the log lines of callmood/cloud_functions/handlers.py.
  counts = {
    analyzed = { description = "Recordings analyzed.", filter = "${local.service.analyze} AND jsonPayload.analysis_id : *" }
    erased   = { description = "Recordings erased after their audio was deleted.", filter = "${local.service.erase} AND jsonPayload.erasure : *" }
  }
  sums = {
    audio_seconds      = { description = "Seconds of audio in analyzed recordings.", field = "duration_s" }
    processing_seconds = { description = "Seconds that their analysis took.", field = "processing_s" }
    segments           = { description = "Spoken segments in analyzed recordings.", field = "segment_count" }
  }

  # The same names as PromQL writes them.
  promql   = { for name in concat(keys(local.counts), keys(local.sums), ["failed"]) : name => "logging_googleapis_com:user_${replace(var.name, "-", "_")}_${name}" }
  channels = [for channel in google_monitoring_notification_channel.email : channel.id]
}

resource "google_logging_metric" "counts" {
  for_each = local.counts

  project     = var.project_id
  name        = "${var.name}/${each.key}"
  description = each.value.description
  filter      = each.value.filter

  metric_descriptor {
    metric_kind = "DELTA"
    value_type  = "INT64"
  }
}

resource "google_logging_metric" "failed" {
  project     = var.project_id
  name        = "${var.name}/failed"
  description = "Recordings that failed for good, by code (docs/failures.md)."
  filter      = "resource.type = \"cloud_run_revision\" AND resource.labels.service_name = (${join(" OR ", [for service in values(var.functions) : "\"${service}\""])}) AND jsonPayload.failure : *"

  label_extractors = {
    code = "EXTRACT(jsonPayload.failure)"
  }

  metric_descriptor {
    metric_kind = "DELTA"
    value_type  = "INT64"
    labels {
      key         = "code"
      description = "Why: not_audio, damaged, undeliverable, …"
    }
  }
}

resource "google_logging_metric" "sums" {
  for_each = local.sums

  project         = var.project_id
  name            = "${var.name}/${each.key}"
  description     = each.value.description
  filter          = local.counts.analyzed.filter
  value_extractor = "EXTRACT(jsonPayload.${each.value.field})"

  metric_descriptor {
    metric_kind = "DELTA"
    value_type  = "DISTRIBUTION"
    unit        = each.key == "segments" ? "1" : "s"
  }

  bucket_options {
    exponential_buckets {
      scale              = 0.1
      growth_factor      = 2
      num_finite_buckets = 20
    }
  }
}

resource "google_monitoring_dashboard" "overview" {
  project = var.project_id
  dashboard_json = templatefile("${path.module}/dashboard.json.tftpl", {
    name         = var.name
    topic        = var.topic
    analyze      = var.functions["analyze"]
    subscription = var.subscriptions["analyze"]
    dead_letters = var.dead_letters
    promql       = local.promql
    usd_per_s    = var.usd_per_instance_second
  })
}

resource "google_monitoring_notification_channel" "email" {
  for_each = toset(var.emails)

  project      = var.project_id
  type         = "email"
  display_name = "callmood: ${each.key}"
  labels       = { email_address = each.key }
}

resource "google_monitoring_alert_policy" "dead_letters" {
  project               = var.project_id
  display_name          = "${var.name}: recordings were given up"
  combiner              = "OR"
  severity              = "ERROR"
  notification_channels = local.channels

  conditions {
    display_name = "A dead letter arrived"
    condition_threshold {
      filter          = "resource.type = \"pubsub_subscription\" AND resource.labels.subscription_id = \"${var.subscriptions["analyze"]}\" AND metric.type = \"pubsub.googleapis.com/subscription/dead_letter_message_count\""
      comparison      = "COMPARISON_GT"
      threshold_value = 0
      duration        = "0s"
      aggregations {
        alignment_period   = "300s"
        per_series_aligner = "ALIGN_SUM"
      }
    }
  }

  documentation {
    subject = "${var.name}: recordings were given up"
    content = "Every delivery of at least one recording failed. The table `failures` lists them; the log of `${var.functions["analyze"]}` says why, by recording_id. Mend the cause, then `callmood retry-failures`."
  }
}

resource "google_monitoring_alert_policy" "lag" {
  project               = var.project_id
  display_name          = "${var.name}: recordings wait too long"
  combiner              = "OR"
  severity              = "WARNING"
  notification_channels = local.channels

  conditions {
    display_name = "The oldest waiting recording came more than ${var.thresholds.oldest_waiting_s} s ago"
    condition_threshold {
      filter          = "resource.type = \"pubsub_subscription\" AND resource.labels.subscription_id = \"${var.subscriptions["analyze"]}\" AND metric.type = \"pubsub.googleapis.com/subscription/oldest_unacked_message_age\""
      comparison      = "COMPARISON_GT"
      threshold_value = var.thresholds.oldest_waiting_s
      duration        = "300s"
      aggregations {
        alignment_period   = "60s"
        per_series_aligner = "ALIGN_MAX"
      }
    }
  }

  documentation {
    subject = "${var.name}: recordings wait too long"
    content = "Either more recordings arrive than are analyzed (raise analyze.max_instances; docs/scale.md), or analysis fails and is retried (see the log of `${var.functions["analyze"]}`)."
  }
}

resource "google_monitoring_alert_policy" "errors" {
  project               = var.project_id
  display_name          = "${var.name}: many attempts fail"
  combiner              = "OR"
  severity              = "WARNING"
  notification_channels = local.channels

  conditions {
    display_name = "More than ${var.thresholds.error_share * 100} % of a function's answers are errors"
    condition_threshold {
      filter             = "resource.type = \"cloud_run_revision\" AND resource.labels.service_name = monitoring.regex.full_match(\"${join("|", values(var.functions))}\") AND metric.type = \"run.googleapis.com/request_count\" AND metric.labels.response_code_class = \"5xx\""
      denominator_filter = "resource.type = \"cloud_run_revision\" AND resource.labels.service_name = monitoring.regex.full_match(\"${join("|", values(var.functions))}\") AND metric.type = \"run.googleapis.com/request_count\""
      comparison         = "COMPARISON_GT"
      threshold_value    = var.thresholds.error_share
      duration           = "600s"
      aggregations {
        alignment_period     = "300s"
        per_series_aligner   = "ALIGN_SUM"
        cross_series_reducer = "REDUCE_SUM"
        group_by_fields      = ["resource.labels.service_name"]
      }
      denominator_aggregations {
        alignment_period     = "300s"
        per_series_aligner   = "ALIGN_SUM"
        cross_series_reducer = "REDUCE_SUM"
        group_by_fields      = ["resource.labels.service_name"]
      }
    }
  }

  documentation {
    subject = "${var.name}: many attempts fail"
    content = "Events are retried five times before they are given up. The function's log has a traceback for each failed attempt."
  }
}

resource "google_monitoring_alert_policy" "latency" {
  project               = var.project_id
  display_name          = "${var.name}: analysis is slow"
  combiner              = "OR"
  severity              = "WARNING"
  notification_channels = local.channels

  conditions {
    display_name = "One analysis in twenty takes more than ${var.thresholds.latency_s} s"
    condition_threshold {
      filter          = "${local.service.analyze} AND metric.type = \"run.googleapis.com/request_latencies\""
      comparison      = "COMPARISON_GT"
      threshold_value = var.thresholds.latency_s * 1000
      duration        = "600s"
      aggregations {
        alignment_period     = "300s"
        per_series_aligner   = "ALIGN_PERCENTILE_95"
        cross_series_reducer = "REDUCE_MAX"
      }
    }
  }

  documentation {
    subject = "${var.name}: analysis is slow"
    content = "After 600 s Pub/Sub delivers again, whatever the function does. Raise analyze.cpu, or split very long recordings."
  }
}

# Said by whatever follows the model registry, once an instance; an e-mail an hour is enough.
resource "google_monitoring_alert_policy" "model" {
  project               = var.project_id
  display_name          = "${var.name}: a model cannot be used"
  combiner              = "OR"
  severity              = "ERROR"
  notification_channels = local.channels

  conditions {
    display_name = "A model did not load, or failed its self-test"
    condition_matched_log {
      filter           = "resource.type = \"cloud_run_revision\" AND resource.labels.service_name =~ \"^${var.name}-\" AND severity = ERROR AND jsonPayload.model_fault : *"
      label_extractors = { version = "EXTRACT(jsonPayload.model_fault)", used = "EXTRACT(jsonPayload.model_version)" }
    }
  }

  alert_strategy {
    notification_rate_limit {
      period = "3600s"
    }
  }

  documentation {
    subject = "${var.name}: a model cannot be used"
    content = "Calls are analyzed by the last version that works. The log says what is wrong with the other; `python -m model rollback` takes it out of service (docs/registry.md)."
  }
}

resource "google_monitoring_alert_policy" "silence" {
  count = var.thresholds.silence_hours == null ? 0 : 1

  project               = var.project_id
  display_name          = "${var.name}: no recordings arrive"
  combiner              = "OR"
  severity              = "WARNING"
  notification_channels = local.channels

  conditions {
    display_name = "No event for ${var.thresholds.silence_hours} hours"
    condition_absent {
      filter   = "resource.type = \"pubsub_topic\" AND resource.labels.topic_id = \"${var.topic}\" AND metric.type = \"pubsub.googleapis.com/topic/send_message_operation_count\""
      duration = "${var.thresholds.silence_hours * 60 * 60}s"
      aggregations {
        alignment_period   = "300s"
        per_series_aligner = "ALIGN_SUM"
      }
    }
  }

  documentation {
    subject = "${var.name}: no recordings arrive"
    content = "Is the recorder still uploading? `callmood doctor` checks the way from the bucket to the functions."
  }
}

resource "google_billing_budget" "project" {
  count = var.budget == null ? 0 : 1

  billing_account = var.budget.billing_account
  display_name    = "callmood in ${var.project_id}"

  budget_filter {
    projects = ["projects/${var.project_number}"]
  }

  amount {
    specified_amount {
      units = tostring(var.budget.monthly_amount)
    }
  }

  dynamic "threshold_rules" {
    for_each = [0.5, 0.9, 1.0]
    content {
      threshold_percent = threshold_rules.value
    }
  }

  threshold_rules {
    threshold_percent = 1.0
    spend_basis       = "FORECASTED_SPEND"
  }

  all_updates_rule {
    monitoring_notification_channels = slice(local.channels, 0, min(5, length(local.channels)))
  }
}
