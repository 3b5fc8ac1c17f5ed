-- Which analysis of each recording counts? One row per recording: the analysis of its newest generation by the version
-- published last, otherwise the newest analysis. Staged analyses count only without any others. Erased recordings are
-- excluded.
-- Copies of the same bytes on the same day are one call, represented by the first upload. A copy without a call ID
-- yields to one with a call ID. Copies with different call IDs are different calls, such as two calls without speech.
WITH
release_states AS (
  SELECT
    model_version,
    MAX(IF(state = 'published', changed_at, NULL)) AS published_at,
    MAX(IF(state = 'staged', changed_at, NULL)) AS staged_at
  FROM `${dataset}.releases`
  GROUP BY model_version
),
preferred_analyses AS (
  SELECT r.*
  FROM `${dataset}.recordings` AS r
  LEFT JOIN release_states AS s ON s.model_version = r.model_version
  WHERE TRUE
  QUALIFY ROW_NUMBER() OVER (
    PARTITION BY r.call_date, r.uri
    ORDER BY
      r.generation DESC,
      -- Staged: the version's newest state is staged, and the analysis is newer than the version's last publication.
      IF(
        s.staged_at IS NOT NULL
          AND (s.published_at IS NULL OR s.published_at < LEAST(s.staged_at, r.analyzed_at)),
        1, 0
      ),
      s.published_at DESC,
      r.analyzed_at DESC,
      r.analysis_id
  ) = 1
)
SELECT p.*
FROM preferred_analyses AS p
-- Not before: an erased generation must not reveal the generation that it replaced.
WHERE NOT EXISTS (SELECT 1 FROM `${dataset}.erasures` AS e WHERE e.recording_id = p.recording_id)
QUALIFY
  ROW_NUMBER() OVER (
    PARTITION BY p.call_date, p.content_sha256, p.call_id ORDER BY p.uploaded_at, p.recording_id
  ) = 1
  AND (p.call_id IS NOT NULL OR COUNT(p.call_id) OVER (PARTITION BY p.call_date, p.content_sha256) = 0)
