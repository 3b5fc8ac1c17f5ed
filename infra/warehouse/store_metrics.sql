-- Store the metrics of analyses whose metrics are not stored, or were stored with earlier definitions, and find the
-- analyses that are compared with those of other days or with failures. A variable prunes partitions, so the insertion
-- of metrics reads the segments of days with such analyses only. In one transaction, no call is counted twice, and none
-- is missing.
DECLARE days ARRAY<DATE> DEFAULT (
  SELECT ARRAY_AGG(DISTINCT r.call_date)
  FROM `${dataset}.recordings` AS r
  LEFT JOIN `${dataset}.stored_metrics` AS m
    ON m.call_date = r.call_date AND m.analysis_id = r.analysis_id AND m.metrics_version = '${metrics_version}'
  WHERE m.analysis_id IS NULL AND r.segment_count > 0
);
BEGIN TRANSACTION;
DELETE FROM `${dataset}.related_analyses` WHERE TRUE;
INSERT INTO `${dataset}.related_analyses` (${related_columns})
WITH
objects AS (
  SELECT *, MIN(call_date) OVER (PARTITION BY uri) < MAX(call_date) OVER (PARTITION BY uri) AS is_moved
  FROM `${dataset}.recordings`
),
copies AS (
  SELECT
    *,
    -- Another analysis of the object, a copy, or another analysis of a copy is of another day.
    MIN(call_date) OVER (PARTITION BY content_sha256) < MAX(call_date) OVER (PARTITION BY content_sha256)
      OR LOGICAL_OR(is_moved) OVER (PARTITION BY content_sha256) AS is_related
  FROM objects
),
-- An analysis that takes part in the decision: which analysis of its object counts?
decisions AS (
  SELECT *, LOGICAL_OR(is_related) OVER (PARTITION BY uri) AS takes_part
  FROM copies
)
SELECT ${related_columns}
FROM decisions
-- An analysis of an object with a failure decides whether the failure is current.
WHERE takes_part OR uri IN (SELECT uri FROM `${dataset}.failures`);
INSERT INTO `${dataset}.stored_metrics` (${columns})
SELECT ${columns}
FROM `${reports}.unstored_metrics`
WHERE call_date IN UNNEST(days);
COMMIT TRANSACTION;
