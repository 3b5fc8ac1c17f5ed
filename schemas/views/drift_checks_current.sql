-- Is the model still heard as it was trained? Every check once: the newest of each day, model version, queue and figure.
SELECT
  *,
  statistic / threshold AS threshold_ratio
FROM `${dataset}.drift_checks`
WHERE TRUE
QUALIFY ROW_NUMBER() OVER (PARTITION BY call_date, check_id ORDER BY checked_at DESC) = 1
