-- What did the model hear, and what did people hear? One row a labeled segment of a current analysis, with the newest
-- label. A label belongs to a stretch of a recording, so that it also judges the model that analyses it next.
WITH labels AS (
  SELECT *
  FROM `${dataset}.annotations`
  WHERE TRUE
  QUALIFY ROW_NUMBER() OVER (
    PARTITION BY call_date, recording_id, channel, start_s, end_s ORDER BY annotated_at DESC, annotation_id
  ) = 1
),
heard AS (
  SELECT
    *,
    CASE GREATEST(p_anger, p_disgust, p_fear, p_happiness, p_neutral, p_sadness)
      WHEN p_neutral THEN 'neutral'
      WHEN p_anger THEN 'anger'
      WHEN p_disgust THEN 'disgust'
      WHEN p_fear THEN 'fear'
      WHEN p_happiness THEN 'happiness'
      ELSE 'sadness'
    END AS predicted_emotion
  FROM `${dataset}.segments_current`
  WHERE emotion IS NOT NULL
)
SELECT
  h.call_date,
  h.recording_id,
  h.segment_id,
  h.queue,
  h.model_version,
  h.channel,
  h.start_s,
  h.end_s,
  h.confidence,
  h.emotion,
  h.predicted_emotion,
  l.emotion AS annotated_emotion,
  IF(l.emotion IN ('surprise', 'boredom'), NULL, h.predicted_emotion = l.emotion) AS is_correct,
  l.sampling,
  l.annotated_by,
  l.annotated_at
FROM labels AS l
JOIN heard AS h
  ON h.call_date = l.call_date
  AND h.recording_id = l.recording_id
  AND h.channel = l.channel
  AND h.start_s = l.start_s
  AND h.end_s = l.end_s
