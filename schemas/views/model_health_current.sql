-- Is the model still heard as it was trained? Every check once: the newest of each day, model version, queue and figure.
SELECT
  *,
  statistic / alarm_above AS alarm_share
FROM `${dataset}.model_health`
WHERE TRUE
QUALIFY ROW_NUMBER() OVER (PARTITION BY call_date, health_id ORDER BY checked_at DESC) = 1
