-- Which recordings could not be analyzed, and why? One row per recording, until this or a newer generation of it is
-- analyzed, or the recording is erased.
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
WHERE
  NOT EXISTS (
    SELECT 1 FROM `${dataset}.recordings` AS r WHERE r.uri = f.uri AND r.generation >= f.generation
  )
  AND NOT EXISTS (SELECT 1 FROM `${dataset}.erasures` AS e WHERE e.recording_id = f.recording_id)
-- Repeated events repeat a failure. The failure of a newer generation replaces that of an older one.
QUALIFY ROW_NUMBER() OVER (PARTITION BY IFNULL(f.uri, f.failure_id) ORDER BY f.generation DESC, f.failed_at DESC) = 1
