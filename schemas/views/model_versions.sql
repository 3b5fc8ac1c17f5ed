-- How do the results of model versions differ? One row per day and version, over all calls that the version analyzed,
-- including a canary's share and staged results. Customers' speech only.
WITH
newest_analyses AS (
  -- As in recordings_current.
  SELECT compared_day AS call_date, analysis_id, analyzed_at
  FROM `${dataset}.version_analyses` AS c
  WHERE
    compared_day > DATE '0001-01-01'
    AND NOT EXISTS (
      SELECT 1
      FROM `${dataset}.related_analyses` AS o
      WHERE o.is_related AND o.call_date = c.compared_day AND o.analysis_id = c.analysis_id
    )
  UNION ALL
  SELECT call_date, analysis_id, analyzed_at
  FROM `${dataset}.version_analyses`
  WHERE compared_day = DATE '0001-01-01' AND is_related
),
analyses AS (
  SELECT r.*
  FROM `${dataset}.recordings` AS r
  JOIN newest_analyses AS n
    ON n.call_date = r.call_date AND n.analysis_id = r.analysis_id AND n.analyzed_at = r.analyzed_at
  WHERE TRUE
  QUALIFY ROW_NUMBER() OVER (PARTITION BY r.call_date, r.analysis_id ORDER BY r.processing_s) = 1
)
SELECT
  a.call_date,
  a.model_version,
  COUNT(*) AS calls,
  COUNTIF(c.analysis_id IS NOT NULL) AS published_calls,
  CAST(IFNULL(SUM(m.customer_segments), 0) AS INT64) AS segments,
  IFNULL(SUM(m.customer_emotion_s), 0) AS customer_emotion_s,
  SAFE_DIVIDE(SUM(m.customer_confidence_s), SUM(m.customer_emotion_s)) AS mean_confidence,
  SAFE_DIVIDE(SUM(m.negative_s), SUM(m.customer_emotion_s)) AS negativity,
  SAFE_DIVIDE(SUM(m.anger_s), SUM(m.customer_emotion_s)) AS anger_share,
  SAFE_DIVIDE(SUM(m.disgust_s), SUM(m.customer_emotion_s)) AS disgust_share,
  SAFE_DIVIDE(SUM(m.fear_s), SUM(m.customer_emotion_s)) AS fear_share,
  SAFE_DIVIDE(SUM(m.happiness_s), SUM(m.customer_emotion_s)) AS happiness_share,
  SAFE_DIVIDE(SUM(m.neutral_s), SUM(m.customer_emotion_s)) AS neutral_share,
  SAFE_DIVIDE(SUM(m.sadness_s), SUM(m.customer_emotion_s)) AS sadness_share,
  SAFE_DIVIDE(SUM(m.uncertain_s), SUM(m.customer_emotion_s)) AS uncertain_share,
  MIN(a.analyzed_at) AS first_analyzed_at,
  MAX(a.analyzed_at) AS last_analyzed_at
FROM analyses AS a
LEFT JOIN `${dataset}.speech_sums` AS m ON m.call_date = a.call_date AND m.analysis_id = a.analysis_id
LEFT JOIN `${dataset}.recordings_current` AS c ON c.call_date = a.call_date AND c.analysis_id = a.analysis_id
GROUP BY a.call_date, a.model_version
