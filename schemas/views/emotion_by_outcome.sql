-- Do calls in which an emotion is heard sell, churn or please otherwise than calls without it? One row a day, outcome,
-- emotion, and whether it was heard, that is for five seconds or more. Outcomes come from the table that you load.
-- The interval is Wilson's for outcomes that are 0 or 1, else the normal one, from 30 calls on; both at 95 %. Over
-- several days sum calls, total and total_of_squares (docs/metrics.md).
-- A row that rests on fewer than ${min_calls_per_group} calls of a single agent tells their number and no more.
WITH
-- One row a call, also where it was recorded in pieces.
spoken AS (
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
known AS (
  SELECT call_id, outcome, value
  FROM `${dataset}.outcomes`
  WHERE TRUE
  QUALIFY ROW_NUMBER() OVER (PARTITION BY call_id, outcome ORDER BY known_at DESC, value) = 1
),
sums AS (
  SELECT
    spoken.call_date,
    known.outcome,
    heard.emotion,
    heard.is_present,
    COUNT(*) AS calls,
    SUM(known.value) AS total,
    SUM(known.value * known.value) AS total_of_squares,
    LOGICAL_AND(known.value IN (0, 1)) AS is_binary,
    MIN(spoken.first_agent_id) = MAX(spoken.last_agent_id) AND COUNT(*) < ${min_calls_per_group} AS is_suppressed
  FROM spoken
  JOIN known ON known.call_id = spoken.call_id
  CROSS JOIN UNNEST(spoken.emotions) AS heard
  GROUP BY spoken.call_date, known.outcome, heard.emotion, heard.is_present
),
spread AS (
  SELECT
    *,
    total / calls AS mean,
    -- Wilson (1927): center and half width for z = 1.96.
    (total + 1.96 * 1.96 / 2) / (calls + 1.96 * 1.96) AS wilson_center,
    1.96 / (calls + 1.96 * 1.96) * SQRT(GREATEST(total * (calls - total) / calls, 0) + 1.96 * 1.96 / 4) AS wilson_half,
    1.96 * SQRT(GREATEST(total_of_squares - total * total / calls, 0) / NULLIF(calls - 1, 0) / calls) AS normal_half
  FROM sums
)
SELECT
  call_date,
  outcome,
  emotion,
  is_present,
  calls,
  is_suppressed,
  IF(is_suppressed, NULL, total) AS total,
  IF(is_suppressed, NULL, total_of_squares) AS total_of_squares,
  IF(is_suppressed, NULL, mean) AS mean,
  CASE
    WHEN is_suppressed THEN NULL
    WHEN is_binary THEN wilson_center - wilson_half
    WHEN calls >= 30 THEN mean - normal_half
  END AS low,
  CASE
    WHEN is_suppressed THEN NULL
    WHEN is_binary THEN wilson_center + wilson_half
    WHEN calls >= 30 THEN mean + normal_half
  END AS high
FROM spread
