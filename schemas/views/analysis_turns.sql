-- Who spoke when, after how much silence, and who interrupted whom? One row per segment of each analysis, whether or not
-- it is the current one of its recording. A step of turns and of the metrics of calls.
-- An interruption is a segment of 1 second or more that starts while the other party speaks: at least 0.5 seconds after
-- the start of that party's segment, and at least 0.5 seconds before its end. A segment that starts where the previous
-- one of the same party ended continues it.
WITH previous_segments AS (
  SELECT
    *,
    LAST_VALUE(IF(role = 'agent', start_s, NULL) IGNORE NULLS) OVER preceding_segments AS agent_start_s,
    LAST_VALUE(IF(role = 'agent', end_s, NULL) IGNORE NULLS) OVER preceding_segments AS agent_end_s,
    LAST_VALUE(IF(role = 'customer', start_s, NULL) IGNORE NULLS) OVER preceding_segments AS customer_start_s,
    LAST_VALUE(IF(role = 'customer', end_s, NULL) IGNORE NULLS) OVER preceding_segments AS customer_end_s,
    LAST_VALUE(IF(role IN ('mixed', 'unknown'), end_s, NULL) IGNORE NULLS) OVER preceding_segments AS other_end_s
  FROM `${dataset}.analysis_segments`
  WINDOW preceding_segments AS (
    PARTITION BY call_date, analysis_id ORDER BY start_s, channel
    ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
  )
)
SELECT
  * EXCEPT (agent_start_s, agent_end_s, customer_start_s, customer_end_s, other_end_s),
  start_s - NULLIF(
    GREATEST(IFNULL(agent_end_s, 0), IFNULL(customer_end_s, 0), IFNULL(other_end_s, 0)), 0
  ) AS silence_before_s,
  duration_s >= 1 AND IFNULL(
    CASE role
      WHEN 'agent' THEN
        start_s > IFNULL(agent_end_s, -1) + 0.1 AND start_s BETWEEN customer_start_s + 0.5 AND customer_end_s - 0.5
      WHEN 'customer' THEN
        start_s > IFNULL(customer_end_s, -1) + 0.1 AND start_s BETWEEN agent_start_s + 0.5 AND agent_end_s - 0.5
    END,
    FALSE
  ) AS is_interruption
FROM previous_segments
