-- Which emotion did the model predict, and which did people annotate? One row per annotated segment of a current
-- analysis, with the newest annotation; those of sampled sets precede those of the report. An annotation refers to a
-- time range of a recording, so it also evaluates model versions that analyze the recording later. Times are compared
-- in whole milliseconds: BigQuery does not partition by FLOAT64, and a spreadsheet can change the last digit.
WITH
latest_annotations AS (
  SELECT *, CAST(ROUND(1000 * start_s) AS INT64) AS start_ms, CAST(ROUND(1000 * end_s) AS INT64) AS end_ms
  FROM `${dataset}.annotations`
  WHERE TRUE
  QUALIFY ROW_NUMBER() OVER (
    PARTITION BY call_date, recording_id, channel, start_ms, end_ms
    -- A person corrects conspicuous labels in the report. If these replaced random annotations, accuracy would be biased.
    ORDER BY IF(sampling = 'report', 1, 0), annotated_at DESC, annotation_id
  ) = 1
),
predictions AS (
  SELECT
    *,
    CAST(ROUND(1000 * start_s) AS INT64) AS start_ms,
    CAST(ROUND(1000 * end_s) AS INT64) AS end_ms,
    CASE GREATEST(p_anger, p_disgust, p_fear, p_happiness, p_neutral, p_sadness)
      WHEN p_neutral THEN 'neutral'
      WHEN p_anger THEN 'anger'
      WHEN p_disgust THEN 'disgust'
      WHEN p_fear THEN 'fear'
      WHEN p_happiness THEN 'happiness'
      ELSE 'sadness'
    END AS predicted_emotion
  FROM `${dataset}.segments_current`
  -- As emotion IS NOT NULL. With a plain column of `segments`, DuckDB sorts all columns to drop duplicates.
  WHERE negativity IS NOT NULL
)
SELECT
  p.call_date,
  p.recording_id,
  p.segment_id,
  p.queue,
  p.model_version,
  p.channel,
  p.start_s,
  p.end_s,
  p.confidence,
  p.emotion,
  p.predicted_emotion,
  a.emotion AS annotated_emotion,
  IF(a.emotion IN ('surprise', 'boredom'), NULL, p.predicted_emotion = a.emotion) AS is_correct,
  a.sampling,
  a.annotated_by,
  a.annotated_at
FROM latest_annotations AS a
JOIN predictions AS p
  ON p.call_date = a.call_date
  AND p.recording_id = a.recording_id
  AND p.channel = a.channel
  AND p.start_ms = a.start_ms
  AND p.end_ms = a.end_ms
