-- Who spoke when, after how much silence, and who interrupted whom? One row per current segment. analysis_turns defines
-- an interruption.
SELECT s.*, t.silence_before_s, t.is_interruption
FROM `${dataset}.segments_current` AS s
JOIN `${dataset}.analysis_turns` AS t
  ON t.call_date = s.call_date AND t.analysis_id = s.analysis_id AND t.segment_id = s.segment_id
