-- Who spoke when, after how much silence, and who interrupted whom? One row per current segment. analysis_turns defines
-- an interruption.
SELECT
  s.* REPLACE (
    ${call_fields}
  )
FROM `${dataset}.analysis_turns` AS s
JOIN `${dataset}.recordings_current` AS r
  ON r.call_date = s.call_date AND r.analysis_id = s.analysis_id
