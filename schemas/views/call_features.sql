-- Which input did the model receive in a call, and which output did it return? One row per call with an inferred
-- customer emotion. Means are over segments; columns that begin with n_ count segments. Drift checks compare days of
-- these rows with a reference.
SELECT
  call_date,
  recording_id,
  queue,
  model_version,
  COUNT(*) AS segments,
  AVG(level_dbfs) AS level_dbfs,
  AVG(noise_dbfs - level_dbfs) AS noise_db,
  AVG(duration_s) AS segment_s,
  AVG(confidence) AS confidence,
  AVG(embedding_proj_1) AS embedding_proj_1,
  AVG(embedding_proj_2) AS embedding_proj_2,
  AVG(embedding_proj_3) AS embedding_proj_3,
  AVG(embedding_proj_4) AS embedding_proj_4,
  AVG(embedding_proj_5) AS embedding_proj_5,
  AVG(embedding_proj_6) AS embedding_proj_6,
  AVG(embedding_proj_7) AS embedding_proj_7,
  AVG(embedding_proj_8) AS embedding_proj_8,
  COUNTIF(emotion = 'anger') AS n_anger,
  COUNTIF(emotion = 'disgust') AS n_disgust,
  COUNTIF(emotion = 'fear') AS n_fear,
  COUNTIF(emotion = 'happiness') AS n_happiness,
  COUNTIF(emotion = 'neutral') AS n_neutral,
  COUNTIF(emotion = 'sadness') AS n_sadness,
  COUNTIF(emotion = 'uncertain') AS n_uncertain,
  COUNTIF(confidence < 0.5) AS n_confidence_1,
  COUNTIF(confidence >= 0.5 AND confidence < 0.65) AS n_confidence_2,
  COUNTIF(confidence >= 0.65 AND confidence < 0.8) AS n_confidence_3,
  COUNTIF(confidence >= 0.8 AND confidence < 0.9) AS n_confidence_4,
  COUNTIF(confidence >= 0.9) AS n_confidence_5,
  COUNTIF(level_dbfs < -35) AS n_level_1,
  COUNTIF(level_dbfs >= -35 AND level_dbfs < -28) AS n_level_2,
  COUNTIF(level_dbfs >= -28 AND level_dbfs < -21) AS n_level_3,
  COUNTIF(level_dbfs >= -21 AND level_dbfs < -14) AS n_level_4,
  COUNTIF(level_dbfs >= -14) AS n_level_5,
  COUNTIF(duration_s < 1) AS n_duration_1,
  COUNTIF(duration_s >= 1 AND duration_s < 2) AS n_duration_2,
  COUNTIF(duration_s >= 2 AND duration_s < 4) AS n_duration_3,
  COUNTIF(duration_s >= 4) AS n_duration_4
FROM `${dataset}.segments_current`
-- One condition on both tables of the join: see annotated_segments.
WHERE IF(is_customer, emotion, NULL) IS NOT NULL
GROUP BY call_date, recording_id, queue, model_version
