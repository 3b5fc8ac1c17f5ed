-- How do customers sound by product, campaign, or any other label? One row per day, label, and value.
-- With fewer than ${min_calls_per_group} calls of a single agent, only the numbers of calls and agents are shown.
WITH
labeled_calls AS (
  SELECT c.*, call_label.key AS label, call_label.value
  FROM `${dataset}.calls` AS c
  JOIN `${dataset}.recordings_current` AS r ON r.call_date = c.call_date AND r.analysis_id = c.analysis_id
  CROSS JOIN UNNEST(r.labels) AS call_label
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
      SUM(customer_emotion_s) AS customer_emotion_s,
      SUM(negative_s) AS negative_s,
      SAFE_DIVIDE(SUM(negative_s), SUM(customer_emotion_s)) AS negativity,
      SUM(anger_s) AS anger_s,
      SUM(disgust_s) AS disgust_s,
      SUM(fear_s) AS fear_s,
      SUM(happiness_s) AS happiness_s,
      SUM(neutral_s) AS neutral_s,
      SUM(sadness_s) AS sadness_s,
      SUM(uncertain_s) AS uncertain_s,
      SAFE_DIVIDE(SUM(anger_s), SUM(customer_emotion_s)) AS anger_share,
      COUNTIF(is_negative_call) AS negative_calls,
      COUNTIF(recovered) AS recovered_calls
    ) AS measures
  FROM labeled_calls
  GROUP BY call_date, label, value
),
-- All fields of a NULL struct are NULL.
masked AS (
  SELECT call_date, label, value, calls, agents, is_suppressed, IF(is_suppressed, NULL, measures) AS measures
  FROM label_days
)
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
FROM masked
