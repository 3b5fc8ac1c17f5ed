# Log-based metrics, a dashboard, alerts, notification channels, and a budget.

locals {
  service_names = [for service in values(var.services) : service.name]
  filters       = { for name, service in var.services : name => "resource.type = \"cloud_run_revision\" AND resource.labels.service_name = \"${service.name}\"" }
  subscription  = var.delivery.subscriptions["analyze"]

  # Metrics of the log entries of callmood/cloud_functions/handlers.py.
  counts = {
    analyzed = { description = "Recordings analyzed.", filter = "${local.filters.analyze} AND jsonPayload.analysis_id : *" }
    erased   = { description = "Recordings erased after their audio was deleted.", filter = "${local.filters.erase} AND jsonPayload.erasure : *" }
  }
  sums = {
    audio_seconds      = { description = "Duration of analyzed recordings in seconds.", field = "duration_s" }
    processing_seconds = { description = "Processing time of analyzed recordings in seconds.", field = "processing_s" }
    segments           = { description = "Speech segments in analyzed recordings.", field = "segment_count" }
  }

  # Metric names in PromQL.
  promql   = { for name in concat(keys(local.counts), keys(local.sums), ["failed"]) : name => "logging_googleapis_com:user_${replace(var.deployment.name, "-", "_")}_${name}" }
  requests = "run_googleapis_com:request_count"
  # A check on some days only cannot be missed every day.
  monitor_is_daily = var.monitor && can(regex("^\\S+ \\S+ \\* \\* \\*$", var.delivery.monitor_schedule))
  runbook          = "Runbook: docs/million-calls.md#"
  channels         = [for channel in google_monitoring_notification_channel.email : channel.id]
}

resource "google_logging_metric" "counts" {
  for_each = local.counts

  project     = var.deployment.project_id
  name        = "${var.deployment.name}/${each.key}"
  description = each.value.description
  filter      = each.value.filter

  metric_descriptor {
    metric_kind = "DELTA"
    value_type  = "INT64"
  }
}

resource "google_logging_metric" "failed" {
  project     = var.deployment.project_id
  name        = "${var.deployment.name}/failed"
  description = "Recordings that failed permanently, by code (docs/failures.md)."
  filter      = "resource.type = \"cloud_run_revision\" AND resource.labels.service_name = (${join(" OR ", [for name in local.service_names : "\"${name}\""])}) AND jsonPayload.failure : *"

  label_extractors = {
    code = "EXTRACT(jsonPayload.failure)"
  }

  metric_descriptor {
    metric_kind = "DELTA"
    value_type  = "INT64"
    labels {
      key         = "code"
      description = "Failure code: not_audio, damaged, undeliverable, …"
    }
  }
}

resource "google_logging_metric" "sums" {
  for_each = local.sums

  project         = var.deployment.project_id
  name            = "${var.deployment.name}/${each.key}"
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
  project = var.deployment.project_id
  dashboard_json = templatefile("${path.module}/dashboard.json.tftpl", {
    name         = var.deployment.name
    topic        = var.recordings_topic
    analyze      = var.services["analyze"].name
    subscription = local.subscription
    dead_letters = var.delivery.retained_dead_letters
    promql       = local.promql
    usd_per_s    = var.usd_per_instance_second
  })
}

check "alerts_reach_a_person" {
  assert {
    condition     = length(var.emails) > 0
    error_message = "alert_emails is empty: nobody is notified of undeliverable recordings, failed erasures, or drift."
  }
}

resource "google_monitoring_notification_channel" "email" {
  for_each = toset(var.emails)

  project      = var.deployment.project_id
  type         = "email"
  display_name = "callmood: ${each.key}"
  labels       = { email_address = each.key }
}

resource "google_monitoring_alert_policy" "dead_letters" {
  project               = var.deployment.project_id
  display_name          = "${var.deployment.name}: events are undeliverable"
  combiner              = "OR"
  severity              = "ERROR"
  notification_channels = local.channels

  conditions {
    display_name = "An event went to a dead letter topic"
    condition_threshold {
      filter          = "resource.type = \"pubsub_subscription\" AND resource.labels.subscription_id = monitoring.regex.full_match(\"${join("|", var.delivery.dead_letter_subscriptions)}\") AND metric.type = \"pubsub.googleapis.com/subscription/dead_letter_message_count\""
      comparison      = "COMPARISON_GT"
      threshold_value = 0
      duration        = "0s"
      aggregations {
        alignment_period     = "300s"
        per_series_aligner   = "ALIGN_SUM"
        cross_series_reducer = "REDUCE_SUM"
        group_by_fields      = ["resource.labels.subscription_id"]
      }
    }
  }

  documentation {
    subject = "${var.deployment.name}: events are undeliverable"
    content = "All delivery attempts of at least one event of the subscription $${resource.label.subscription_id} failed. The table `failures` lists the recordings. The log of the function with the name of the subscription contains the reason, by recording_id. Fix the cause, then run `callmood retry-failures`. Undelivered alerts are in the subscription of the dead letters of `alert`. ${local.runbook}events-are-undeliverable"
  }
}

