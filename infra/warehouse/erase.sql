-- BigQuery cannot delete rows that were streamed in the last 30 minutes. The next run deletes them.
DELETE FROM `${dataset}.${table}`
WHERE recording_id IN (SELECT recording_id FROM `${dataset}.erasures`)
  AND ${written_at} < TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL 2 HOUR);
