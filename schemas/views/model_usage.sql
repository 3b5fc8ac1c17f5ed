-- Which versions produced the results, how fast, and with which confidence? One row per day, model version, and
-- software version.
WITH
speech AS (
  SELECT
    call_date,
    analysis_id,
    SUM(IF(emotion IS NULL, 0, duration_s)) AS emotion_s,
    SUM(IF(emotion = 'uncertain', duration_s, 0)) AS uncertain_s,
    SUM(confidence * duration_s) AS confidence_s,
    SUM(negativity * duration_s) AS negative_s
  FROM `${dataset}.segments_current`
  GROUP BY call_date, analysis_id
)
SELECT
  r.call_date,
  r.model_version,
  r.software_version,
  COUNT(*) AS calls,
  CAST(SUM(r.segment_count) AS INT64) AS segments,
  SUM(r.duration_s) AS audio_s,
  SUM(r.processing_s) AS processing_s,
  SAFE_DIVIDE(SUM(r.duration_s), SUM(r.processing_s)) AS times_real_time,
  IFNULL(SUM(s.emotion_s), 0) AS emotion_s,
  SAFE_DIVIDE(SUM(s.confidence_s), SUM(s.emotion_s)) AS mean_confidence,
  SAFE_DIVIDE(SUM(s.uncertain_s), SUM(s.emotion_s)) AS uncertain_share,
  SAFE_DIVIDE(SUM(s.negative_s), SUM(s.emotion_s)) AS negativity,
  MIN(r.analyzed_at) AS first_analyzed_at,
  MAX(r.analyzed_at) AS last_analyzed_at
FROM `${dataset}.recordings_current` AS r
LEFT JOIN speech AS s ON s.call_date = r.call_date AND s.analysis_id = r.analysis_id
GROUP BY r.call_date, r.model_version, r.software_version
