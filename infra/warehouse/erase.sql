-- BigQuery cannot delete rows that were streamed in the last 30 minutes: after an analysis, or after details moved a call
-- to another day, which ends with its erasure. The next run deletes them.
-- A request also covers the same content under another name, as in the view valid_analyses.
DELETE FROM `${dataset}.${table}`
WHERE (
    recording_id IN (
      SELECT recording_id
      FROM `${dataset}.erasures`
      GROUP BY recording_id
      HAVING MAX(IF(reason != 'undone', erased_at, NULL)) > IFNULL(MAX(IF(reason = 'undone', erased_at, NULL)), TIMESTAMP '1970-01-01')
        AND MAX(erased_at) < TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL 2 HOUR)
    )
    OR recording_id IN (
      SELECT r.recording_id
      FROM `${dataset}.recordings` AS r
      JOIN `${dataset}.erasures` AS e ON e.content_sha256 = r.content_sha256
      WHERE e.reason = 'request'
        AND e.erased_at < TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL 2 HOUR)
        AND (
          r.call_id IS NULL
          OR TO_HEX(SHA256(r.call_id)) = e.call_id_sha256
          OR (r.analyzed_at > e.erased_at AND r.segment_count > 0)
        )
        AND e.recording_id NOT IN (SELECT recording_id FROM `${dataset}.erasures` WHERE reason = 'undone')
    )
  )
  AND ${written_at} < TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL 2 HOUR);
