-- How reliable are the other reports? One row per day with calls or failures: failures, warnings, missing metadata, and
-- the time from upload to rows.
WITH observations AS (
  SELECT
    r.call_date,
    'call' AS kind,
    r.segment_count = 0 AS is_without_speech,
    'dual_mono' IN UNNEST(r.warnings) AS is_dual_mono,
    'silent_channel' IN UNNEST(r.warnings) AS has_silent_channel,
    'truncated' IN UNNEST(r.warnings) AS is_truncated,
    ARRAY_LENGTH(r.warnings) > 0 AS has_warning,
    r.call_id IS NULL AS lacks_call_id,
    r.agent_id IS NULL AS lacks_agent,
    r.queue IS NULL AS lacks_queue,
    r.customer_id IS NULL AS lacks_customer,
    IFNULL(r.started_at_source IN ('upload', 'file'), r.started_at = r.uploaded_at) AS lacks_start,
    TIMESTAMP_DIFF(r.analyzed_at, r.uploaded_at, MILLISECOND) / 1000 AS lag_s,
    m.all_emotion_s AS emotion_s,
    m.all_uncertain_s AS uncertain_s
  FROM `${dataset}.recordings_current` AS r
  LEFT JOIN `${dataset}.speech_sums` AS m ON m.call_date = r.call_date AND m.analysis_id = r.analysis_id
  UNION ALL
  SELECT
    failed_date, 'failure', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
  FROM `${dataset}.failures_current`
)
SELECT
  call_date,
  COUNTIF(kind = 'call') AS calls,
  COUNTIF(kind = 'failure') AS failures,
  COUNTIF(kind = 'failure') / COUNT(*) AS failure_share,
  COUNTIF(is_without_speech) AS calls_without_speech,
  COUNTIF(is_dual_mono) AS calls_in_dual_mono,
  COUNTIF(has_silent_channel) AS calls_with_silent_channel,
  COUNTIF(is_truncated) AS calls_truncated,
  COUNTIF(has_warning) AS calls_with_warning,
  SUM(uncertain_s) / NULLIF(SUM(emotion_s), 0) AS uncertain_share,
  COUNTIF(lacks_call_id) AS calls_without_call_id,
  COUNTIF(lacks_agent) AS calls_without_agent,
  COUNTIF(lacks_queue) AS calls_without_queue,
  COUNTIF(lacks_customer) AS calls_without_customer,
  COUNTIF(lacks_start) AS calls_without_start,
  APPROX_QUANTILES(lag_s, 100)[OFFSET(50)] AS median_lag_s,
  APPROX_QUANTILES(lag_s, 100)[OFFSET(95)] AS p95_lag_s,
  MAX(lag_s) AS longest_lag_s
FROM observations
GROUP BY call_date
