-- Whom did the day wear out, and who turned hard calls around? One row an agent and day, about customers' emotion and
-- talk times; an agent's own emotion appears only where the deployer opted in to inferring it.
-- Of fewer than ${min_calls_per_group} calls a row tells the number and no more: so few say little about an agent.
WITH
-- Hard calls in a row have the same number of other calls before them.
numbered AS (
  SELECT
    *,
    COUNT(IF(is_negative_call, NULL, 1)) OVER (
      PARTITION BY call_date, agent_id ORDER BY started_at, recording_id
      ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) AS others_before
  FROM `${dataset}.calls`
  WHERE agent_id IS NOT NULL
),
in_runs AS (
  SELECT
    *,
    COUNT(IF(is_negative_call, 1, NULL)) OVER (PARTITION BY call_date, agent_id, others_before) AS hard_run
  FROM numbered
),
days AS (
  SELECT
    call_date,
    agent_id,
    COUNT(*) AS calls,
    COUNT(*) < ${min_calls_per_group} AS is_suppressed,
    SUM(duration_s) AS duration_s,
    SUM(agent_talk_s) AS agent_talk_s,
    SUM(customer_talk_s) AS customer_talk_s,
    -- Of the calls in which both have a channel of their own.
    SUM(agent_talk_ratio * (agent_talk_s + customer_talk_s))
      / NULLIF(SUM(agent_talk_s + customer_talk_s), 0) AS agent_talk_ratio,
    SUM(silence_s) AS silence_s,
    MAX(longest_silence_s) AS longest_silence_s,
    SUM(interruptions_by_agent) AS interruptions_by_agent,
    SUM(interruptions_by_customer) AS interruptions_by_customer,
    SUM(customer_emotion_s) AS customer_emotion_s,
    SUM(negative_s) AS negative_s,
    SUM(anger_s) / 60 AS anger_minutes,
    COUNTIF(is_negative_call) AS negative_calls,
    MAX(hard_run) AS longest_negative_run,
    COUNTIF(escalated) AS escalated_calls,
    COUNTIF(recovered) AS recovered_calls,
    SUM(agent_emotion_s) AS agent_emotion_s,
    SUM(agent_negative_s) AS agent_negative_s
  FROM in_runs
  GROUP BY call_date, agent_id
)
SELECT
  call_date,
  agent_id,
  calls,
  is_suppressed,
  IF(is_suppressed, NULL, duration_s) AS duration_s,
  IF(is_suppressed, NULL, agent_talk_s) AS agent_talk_s,
  IF(is_suppressed, NULL, customer_talk_s) AS customer_talk_s,
  IF(is_suppressed, NULL, agent_talk_ratio) AS agent_talk_ratio,
  IF(is_suppressed, NULL, silence_s) AS silence_s,
  IF(is_suppressed, NULL, longest_silence_s) AS longest_silence_s,
  IF(is_suppressed, NULL, CAST(interruptions_by_agent AS INT64)) AS interruptions_by_agent,
  IF(is_suppressed, NULL, CAST(interruptions_by_customer AS INT64)) AS interruptions_by_customer,
  IF(is_suppressed, NULL, customer_emotion_s) AS customer_emotion_s,
  IF(is_suppressed, NULL, negative_s) AS negative_s,
  IF(is_suppressed, NULL, SAFE_DIVIDE(negative_s, customer_emotion_s)) AS negativity,
  IF(is_suppressed, NULL, anger_minutes) AS anger_minutes,
  IF(is_suppressed, NULL, negative_calls) AS negative_calls,
  IF(is_suppressed, NULL, longest_negative_run) AS longest_negative_run,
  IF(is_suppressed, NULL, escalated_calls) AS escalated_calls,
  IF(is_suppressed, NULL, recovered_calls) AS recovered_calls,
  IF(is_suppressed, NULL, SAFE_DIVIDE(recovered_calls, negative_calls)) AS recovered_share,
  IF(is_suppressed, NULL, SAFE_DIVIDE(agent_negative_s, agent_emotion_s)) AS agent_negativity
FROM days
