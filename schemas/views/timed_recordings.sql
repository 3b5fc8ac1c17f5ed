-- When was each call? One row per recording: recordings_current, with the weekday and hour of the call. A step of calls
-- and insights.
SELECT
  *,
  MOD(EXTRACT(DAYOFWEEK FROM call_date) + 5, 7) + 1 AS weekday,
  EXTRACT(HOUR FROM started_at AT TIME ZONE '${time_zone}') AS hour
FROM `${dataset}.recordings_current`
