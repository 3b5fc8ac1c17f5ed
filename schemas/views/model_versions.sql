-- Would another model version say the same? One row a day and version, over everything that it analyzed: a canary's share
-- of the calls, and calls scored again that are not shown yet. Customers' speech only.
WITH
analyses AS (
  SELECT *
  FROM `${dataset}.recordings` AS r
  WHERE NOT EXISTS (SELECT 1 FROM `${dataset}.erasures` AS e WHERE e.recording_id = r.recording_id)
  QUALIFY ROW_NUMBER() OVER (
    PARTITION BY call_date, uri, model_version ORDER BY generation DESC, analyzed_at DESC, analysis_id
  ) = 1
),
segments AS (
  SELECT *, end_s - start_s AS duration_s, p_anger + p_disgust + p_fear + p_sadness AS negativity
  FROM `${dataset}.segments`
  WHERE emotion IS NOT NULL AND role != 'agent'
  QUALIFY ROW_NUMBER() OVER (PARTITION BY call_date, segment_id ORDER BY analyzed_at DESC) = 1
),
heard AS (
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
  -- The mixed channel is the customer's where the customer has none.
  WHERE s.role = 'customer' OR a.customer_talk_s IS NULL
  GROUP BY s.call_date, s.analysis_id
)
SELECT
  a.call_date,
  a.model_version,
  COUNT(*) AS calls,
  COUNTIF(c.analysis_id IS NOT NULL) AS published_calls,
  CAST(IFNULL(SUM(h.segments), 0) AS INT64) AS segments,
  IFNULL(SUM(h.emotion_s), 0) AS customer_emotion_s,
  SAFE_DIVIDE(SUM(h.confidence_s), SUM(h.emotion_s)) AS mean_confidence,
  SAFE_DIVIDE(SUM(h.negative_s), SUM(h.emotion_s)) AS negativity,
  SAFE_DIVIDE(SUM(h.anger_s), SUM(h.emotion_s)) AS anger_share,
  SAFE_DIVIDE(SUM(h.disgust_s), SUM(h.emotion_s)) AS disgust_share,
  SAFE_DIVIDE(SUM(h.fear_s), SUM(h.emotion_s)) AS fear_share,
  SAFE_DIVIDE(SUM(h.happiness_s), SUM(h.emotion_s)) AS happiness_share,
  SAFE_DIVIDE(SUM(h.neutral_s), SUM(h.emotion_s)) AS neutral_share,
  SAFE_DIVIDE(SUM(h.sadness_s), SUM(h.emotion_s)) AS sadness_share,
  SAFE_DIVIDE(SUM(h.uncertain_s), SUM(h.emotion_s)) AS uncertain_share,
  MIN(a.analyzed_at) AS first_analyzed_at,
  MAX(a.analyzed_at) AS last_analyzed_at
FROM analyses AS a
LEFT JOIN heard AS h ON h.call_date = a.call_date AND h.analysis_id = a.analysis_id
LEFT JOIN `${dataset}.recordings_current` AS c ON c.call_date = a.call_date AND c.analysis_id = a.analysis_id
GROUP BY a.call_date, a.model_version
