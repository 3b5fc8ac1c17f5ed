-- Which recordings count, once each? The newest analysis of the newest generation of every object, without erased ones.
-- A copy of the same bytes on the same day is one call: the copy that knows its call id, else the first uploaded, counts.
SELECT * FROM (
  SELECT r.*
  FROM `${dataset}.recordings` AS r
  WHERE NOT EXISTS (SELECT 1 FROM `${dataset}.erasures` AS e WHERE e.recording_id = r.recording_id)
  QUALIFY ROW_NUMBER() OVER (
    PARTITION BY r.call_date, r.uri ORDER BY r.generation DESC, r.analysed_at DESC, r.analysis_id
  ) = 1
)
WHERE TRUE
QUALIFY ROW_NUMBER() OVER (
  PARTITION BY call_date, content_sha256 ORDER BY call_id IS NULL, uploaded_at, recording_id
) = 1
