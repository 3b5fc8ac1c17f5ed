-- What all segments of a call have in common is read from one row of recordings. Details that were loaded later fill
-- fields of the call.
r.recording_id AS recording_id,
r.call_id AS call_id,
r.model_version AS model_version,
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
