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
),
segments AS (
  SELECT *, end_s - start_s AS duration_s, p_anger + p_disgust + p_fear + p_sadness AS negativity
  FROM `${dataset}.segments`
  WHERE emotion IS NOT NULL AND role != 'agent'
  QUALIFY ROW_NUMBER() OVER (PARTITION BY call_date, segment_id ORDER BY analyzed_at DESC) = 1
),
speech AS (
  SELECT
    s.call_date,
    s.analysis_id,
    COUNT(*) AS segments,
    SUM(s.duration_s) AS emotion_s,
    SUM(s.confidence * s.duration_s) AS confidence_s,
    SUM(s.negativity * s.duration_s) AS negative_s,
    SUM(IF(s.emotion = 'anger', s.duration_s, 0)) AS anger_s,
    SUM(IF(s.emotion = 'disgust', s.duration_s, 0)) AS disgust_s,
    SUM(IF(s.emotion = 'fear', s.duration_s, 0)) AS fear_s,
    SUM(IF(s.emotion = 'happiness', s.duration_s, 0)) AS happiness_s,
    SUM(IF(s.emotion = 'neutral', s.duration_s, 0)) AS neutral_s,
    SUM(IF(s.emotion = 'sadness', s.duration_s, 0)) AS sadness_s,
    SUM(IF(s.emotion = 'uncertain', s.duration_s, 0)) AS uncertain_s
  FROM segments AS s
  JOIN analyses AS a ON a.call_date = s.call_date AND a.analysis_id = s.analysis_id
  -- In a recording without a customer, all speech with an inferred emotion counts.
  WHERE s.role = 'customer' OR a.customer_talk_s IS NULL
  GROUP BY s.call_date, s.analysis_id
)
SELECT
  a.call_date,
  a.model_version,
  COUNT(*) AS calls,
  COUNTIF(c.analysis_id IS NOT NULL) AS published_calls,
  CAST(IFNULL(SUM(s.segments), 0) AS INT64) AS segments,
  IFNULL(SUM(s.emotion_s), 0) AS customer_emotion_s,
  SAFE_DIVIDE(SUM(s.confidence_s), SUM(s.emotion_s)) AS mean_confidence,
  SAFE_DIVIDE(SUM(s.negative_s), SUM(s.emotion_s)) AS negativity,
  SAFE_DIVIDE(SUM(s.anger_s), SUM(s.emotion_s)) AS anger_share,
  SAFE_DIVIDE(SUM(s.disgust_s), SUM(s.emotion_s)) AS disgust_share,
  SAFE_DIVIDE(SUM(s.fear_s), SUM(s.emotion_s)) AS fear_share,
  SAFE_DIVIDE(SUM(s.happiness_s), SUM(s.emotion_s)) AS happiness_share,
  SAFE_DIVIDE(SUM(s.neutral_s), SUM(s.emotion_s)) AS neutral_share,
  SAFE_DIVIDE(SUM(s.sadness_s), SUM(s.emotion_s)) AS sadness_share,
  SAFE_DIVIDE(SUM(s.uncertain_s), SUM(s.emotion_s)) AS uncertain_share,
  MIN(a.analyzed_at) AS first_analyzed_at,
  MAX(a.analyzed_at) AS last_analyzed_at
FROM analyses AS a
LEFT JOIN speech AS s ON s.call_date = a.call_date AND s.analysis_id = a.analysis_id
LEFT JOIN `${dataset}.recordings_current` AS c ON c.call_date = a.call_date AND c.analysis_id = a.analysis_id
GROUP BY a.call_date, a.model_version
