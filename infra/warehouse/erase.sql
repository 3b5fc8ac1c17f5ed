-- BigQuery refuses to delete what was streamed in the last half hour: such rows go the next night.
DELETE FROM `${dataset}.${table}`
WHERE recording_id IN (SELECT recording_id FROM `${dataset}.erasures`)
  AND ${written} < TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL 2 HOUR);
