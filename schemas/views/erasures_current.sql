-- Which erasures apply? One row per erasure. A request that was undone does not apply.
SELECT
  erasure_id,
  recording_id,
  reason,
  object_sha256,
  generation,
  content_sha256,
  call_id_sha256,
  customer_id_sha256,
  erased_at
FROM (
  SELECT *, MAX(IF(reason = 'undone', erased_at, NULL)) OVER (PARTITION BY recording_id) AS undone_at
  FROM `${dataset}.erasures`
)
WHERE reason != 'undone' AND NOT (reason = 'request' AND IFNULL(undone_at >= erased_at, FALSE))
QUALIFY ROW_NUMBER() OVER (PARTITION BY erasure_id ORDER BY erased_at) = 1
