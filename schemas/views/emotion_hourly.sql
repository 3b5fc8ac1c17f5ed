-- At which hours do customers sound most negative? One row per day and hour of the start of calls. A heat map by
-- weekday and hour sums these rows.
-- With fewer than ${min_calls_per_group} calls of a single agent, only the numbers of calls and agents are shown.
WITH
hours AS (
  SELECT
    call_date,
    weekday,
    hour,
    COUNT(*) AS calls,
    COUNT(DISTINCT agent_id) AS agents,
    COUNT(DISTINCT agent_id) = 1 AND COUNT(*) < ${min_calls_per_group} AS is_suppressed,
    STRUCT(
      ${group_sums}
    ) AS measures
  FROM `${dataset}.calls`
  GROUP BY call_date, weekday, hour
),
-- All fields of a NULL struct are NULL.
masked AS (
  SELECT call_date, weekday, hour, calls, agents, is_suppressed, IF(is_suppressed, NULL, measures) AS measures
  FROM hours
),
${half_widths}
SELECT
  call_date,
  weekday,
  hour,
  calls,
  agents,
  is_suppressed,
  measures.customer_emotion_s,
  measures.negative_s,
  measures.negativity,
  IF(measures.negativity < half_width, 0, measures.negativity - half_width) AS negativity_low,
  IF(measures.negativity + half_width > 1, 1, measures.negativity + half_width) AS negativity_high,
  measures.anger_s,
  measures.disgust_s,
  measures.fear_s,
  measures.happiness_s,
  measures.neutral_s,
  measures.sadness_s,
  measures.uncertain_s,
  measures.anger_share,
  measures.negative_calls,
  measures.attention_calls
FROM half_widths
