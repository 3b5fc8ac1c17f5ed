-- Which agents took the most negative calls, and which of these calls recovered? One row per agent and day, about the
-- customers' emotion and about talk time. The agent's own emotion is NULL unless the deployer enabled its inference.
-- With fewer than ${min_calls_per_group} calls, only the number of calls is shown.
WITH
-- Consecutive negative calls have the same number of other calls before them.
runs AS (
  SELECT
    *,
    COUNT(IF(is_negative_call, NULL, 1)) OVER (
      PARTITION BY call_date, agent_id ORDER BY started_at, recording_id
      ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) AS run_id
  FROM `${dataset}.calls`
  WHERE agent_id IS NOT NULL
),
run_lengths AS (
  SELECT
    *,
    COUNT(IF(is_negative_call, 1, NULL)) OVER (PARTITION BY call_date, agent_id, run_id) AS negative_run
  FROM runs
),
agent_days AS (
  SELECT
    call_date,
    agent_id,
    COUNT(*) AS calls,
    COUNT(*) < ${min_calls_per_group} AS is_suppressed,
    STRUCT(
      SUM(duration_s) AS duration_s,
      SUM(agent_talk_s) AS agent_talk_s,
      SUM(customer_talk_s) AS customer_talk_s,
      -- Over calls with a channel for each party.
      SUM(agent_talk_ratio * (agent_talk_s + customer_talk_s))
        / NULLIF(SUM(agent_talk_s + customer_talk_s), 0) AS agent_talk_ratio,
      SUM(silence_s) AS silence_s,
      MAX(longest_silence_s) AS longest_silence_s,
      CAST(SUM(interruptions_by_agent) AS INT64) AS interruptions_by_agent,
      CAST(SUM(interruptions_by_customer) AS INT64) AS interruptions_by_customer,
      MAX(negative_run) AS longest_negative_run,
      SAFE_DIVIDE(COUNTIF(recovered), COUNTIF(is_negative_call)) AS recovered_share,
      SAFE_DIVIDE(SUM(agent_negative_s), SUM(agent_emotion_s)) AS agent_negativity,
      ${group_sums}
    ) AS measures
  FROM run_lengths
  GROUP BY call_date, agent_id
),
-- All fields of a NULL struct are NULL.
masked AS (
  SELECT call_date, agent_id, calls, is_suppressed, IF(is_suppressed, NULL, measures) AS measures
  FROM agent_days
),
${half_widths}
SELECT
  call_date,
  agent_id,
  calls,
  is_suppressed,
  measures.duration_s,
  measures.agent_talk_s,
  measures.customer_talk_s,
  measures.agent_talk_ratio,
  measures.silence_s,
  measures.longest_silence_s,
  measures.interruptions_by_agent,
  measures.interruptions_by_customer,
  measures.customer_emotion_s,
  measures.negative_s,
  measures.negativity,
  IF(measures.negativity < half_width, 0, measures.negativity - half_width) AS negativity_low,
  IF(measures.negativity + half_width > 1, 1, measures.negativity + half_width) AS negativity_high,
  measures.anger_s / 60 AS anger_minutes,
  measures.negative_calls,
  measures.longest_negative_run,
  measures.escalated_calls,
  measures.recovered_calls,
  measures.recovered_share,
  measures.agent_negativity
FROM half_widths
