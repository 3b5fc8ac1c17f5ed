-- What did people find when they listened to a call? One row per reviewed call, with the newest review.
SELECT
  v.call_date,
  v.recording_id,
  r.call_id,
  r.queue,
  r.agent_id,
  v.verdict,
  v.note,
  v.reviewed_by,
  v.reviewed_at
FROM (
  SELECT *
  FROM `${dataset}.reviews`
  WHERE TRUE
  QUALIFY ROW_NUMBER() OVER (PARTITION BY call_date, recording_id ORDER BY reviewed_at DESC, review_id) = 1
) AS v
JOIN `${dataset}.recordings_current` AS r
  ON r.call_date = v.call_date AND r.recording_id = v.recording_id
