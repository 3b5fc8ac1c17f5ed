-- Which is the newest analysis of each recording by each model version, published or not? Rows of model_versions, which
-- selects by compared_day as recordings_current does.
SELECT compared_day, is_related, call_date, analysis_id, analyzed_at
FROM `${dataset}.valid_analyses`
WHERE TRUE
QUALIFY ROW_NUMBER() OVER (
  PARTITION BY compared_day, uri, model_version ORDER BY analyzed_at DESC, analysis_id, call_date
) = 1
