-- Which versions produced the results, how fast, and with which confidence? One row per day, model version, and
-- software version.
SELECT
  r.call_date,
  r.model_version,
  r.software_version,
  COUNT(*) AS calls,
  CAST(SUM(r.segment_count) AS INT64) AS segments,
  SUM(r.duration_s) AS audio_s,
  SUM(r.processing_s) AS processing_s,
  SAFE_DIVIDE(SUM(r.duration_s), SUM(r.processing_s)) AS times_real_time,
  IFNULL(SUM(m.all_emotion_s), 0) AS emotion_s,
  SAFE_DIVIDE(SUM(m.all_confidence_s), SUM(m.all_emotion_s)) AS mean_confidence,
  SAFE_DIVIDE(SUM(m.all_uncertain_s), SUM(m.all_emotion_s)) AS uncertain_share,
  SAFE_DIVIDE(SUM(m.all_negative_s), SUM(m.all_emotion_s)) AS negativity,
  MIN(r.analyzed_at) AS first_analyzed_at,
  MAX(r.analyzed_at) AS last_analyzed_at
FROM `${dataset}.recordings_current` AS r
LEFT JOIN `${dataset}.speech_sums` AS m ON m.call_date = r.call_date AND m.analysis_id = r.analysis_id
GROUP BY r.call_date, r.model_version, r.software_version
