-- In which queues do calls go wrong? One row a queue and day.
-- A row that rests on fewer than ${min_calls_per_group} calls of a single agent tells their number and no more.
WITH days AS (
  SELECT
    call_date,
    queue,
    COUNT(*) AS calls,
    COUNT(DISTINCT agent_id) AS agents,
    COUNT(DISTINCT agent_id) = 1 AND COUNT(*) < ${min_calls_per_group} AS is_suppressed,
    SUM(duration_s) AS duration_s,
    SUM(silence_s) AS silence_s,
    SUM(agent_talk_ratio * (agent_talk_s + customer_talk_s))
      / NULLIF(SUM(agent_talk_s + customer_talk_s), 0) AS agent_talk_ratio,
    SUM(customer_emotion_s) AS customer_emotion_s,
    SUM(negative_s) AS negative_s,
    SUM(anger_s) AS anger_s,
    SUM(disgust_s) AS disgust_s,
    SUM(fear_s) AS fear_s,
    SUM(happiness_s) AS happiness_s,
    SUM(neutral_s) AS neutral_s,
    SUM(sadness_s) AS sadness_s,
    SUM(uncertain_s) AS uncertain_s,
    COUNTIF(is_negative_call) AS negative_calls,
    COUNTIF(escalated) AS escalated_calls,
    COUNTIF(recovered) AS recovered_calls,
    COUNTIF(needs_attention) AS attention_calls
  FROM `${dataset}.calls`
  WHERE queue IS NOT NULL
  GROUP BY call_date, queue
)
SELECT
  call_date,
  queue,
  calls,
  agents,
  is_suppressed,
  IF(is_suppressed, NULL, duration_s) AS duration_s,
  IF(is_suppressed, NULL, silence_s) AS silence_s,
  IF(is_suppressed, NULL, agent_talk_ratio) AS agent_talk_ratio,
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
  IF(is_suppressed, NULL, escalated_calls) AS escalated_calls,
  IF(is_suppressed, NULL, recovered_calls) AS recovered_calls,
  IF(is_suppressed, NULL, attention_calls) AS attention_calls
FROM days
