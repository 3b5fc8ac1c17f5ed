-- What changed, and where are customers more negative? One row per comparison over the last eight weeks.
-- change: the last 1, 2, 3, or 4 weeks of a group of calls against as many weeks before, and against the change of all
-- other calls. concentration: a group of calls, or the calls of a weekday and hours, against the other calls.
-- insight_rank orders what is clear after the correction for the number of comparisons. It is NULL for a row that is
-- not clear, that a clearer row explains, or that only states the usual level of a group.
-- Both sides of a comparison have at least ${min_calls_per_group} calls.
WITH
recent_calls AS (
  SELECT
    c.recording_id,
    IFNULL(c.queue, '') AS queue_name,
    c.queue,
    c.direction,
    c.language,
    c.weekday,
    c.hour,
    r.labels,
    DIV(DATE_DIFF(${last_day}, c.call_date, DAY), 7) AS week,
    c.customer_emotion_s AS emotion_s,
    c.negative_s
  FROM `${dataset}.calls` AS c
  JOIN `${dataset}.recordings_current` AS r ON r.call_date = c.call_date AND r.analysis_id = c.analysis_id
  WHERE c.call_date BETWEEN DATE_SUB(${last_day}, INTERVAL 55 DAY) AND ${last_day}
    AND r.call_date BETWEEN DATE_SUB(${last_day}, INTERVAL 55 DAY) AND ${last_day}
    AND c.customer_emotion_s > 0
),
-- The groups of each call. A label is `key=value`.
call_groups AS (
  SELECT recording_id, week, emotion_s, negative_s, call_group.dimension, call_group.value
  FROM recent_calls
  CROSS JOIN UNNEST(
    [
      STRUCT('all' AS dimension, 'all' AS value),
      STRUCT('queue' AS dimension, queue AS value),
      STRUCT('direction' AS dimension, direction AS value),
      STRUCT('language' AS dimension, language AS value)
    ]
  ) AS call_group
  UNION ALL
  SELECT recording_id, week, emotion_s, negative_s, 'label', CONCAT(label.key, '=', label.value)
  FROM recent_calls
  CROSS JOIN UNNEST(labels) AS label
),
group_weeks AS (
  SELECT
    dimension,
    value,
    week,
    COUNT(*) AS calls,
    SUM(emotion_s) AS emotion_s,
    SUM(negative_s) AS negative_s,
    SUM(emotion_s * emotion_s) AS emotion_squares,
    SUM(emotion_s * negative_s) AS products,
    SUM(negative_s * negative_s) AS negative_squares
  FROM call_groups
  WHERE value IS NOT NULL
  GROUP BY dimension, value, week
),
-- Changes compare periods of 1 to 4 weeks. Concentrations have all eight weeks: `weeks` is 8, and there is no period
-- before.
group_periods AS (
  SELECT
    dimension,
    value,
    weeks,
    week < weeks AS is_now,
    SUM(calls) AS calls,
    SUM(emotion_s) AS emotion_s,
    SUM(negative_s) AS negative_s,
    SUM(emotion_squares) AS emotion_squares,
    SUM(products) AS products,
    SUM(negative_squares) AS negative_squares
  FROM group_weeks
  CROSS JOIN UNNEST([1, 2, 3, 4, 8]) AS weeks
  WHERE week < 2 * weeks
  GROUP BY dimension, value, weeks, is_now
),
-- The calls of one queue, and the calls of all queues less the difference of their queue from all calls: a change of
-- the mix of queues by hour is not a concentration.
queue_levels AS (
  SELECT
    queue_name,
    SUM(negative_s) / SUM(emotion_s) AS negativity
  FROM recent_calls
  GROUP BY queue_name
),
overall AS (
  SELECT SUM(negative_s) / SUM(emotion_s) AS negativity
  FROM recent_calls
),
scoped_calls AS (
  SELECT recording_id, FALSE AS is_all_queues, queue_name, weekday, hour, week, emotion_s, negative_s
  FROM recent_calls
  WHERE queue IS NOT NULL
  UNION ALL
  SELECT
    c.recording_id,
    TRUE,
    '',
    c.weekday,
    c.hour,
    c.week,
    c.emotion_s,
    c.negative_s - c.emotion_s * (q.negativity - o.negativity)
  FROM recent_calls AS c
  JOIN queue_levels AS q ON q.queue_name = c.queue_name
  CROSS JOIN overall AS o
),
-- Weekday 0 stands for all days.
hour_weeks AS (
  SELECT
    is_all_queues,
    queue_name,
    day_of_week,
    hour,
    week,
    COUNT(*) AS calls,
    SUM(emotion_s) AS emotion_s,
    SUM(negative_s) AS negative_s,
    SUM(emotion_s * emotion_s) AS emotion_squares,
    SUM(emotion_s * negative_s) AS products,
    SUM(negative_s * negative_s) AS negative_squares
  FROM scoped_calls
  CROSS JOIN UNNEST([weekday, 0]) AS day_of_week
  GROUP BY is_all_queues, queue_name, day_of_week, hour, week
),
-- Every range of one to four hours, and every whole day.
hour_ranges AS (
  SELECT
    is_all_queues,
    queue_name,
    day_of_week,
    hour_range.first_hour,
    hour_range.hours,
    COUNT(DISTINCT week) AS weeks_with_calls,
    SUM(calls) AS calls,
    SUM(emotion_s) AS emotion_s,
    SUM(negative_s) AS negative_s,
    SUM(emotion_squares) AS emotion_squares,
    SUM(products) AS products,
    SUM(negative_squares) AS negative_squares
  FROM hour_weeks
  CROSS JOIN UNNEST(
    [
      STRUCT(hour AS first_hour, 1 AS hours),
      STRUCT(hour AS first_hour, 2 AS hours),
      STRUCT(hour - 1 AS first_hour, 2 AS hours),
      STRUCT(hour AS first_hour, 3 AS hours),
      STRUCT(hour - 1 AS first_hour, 3 AS hours),
      STRUCT(hour - 2 AS first_hour, 3 AS hours),
      STRUCT(hour AS first_hour, 4 AS hours),
      STRUCT(hour - 1 AS first_hour, 4 AS hours),
      STRUCT(hour - 2 AS first_hour, 4 AS hours),
      STRUCT(hour - 3 AS first_hour, 4 AS hours),
      STRUCT(0 AS first_hour, 24 AS hours)
    ]
  ) AS hour_range
  GROUP BY is_all_queues, queue_name, day_of_week, hour_range.first_hour, hour_range.hours
),
-- One row per side of a comparison. change: `group` now, `reference` before, and `rest` and `rest_reference`, which are
-- the other calls. concentration: `group`, and the other calls as the `reference`.
sides AS (
  SELECT
    IF(weeks = 8, 'concentration', 'change') AS kind,
    dimension,
    value,
    FALSE AS is_all_queues,
    '' AS queue_name,
    0 AS day_of_week,
    0 AS first_hour,
    24 AS hours,
    weeks,
    weeks AS weeks_with_calls,
    IF(is_now, 'group', 'reference') AS side,
    calls,
    emotion_s,
    negative_s,
    emotion_squares,
    products,
    negative_squares
  FROM group_periods
  UNION ALL
  SELECT
    IF(g.weeks = 8, 'concentration', 'change'),
    g.dimension,
    g.value,
    FALSE,
    '',
    0,
    0,
    24,
    g.weeks,
    g.weeks,
    CASE WHEN g.weeks = 8 THEN 'reference' WHEN g.is_now THEN 'rest' ELSE 'rest_reference' END,
    a.calls - g.calls,
    a.emotion_s - g.emotion_s,
    a.negative_s - g.negative_s,
    a.emotion_squares - g.emotion_squares,
    a.products - g.products,
    a.negative_squares - g.negative_squares
  FROM group_periods AS g
  JOIN group_periods AS a ON a.weeks = g.weeks AND a.is_now = g.is_now
  WHERE a.dimension = 'all' AND g.dimension != 'all'
  UNION ALL
  SELECT
    'concentration',
    'time',
    '',
    is_all_queues,
    queue_name,
    day_of_week,
    first_hour,
    hours,
    8,
    weeks_with_calls,
    'group',
    calls,
    emotion_s,
    negative_s,
    emotion_squares,
    products,
    negative_squares
  FROM hour_ranges
  WHERE first_hour >= 0 AND first_hour + hours <= 24
  UNION ALL
  SELECT
    'concentration',
    'time',
    '',
    h.is_all_queues,
    h.queue_name,
    h.day_of_week,
    h.first_hour,
    h.hours,
    8,
    h.weeks_with_calls,
    'reference',
    a.calls - h.calls,
    a.emotion_s - h.emotion_s,
    a.negative_s - h.negative_s,
    a.emotion_squares - h.emotion_squares,
    a.products - h.products,
    a.negative_squares - h.negative_squares
  FROM hour_ranges AS h
  JOIN hour_ranges AS a ON a.is_all_queues = h.is_all_queues AND a.queue_name = h.queue_name
  WHERE a.day_of_week = 0 AND a.hours = 24 AND h.first_hour >= 0 AND h.first_hour + h.hours <= 24
),
-- Variance of a ratio of sums, linearized and clustered by call (Cochran 1977, section 6.4).
ratios AS (
  SELECT
    *,
    negative_s / emotion_s AS negativity,
    GREATEST(
      negative_squares - 2 * negative_s / emotion_s * products + POW(negative_s / emotion_s, 2) * emotion_squares, 0
    ) * calls / (calls - 1) / (emotion_s * emotion_s) AS variance
  FROM sides
  WHERE calls >= GREATEST(${min_calls_per_group}, 2) AND emotion_s > 0
),
comparisons AS (
  SELECT
    kind,
    dimension,
    value,
    is_all_queues,
    queue_name,
    day_of_week,
    first_hour,
    hours,
    weeks,
    MAX(IF(side = 'group', weeks_with_calls, NULL)) AS weeks_with_calls,
    MAX(IF(side = 'group', calls, NULL)) AS calls,
    MAX(IF(side = 'group', emotion_s, NULL)) AS emotion_s,
    MAX(IF(side = 'group', negativity, NULL)) AS negativity,
    MAX(IF(side = 'reference', calls, NULL)) AS reference_calls,
    MAX(IF(side = 'reference', negativity, NULL)) AS reference_negativity,
    SUM(IF(side IN ('group', 'reference'), variance, 0)) AS variance,
    SUM(IF(side IN ('group', 'reference'), variance * variance / (calls - 1), 0)) AS squared_variance,
    MAX(IF(side = 'rest', negativity, NULL)) - MAX(IF(side = 'rest_reference', negativity, NULL)) AS rest_difference,
    SUM(variance) AS rest_variance,
    SUM(variance * variance / (calls - 1)) AS rest_squared_variance
  FROM ratios
  GROUP BY kind, dimension, value, is_all_queues, queue_name, day_of_week, first_hour, hours, weeks
),
-- Degrees of freedom by Welch (1947). A change is compared with zero and with the change of the other calls.
statistics AS (
  SELECT
    *,
    negativity - reference_negativity AS difference,
    SQRT(variance) AS standard_error,
    variance * variance / NULLIF(squared_variance, 0) AS df,
    negativity - reference_negativity - rest_difference AS difference_from_rest,
    rest_variance * rest_variance / NULLIF(rest_squared_variance, 0) AS rest_df
  FROM comparisons
  WHERE negativity IS NOT NULL AND reference_negativity IS NOT NULL
    AND (kind = 'concentration' OR dimension = 'all' OR rest_difference IS NOT NULL)
),
-- The normal deviate with the tail probability of the t statistic (Wallace 1959): of at least 20 calls per side, and of
-- weekdays and hours in at least three weeks. Only more negative times count.
deviates AS (
  SELECT
    *,
    CASE
      WHEN calls < 20 OR reference_calls < 20 OR weeks_with_calls < 3 AND dimension = 'time' THEN NULL
      WHEN dimension = 'time' AND difference <= 0 THEN 0
      WHEN kind = 'change' AND dimension != 'all' AND difference * difference_from_rest <= 0 THEN 0
      ELSE LEAST(
        SQRT(df * LN(1 + difference * difference / variance / df)) * (8 * df + 1) / (8 * df + 3),
        IF(
          kind = 'change' AND dimension != 'all',
          SQRT(rest_df * LN(1 + difference_from_rest * difference_from_rest / rest_variance / rest_df))
          * (8 * rest_df + 1) / (8 * rest_df + 3),
          1e9
        )
      )
    END AS deviate
  FROM statistics
  WHERE df > 0
),
-- Benjamini and Hochberg (1995) at a false discovery rate of 1 %: the deviate of rank k must exceed the normal quantile
-- of 0.01 * k / (2 * number of comparisons), here by Abramowitz and Stegun 26.2.23.
ranks AS (
  SELECT
    *,
    ROW_NUMBER() OVER by_deviate AS deviate_rank,
    SQRT(
      -2 * LN(LEAST(0.005 * ROW_NUMBER() OVER by_deviate / GREATEST(COUNT(deviate) OVER (), 1), 0.5))
    ) AS t
  FROM deviates
  WINDOW by_deviate AS (
    -- Rounded, because the last digits of sums depend on their order.
    ORDER BY ROUND(deviate, 6) DESC, kind, hours, weeks, dimension, value, queue_name, day_of_week, first_hour
  )
),
limits AS (
  SELECT
    *,
    t - (2.515517 + 0.802853 * t + 0.010328 * t * t)
      / (1 + 1.432788 * t + 0.189269 * t * t + 0.001308 * t * t * t) AS limit_of_rank
  FROM ranks
),
discoveries AS (
  SELECT *, MAX(IF(deviate >= limit_of_rank, deviate_rank, 1)) OVER () AS last_rank
  FROM limits
),
-- All intervals have the limit of the last comparison found (Benjamini and Yekutieli 2005).
corrected AS (
  SELECT
    *,
    MAX(IF(deviate_rank = last_rank, limit_of_rank, NULL)) OVER () AS corrected_limit,
    IFNULL(
      deviate >= MAX(IF(deviate_rank = last_rank, limit_of_rank, NULL)) OVER (), FALSE
    ) AS is_clear
  FROM discoveries
),
-- The comparisons that can be insights: of each group only the clearest period. That a queue or a language is usually
-- more negative than others is not an insight.
clear AS (
  SELECT *
  FROM corrected
  WHERE is_clear AND (kind = 'change' OR dimension = 'time')
  QUALIFY kind = 'concentration'
    OR ROW_NUMBER() OVER (PARTITION BY kind, dimension, value ORDER BY deviate_rank) = 1
),
clearest AS (
  SELECT *
  FROM clear
  WHERE TRUE
  QUALIFY ROW_NUMBER() OVER (ORDER BY deviate_rank) <= 60
),
members AS (
  SELECT c.deviate_rank, g.recording_id, g.emotion_s, g.negative_s
  FROM clearest AS c
  JOIN call_groups AS g ON g.dimension = c.dimension AND g.value = c.value AND g.week < c.weeks
  WHERE c.kind = 'change'
  UNION ALL
  SELECT c.deviate_rank, s.recording_id, s.emotion_s, s.negative_s
  FROM clearest AS c
  JOIN scoped_calls AS s ON s.is_all_queues = c.is_all_queues AND s.queue_name = c.queue_name
  WHERE c.dimension = 'time'
    AND (c.day_of_week = 0 OR s.weekday = c.day_of_week)
    AND s.hour BETWEEN c.first_hour AND c.first_hour + c.hours - 1
),
-- A comparison is explained if half of its difference or more comes from the calls of a clearer one.
overlaps AS (
  SELECT
    a.deviate_rank,
    SUM(a.negative_s - c.reference_negativity * a.emotion_s)
      / ANY_VALUE(c.difference * c.emotion_s) AS explained_share
  FROM members AS a
  JOIN members AS b ON b.recording_id = a.recording_id
  JOIN clearest AS c ON c.deviate_rank = a.deviate_rank
  WHERE b.deviate_rank < a.deviate_rank
  GROUP BY a.deviate_rank, b.deviate_rank
),
explained AS (
  SELECT deviate_rank, MAX(explained_share) >= 0.5 AS is_explained
  FROM overlaps
  GROUP BY deviate_rank
),
unexplained AS (
  SELECT
    c.deviate_rank,
    ROW_NUMBER() OVER (ORDER BY c.deviate_rank) AS insight_rank
  FROM clearest AS c
  LEFT JOIN explained AS e ON e.deviate_rank = c.deviate_rank
  WHERE NOT IFNULL(e.is_explained, FALSE)
),
-- The change of all calls, for the share of a group in it.
total_changes AS (
  SELECT
    weeks,
    emotion_s,
    IF(ABS(difference) > 1.959964 * standard_error, difference, NULL) AS difference
  FROM statistics
  WHERE kind = 'change' AND dimension = 'all'
),
described AS (
  SELECT
    i.insight_rank,
    c.kind,
    c.dimension,
    c.value,
    CASE WHEN c.dimension = 'queue' THEN c.value WHEN c.dimension = 'time' THEN NULLIF(c.queue_name, '') END AS queue,
    IF(c.dimension = 'time', NULLIF(c.day_of_week, 0), NULL) AS weekday,
    IF(c.dimension = 'time' AND c.hours < 24, c.first_hour, NULL) AS first_hour,
    IF(c.dimension = 'time' AND c.hours < 24, c.first_hour + c.hours - 1, NULL) AS last_hour,
    c.weeks,
    DATE_SUB(${last_day}, INTERVAL 7 * c.weeks - 1 DAY) AS first_day,
    ${last_day} AS last_day,
    c.calls,
    c.negativity,
    c.reference_calls,
    c.reference_negativity,
    c.difference,
    c.standard_error * SQRT(c.df * (EXP(POW(1.959964 * (8 * c.df + 3) / (8 * c.df + 1), 2) / c.df) - 1)) AS half_width,
    c.standard_error * SQRT(c.df * (EXP(POW(c.corrected_limit * (8 * c.df + 3) / (8 * c.df + 1), 2) / c.df) - 1))
      AS corrected_half_width,
    c.is_clear,
    IF(
      c.kind = 'change' AND c.dimension != 'all', c.difference * c.emotion_s / (t.difference * t.emotion_s), NULL
    ) AS share_of_change
  FROM corrected AS c
  LEFT JOIN unexplained AS i ON i.deviate_rank = c.deviate_rank
  LEFT JOIN total_changes AS t ON t.weeks = c.weeks
)
SELECT
  insight_rank,
  kind,
  dimension,
  value,
  queue,
  weekday,
  first_hour,
  last_hour,
  weeks,
  first_day,
  last_day,
  calls,
  negativity,
  reference_calls,
  reference_negativity,
  difference,
  difference - half_width AS difference_low,
  difference + half_width AS difference_high,
  difference - corrected_half_width AS corrected_low,
  difference + corrected_half_width AS corrected_high,
  is_clear,
  share_of_change,
  CONCAT(
    CASE dimension
      WHEN 'all' THEN 'All calls'
      WHEN 'direction' THEN CONCAT(value, ' calls')
      WHEN 'language' THEN CONCAT('language ', value)
      WHEN 'time' THEN IFNULL(queue, 'All queues')
      ELSE value
    END,
    IF(
      dimension = 'time',
      CONCAT(
        ', ',
        CASE weekday
          WHEN 1 THEN 'Mondays'
          WHEN 2 THEN 'Tuesdays'
          WHEN 3 THEN 'Wednesdays'
          WHEN 4 THEN 'Thursdays'
          WHEN 5 THEN 'Fridays'
          WHEN 6 THEN 'Saturdays'
          WHEN 7 THEN 'Sundays'
          ELSE 'every day'
        END,
        IFNULL(CONCAT(' ', CAST(first_hour AS STRING), ':00 to ', CAST(last_hour + 1 AS STRING), ':00'), '')
      ),
      ''
    ),
    -- The order of a sum does not change a value that is rounded first.
    ': negative ',
    IF(
      kind = 'change',
      CONCAT(
        FORMAT('%.0f%%', ROUND(100 * reference_negativity, 6)),
        ' → ',
        FORMAT('%.0f%%', ROUND(100 * negativity, 6)),
        ' since ',
        CAST(EXTRACT(DAY FROM first_day) AS STRING),
        FORMAT_DATE(' %B', first_day),
        CASE
          WHEN share_of_change >= 0.9 THEN ', nearly all of the overall change'
          WHEN share_of_change >= 0.5 THEN ', most of the overall change'
          ELSE ''
        END
      ),
      CONCAT(
        FORMAT('%.0f%%', ROUND(100 * negativity, 6)), ', otherwise ', FORMAT('%.0f%%', ROUND(100 * reference_negativity, 6))
      )
    )
  ) AS sentence
FROM described
