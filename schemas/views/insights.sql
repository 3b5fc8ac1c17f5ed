-- What changed, and where are customers more negative? One row per comparison over the last eight weeks.
-- change: the last 1, 2, 3, or 4 weeks of a group of calls against as many weeks before, and against the change of all
-- other calls. concentration: a group of calls, or the calls of a weekday and hours, against the other calls.
-- insight_rank orders what is clear after the correction for the number of comparisons. It is NULL for a row that is
-- not clear, that a clearer row explains, or that only states the usual level of a group.
-- Both sides of a comparison have at least ${min_calls_per_group} calls.
-- Each subquery is read at most twice: BigQuery can evaluate a subquery again for each reference.
WITH
-- calls has labels as text. Reading it and the labels would read the columns that identify recordings twice.
recent_calls AS (
  SELECT
    r.recording_id,
    r.queue,
    r.direction,
    r.language,
    r.weekday,
    r.hour,
    r.labels,
    DIV(DATE_DIFF(${last_day}, r.call_date, DAY), 7) AS week,
    m.customer_emotion_s AS emotion_s,
    m.negative_s,
    -- Less the difference of the queue from all calls: a change of the mix of queues by hour is not a concentration.
    m.negative_s - m.customer_emotion_s * (
      SUM(m.negative_s) OVER by_queue / SUM(m.customer_emotion_s) OVER by_queue
      - SUM(m.negative_s) OVER () / SUM(m.customer_emotion_s) OVER ()
    ) AS adjusted_negative_s
  FROM `${dataset}.timed_recordings` AS r
  JOIN `${dataset}.call_metrics` AS m ON m.call_date = r.call_date AND m.analysis_id = r.analysis_id
  WHERE r.call_date BETWEEN DATE_SUB(${last_day}, INTERVAL 55 DAY) AND ${last_day}
    AND m.call_date BETWEEN DATE_SUB(${last_day}, INTERVAL 55 DAY) AND ${last_day}
    AND m.customer_emotion_s > 0
  WINDOW by_queue AS (PARTITION BY IFNULL(r.queue, ''))
),
-- The groups of each call. Times are those of one queue (queue_time) and of all queues (time). Weekday 0 stands for all
-- days.
call_groups AS (
  SELECT
    recording_id,
    week,
    emotion_s,
    IF(call_group.dimension = 'time', adjusted_negative_s, negative_s) AS negative_s,
    call_group.dimension IN ('time', 'queue_time') AS is_time,
    call_group.dimension,
    call_group.value,
    call_group.day_of_week,
    call_group.hour
  FROM recent_calls
  CROSS JOIN UNNEST(
    ARRAY_CONCAT(
      [
        STRUCT('all' AS dimension, 'all' AS value, 0 AS day_of_week, 0 AS hour),
        STRUCT('queue' AS dimension, queue AS value, 0 AS day_of_week, 0 AS hour),
        STRUCT('direction' AS dimension, direction AS value, 0 AS day_of_week, 0 AS hour),
        STRUCT('language' AS dimension, language AS value, 0 AS day_of_week, 0 AS hour),
        STRUCT('time' AS dimension, '' AS value, 0 AS day_of_week, hour AS hour),
        STRUCT('time' AS dimension, '' AS value, weekday AS day_of_week, hour AS hour),
        STRUCT('queue_time' AS dimension, queue AS value, 0 AS day_of_week, hour AS hour),
        STRUCT('queue_time' AS dimension, queue AS value, weekday AS day_of_week, hour AS hour)
      ],
      ARRAY(
        SELECT
          STRUCT('label' AS dimension, CONCAT(label.key, '=', label.value) AS value, 0 AS day_of_week, 0 AS hour)
        FROM UNNEST(labels) AS label
      )
    )
  ) AS call_group
  WHERE call_group.value IS NOT NULL
),
group_weeks AS (
  SELECT
    is_time,
    dimension,
    value,
    day_of_week,
    hour,
    week,
    COUNT(*) AS calls,
    SUM(emotion_s) AS emotion_s,
    SUM(negative_s) AS negative_s,
    SUM(emotion_s * emotion_s) AS emotion_squares,
    SUM(emotion_s * negative_s) AS products,
    SUM(negative_s * negative_s) AS negative_squares
  FROM call_groups
  GROUP BY is_time, dimension, value, day_of_week, hour, week
),
-- Changes compare periods of 1 to 4 weeks. Concentrations have all eight weeks: `weeks` is 8, and there is no period
-- before. Times are every range of one to four hours, and every whole day.
group_periods AS (
  SELECT
    is_time,
    dimension,
    value,
    day_of_week,
    period.first_hour,
    period.hours,
    period.weeks,
    week < period.weeks AS is_now,
    COUNT(DISTINCT week) AS weeks_with_calls,
    SUM(calls) AS calls,
    SUM(emotion_s) AS emotion_s,
    SUM(negative_s) AS negative_s,
    SUM(emotion_squares) AS emotion_squares,
    SUM(products) AS products,
    SUM(negative_squares) AS negative_squares
  FROM group_weeks
  CROSS JOIN UNNEST(
    [
      STRUCT(FALSE AS of_time, 0 AS first_hour, 24 AS hours, 1 AS weeks),
      STRUCT(FALSE AS of_time, 0 AS first_hour, 24 AS hours, 2 AS weeks),
      STRUCT(FALSE AS of_time, 0 AS first_hour, 24 AS hours, 3 AS weeks),
      STRUCT(FALSE AS of_time, 0 AS first_hour, 24 AS hours, 4 AS weeks),
      STRUCT(FALSE AS of_time, 0 AS first_hour, 24 AS hours, 8 AS weeks),
      STRUCT(TRUE AS of_time, hour AS first_hour, 1 AS hours, 8 AS weeks),
      STRUCT(TRUE AS of_time, hour AS first_hour, 2 AS hours, 8 AS weeks),
      STRUCT(TRUE AS of_time, hour - 1 AS first_hour, 2 AS hours, 8 AS weeks),
      STRUCT(TRUE AS of_time, hour AS first_hour, 3 AS hours, 8 AS weeks),
      STRUCT(TRUE AS of_time, hour - 1 AS first_hour, 3 AS hours, 8 AS weeks),
      STRUCT(TRUE AS of_time, hour - 2 AS first_hour, 3 AS hours, 8 AS weeks),
      STRUCT(TRUE AS of_time, hour AS first_hour, 4 AS hours, 8 AS weeks),
      STRUCT(TRUE AS of_time, hour - 1 AS first_hour, 4 AS hours, 8 AS weeks),
      STRUCT(TRUE AS of_time, hour - 2 AS first_hour, 4 AS hours, 8 AS weeks),
      STRUCT(TRUE AS of_time, hour - 3 AS first_hour, 4 AS hours, 8 AS weeks),
      STRUCT(TRUE AS of_time, 0 AS first_hour, 24 AS hours, 8 AS weeks)
    ]
  ) AS period
  WHERE period.of_time = is_time AND week < 2 * period.weeks
    AND period.first_hour >= 0 AND period.first_hour + period.hours <= 24
  GROUP BY
    is_time, dimension, value, day_of_week, period.first_hour, period.hours, period.weeks, is_now
),
-- The sums of all calls of the same period, or of all times of the same queue.
group_totals AS (
  SELECT
    *,
    MAX(IF(is_total, calls, NULL)) OVER same_calls AS all_calls,
    MAX(IF(is_total, emotion_s, NULL)) OVER same_calls AS all_emotion_s,
    MAX(IF(is_total, negative_s, NULL)) OVER same_calls AS all_negative_s,
    MAX(IF(is_total, emotion_squares, NULL)) OVER same_calls AS all_emotion_squares,
    MAX(IF(is_total, products, NULL)) OVER same_calls AS all_products,
    MAX(IF(is_total, negative_squares, NULL)) OVER same_calls AS all_negative_squares
  FROM (
    SELECT *, dimension = 'all' OR (is_time AND day_of_week = 0 AND hours = 24) AS is_total
    FROM group_periods
  )
  WINDOW same_calls AS (
    PARTITION BY is_time, IF(is_time, dimension, ''), IF(is_time, value, ''), weeks, is_now
  )
),
-- One row per side of a comparison. change: `group` now, `reference` before, and `rest` and `rest_reference`, which are
-- the other calls. concentration: `group`, and the other calls as the `reference`.
sides AS (
  SELECT
    is_time,
    dimension,
    value,
    day_of_week,
    first_hour,
    hours,
    weeks,
    weeks_with_calls,
    CASE
      WHEN side.is_rest AND weeks = 8 THEN 'reference'
      WHEN side.is_rest THEN IF(is_now, 'rest', 'rest_reference')
      ELSE IF(is_now, 'group', 'reference')
    END AS side,
    side.calls,
    side.emotion_s,
    side.negative_s,
    side.emotion_squares,
    side.products,
    side.negative_squares
  FROM group_totals
  CROSS JOIN UNNEST(
    [
      STRUCT(
        FALSE AS is_rest,
        calls AS calls,
        emotion_s AS emotion_s,
        negative_s AS negative_s,
        emotion_squares AS emotion_squares,
        products AS products,
        negative_squares AS negative_squares
      ),
      STRUCT(
        TRUE AS is_rest,
        all_calls - calls AS calls,
        all_emotion_s - emotion_s AS emotion_s,
        all_negative_s - negative_s AS negative_s,
        all_emotion_squares - emotion_squares AS emotion_squares,
        all_products - products AS products,
        all_negative_squares - negative_squares AS negative_squares
      )
    ]
  ) AS side
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
    IF(weeks = 8, 'concentration', 'change') AS kind,
    is_time,
    dimension,
    value,
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
  GROUP BY is_time, dimension, value, day_of_week, first_hour, hours, weeks
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
      WHEN calls < 20 OR reference_calls < 20 OR weeks_with_calls < 3 AND is_time THEN NULL
      WHEN is_time AND difference <= 0 THEN 0
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
    ORDER BY ROUND(deviate, 6) DESC, kind, hours, weeks, is_time, dimension, value, day_of_week, first_hour
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
-- The comparisons that can be insights: of each group only the clearest period, and at most 60. That a queue or a
-- language is usually more negative than others is not an insight.
clearest_periods AS (
  SELECT
    *,
    is_clear AND (kind = 'change' OR is_time) AND deviate_rank = MIN(deviate_rank) OVER (
      PARTITION BY is_clear, kind, dimension, value, day_of_week, first_hour, hours
    ) AS is_clearest_period
  FROM corrected
),
candidates AS (
  SELECT
    *,
    is_clearest_period AND COUNT(IF(is_clearest_period, 1, NULL)) OVER (ORDER BY deviate_rank) <= 60 AS is_candidate
  FROM clearest_periods
),
-- The candidates to which each call belongs.
memberships AS (
  SELECT
    g.recording_id,
    ARRAY_AGG(
      STRUCT(
        c.deviate_rank AS deviate_rank,
        (g.negative_s - c.reference_negativity * g.emotion_s) / (c.difference * c.emotion_s) AS share
      )
    ) AS members
  FROM candidates AS c
  JOIN call_groups AS g
    ON g.dimension = c.dimension
    AND g.value = c.value
    AND g.day_of_week = c.day_of_week
    AND g.hour BETWEEN c.first_hour AND c.first_hour + c.hours - 1
    AND g.week < c.weeks
  WHERE c.is_candidate
  GROUP BY g.recording_id
),
-- A comparison is explained if half of its difference or more comes from the calls of a clearer one.
explained_shares AS (
  SELECT a.deviate_rank, SUM(a.share) AS explained_share
  FROM memberships
  CROSS JOIN UNNEST(members) AS a
  CROSS JOIN UNNEST(members) AS b
  WHERE b.deviate_rank < a.deviate_rank
  GROUP BY a.deviate_rank, b.deviate_rank
),
explained AS (
  SELECT deviate_rank, MAX(explained_share) >= 0.5 AS is_explained
  FROM explained_shares
  GROUP BY deviate_rank
),
unexplained AS (
  SELECT
    c.*,
    c.is_candidate AND NOT IFNULL(e.is_explained, FALSE) AS is_insight,
    -- The change of all calls, for the share of a group in it.
    MAX(
      IF(c.dimension = 'all' AND ABS(c.difference) > 1.959964 * c.standard_error, c.difference * c.emotion_s, NULL)
    ) OVER (PARTITION BY c.weeks) AS total_change
  FROM candidates AS c
  LEFT JOIN explained AS e ON e.deviate_rank = c.deviate_rank
),
described AS (
  SELECT
    IF(is_insight, COUNT(IF(is_insight, 1, NULL)) OVER (ORDER BY deviate_rank), NULL) AS insight_rank,
    kind,
    IF(is_time, 'time', dimension) AS dimension,
    IF(is_time, '', value) AS value,
    IF(dimension IN ('queue', 'queue_time'), value, NULL) AS queue,
    NULLIF(day_of_week, 0) AS weekday,
    IF(hours < 24, first_hour, NULL) AS first_hour,
    IF(hours < 24, first_hour + hours - 1, NULL) AS last_hour,
    weeks,
    DATE_SUB(${last_day}, INTERVAL 7 * weeks - 1 DAY) AS first_day,
    ${last_day} AS last_day,
    calls,
    negativity,
    reference_calls,
    reference_negativity,
    difference,
    standard_error * SQRT(df * (EXP(POW(1.959964 * (8 * df + 3) / (8 * df + 1), 2) / df) - 1)) AS half_width,
    standard_error * SQRT(df * (EXP(POW(corrected_limit * (8 * df + 3) / (8 * df + 1), 2) / df) - 1))
      AS corrected_half_width,
    is_clear,
    IF(kind = 'change' AND dimension != 'all', difference * emotion_s / total_change, NULL) AS share_of_change
  FROM unexplained
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
