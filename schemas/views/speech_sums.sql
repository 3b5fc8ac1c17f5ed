-- How much speech of each emotion does each analysis have? One row per analysis with segments: its stored sums, otherwise
-- those computed from its segments, without the other metrics of unstored_metrics. A step of views of quality.
WITH
segments AS (
  SELECT *, IF(is_customer AND negativity IS NOT NULL, duration_s, NULL) AS customer_s
  FROM `${dataset}.analysis_segments`
  WHERE call_date >= ${first_unstored_day}
),
sums AS (
  SELECT
    call_date,
    analysis_id,
    analyzed_at,
    metrics_version,
    customer_segments,
    customer_emotion_s,
    customer_confidence_s,
    negative_s,
    anger_s,
    disgust_s,
    fear_s,
    happiness_s,
    neutral_s,
    sadness_s,
    uncertain_s,
    all_emotion_s,
    all_uncertain_s,
    all_confidence_s,
    all_negative_s
  FROM `${dataset}.stored_metrics`
  UNION ALL
  SELECT
    call_date,
    analysis_id,
    MAX(analyzed_at) AS analyzed_at,
    '${metrics_version}' AS metrics_version,
    ${emotion_sums}
  FROM segments
  GROUP BY call_date, analysis_id
)
SELECT * EXCEPT (analyzed_at, metrics_version)
FROM sums
WHERE TRUE
-- As in call_metrics.
QUALIFY ROW_NUMBER() OVER (
  PARTITION BY call_date, analysis_id ORDER BY IF(metrics_version = '${metrics_version}', 0, 1), analyzed_at DESC
) = 1
