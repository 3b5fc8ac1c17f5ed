-- How does a call develop? Bins of ten seconds over the whole recording: one row per bin and role, also without speech.
WITH
call_roles AS (
  SELECT call_date, recording_id, analysis_id, call_id, queue, agent_id, duration_s, customer_talk_s, role
  FROM `${dataset}.recordings_current`
  CROSS JOIN UNNEST(['agent', 'customer', 'mixed', 'unknown']) AS role
  WHERE CASE role
    WHEN 'agent' THEN agent_talk_s
    WHEN 'customer' THEN customer_talk_s
    WHEN 'mixed' THEN mixed_talk_s
    ELSE unknown_talk_s
  END IS NOT NULL
),
bins AS (
  SELECT *, 10 * bin AS bin_start_s, LEAST(10 * (bin + 1), duration_s) AS bin_end_s
  FROM call_roles
  CROSS JOIN UNNEST(GENERATE_ARRAY(0, CAST(CEIL(duration_s / 10) AS INT64) - 1)) AS bin
),
-- A segment is shorter than a bin, so it overlaps at most two. Those of analyses that do not count have no bins.
segments AS (
  SELECT *, CAST(FLOOR(start_s / 10) AS INT64) AS first_bin
  FROM `${dataset}.analysis_segments`
),
segment_bins AS (
  SELECT *, LEAST(end_s, 10 * (bin + 1)) - GREATEST(start_s, 10 * bin) AS overlap_s
  FROM segments
  CROSS JOIN UNNEST([first_bin, first_bin + 1]) AS bin
  WHERE end_s > 10 * bin
),
bin_sums AS (
  SELECT
    call_date,
    analysis_id,
    role,
    bin,
    SUM(overlap_s) AS talk_s,
    SUM(IF(negativity IS NULL, 0, overlap_s)) AS emotion_s,
    SUM(overlap_s * p_anger) AS anger_s,
    SUM(overlap_s * p_disgust) AS disgust_s,
    SUM(overlap_s * p_fear) AS fear_s,
    SUM(overlap_s * p_happiness) AS happiness_s,
    SUM(overlap_s * p_neutral) AS neutral_s,
    SUM(overlap_s * p_sadness) AS sadness_s,
    SUM(overlap_s * negativity) AS negative_s
  FROM segment_bins
  GROUP BY call_date, analysis_id, role, bin
)
SELECT
  b.call_date,
  b.recording_id,
  b.call_id,
  b.queue,
  b.agent_id,
  b.role,
  b.role = 'customer' OR (b.role IN ('mixed', 'unknown') AND b.customer_talk_s IS NULL) AS is_customer,
  b.bin,
  CAST(b.bin_start_s AS FLOAT64) AS bin_start_s,
  b.bin_end_s,
  IFNULL(s.talk_s, 0) AS talk_s,
  IFNULL(s.talk_s, 0) / (b.bin_end_s - b.bin_start_s) AS talk_share,
  SAFE_DIVIDE(s.anger_s, s.emotion_s) AS p_anger,
  SAFE_DIVIDE(s.disgust_s, s.emotion_s) AS p_disgust,
  SAFE_DIVIDE(s.fear_s, s.emotion_s) AS p_fear,
  SAFE_DIVIDE(s.happiness_s, s.emotion_s) AS p_happiness,
  SAFE_DIVIDE(s.neutral_s, s.emotion_s) AS p_neutral,
  SAFE_DIVIDE(s.sadness_s, s.emotion_s) AS p_sadness,
  SAFE_DIVIDE(s.negative_s, s.emotion_s) AS negativity
FROM bins AS b
LEFT JOIN bin_sums AS s
  ON s.call_date = b.call_date AND s.analysis_id = b.analysis_id AND s.role = b.role AND s.bin = b.bin
