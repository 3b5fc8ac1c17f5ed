-- Which recordings could not be analyzed, and why? One row per recording, until this or a newer generation of it is
-- analyzed, or the recording is erased. A request covers the same content without a call ID, as in valid_analyses.
SELECT
  f.failure_id,
  DATE(f.failed_at, '${time_zone}') AS failed_date,
  f.failed_at,
  f.recording_id,
  f.uri,
  f.generation,
  f.code,
  f.message,
  f.event_id,
  f.software_version
FROM `${dataset}.failures` AS f
LEFT JOIN (
  SELECT uri, MAX(generation) AS generation FROM `${dataset}.failures` GROUP BY uri
) AS n ON n.uri = f.uri
LEFT JOIN (
  SELECT object_sha256, MAX(generation) AS generation FROM `${dataset}.erasures_current` GROUP BY object_sha256
) AS g ON g.object_sha256 = TO_HEX(SHA256(f.uri))
WHERE
  -- The failure is of the newest generation, or the event did not name one.
  (
    f.uri IS NULL
    OR f.generation IS NULL
    OR (f.generation = n.generation AND IFNULL(g.generation < f.generation, TRUE))
  )
  -- An analysis can be of any day. With Terraform's store_metrics, related_analyses has those of objects with failures.
  AND NOT EXISTS (
    SELECT 1
    FROM `${dataset}.recordings` AS r
    WHERE r.uri = f.uri AND r.generation >= f.generation AND r.call_date >= ${first_unstored_day}
  )
  AND NOT EXISTS (
    SELECT 1
    FROM `${dataset}.related_analyses` AS r
    WHERE r.uri = f.uri AND r.generation >= f.generation AND r.call_date < ${first_unstored_day}
  )
  AND NOT EXISTS (SELECT 1 FROM `${dataset}.erasures_current` AS e WHERE e.recording_id = f.recording_id)
  AND NOT EXISTS (
    SELECT 1
    FROM `${dataset}.erasures_current` AS e
    WHERE
      e.content_sha256 = f.content_sha256
      AND e.reason = 'request'
      AND (f.call_id IS NULL OR TO_HEX(SHA256(f.call_id)) = e.call_id_sha256)
  )
-- Repeated events repeat a failure.
QUALIFY ROW_NUMBER() OVER (PARTITION BY IFNULL(f.uri, f.failure_id) ORDER BY f.failed_at DESC, f.failure_id) = 1
