-- Which segments count, once each? Those of the analyses in recordings_current, however often an event came.
SELECT s.*
FROM `${dataset}.segments` AS s
JOIN (SELECT call_date, analysis_id FROM `${dataset}.recordings_current`) AS r
  ON r.call_date = s.call_date AND r.analysis_id = s.analysis_id
WHERE TRUE
QUALIFY ROW_NUMBER() OVER (PARTITION BY s.call_date, s.segment_id ORDER BY s.analysed_at DESC) = 1
