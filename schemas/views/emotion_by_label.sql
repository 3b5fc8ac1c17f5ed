-- How do customers sound by product, campaign, or any other label? One row per day, label, and value.
-- With fewer than ${min_calls_per_group} calls of a single agent, only the numbers of calls and agents are shown.
WITH
-- DuckDB passes a filter on the day to a join with UNNEST of one relation only.
call_labels AS (
  SELECT call_date, analysis_id, call_label.key AS label, call_label.value
  FROM `${dataset}.recordings_current`
  CROSS JOIN UNNEST(labels) AS call_label
),
labeled_calls AS (
  SELECT c.*, l.label, l.value
  FROM `${dataset}.calls` AS c
  JOIN call_labels AS l ON l.call_date = c.call_date AND l.analysis_id = c.analysis_id
),
label_days AS (
  SELECT
    call_date,
    label,
    value,
    COUNT(*) AS calls,
    COUNT(DISTINCT agent_id) AS agents,
    COUNT(DISTINCT agent_id) = 1 AND COUNT(*) < ${min_calls_per_group} AS is_suppressed,
    STRUCT(
      ${group_sums}
    ) AS measures
  FROM labeled_calls
  GROUP BY call_date, label, value
),
-- All fields of a NULL struct are NULL.
masked AS (
  SELECT call_date, label, value, calls, agents, is_suppressed, IF(is_suppressed, NULL, measures) AS measures
  FROM label_days
),
${half_widths}
SELECT
  call_date,
  label,
  value,
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
  measures.recovered_calls
FROM half_widths
