-- Which analysis of each recording counts? One row per recording, on whatever day it falls: the analysis of its newest
-- generation by the version published last, otherwise the newest analysis. Staged analyses count only without any
-- others. Erased recordings are excluded.
-- Copies of the same bytes are one call, represented by the first upload. A copy without a call ID yields to one with a
-- call ID. Copies with different call IDs are different calls, such as two calls without speech.
-- Another analysis or copy can be of any day, so valid_analyses reads the columns that identify rows from all days. A
-- filter on call_date reaches the scan of all other columns.
WITH
release_states AS (
  SELECT
    model_version,
    MAX(IF(state = 'published', changed_at, NULL)) AS published_at,
    MAX(IF(state = 'staged', changed_at, NULL)) AS staged_at
  FROM `${dataset}.releases`
  GROUP BY model_version
),
preferred_analyses AS (
  SELECT a.*
  FROM `${dataset}.valid_analyses` AS a
  LEFT JOIN release_states AS s ON s.model_version = a.model_version
  WHERE TRUE
  QUALIFY ROW_NUMBER() OVER (
    PARTITION BY a.uri
    ORDER BY
      -- Staged: the version's newest state is staged, and the analysis is newer than the version's last publication.
      IF(
        s.staged_at IS NOT NULL
          AND (s.published_at IS NULL OR s.published_at < LEAST(s.staged_at, a.analyzed_at)),
        1, 0
      ),
      s.published_at DESC,
      a.analyzed_at DESC,
      a.analysis_id,
      a.call_date
  ) = 1
),
counted_analyses AS (
  SELECT call_date, recording_id, analysis_id, analyzed_at
  FROM preferred_analyses
  WHERE TRUE
  QUALIFY
    ROW_NUMBER() OVER (PARTITION BY content_sha256, call_id ORDER BY uploaded_at, recording_id) = 1
    AND (call_id IS NOT NULL OR COUNT(call_id) OVER (PARTITION BY content_sha256) = 0)
),
details AS (
  SELECT d.*
  FROM `${dataset}.call_details` AS d
  WHERE NOT EXISTS (
    SELECT 1
    FROM `${dataset}.erasures_current` AS e
    WHERE e.call_id_sha256 = TO_HEX(SHA256(d.call_id)) AND e.reason = 'request'
  )
  QUALIFY ROW_NUMBER() OVER (PARTITION BY d.call_id ORDER BY d.loaded_at DESC, d.detail_id) = 1
)
SELECT
  r.* REPLACE (
    IF(
      r.started_at_source IN ('upload', 'file', 'details'), IFNULL(d.started_at, r.started_at), r.started_at
    ) AS started_at,
    IF(
      r.started_at_source IN ('upload', 'file') AND d.started_at IS NOT NULL, 'details', r.started_at_source
    ) AS started_at_source,
    IFNULL(r.queue, d.queue) AS queue,
    IFNULL(r.agent_id, d.agent_id) AS agent_id,
    IFNULL(r.customer_id, d.customer_id) AS customer_id,
    IFNULL(r.direction, d.direction) AS direction,
    IF(ARRAY_LENGTH(r.labels) = 0, IFNULL(d.labels, r.labels), r.labels) AS labels
  )
FROM `${dataset}.recordings` AS r
JOIN counted_analyses AS c
  ON c.call_date = r.call_date
  AND c.recording_id = r.recording_id
  AND c.analysis_id = r.analysis_id
  AND c.analyzed_at = r.analyzed_at
LEFT JOIN details AS d ON d.call_id = r.call_id
WHERE TRUE
-- Repeated events repeat a row.
QUALIFY ROW_NUMBER() OVER (PARTITION BY r.call_date, r.recording_id ORDER BY r.processing_s) = 1