# Google sends the mail about a failed scheduled query to the owner of the query, which is a service account.
resource "google_monitoring_alert_policy" "queries" {
  for_each = { for name, query in {
    erase          = { name = "the nightly erasure failed", content = "Views hide erased calls, but their rows are still in the tables. The run history of the scheduled query in BigQuery contains the reason. Fix it, then run the query again." }
    store_metrics  = { name = "the metrics of calls are not stored", content = "Reports lack the calls that were analyzed since the last run. The run history of the scheduled query in BigQuery contains the reason. Fix it, then run the query again: it stores all metrics that are missing." }
    store_outcomes = { name = "the outcomes of calls are not stored", content = "The view emotion_by_outcome has the outcomes of the last successful run. The run history of the scheduled query in BigQuery contains the reason. Fix it, then run the query again: it stores all outcomes." }
  } : name => query if contains(keys(var.queries), name) }

  project               = var.deployment.project_id
  display_name          = "${var.deployment.name}: ${each.value.name}"
  combiner              = "OR"
  severity              = "ERROR"
  notification_channels = local.channels

  conditions {
    display_name = "The scheduled query ${each.key} failed"
    condition_matched_log {
      filter = "resource.type = \"bigquery_dts_config\" AND resource.labels.config_id = \"${element(split("/", var.queries[each.key]), -1)}\" AND severity >= ERROR"
    }
  }

  alert_strategy {
    notification_rate_limit {
      period = "3600s"
    }
  }

  documentation {
    subject = "${var.deployment.name}: ${each.value.name}"
    content = "${each.value.content} ${local.runbook}${replace(each.value.name, " ", "-")}"
  }
}

resource "google_monitoring_alert_policy" "monitor" {
  count = var.monitor ? 1 : 0

  project               = var.deployment.project_id
  display_name          = "${var.deployment.name}: the daily drift check failed"
  combiner              = "OR"
  severity              = "WARNING"
  notification_channels = local.channels

  conditions {
    display_name = "Cloud Scheduler could not run the daily drift check"
    condition_matched_log {
      filter = "resource.type = \"cloud_scheduler_job\" AND resource.labels.job_id = \"${var.delivery.monitor_job}\" AND severity >= ERROR"
    }
  }

  alert_strategy {
    notification_rate_limit {
      period = "3600s"
    }
  }

  documentation {
    subject = "${var.deployment.name}: the daily drift check failed"
    content = "The calls of a day were not compared with the reference of the model. The log of `${try(var.services["monitor"].name, "monitor")}` contains the reason. Fix it, then run the scheduler job again. ${local.runbook}the-daily-drift-check-failed"
  }
}

# The rule is silent until recordings were analyzed 26 hours ago, so a new deployment does not raise it. A metric absence
# condition never fires for a metric without any value, and covers 23.5 hours at most.
resource "google_monitoring_alert_policy" "monitor_missing" {
  count = local.monitor_is_daily ? 1 : 0

  project               = var.deployment.project_id
  display_name          = "${var.deployment.name}: the daily drift check does not start"
  combiner              = "OR"
  severity              = "WARNING"
  notification_channels = local.channels

  conditions {
    display_name = "The function monitor got no request for 26 hours"
    condition_prometheus_query_language {
      query                     = "absent_over_time(${local.requests}{monitored_resource=\"cloud_run_revision\",service_name=\"${var.services["monitor"].name}\"}[26h]) and on() count(count_over_time(${local.requests}{monitored_resource=\"cloud_run_revision\",service_name=\"${var.services["analyze"].name}\"}[7d] offset 26h))"
      duration                  = "0s"
      evaluation_interval       = "3600s"
      disable_metric_validation = true
    }
  }

  documentation {
    subject = "${var.deployment.name}: the daily drift check does not start"
    content = "Nobody compares calls with the reference of the model, and no alert about drift can follow. Check that the job `${coalesce(var.delivery.monitor_job, "monitor")}` of Cloud Scheduler is enabled. ${local.runbook}the-daily-drift-check-does-not-start"
  }
}

resource "google_monitoring_alert_policy" "lag" {
  project               = var.deployment.project_id
  display_name          = "${var.deployment.name}: the oldest recording waits too long"
  combiner              = "OR"
  severity              = "WARNING"
  notification_channels = local.channels

  conditions {
    display_name = "The oldest unprocessed event is more than ${var.thresholds.oldest_event_s} s old"
    condition_threshold {
      filter          = "resource.type = \"pubsub_subscription\" AND resource.labels.subscription_id = \"${local.subscription}\" AND metric.type = \"pubsub.googleapis.com/subscription/oldest_unacked_message_age\""
      comparison      = "COMPARISON_GT"
      threshold_value = var.thresholds.oldest_event_s
      duration        = "300s"
      aggregations {
        alignment_period   = "60s"
        per_series_aligner = "ALIGN_MAX"
      }
    }
  }

  documentation {
    subject = "${var.deployment.name}: the oldest recording waits too long"
    content = "Either recordings arrive faster than they are analyzed (increase analyze.max_instances; docs/scale.md), or the analysis fails and Pub/Sub retries it (see the log of `${var.services["analyze"].name}`). ${local.runbook}the-oldest-recording-waits-too-long"
  }
}

