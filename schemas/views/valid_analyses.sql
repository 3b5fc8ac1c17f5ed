-- Which analyses are of a recording that counts? One row per analysis of the newest generation of an object, unless the
-- recording is erased. counted_analyses and model_versions select from these rows.
-- A newer generation, another analysis, or a copy can be of any day. Without Terraform's store_metrics, this view
-- compares the analyses of all days, and reads the columns that identify them from all days. With store_metrics, it
-- compares the analyses of each day, and those of related_analyses, which have relatives on other days.
-- compared_day is the day whose analyses are compared with a row; 0001-01-01: all days. The first branch has the column
-- call_date itself as compared_day, because a filter on an expression of it would read all days.
WITH
analyses AS (
  SELECT
    call_date, analysis_id, analyzed_at, recording_id, uri, generation,
    content_sha256, call_id, uploaded_at, model_version, segment_count,
    call_date AS compared_day, FALSE AS is_related
  FROM `${dataset}.recordings`
  WHERE call_date < ${first_unstored_day}
  UNION ALL
  SELECT
    call_date, analysis_id, analyzed_at, recording_id, uri, generation,
    content_sha256, call_id, uploaded_at, model_version, segment_count,
    DATE '0001-01-01' AS compared_day, TRUE AS is_related
  FROM `${dataset}.recordings`
  WHERE call_date >= ${first_unstored_day}
  UNION ALL
  SELECT
    call_date, analysis_id, analyzed_at, recording_id, uri, generation,
    content_sha256, call_id, uploaded_at, model_version, segment_count,
    DATE '0001-01-01' AS compared_day, is_related AS is_related
  FROM `${dataset}.related_analyses`
  WHERE call_date < ${first_unstored_day}
)
SELECT
  r.compared_day,
  r.is_related,
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
FROM (SELECT *, MAX(generation) OVER (PARTITION BY compared_day, uri) AS newest_generation FROM analyses) AS r
LEFT JOIN (
  SELECT uri, MAX(generation) AS generation FROM `${dataset}.failures` GROUP BY uri
) AS f ON f.uri = r.uri
LEFT JOIN (
  SELECT object_sha256, MAX(generation) AS generation FROM `${dataset}.erasures_current` GROUP BY object_sha256
) AS g ON g.object_sha256 = TO_HEX(SHA256(r.uri))
WHERE
  -- The newest generation in recordings and failures. If it is erased, no older generation appears in its place.
  r.generation = r.newest_generation
  AND IFNULL(f.generation <= r.generation, TRUE)
  AND IFNULL(g.generation < r.generation, TRUE)
  AND NOT EXISTS (SELECT 1 FROM `${dataset}.erasures_current` AS e WHERE e.recording_id = r.recording_id)
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
