-- Do calls become more or less negative? One row per day with calls: the day, the seven days that end with it, and the
-- difference from the seven days before.
-- With fewer than ${min_calls_per_group} calls of a single agent on a day, or with fewer calls in seven days, only
-- their number is shown.
-- A row looks back thirteen days, so a filter on call_date does not exclude older partitions: BigQuery reads the
-- required columns of all of them. To bound the cost of a dashboard, schedule a query that stores the result
-- (docs/looker-studio.md).
WITH
days AS (
  SELECT
    call_date,
    COUNT(*) AS calls,
    COUNT(DISTINCT agent_id) AS agents,
    COUNT(DISTINCT agent_id) = 1 AND COUNT(*) < ${min_calls_per_group} AS is_suppressed,
    STRUCT(
      SUM(customer_emotion_s) AS customer_emotion_s,
      SUM(negative_s) AS negative_s,
      SUM(anger_s) AS anger_s,
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
  GROUP BY call_date
),
-- Each day belongs to its own row and to those of the next thirteen days.
periods AS (
  SELECT
    DATE_ADD(call_date, INTERVAL days_ago DAY) AS call_date,
    days_ago < 7 AS is_this_week,
    MIN(days_ago) AS days_ago,
    MIN_BY(
      STRUCT(calls AS calls, agents AS agents, is_suppressed AS is_suppressed, measures AS measures), days_ago
    ) AS day,
    SUM(calls) AS calls,
    SUM(measures.emotion_calls) AS emotion_calls,
    SUM(measures.customer_emotion_s) AS emotion_s,
    SUM(measures.negative_s) AS negative_s,
    SUM(measures.anger_s) AS anger_s,
    SUM(measures.attention_calls) AS attention_calls,
    SUM(measures.emotion_squares) AS emotion_squares,
    SUM(measures.products) AS products,
    SUM(measures.negative_squares) AS negative_squares
  FROM days
  CROSS JOIN UNNEST(GENERATE_ARRAY(0, 13)) AS days_ago
  GROUP BY DATE_ADD(call_date, INTERVAL days_ago DAY), is_this_week
),
-- Variance of a ratio of sums, linearized and clustered by call (Cochran 1977, section 6.4).
period_ratios AS (
  SELECT
    *,
    calls >= ${min_calls_per_group} AS is_shown,
    negative_s / NULLIF(emotion_s, 0) AS negativity,
    anger_s / NULLIF(emotion_s, 0) AS anger_share,
    attention_calls / calls AS attention_share,
    NULLIF(GREATEST(emotion_calls - 1, 0), 0) AS df,
    GREATEST(
      negative_squares - 2 * negative_s / NULLIF(emotion_s, 0) * products
      + POW(negative_s / NULLIF(emotion_s, 0), 2) * emotion_squares,
      0
    ) * emotion_calls / NULLIF(emotion_calls - 1, 0) / NULLIF(emotion_s * emotion_s, 0) AS variance
  FROM periods
),
-- Only days with calls have a row.
weeks AS (
  SELECT
    call_date,
    MIN_BY(day, days_ago) AS day,
    MAX(IF(is_this_week, calls, NULL)) AS calls,
    MAX(IF(is_this_week, NULL, calls)) AS before_calls,
    MAX(IF(is_this_week AND is_shown, negativity, NULL)) AS negativity,
    MAX(IF(is_this_week OR NOT is_shown, NULL, negativity)) AS before_negativity,
    MAX(IF(is_this_week AND is_shown, anger_share, NULL)) AS anger_share,
    MAX(IF(is_this_week OR NOT is_shown, NULL, anger_share)) AS before_anger_share,
    MAX(IF(is_this_week AND is_shown, attention_share, NULL)) AS attention_share,
    MAX(IF(is_this_week OR NOT is_shown, NULL, attention_share)) AS before_attention_share,
    MAX(IF(is_this_week AND is_shown, variance, NULL)) AS variance,
    MAX(IF(is_this_week, df, NULL)) AS df,
    MAX(IF(is_this_week OR NOT is_shown, NULL, variance)) AS before_variance,
    SUM(variance) AS change_variance,
    POW(SUM(variance), 2) / NULLIF(SUM(variance * variance / df), 0) AS change_df -- Welch (1947)
  FROM period_ratios
  GROUP BY call_date
  HAVING MIN(days_ago) = 0
),
-- Half the 95 % intervals: standard errors times the t quantile (inverse of Wallace 1959).
half_widths AS (
  SELECT
    *,
    SQRT(variance) * SQRT(df * (EXP(POW(1.959964 * (8 * df + 3) / (8 * df + 1), 2) / df) - 1)) AS half_width,
    IF(variance + before_variance > 0, SQRT(change_variance), NULL)
    * SQRT(change_df * (EXP(POW(1.959964 * (8 * change_df + 3) / (8 * change_df + 1), 2) / change_df) - 1))
      AS change_half_width
  FROM weeks
),
-- All fields of a NULL struct are NULL.
masked AS (
  SELECT
    * EXCEPT (day),
    day.calls AS day_calls,
    day.agents,
    day.is_suppressed,
    IF(day.is_suppressed, NULL, day.measures) AS measures
  FROM half_widths
)
SELECT
  call_date,
  day_calls AS calls,
  agents,
  CAST(calls AS INT64) AS week_calls,
  negativity AS week_negativity,
  IF(negativity < half_width, 0, negativity - half_width) AS week_negativity_low,
  IF(negativity + half_width > 1, 1, negativity + half_width) AS week_negativity_high,
  anger_share AS week_anger_share,
  attention_share AS week_attention_share,
  CAST(calls - before_calls AS INT64) AS calls_change,
  negativity - before_negativity AS negativity_change,
  negativity - before_negativity - change_half_width AS negativity_change_low,
  negativity - before_negativity + change_half_width AS negativity_change_high,
  anger_share - before_anger_share AS anger_share_change,
  attention_share - before_attention_share AS attention_share_change,
  is_suppressed,
  measures.customer_emotion_s,
  measures.negative_s,
  SAFE_DIVIDE(measures.negative_s, measures.customer_emotion_s) AS negativity,
  SAFE_DIVIDE(measures.anger_s, measures.customer_emotion_s) AS anger_share,
  measures.negative_calls,
  measures.escalated_calls,
  measures.recovered_calls,
  measures.attention_calls,
  measures.attention_calls / day_calls AS attention_share
FROM masked
