-- Which segments count? Those of the analyses in recordings_current, once each, also if an event was repeated.
SELECT
  -- Details that were loaded later fill fields of the call.
  s.* REPLACE (
    r.queue AS queue,
    r.agent_id AS agent_id,
    IF(
      r.started_at_source = 'details',
      TIMESTAMP_ADD(r.started_at, INTERVAL CAST(ROUND(1000 * s.start_s) AS INT64) MILLISECOND),
      s.started_at
    ) AS started_at,
    IF(
      r.started_at_source = 'details',
      TIMESTAMP_ADD(r.started_at, INTERVAL CAST(ROUND(1000 * s.end_s) AS INT64) MILLISECOND),
      s.ended_at
    ) AS ended_at
  ),
  s.role = 'customer' OR (s.role IN ('mixed', 'unknown') AND r.customer_talk_s IS NULL) AS is_customer,
  s.end_s - s.start_s AS duration_s,
  s.p_anger + s.p_disgust + s.p_fear + s.p_sadness AS negativity,
  r.uri,
  r.duration_s AS recording_s
FROM (
  SELECT *
  FROM `${dataset}.segments`
  WHERE TRUE
  QUALIFY ROW_NUMBER() OVER (PARTITION BY call_date, segment_id ORDER BY analyzed_at DESC) = 1
) AS s
JOIN `${dataset}.recordings_current` AS r
  ON r.call_date = s.call_date AND r.analysis_id = s.analysis_id
