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
      ${group_sums}
    ) AS measures
  FROM `${dataset}.calls`
  WHERE queue IS NOT NULL
  GROUP BY call_date, queue
),
-- All fields of a NULL struct are NULL.
masked AS (
  SELECT call_date, queue, calls, agents, is_suppressed, IF(is_suppressed, NULL, measures) AS measures
  FROM queue_days
),
${half_widths}
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
  measures.escalated_calls,
  measures.recovered_calls,
  measures.attention_calls,
  measures.attention_calls / calls AS attention_share,
  -- Wilson (1927), at 95 %.
  (
    measures.attention_calls + 1.920729 - 1.959964
    * SQRT(measures.attention_calls * (calls - measures.attention_calls) / calls + 0.960365)
  ) / (calls + 3.841459) AS attention_share_low,
  (
    measures.attention_calls + 1.920729 + 1.959964
    * SQRT(measures.attention_calls * (calls - measures.attention_calls) / calls + 0.960365)
  ) / (calls + 3.841459) AS attention_share_high
FROM half_widths
