-- Who cut in on whom, and when? One row an interruption, of calls in which both parties have a channel of their own.
SELECT
  call_date,
  recording_id,
  analysis_id,
  segment_id,
  call_id,
  queue,
  agent_id,
  role AS interrupted_by,
  started_at,
  uri,
  start_s
FROM `${dataset}.turns`
WHERE is_interruption
