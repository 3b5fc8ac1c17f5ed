-- Do customers sound more negative in an agent's calls than in calls of the same kind? One row per agent over the last
-- 28 days. The expected negativity is that of the agent's own mix of queue, direction, and hour.
-- With fewer than ${min_calls_per_group} calls, only the number of calls is shown.
WITH
recent_calls AS (
  SELECT
    agent_id,
    IFNULL(queue, '') AS queue,
    IFNULL(direction, '') AS direction,
    hour,
    customer_emotion_s AS emotion_s,
    negative_s
  FROM `${dataset}.calls`
  WHERE call_date BETWEEN DATE_SUB(${last_day}, INTERVAL 27 DAY) AND ${last_day}
),
queue_sums AS (
  SELECT
    *,
    SAFE_DIVIDE(SUM(negative_s) OVER by_queue, SUM(emotion_s) OVER by_queue) AS queue_negativity,
    20 * SUM(emotion_s) OVER by_queue / NULLIF(COUNT(IF(emotion_s > 0, 1, NULL)) OVER by_queue, 0) AS prior_s
  FROM recent_calls
  WINDOW by_queue AS (PARTITION BY queue)
),
-- A cell of queue, direction, and hour has few calls: 20 calls of the queue's mean are added to it.
cells AS (
  SELECT
    *,
    SAFE_DIVIDE(SUM(negative_s) OVER cell + queue_negativity * prior_s, SUM(emotion_s) OVER cell + prior_s)
      AS expected_negativity
  FROM queue_sums
  WINDOW cell AS (PARTITION BY queue, direction, hour)
),
residuals AS (
  SELECT
    agent_id,
    emotion_s,
    negative_s,
    emotion_s * expected_negativity AS expected_s,
    negative_s - emotion_s * expected_negativity AS excess_s
  FROM cells
),
pooled AS (
  SELECT
    *,
    SAFE_DIVIDE(SUM(excess_s * excess_s) OVER (), SUM(emotion_s * emotion_s) OVER ()) AS squared_deviation
  FROM residuals
),
agent_sums AS (
  SELECT
    agent_id,
    ANY_VALUE(squared_deviation) AS squared_deviation,
    COUNT(*) AS calls,
    COUNTIF(emotion_s > 0) AS emotion_calls,
    SUM(emotion_s) AS emotion_s,
    SUM(negative_s) AS negative_s,
    SUM(expected_s) AS expected_s,
    SUM(excess_s) AS excess_s,
    SUM(emotion_s * emotion_s) AS emotion_squares,
    SUM(excess_s * emotion_s) AS excess_products,
    SUM(excess_s * excess_s) AS excess_squares
  FROM pooled
  WHERE agent_id IS NOT NULL
  GROUP BY agent_id
),
-- The difference is a ratio of sums over calls. Its variance is linearized and clustered by call (Cochran 1977,
-- section 6.4), but not below the one that the pooled deviation of all calls gives, so that few similar calls do not
-- seem certain.
differences AS (
  SELECT
    *,
    SAFE_DIVIDE(negative_s, emotion_s) AS negativity,
    SAFE_DIVIDE(expected_s, emotion_s) AS expected_negativity,
    SAFE_DIVIDE(excess_s, emotion_s) AS difference,
    IF(
      emotion_calls > 1,
      SQRT(
        GREATEST(
          (
            excess_squares - 2 * excess_s / emotion_s * excess_products
            + POW(excess_s / emotion_s, 2) * emotion_squares
          ) * emotion_calls / NULLIF(emotion_calls - 1, 0),
          squared_deviation * emotion_squares
        )
      ) / emotion_s,
      NULL
    ) AS standard_error,
    GREATEST(emotion_calls - 1, 1) AS df
  FROM agent_sums
),
-- The normal deviate with the tail probability of the t statistic (Wallace 1959), for agents with 20 calls or more.
deviates AS (
  SELECT
    *,
    IF(
      emotion_calls >= 20 AND standard_error > 0,
      SQRT(df * LN(1 + POW(difference / NULLIF(standard_error, 0), 2) / df)) * (8 * df + 1) / (8 * df + 3),
      NULL
    ) AS deviate
  FROM differences
),
-- Benjamini and Hochberg (1995) at a false discovery rate of 2 %: the deviate of rank k must exceed the normal quantile
-- of 0.02 * k / (2 * number of agents), here by Abramowitz and Stegun 26.2.23.
ranks AS (
  SELECT
    *,
    ROW_NUMBER() OVER by_deviate AS deviate_rank,
    SQRT(
      -2 * LN(LEAST(0.01 * ROW_NUMBER() OVER by_deviate / GREATEST(COUNT(deviate) OVER (), 1), 0.5))
    ) AS t
  FROM deviates
  -- Rounded, because the last digits of sums depend on their order.
  WINDOW by_deviate AS (ORDER BY ROUND(deviate, 6) DESC, agent_id)
),
limits AS (
  SELECT
    *,
    t - (2.515517 + 0.802853 * t + 0.010328 * t * t)
      / (1 + 1.432788 * t + 0.189269 * t * t + 0.001308 * t * t * t) AS limit_of_rank
  FROM ranks
),
discoveries AS (
  SELECT *, GREATEST(MAX(IF(deviate >= limit_of_rank, deviate_rank, 1)) OVER (), 1) AS last_rank
  FROM limits
),
-- The interval of all agents has the limit of the last agent found (Benjamini and Yekutieli 2005), so it excludes zero
-- for exactly the agents found.
corrected AS (
  SELECT *, MAX(IF(deviate_rank = last_rank, limit_of_rank, NULL)) OVER () AS corrected_limit
  FROM discoveries
),
half_widths AS (
  SELECT
    *,
    standard_error * SQRT(df * (EXP(POW(1.959964 * (8 * df + 3) / (8 * df + 1), 2) / df) - 1)) AS half_width,
    IF(
      deviate IS NULL,
      NULL,
      standard_error * SQRT(df * (EXP(POW(corrected_limit * (8 * df + 3) / (8 * df + 1), 2) / df) - 1))
    ) AS corrected_half_width
  FROM corrected
),
agent_measures AS (
  SELECT
    agent_id,
    calls,
    calls < ${min_calls_per_group} AS is_suppressed,
    STRUCT(
      negativity AS negativity,
      expected_negativity AS expected_negativity,
      difference AS difference,
      difference - half_width AS difference_low,
      difference + half_width AS difference_high,
      difference - corrected_half_width AS corrected_low,
      difference + corrected_half_width AS corrected_high,
      IFNULL(deviate >= corrected_limit, FALSE) AS is_different
    ) AS measures
  FROM half_widths
),
-- All fields of a NULL struct are NULL.
masked AS (
  SELECT agent_id, calls, is_suppressed, IF(is_suppressed, NULL, measures) AS measures
  FROM agent_measures
)
SELECT
  DATE_SUB(${last_day}, INTERVAL 27 DAY) AS first_day,
  ${last_day} AS last_day,
  agent_id,
  calls,
  is_suppressed,
  measures.negativity,
  measures.expected_negativity,
  measures.difference,
  measures.difference_low,
  measures.difference_high,
  measures.corrected_low,
  measures.corrected_high,
  measures.is_different
FROM masked
