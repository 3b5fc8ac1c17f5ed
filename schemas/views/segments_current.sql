-- Which segments count? Those of the analyses in recordings_current, once each, also if an event was repeated.
SELECT
  s.*,
  s.role = 'customer' OR (s.role = 'mixed' AND r.customer_talk_s IS NULL) AS is_customer,
  s.end_s - s.start_s AS duration_s,
  s.p_anger + s.p_disgust + s.p_fear + s.p_sadness AS negativity,
  r.uri,
  r.duration_s AS recording_s
FROM (
  SELECT *
  FROM `${dataset}.segments`
  WHERE TRUE
  QUALIFY ROW_NUMBER() OVER (PARTITION BY call_date, segment_id ORDER BY analyzed_at DESC) = 1
) AS s
JOIN `${dataset}.recordings_current` AS r
  ON r.call_date = s.call_date AND r.analysis_id = s.analysis_id
