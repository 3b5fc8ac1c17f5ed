-- Who spoke when, after how long a silence, and cutting in on whom? Every segment that counts, one row each.
-- To interrupt is to begin a stretch of a second or more when the other party has spoken for half a second and goes on
-- for as long. A segment that begins where the same party's last one ended only continues it.
WITH latest AS (
  SELECT
    *,
    LAST_VALUE(IF(role = 'agent', start_s, NULL) IGNORE NULLS) OVER before AS agent_start_s,
    LAST_VALUE(IF(role = 'agent', end_s, NULL) IGNORE NULLS) OVER before AS agent_end_s,
    LAST_VALUE(IF(role = 'customer', start_s, NULL) IGNORE NULLS) OVER before AS customer_start_s,
    LAST_VALUE(IF(role = 'customer', end_s, NULL) IGNORE NULLS) OVER before AS customer_end_s,
    LAST_VALUE(IF(role = 'mixed', end_s, NULL) IGNORE NULLS) OVER before AS mixed_end_s
  FROM `${dataset}.segments_current`
  WINDOW before AS (
    PARTITION BY call_date, analysis_id ORDER BY start_s, channel
    ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
  )
)
SELECT
  * EXCEPT (agent_start_s, agent_end_s, customer_start_s, customer_end_s, mixed_end_s),
  start_s - NULLIF(
    GREATEST(IFNULL(agent_end_s, 0), IFNULL(customer_end_s, 0), IFNULL(mixed_end_s, 0)), 0
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
FROM latest
