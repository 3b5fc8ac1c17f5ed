-- Which moments should be reviewed first? Customer segments with a negativity of 0.5 or more, ranked by negativity
-- times seconds: predictions for long segments are more reliable.
WITH ranked_segments AS (
  SELECT
    *,
    GREATEST(p_anger, p_disgust, p_fear, p_sadness) AS probability,
    ROW_NUMBER() OVER (
      PARTITION BY call_date ORDER BY negativity * duration_s DESC, recording_id, segment_index
    ) AS rank_in_day,
    ROW_NUMBER() OVER (
      PARTITION BY call_date, recording_id ORDER BY negativity * duration_s DESC, segment_index
    ) AS rank_in_call
  FROM `${dataset}.segments_current`
  WHERE is_customer AND negativity >= 0.5
)
SELECT
  call_date,
  rank_in_day,
  rank_in_call,
  recording_id,
  segment_id,
  call_id,
  queue,
  agent_id,
  started_at,
  uri,
  start_s,
  end_s,
  CASE probability
    WHEN p_anger THEN 'anger'
    WHEN p_disgust THEN 'disgust'
    WHEN p_fear THEN 'fear'
    WHEN p_sadness THEN 'sadness'
  END AS emotion,
  probability,
  negativity,
  negativity * duration_s AS negative_s,
  level_dbfs
FROM ranked_segments
