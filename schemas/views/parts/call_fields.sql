-- Details that were loaded later fill fields of the call.
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
