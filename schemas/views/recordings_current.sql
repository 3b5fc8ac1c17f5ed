-- Which recordings count, once each? One analysis of the newest generation of every object, without erased ones: that of
-- the version shown last, else the newest. What is held back counts only where there is nothing else.
-- Copies of the same bytes on the same day are one call, and the first uploaded counts. A copy that knows no call id
-- gives way to one that does; two that know different ones are two calls, such as two in which nobody spoke.
WITH
stated AS (
  SELECT
    model_version,
    MAX(IF(state = 'published', changed_at, NULL)) AS shown_at,
    MAX(IF(state = 'staged', changed_at, NULL)) AS held_at
  FROM `${dataset}.releases`
  GROUP BY model_version
),
counted AS (
  SELECT r.*
  FROM `${dataset}.recordings` AS r
  LEFT JOIN stated AS s ON s.model_version = r.model_version
  WHERE TRUE
  QUALIFY ROW_NUMBER() OVER (
    PARTITION BY r.call_date, r.uri
    ORDER BY
      r.generation DESC,
      -- Held back: analyzed since the version was shown last, while its newest statement is that it is held.
      IF(s.held_at IS NOT NULL AND (s.shown_at IS NULL OR s.shown_at < LEAST(s.held_at, r.analyzed_at)), 1, 0),
      s.shown_at DESC,
      r.analyzed_at DESC,
      r.analysis_id
  ) = 1
)
SELECT n.*
FROM counted AS n
-- Not earlier: an erased generation must not bring back the one that it replaced.
WHERE NOT EXISTS (SELECT 1 FROM `${dataset}.erasures` AS e WHERE e.recording_id = n.recording_id)
QUALIFY
  ROW_NUMBER() OVER (
    PARTITION BY n.call_date, n.content_sha256, n.call_id ORDER BY n.uploaded_at, n.recording_id
  ) = 1
  AND (n.call_id IS NOT NULL OR COUNT(n.call_id) OVER (PARTITION BY n.call_date, n.content_sha256) = 0)
