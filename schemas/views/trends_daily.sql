-- Do calls become more or less negative? One row per day with calls: the day, the seven days that end with it, and the
-- difference from the seven days before.
-- A row looks back thirteen days, so a filter on call_date does not exclude older partitions: BigQuery reads the
-- required columns of all of them. The windows run over one row per day. To bound the cost of a dashboard, schedule a
-- query that stores the result (docs/looker-studio.md).
WITH
days AS (
  SELECT
    call_date,
    COUNT(*) AS calls,
    SUM(customer_emotion_s) AS customer_emotion_s,
    SUM(negative_s) AS negative_s,
    SUM(anger_s) AS anger_s,
    COUNTIF(is_negative_call) AS negative_calls,
    COUNTIF(escalated) AS escalated_calls,
    COUNTIF(recovered) AS recovered_calls,
    COUNTIF(needs_attention) AS attention_calls
  FROM `${dataset}.calls`
  GROUP BY call_date
),
weeks AS (
  SELECT
    *,
    SUM(calls) OVER week AS week_calls,
    SUM(calls) OVER week_before AS week_before_calls,
    SUM(negative_s) OVER week / NULLIF(SUM(customer_emotion_s) OVER week, 0) AS week_negativity,
    SUM(negative_s) OVER week_before / NULLIF(SUM(customer_emotion_s) OVER week_before, 0) AS week_before_negativity,
    SUM(anger_s) OVER week / NULLIF(SUM(customer_emotion_s) OVER week, 0) AS week_anger_share,
    SUM(anger_s) OVER week_before / NULLIF(SUM(customer_emotion_s) OVER week_before, 0) AS week_before_anger_share,
    SUM(attention_calls) OVER week / SUM(calls) OVER week AS week_attention_share,
    SUM(attention_calls) OVER week_before / SUM(calls) OVER week_before AS week_before_attention_share
  FROM days
  WINDOW
    week AS (ORDER BY UNIX_DATE(call_date) RANGE BETWEEN 6 PRECEDING AND CURRENT ROW),
    week_before AS (ORDER BY UNIX_DATE(call_date) RANGE BETWEEN 13 PRECEDING AND 7 PRECEDING)
)
SELECT
  call_date,
  calls,
  customer_emotion_s,
  negative_s,
  SAFE_DIVIDE(negative_s, customer_emotion_s) AS negativity,
  SAFE_DIVIDE(anger_s, customer_emotion_s) AS anger_share,
  negative_calls,
  escalated_calls,
  recovered_calls,
  attention_calls,
  attention_calls / calls AS attention_share,
  CAST(week_calls AS INT64) AS week_calls,
  week_negativity,
  week_anger_share,
  week_attention_share,
  CAST(week_calls - week_before_calls AS INT64) AS calls_change,
  week_negativity - week_before_negativity AS negativity_change,
  week_anger_share - week_before_anger_share AS anger_share_change,
  week_attention_share - week_before_attention_share AS attention_share_change
FROM weeks
