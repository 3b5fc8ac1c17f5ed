-- Which segments does each analysis have? Once each, also if an event was repeated, whether or not the analysis is the
-- current one of its recording. A step of segments_current and turns.
SELECT
  s.*,
  s.role = 'customer' OR (s.role IN ('mixed', 'unknown') AND r.customer_talk_s IS NULL) AS is_customer,
  s.end_s - s.start_s AS duration_s,
  s.p_anger + s.p_disgust + s.p_fear + s.p_sadness AS negativity,
  r.uri,
  r.duration_s AS recording_s
FROM (
  SELECT *
  FROM `${dataset}.segments`
  WHERE TRUE
  QUALIFY ROW_NUMBER() OVER (PARTITION BY call_date, analysis_id, segment_index ORDER BY analyzed_at DESC) = 1
) AS s
JOIN (
  SELECT call_date, analysis_id, customer_talk_s, uri, duration_s
  FROM `${dataset}.recordings`
  WHERE TRUE
  QUALIFY ROW_NUMBER() OVER (PARTITION BY call_date, analysis_id ORDER BY analyzed_at DESC, processing_s) = 1
) AS r
  ON r.call_date = s.call_date AND r.analysis_id = s.analysis_id
