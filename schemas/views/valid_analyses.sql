-- Which analyses are of a recording that counts? One row per analysis of the newest generation of an object, unless the
-- recording is erased. recordings_current and model_versions select from these rows.
-- This view reads the columns that identify rows from all days: a newer analysis can be of any day.
SELECT
  r.call_date,
  r.analysis_id,
  r.analyzed_at,
  r.recording_id,
  r.uri,
  r.generation,
  r.content_sha256,
  r.call_id,
  r.uploaded_at,
  r.model_version
FROM `${dataset}.recordings` AS r
JOIN `${dataset}.generations_current` AS g ON g.uri = r.uri AND g.generation = r.generation
WHERE
  NOT EXISTS (SELECT 1 FROM `${dataset}.erasures_current` AS e WHERE e.recording_id = r.recording_id)
  -- A request covers the same content under another name. Another call with the same content stays if it was known
  -- before the request, or has no speech.
  AND NOT EXISTS (
    SELECT 1
    FROM `${dataset}.erasures_current` AS e
    WHERE
      e.content_sha256 = r.content_sha256
      AND e.reason = 'request'
      AND (
        r.call_id IS NULL
        OR TO_HEX(SHA256(r.call_id)) = e.call_id_sha256
        OR (r.analyzed_at > e.erased_at AND r.segment_count > 0)
      )
  )
