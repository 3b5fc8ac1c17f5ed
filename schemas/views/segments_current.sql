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
  )
FROM `${dataset}.analysis_segments` AS s
JOIN `${dataset}.recordings_current` AS r
  ON r.call_date = s.call_date AND r.analysis_id = s.analysis_id
