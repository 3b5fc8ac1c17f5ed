-- Store the metrics of analyses whose metrics are not stored, or were stored with earlier definitions. A variable prunes
-- partitions, so the second statement reads the segments of days with such analyses only.
DECLARE days ARRAY<DATE> DEFAULT (
  SELECT ARRAY_AGG(DISTINCT r.call_date)
  FROM `${dataset}.recordings` AS r
  LEFT JOIN `${dataset}.stored_metrics` AS m
    ON m.call_date = r.call_date AND m.analysis_id = r.analysis_id AND m.metrics_version = '${metrics_version}'
  WHERE m.analysis_id IS NULL AND r.segment_count > 0
);
INSERT INTO `${dataset}.stored_metrics` (${columns})
SELECT ${columns}
FROM `${reports}.unstored_metrics`
WHERE call_date IN UNNEST(days);
