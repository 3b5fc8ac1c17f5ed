-- Which segments count? Those of the analyses in recordings_current, once each, also if an event was repeated.
SELECT
  s.* REPLACE (
    ${call_fields}
  )
FROM `${dataset}.analysis_segments` AS s
JOIN `${dataset}.recordings_current` AS r
  ON r.call_date = s.call_date AND r.analysis_id = s.analysis_id
