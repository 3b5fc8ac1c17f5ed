-- How did a call unfold? Ten-second bins, one row a bin and role, from the first second to the last, silent ones too.
WITH
voices AS (
  SELECT call_date, recording_id, analysis_id, call_id, queue, agent_id, duration_s, customer_talk_s, role
  FROM `${dataset}.recordings_current`
  CROSS JOIN UNNEST(['agent', 'customer', 'mixed']) AS role
  WHERE CASE role WHEN 'agent' THEN agent_talk_s WHEN 'customer' THEN customer_talk_s ELSE mixed_talk_s END IS NOT NULL
),
bins AS (
  SELECT *, 10 * bin AS bin_start_s, LEAST(10 * (bin + 1), duration_s) AS bin_end_s
  FROM voices
  CROSS JOIN UNNEST(GENERATE_ARRAY(0, CAST(CEIL(duration_s / 10) AS INT64) - 1)) AS bin
),
-- A segment gives every bin it touches the seconds it spends there: two bins at most, since none is longer than a bin.
placed AS (
  SELECT *, CAST(FLOOR(start_s / 10) AS INT64) AS first_bin
  FROM `${dataset}.segments_current`
),
pieces AS (
  SELECT
    *,
    first_bin + step AS bin,
    LEAST(end_s, 10 * (first_bin + step + 1)) - GREATEST(start_s, 10 * (first_bin + step)) AS seconds
  FROM placed
  CROSS JOIN UNNEST([0, 1]) AS step
  WHERE end_s > 10 * (first_bin + step)
),
heard AS (
  SELECT
    call_date,
    analysis_id,
    role,
    bin,
    SUM(seconds) AS talk_s,
    SUM(IF(negativity IS NULL, 0, seconds)) AS emotion_s,
    SUM(seconds * p_anger) AS anger_s,
    SUM(seconds * p_disgust) AS disgust_s,
    SUM(seconds * p_fear) AS fear_s,
    SUM(seconds * p_happiness) AS happiness_s,
    SUM(seconds * p_neutral) AS neutral_s,
    SUM(seconds * p_sadness) AS sadness_s,
    SUM(seconds * negativity) AS negative_s
  FROM pieces
  GROUP BY call_date, analysis_id, role, bin
)
SELECT
  b.call_date,
  b.recording_id,
  b.call_id,
  b.queue,
  b.agent_id,
  b.role,
  b.role = 'customer' OR (b.role = 'mixed' AND b.customer_talk_s IS NULL) AS is_customer,
  b.bin,
  CAST(b.bin_start_s AS FLOAT64) AS bin_start_s,
  b.bin_end_s,
  IFNULL(h.talk_s, 0) AS talk_s,
  IFNULL(h.talk_s, 0) / (b.bin_end_s - b.bin_start_s) AS talk_share,
  SAFE_DIVIDE(h.anger_s, h.emotion_s) AS p_anger,
  SAFE_DIVIDE(h.disgust_s, h.emotion_s) AS p_disgust,
  SAFE_DIVIDE(h.fear_s, h.emotion_s) AS p_fear,
  SAFE_DIVIDE(h.happiness_s, h.emotion_s) AS p_happiness,
  SAFE_DIVIDE(h.neutral_s, h.emotion_s) AS p_neutral,
  SAFE_DIVIDE(h.sadness_s, h.emotion_s) AS p_sadness,
  SAFE_DIVIDE(h.negative_s, h.emotion_s) AS negativity
FROM bins AS b
LEFT JOIN heard AS h
  ON h.call_date = b.call_date AND h.analysis_id = b.analysis_id AND h.role = b.role AND h.bin = b.bin
