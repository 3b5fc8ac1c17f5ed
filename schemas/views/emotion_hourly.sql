-- At which hours do customers sound most negative? One row per day and hour of the start of calls. A heat map by
-- weekday and hour sums these rows.
SELECT
  call_date,
  weekday,
  hour,
  COUNT(*) AS calls,
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
  COUNTIF(needs_attention) AS attention_calls
FROM `${dataset}.calls`
GROUP BY call_date, weekday, hour
