-- How do customers sound about each product, in each campaign, under any label? One row a day, label and value.
-- A row that rests on fewer than ${min_calls_per_group} calls of a single agent tells their number and no more.
WITH labeled AS (
  SELECT
    c.call_date,
    label.key AS label,
    label.value,
    COUNT(*) AS calls,
    COUNT(DISTINCT c.agent_id) AS agents,
    COUNT(DISTINCT c.agent_id) = 1 AND COUNT(*) < ${min_calls_per_group} AS is_suppressed,
    SUM(c.customer_emotion_s) AS customer_emotion_s,
    SUM(c.negative_s) AS negative_s,
    SUM(c.anger_s) AS anger_s,
    SUM(c.disgust_s) AS disgust_s,
    SUM(c.fear_s) AS fear_s,
    SUM(c.happiness_s) AS happiness_s,
    SUM(c.neutral_s) AS neutral_s,
    SUM(c.sadness_s) AS sadness_s,
    SUM(c.uncertain_s) AS uncertain_s,
    COUNTIF(c.is_negative_call) AS negative_calls,
    COUNTIF(c.recovered) AS recovered_calls
  FROM `${dataset}.calls` AS c
  JOIN `${dataset}.recordings_current` AS r ON r.call_date = c.call_date AND r.analysis_id = c.analysis_id
  CROSS JOIN UNNEST(r.labels) AS label
  GROUP BY c.call_date, label.key, label.value
)
SELECT
  call_date,
  label,
  value,
  calls,
  agents,
  is_suppressed,
  IF(is_suppressed, NULL, customer_emotion_s) AS customer_emotion_s,
  IF(is_suppressed, NULL, negative_s) AS negative_s,
  IF(is_suppressed, NULL, SAFE_DIVIDE(negative_s, customer_emotion_s)) AS negativity,
  IF(is_suppressed, NULL, anger_s) AS anger_s,
  IF(is_suppressed, NULL, disgust_s) AS disgust_s,
  IF(is_suppressed, NULL, fear_s) AS fear_s,
  IF(is_suppressed, NULL, happiness_s) AS happiness_s,
  IF(is_suppressed, NULL, neutral_s) AS neutral_s,
  IF(is_suppressed, NULL, sadness_s) AS sadness_s,
  IF(is_suppressed, NULL, uncertain_s) AS uncertain_s,
  IF(is_suppressed, NULL, SAFE_DIVIDE(anger_s, customer_emotion_s)) AS anger_share,
  IF(is_suppressed, NULL, negative_calls) AS negative_calls,
  IF(is_suppressed, NULL, recovered_calls) AS recovered_calls
FROM labeled
