-- Has the data drifted from the model's reference? One row per check: the newest of each day, model version, queue, and
-- metric.
SELECT
  *,
  SAFE_DIVIDE(statistic, threshold) AS threshold_ratio
FROM `${dataset}.drift_checks`
WHERE TRUE
QUALIFY ROW_NUMBER() OVER (PARTITION BY call_date, check_id ORDER BY checked_at DESC) = 1
