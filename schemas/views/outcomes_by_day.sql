-- Which outcomes were loaded for the calls of each day? One row per day, call, and loaded row. A step of
-- emotion_by_outcome. A filter on known_at reaches the scan of outcomes, and one on call_date that of recordings.
SELECT c.call_date, o.call_id, o.outcome, o.value, o.known_at
FROM `${dataset}.outcomes` AS o
JOIN (SELECT DISTINCT call_date, call_id FROM `${dataset}.recordings`) AS c ON c.call_id = o.call_id
