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
periods AS (
  SELECT
    d.call_date,
    e.call_date > DATE_SUB(d.call_date, INTERVAL 7 DAY) AS is_this_week,
    SUM(e.calls) AS calls,
    SUM(e.measures.emotion_calls) AS emotion_calls,
    SUM(e.measures.customer_emotion_s) AS emotion_s,
    SUM(e.measures.negative_s) AS negative_s,
    SUM(e.measures.anger_s) AS anger_s,
    SUM(e.measures.attention_calls) AS attention_calls,
    SUM(e.measures.emotion_squares) AS emotion_squares,
    SUM(e.measures.products) AS products,
    SUM(e.measures.negative_squares) AS negative_squares
  FROM days AS d
  JOIN days AS e ON e.call_date BETWEEN DATE_SUB(d.call_date, INTERVAL 13 DAY) AND d.call_date
  GROUP BY d.call_date, is_this_week
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
weeks AS (
  SELECT
    call_date,
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
  SELECT call_date, calls, agents, is_suppressed, IF(is_suppressed, NULL, measures) AS measures
  FROM days
)
SELECT
  d.call_date,
  d.calls,
  d.agents,
  CAST(w.calls AS INT64) AS week_calls,
  w.negativity AS week_negativity,
  IF(w.negativity < w.half_width, 0, w.negativity - w.half_width) AS week_negativity_low,
  IF(w.negativity + w.half_width > 1, 1, w.negativity + w.half_width) AS week_negativity_high,
  w.anger_share AS week_anger_share,
  w.attention_share AS week_attention_share,
  CAST(w.calls - w.before_calls AS INT64) AS calls_change,
  w.negativity - w.before_negativity AS negativity_change,
  w.negativity - w.before_negativity - w.change_half_width AS negativity_change_low,
  w.negativity - w.before_negativity + w.change_half_width AS negativity_change_high,
  w.anger_share - w.before_anger_share AS anger_share_change,
  w.attention_share - w.before_attention_share AS attention_share_change,
  d.is_suppressed,
  d.measures.customer_emotion_s,
  d.measures.negative_s,
  SAFE_DIVIDE(d.measures.negative_s, d.measures.customer_emotion_s) AS negativity,
  SAFE_DIVIDE(d.measures.anger_s, d.measures.customer_emotion_s) AS anger_share,
  d.measures.negative_calls,
  d.measures.escalated_calls,
  d.measures.recovered_calls,
  d.measures.attention_calls,
  d.measures.attention_calls / d.calls AS attention_share
FROM masked AS d
JOIN half_widths AS w ON w.call_date = d.call_date
