-- When did one party interrupt the other? One row per interruption, in recordings with a channel for each party.
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
