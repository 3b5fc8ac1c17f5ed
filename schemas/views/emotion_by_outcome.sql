-- Do calls with an emotion end in another outcome than calls without it? One row per day, outcome, emotion, and
-- presence of the emotion: 5 seconds or more. You load the outcomes into the table `outcomes`.
-- The interval is Wilson's for outcomes that are 0 or 1; otherwise it is the normal interval, from 30 calls on. Both
-- have a level of 95 %. For several days, sum calls, total, and sum_of_squares (docs/metrics.md).
-- With fewer than ${min_calls_per_group} calls of a single agent, only the number of calls is shown.
WITH
-- A call with several recordings is one row.
calls_by_id AS (
  SELECT
    call_date,
    call_id,
    MIN(agent_id) AS first_agent_id,
    MAX(agent_id) AS last_agent_id,
    [
      STRUCT('anger' AS emotion, SUM(anger_s) >= 5 AS is_present),
      STRUCT('disgust' AS emotion, SUM(disgust_s) >= 5 AS is_present),
      STRUCT('fear' AS emotion, SUM(fear_s) >= 5 AS is_present),
      STRUCT('happiness' AS emotion, SUM(happiness_s) >= 5 AS is_present),
      STRUCT('neutral' AS emotion, SUM(neutral_s) >= 5 AS is_present),
      STRUCT('sadness' AS emotion, SUM(sadness_s) >= 5 AS is_present)
    ] AS emotions
  FROM `${dataset}.calls`
  WHERE call_id IS NOT NULL AND customer_emotion_s > 0
  GROUP BY call_date, call_id
),
-- With Terraform's store_metrics, all outcomes are stored by day: outcomes has no day of the call, so it is read entirely.
loaded_outcomes AS (
  SELECT * FROM `${dataset}.stored_outcomes`
  UNION ALL
  SELECT *
  FROM `${dataset}.outcomes_by_day`
  WHERE call_date >= ${first_unstored_day} AND known_at >= TIMESTAMP(${first_unstored_day})
),
latest_outcomes AS (
  SELECT call_date, call_id, outcome, value
  FROM loaded_outcomes
  WHERE TRUE
  QUALIFY ROW_NUMBER() OVER (PARTITION BY call_date, call_id, outcome ORDER BY known_at DESC, value) = 1
),
call_outcomes AS (
  SELECT c.call_date, c.first_agent_id, c.last_agent_id, c.emotions, o.outcome, o.value
  FROM calls_by_id AS c
  JOIN latest_outcomes AS o ON o.call_date = c.call_date AND o.call_id = c.call_id
),
outcome_days AS (
  SELECT
    call_date,
    outcome,
    e.emotion,
    e.is_present,
    COUNT(*) AS calls,
    MIN(first_agent_id) = MAX(last_agent_id) AND COUNT(*) < ${min_calls_per_group} AS is_suppressed,
    SUM(value) AS total,
    SUM(value * value) AS sum_of_squares,
    LOGICAL_AND(value IN (0, 1)) AS is_binary
  FROM call_outcomes
  CROSS JOIN UNNEST(emotions) AS e
  GROUP BY call_date, outcome, e.emotion, e.is_present
),
intervals AS (
  SELECT
    *,
    total / calls AS mean,
    -- Wilson (1927): center and half width for z = 1.96.
    (total + 1.96 * 1.96 / 2) / (calls + 1.96 * 1.96) AS wilson_center,
    1.96 / (calls + 1.96 * 1.96) * SQRT(GREATEST(total * (calls - total) / calls, 0) + 1.96 * 1.96 / 4) AS wilson_half,
    1.96 * SQRT(GREATEST(sum_of_squares - total * total / calls, 0) / NULLIF(calls - 1, 0) / calls) AS normal_half
  FROM outcome_days
),
outcome_measures AS (
  SELECT
    call_date,
    outcome,
    emotion,
    is_present,
    calls,
    is_suppressed,
    STRUCT(
      total AS total,
      sum_of_squares AS sum_of_squares,
      mean AS mean,
      CASE
        WHEN is_binary THEN wilson_center - wilson_half
        WHEN calls >= 30 THEN mean - normal_half
      END AS low,
      CASE
        WHEN is_binary THEN wilson_center + wilson_half
        WHEN calls >= 30 THEN mean + normal_half
      END AS high
    ) AS measures
  FROM intervals
),
-- All fields of a NULL struct are NULL.
masked AS (
  SELECT call_date, outcome, emotion, is_present, calls, is_suppressed, IF(is_suppressed, NULL, measures) AS measures
  FROM outcome_measures
)
SELECT
  call_date,
  outcome,
  emotion,
  is_present,
  calls,
  is_suppressed,
  measures.total,
  measures.sum_of_squares,
  measures.mean,
  measures.low,
  measures.high
FROM masked
