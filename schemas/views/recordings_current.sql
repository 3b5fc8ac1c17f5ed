-- Which recordings count, once each? The newest analysis of the newest generation of every object, without erased ones.
-- Copies of the same bytes on the same day are one call: the copy that knows its call id, else the first uploaded, counts.
WITH newest AS (
  SELECT *
  FROM `${dataset}.recordings`
  WHERE TRUE
  QUALIFY ROW_NUMBER() OVER (
    PARTITION BY call_date, uri ORDER BY generation DESC, analysed_at DESC, analysis_id
  ) = 1
)
SELECT n.*
FROM newest AS n
-- Not earlier: an erased generation must not bring back the one that it replaced.
WHERE NOT EXISTS (SELECT 1 FROM `${dataset}.erasures` AS e WHERE e.recording_id = n.recording_id)
QUALIFY ROW_NUMBER() OVER (
  PARTITION BY n.call_date, n.content_sha256 ORDER BY n.call_id IS NULL, n.uploaded_at, n.recording_id
) = 1
