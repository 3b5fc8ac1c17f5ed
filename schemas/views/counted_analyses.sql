-- Which analysis of each recording counts? The analysis of its newest generation by the version published last, otherwise
-- the newest analysis. Staged analyses count only without any others. Erased recordings are excluded.
-- Copies of the same bytes are one call, represented by the first upload. A copy without a call ID yields to one with a
-- call ID. Copies with different call IDs are different calls, such as two calls without speech.
-- A row that is compared with the analyses of its own day counts only if it is not in related_analyses, and a row that
-- is compared with all days only if is_related. recordings_current applies this condition, so that a filter on call_date
-- reaches the scans of recordings.
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
  SELECT a.*
  FROM `${dataset}.valid_analyses` AS a
  LEFT JOIN release_states AS s ON s.model_version = a.model_version
  WHERE TRUE
  QUALIFY ROW_NUMBER() OVER (
    PARTITION BY a.compared_day, a.uri
    ORDER BY
      -- Staged: the version's newest state is staged, and the analysis is newer than the version's last publication.
      IF(
        s.staged_at IS NOT NULL
          AND (s.published_at IS NULL OR s.published_at < LEAST(s.staged_at, a.analyzed_at)),
        1, 0
      ),
      s.published_at DESC,
      a.analyzed_at DESC,
      a.analysis_id,
      a.call_date
  ) = 1
)
SELECT compared_day, is_related, call_date, recording_id, analysis_id, analyzed_at
FROM preferred_analyses
WHERE TRUE
QUALIFY
  ROW_NUMBER() OVER (PARTITION BY compared_day, content_sha256, call_id ORDER BY uploaded_at, recording_id) = 1
  AND (call_id IS NOT NULL OR COUNT(call_id) OVER (PARTITION BY compared_day, content_sha256) = 0)
