-- Who cut in on whom, and when? One row an interruption, of calls in which both parties have a channel of their own.
-- To interrupt is to begin a stretch of a second or more when the other party has spoken for half a second and goes on
-- for as long. A segment that begins where the same party's last one ended only continues it.
WITH speech AS (
  SELECT
    *,
    LAST_VALUE(IF(role = 'agent', start_s, NULL) IGNORE NULLS) OVER before AS agent_start_s,
    LAST_VALUE(IF(role = 'agent', end_s, NULL) IGNORE NULLS) OVER before AS agent_end_s,
    LAST_VALUE(IF(role = 'customer', start_s, NULL) IGNORE NULLS) OVER before AS customer_start_s,
    LAST_VALUE(IF(role = 'customer', end_s, NULL) IGNORE NULLS) OVER before AS customer_end_s
  FROM `${dataset}.segments_current`
  WINDOW before AS (
    PARTITION BY call_date, analysis_id ORDER BY start_s, channel
    ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
  )
)
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
FROM speech
WHERE duration_s >= 1 AND CASE role
  WHEN 'agent' THEN
    start_s > IFNULL(agent_end_s, -1) + 0.1 AND start_s BETWEEN customer_start_s + 0.5 AND customer_end_s - 0.5
  WHEN 'customer' THEN
    start_s > IFNULL(customer_end_s, -1) + 0.1 AND start_s BETWEEN agent_start_s + 0.5 AND agent_end_s - 0.5
END
