-- At which hours do customers sound most negative? One row per day and hour of the start of calls. A heat map by
-- weekday and hour sums these rows.
-- With fewer than ${min_calls_per_group} calls of a single agent, only the numbers of calls and agents are shown.
WITH
hours AS (
  SELECT
    call_date,
    weekday,
    hour,
    COUNT(*) AS calls,
    COUNT(DISTINCT agent_id) AS agents,
    COUNT(DISTINCT agent_id) = 1 AND COUNT(*) < ${min_calls_per_group} AS is_suppressed,
    STRUCT(
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
      COUNTIF(needs_attention) AS attention_calls,
      SUM(customer_emotion_s * customer_emotion_s) AS emotion_squares,
      SUM(customer_emotion_s * negative_s) AS products,
      SUM(negative_s * negative_s) AS negative_squares,
      COUNTIF(customer_emotion_s > 0) AS emotion_calls
    ) AS measures
  FROM `${dataset}.calls`
  GROUP BY call_date, weekday, hour
),
-- All fields of a NULL struct are NULL.
masked AS (
  SELECT call_date, weekday, hour, calls, agents, is_suppressed, IF(is_suppressed, NULL, measures) AS measures
  FROM hours
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
  weekday,
  hour,
  calls,
  agents,
  is_suppressed,
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
  measures.attention_calls
FROM half_widths
