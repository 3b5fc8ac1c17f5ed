-- In which queues are calls negative? One row per queue and day.
-- With fewer than ${min_calls_per_group} calls of a single agent, only the numbers of calls and agents are shown.
WITH
queue_days AS (
  SELECT
    call_date,
    queue,
    COUNT(*) AS calls,
    COUNT(DISTINCT agent_id) AS agents,
    COUNT(DISTINCT agent_id) = 1 AND COUNT(*) < ${min_calls_per_group} AS is_suppressed,
    STRUCT(
      SUM(duration_s) AS duration_s,
      SUM(silence_s) AS silence_s,
      SUM(agent_talk_ratio * (agent_talk_s + customer_talk_s))
        / NULLIF(SUM(agent_talk_s + customer_talk_s), 0) AS agent_talk_ratio,
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
      COUNTIF(escalated) AS escalated_calls,
      COUNTIF(recovered) AS recovered_calls,
      COUNTIF(needs_attention) AS attention_calls
    ) AS measures
  FROM `${dataset}.calls`
  WHERE queue IS NOT NULL
  GROUP BY call_date, queue
),
-- All fields of a NULL struct are NULL.
masked AS (
  SELECT call_date, queue, calls, agents, is_suppressed, IF(is_suppressed, NULL, measures) AS measures
  FROM queue_days
)
SELECT
  call_date,
  queue,
  calls,
  agents,
  is_suppressed,
  measures.duration_s,
  measures.silence_s,
  measures.agent_talk_ratio,
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
  measures.escalated_calls,
  measures.recovered_calls,
  measures.attention_calls
FROM masked
