-- Which recordings count, once each? The newest analysis of the newest generation of every object, without erased ones.
-- Copies of the same bytes on the same day are one call, and the first uploaded counts. A copy that knows no call id
-- gives way to one that does; two that know different ones are two calls, such as two in which nobody spoke.
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
QUALIFY
  ROW_NUMBER() OVER (
    PARTITION BY n.call_date, n.content_sha256, n.call_id ORDER BY n.uploaded_at, n.recording_id
  ) = 1
  AND (n.call_id IS NOT NULL OR COUNT(n.call_id) OVER (PARTITION BY n.call_date, n.content_sha256) = 0)
