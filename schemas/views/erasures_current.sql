-- Which erasures apply? One row per erasure. A request that was undone does not apply.
SELECT
  e.erasure_id,
  e.recording_id,
  e.reason,
  e.object_sha256,
  e.generation,
  e.content_sha256,
  e.call_id_sha256,
  e.customer_id_sha256,
  e.erased_at
FROM `${dataset}.erasures` AS e
WHERE
  e.reason != 'undone'
  AND NOT (
    e.reason = 'request'
    AND EXISTS (
      SELECT 1
      FROM `${dataset}.erasures` AS u
      WHERE u.recording_id = e.recording_id AND u.reason = 'undone' AND u.erased_at >= e.erased_at
    )
  )
QUALIFY ROW_NUMBER() OVER (PARTITION BY e.erasure_id ORDER BY e.erased_at) = 1