resource "google_monitoring_alert_policy" "errors" {
  project               = var.deployment.project_id
  display_name          = "${var.deployment.name}: the error rate is high"
  combiner              = "OR"
  severity              = "WARNING"
  notification_channels = local.channels

  conditions {
    display_name = "More than ${var.thresholds.error_ratio * 100}% of the responses of a function are errors"
    condition_threshold {
      filter             = "resource.type = \"cloud_run_revision\" AND resource.labels.service_name = monitoring.regex.full_match(\"${join("|", local.service_names)}\") AND metric.type = \"run.googleapis.com/request_count\" AND metric.labels.response_code_class = \"5xx\""
      denominator_filter = "resource.type = \"cloud_run_revision\" AND resource.labels.service_name = monitoring.regex.full_match(\"${join("|", local.service_names)}\") AND metric.type = \"run.googleapis.com/request_count\""
      comparison         = "COMPARISON_GT"
      threshold_value    = var.thresholds.error_ratio
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
    subject = "${var.deployment.name}: the error rate is high"
    content = "Pub/Sub retries an event before it goes to the dead letter topic. The log of the function has a traceback for each failed attempt. ${local.runbook}the-error-rate-is-high"
  }
}

resource "google_monitoring_alert_policy" "latency" {
  project               = var.deployment.project_id
  display_name          = "${var.deployment.name}: analysis is slow"
  combiner              = "OR"
  severity              = "WARNING"
  notification_channels = local.channels

  conditions {
    display_name = "The 95th percentile of the analysis time is more than ${var.thresholds.latency_s} s"
    condition_threshold {
      filter          = "${local.filters.analyze} AND metric.type = \"run.googleapis.com/request_latencies\""
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
    subject = "${var.deployment.name}: analysis is slow"
    content = "Pub/Sub redelivers an event after 600 s, even if the function is still running. Increase analyze.cpu, or split very long recordings. ${local.runbook}analysis-is-slow"
  }
}

# Every instance that follows the model registry logs the fault once, so the alert limits the rate of notifications.
resource "google_monitoring_alert_policy" "model" {
  project               = var.deployment.project_id
  display_name          = "${var.deployment.name}: a model is unusable"
  combiner              = "OR"
  severity              = "ERROR"
  notification_channels = local.channels

  conditions {
    display_name = "A model failed to load, or failed its self-test"
    condition_matched_log {
      filter           = "resource.type = \"cloud_run_revision\" AND resource.labels.service_name =~ \"^${var.deployment.name}-\" AND severity = ERROR AND jsonPayload.model_fault : *"
      label_extractors = { version = "EXTRACT(jsonPayload.model_fault)", used = "EXTRACT(jsonPayload.model_version)" }
    }
  }

  alert_strategy {
    notification_rate_limit {
      period = "3600s"
    }
  }

  documentation {
    subject = "${var.deployment.name}: a model is unusable"
    content = "The functions use the last usable version. The log contains the reason. To remove the unusable version from service, run `python -m model rollback` (docs/registry.md). ${local.runbook}a-model-is-unusable"
  }
}

resource "google_monitoring_alert_policy" "no_recordings" {
  count = var.thresholds.no_recordings_hours == null ? 0 : 1

  project               = var.deployment.project_id
  display_name          = "${var.deployment.name}: no recordings arrive"
  combiner              = "OR"
  severity              = "WARNING"
  notification_channels = local.channels

  conditions {
    display_name = "No event for ${var.thresholds.no_recordings_hours} hours"
    condition_absent {
      filter   = "resource.type = \"pubsub_topic\" AND resource.labels.topic_id = \"${var.recordings_topic}\" AND metric.type = \"pubsub.googleapis.com/topic/send_message_operation_count\""
      duration = "${var.thresholds.no_recordings_hours * 60 * 60}s"
      aggregations {
        alignment_period   = "300s"
        per_series_aligner = "ALIGN_SUM"
      }
    }
  }

  documentation {
    subject = "${var.deployment.name}: no recordings arrive"
    content = "Check whether the recorder still uploads. `callmood doctor` checks the path from the bucket to the functions. ${local.runbook}no-recordings-arrive"
  }
}

resource "google_billing_budget" "project" {
  count = var.budget == null ? 0 : 1

  billing_account = var.budget.billing_account
  display_name    = "callmood in ${var.deployment.project_id}"

  budget_filter {
    projects = ["projects/${var.deployment.project_number}"]
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
