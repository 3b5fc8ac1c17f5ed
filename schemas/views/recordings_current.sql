-- Which analysis of each recording counts? One row per recording, on whatever day it falls. counted_analyses decides
-- it, and a filter on call_date reaches the scan of the other columns.
WITH
counted AS (
  -- Analyses without relatives on other days are compared with those of their own day.
  SELECT compared_day AS call_date, recording_id, analysis_id, analyzed_at
  FROM `${dataset}.counted_analyses` AS c
  WHERE
    compared_day > DATE '0001-01-01'
    AND NOT EXISTS (
      SELECT 1
      FROM `${dataset}.related_analyses` AS o
      WHERE o.is_related AND o.call_date = c.compared_day AND o.analysis_id = c.analysis_id
    )
  UNION ALL
  SELECT call_date, recording_id, analysis_id, analyzed_at
  FROM `${dataset}.counted_analyses`
  WHERE compared_day = DATE '0001-01-01' AND is_related
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
JOIN counted AS c
  ON c.call_date = r.call_date
  AND c.recording_id = r.recording_id
  AND c.analysis_id = r.analysis_id
  AND c.analyzed_at = r.analyzed_at
LEFT JOIN details AS d ON d.call_id = r.call_id
WHERE TRUE
-- Repeated events repeat a row.
QUALIFY ROW_NUMBER() OVER (PARTITION BY r.call_date, r.recording_id ORDER BY r.processing_s) = 1
