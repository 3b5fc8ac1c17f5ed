-- Which metrics does each analysis have? One row per analysis with segments: its stored metrics, otherwise those computed
-- from its segments. After an upgrade that changes the definitions, earlier metrics count until the new ones are stored.
SELECT *
FROM (
  SELECT * FROM `${dataset}.stored_metrics`
  UNION ALL
  SELECT * FROM `${dataset}.unstored_metrics` WHERE call_date >= ${first_unstored_day}
)
WHERE TRUE
QUALIFY ROW_NUMBER() OVER (
  PARTITION BY call_date, analysis_id ORDER BY IF(metrics_version = '${metrics_version}', 0, 1), analyzed_at DESC
) = 1
