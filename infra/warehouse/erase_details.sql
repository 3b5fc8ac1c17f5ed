-- The details of erased calls. A row that you load without a time is deleted, too.
DELETE FROM `${dataset}.call_details`
WHERE TO_HEX(SHA256(call_id)) IN (
    SELECT call_id_sha256
    FROM `${dataset}.erasures`
    WHERE reason = 'request'
      AND call_id_sha256 IS NOT NULL
      AND recording_id NOT IN (SELECT recording_id FROM `${dataset}.erasures` WHERE reason = 'undone')
  )
  AND IFNULL(loaded_at, TIMESTAMP '1970-01-01') < TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL 2 HOUR);
