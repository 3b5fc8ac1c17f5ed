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
      COUNTIF(needs_attention) AS attention_calls,
      SUM(customer_emotion_s * customer_emotion_s) AS emotion_squares,
      SUM(customer_emotion_s * negative_s) AS products,
      SUM(negative_s * negative_s) AS negative_squares,
      COUNTIF(customer_emotion_s > 0) AS emotion_calls
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
-- Half the 95 % interval of negativity: the linearized variance of a ratio of sums, clustered by call (Cochran 1977,
-- section 6.4), times the t quantile (inverse of Wallace 1959).
half_widths AS (
  SELECT
    *,
    SQRT(
      GREATEST(
        measures.negative_squares - 2 * measures.negativity * measures.products
        + POW(measures.negativity, 2) * measures.emotion_squares,
        0
      ) * (df + 1) / df
    ) / NULLIF(measures.customer_emotion_s, 0)
    * SQRT(df * (EXP(POW(1.959964 * (8 * df + 3) / (8 * df + 1), 2) / df) - 1)) AS half_width
  FROM (SELECT *, NULLIF(GREATEST(measures.emotion_calls - 1, 0), 0) AS df FROM masked)
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
