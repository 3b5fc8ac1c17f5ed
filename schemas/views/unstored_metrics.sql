-- Which metrics does each analysis have that is not in stored_metrics? One row per analysis with segments, whether or
-- not it is the current one of its recording. docs/metrics.md defines and explains every metric.
-- A metric depends on one analysis only, so a stored metric stays correct when details, an erasure, an overwritten
-- recording, or a published model version change which analysis counts.
WITH
unstored_analyses AS (
  SELECT DISTINCT call_date, analysis_id
  FROM `${dataset}.recordings` AS r
  WHERE NOT EXISTS (
    SELECT 1
    FROM `${dataset}.stored_metrics` AS m
    WHERE m.call_date = r.call_date AND m.analysis_id = r.analysis_id AND m.metrics_version = '${metrics_version}'
  )
),
-- customer_s is the length of a segment with an inferred emotion of the customer; otherwise NULL.
segments AS (
  SELECT t.*, IF(is_customer AND negativity IS NOT NULL, duration_s, NULL) AS customer_s
  FROM `${dataset}.analysis_turns` AS t
  JOIN unstored_analyses AS u ON u.call_date = t.call_date AND u.analysis_id = t.analysis_id
),
-- Seconds of each customer segment before the end of each quarter and of the first two thirds of the recording.
split_segments AS (
  SELECT
    *,
    LEAST(GREATEST(recording_s / 4 - start_s, 0), customer_s) AS until_q1_s,
    LEAST(GREATEST(recording_s / 2 - start_s, 0), customer_s) AS until_q2_s,
    LEAST(GREATEST(recording_s * 3 / 4 - start_s, 0), customer_s) AS until_q3_s,
    LEAST(GREATEST(recording_s / 3 - start_s, 0), customer_s) AS until_third_1_s,
    LEAST(GREATEST(recording_s * 2 / 3 - start_s, 0), customer_s) AS until_third_2_s
  FROM segments
),
call_sums AS (
  SELECT
    call_date,
    analysis_id,
    ANY_VALUE(recording_id) AS recording_id,
    MAX(analyzed_at) AS analyzed_at,
    GREATEST(MAX(silence_before_s), 0) AS longest_silence_s,
    COUNTIF(is_interruption AND role = 'agent') AS interruptions_by_agent,
    COUNTIF(is_interruption AND role = 'customer') AS interruptions_by_customer,
    ${emotion_sums},
    SUM(p_anger * customer_s) AS p_anger_s,
    SUM(p_disgust * customer_s) AS p_disgust_s,
    SUM(p_fear * customer_s) AS p_fear_s,
    SUM(p_happiness * customer_s) AS p_happiness_s,
    SUM(p_neutral * customer_s) AS p_neutral_s,
    SUM(p_sadness * customer_s) AS p_sadness_s,
    SUM(IF(role = 'agent' AND negativity IS NOT NULL, duration_s, 0)) AS agent_emotion_s,
    SUM(IF(role = 'agent', negativity * duration_s, 0)) AS agent_negative_s,
    MIN(IF(is_customer AND emotion = 'anger', start_s, NULL)) AS first_anger_s,
    SUM(until_q1_s) AS q1_s,
    SUM(until_q2_s - until_q1_s) AS q2_s,
    SUM(until_q3_s - until_q2_s) AS q3_s,
    SUM(customer_s - until_q3_s) AS q4_s,
    SUM(negativity * until_q1_s) AS q1_negative_s,
    SUM(negativity * (until_q2_s - until_q1_s)) AS q2_negative_s,
    SUM(negativity * (until_q3_s - until_q2_s)) AS q3_negative_s,
    SUM(negativity * (customer_s - until_q3_s)) AS q4_negative_s,
    SUM(until_third_1_s) AS third_1_s,
    SUM(until_third_2_s - until_third_1_s) AS third_2_s,
    SUM(customer_s - until_third_2_s) AS third_3_s,
    SUM(negativity * until_third_1_s) AS third_1_negative_s,
    SUM(negativity * (until_third_2_s - until_third_1_s)) AS third_2_negative_s,
    SUM(negativity * (customer_s - until_third_2_s)) AS third_3_negative_s,
    -- Negativity times seconds; the small term prefers the earlier of two equal segments.
    MAX_BY(
      STRUCT(
        start_s AS start_s,
        emotion AS emotion,
        negativity AS negativity,
        p_anger AS p_anger,
        p_disgust AS p_disgust,
        p_fear AS p_fear,
        p_sadness AS p_sadness,
        loudness_db AS loudness_db,
        pitch_semitones AS pitch_semitones,
        rate_ratio AS rate_ratio
      ),
      negativity * customer_s - start_s * 1e-9
    ) AS peak
  FROM split_segments
  GROUP BY call_date, analysis_id
),
-- A third without 5 seconds of the customer's speech has no negativity.
call_negativity AS (
  SELECT
    *,
    negative_s / customer_emotion_s AS negativity,
    IF(third_1_s >= 5, third_1_negative_s / third_1_s, NULL) AS negativity_start,
    IF(third_2_s >= 5, third_2_negative_s / third_2_s, NULL) AS negativity_middle,
    IF(third_3_s >= 5, third_3_negative_s / third_3_s, NULL) AS negativity_end,
    NULLIF(GREATEST(peak.p_anger, peak.p_disgust, peak.p_fear, peak.p_sadness), 0) AS peak_probability
  FROM call_sums
),
call_changes AS (
  SELECT
    *,
    negativity_end - negativity_start AS negativity_change,
    IFNULL(negativity_end >= 0.4, FALSE) AS ended_negative,
    GREATEST(IFNULL(negativity_start, 0), IFNULL(negativity_middle, 0), IFNULL(negativity_end, 0)) AS worst_third
  FROM call_negativity
),
-- Negative call: a third with a negativity of 0.4 or more, or 10 seconds of anger. Escalated: negative at the end, and
-- more negative than at the start. Recovered: a negative call that is not negative at the end, and less negative than
-- in its worst third.
call_flags AS (
  SELECT
    *,
    IF(customer_emotion_s > 0, worst_third >= 0.4 OR anger_s >= 10, NULL) AS is_negative_call,
    IF(customer_emotion_s > 0, ended_negative AND IFNULL(negativity_change >= 0.2, FALSE), NULL) AS escalated,
    IF(
      customer_emotion_s > 0,
      (worst_third >= 0.4 OR anger_s >= 10) AND NOT ended_negative
        AND IFNULL(worst_third - negativity_end >= 0.2, FALSE),
      NULL
    ) AS recovered
  FROM call_changes
),
-- Two consecutive angry segments are more reliable than one. The anger score of a segment is the mean of its own log
-- odds and those of its angrier neighbor, as a probability.
anger_log_odds AS (
  SELECT
    call_date,
    analysis_id,
    channel,
    start_s,
    end_s,
    p_anger,
    loudness_db,
    pitch_semitones,
    rate_ratio,
    LN(GREATEST(LEAST(p_anger, 0.9995), 0.0005) / (1 - GREATEST(LEAST(p_anger, 0.9995), 0.0005))) AS log_odds
  FROM segments
  WHERE customer_s IS NOT NULL
),
neighbors AS (
  SELECT *, LAG(log_odds) OVER by_time AS previous_log_odds, LEAD(log_odds) OVER by_time AS next_log_odds
  FROM anger_log_odds
  WINDOW by_time AS (PARTITION BY call_date, analysis_id ORDER BY start_s, channel)
),
anger_scores AS (
  SELECT
    *,
    1 / (
      1 + EXP(
        -(
          log_odds + COALESCE(
            GREATEST(IFNULL(previous_log_odds, next_log_odds), IFNULL(next_log_odds, previous_log_odds)), log_odds
          )
        ) / 2
      )
    ) AS score
  FROM neighbors
),
-- An angry stretch: consecutive segments with a score of 0.3 or more and a probability of anger of 0.1 or more. Both
-- thresholds were set on simulated calls: docs/decisions/0007-call-flags.md
stretch_segments AS (
  SELECT
    *,
    score >= 0.3 AND p_anger >= 0.1 AS is_angry,
    -- All segments of a stretch have the same number of other segments before them.
    SUM(IF(score >= 0.3 AND p_anger >= 0.1, 0, 1)) OVER (
      PARTITION BY call_date, analysis_id ORDER BY start_s, channel ROWS UNBOUNDED PRECEDING
    ) AS stretch_id
  FROM anger_scores
),
stretches AS (
  SELECT
    call_date,
    analysis_id,
    MAX(score) AS score,
    MAX(IF(is_angry, score, NULL)) AS angry_score,
    MIN(IF(is_angry, start_s, NULL)) AS start_s,
    MAX(IF(is_angry, end_s, NULL)) AS end_s,
    SUM(IF(is_angry, loudness_db * (end_s - start_s), NULL))
      / SUM(IF(is_angry AND loudness_db IS NOT NULL, end_s - start_s, NULL)) AS loudness_db,
    SUM(IF(is_angry, pitch_semitones * (end_s - start_s), NULL))
      / SUM(IF(is_angry AND pitch_semitones IS NOT NULL, end_s - start_s, NULL)) AS pitch_semitones,
    SUM(IF(is_angry, rate_ratio * (end_s - start_s), NULL))
      / SUM(IF(is_angry AND rate_ratio IS NOT NULL, end_s - start_s, NULL)) AS rate_ratio
  FROM stretch_segments
  GROUP BY call_date, analysis_id, stretch_id
),
angriest_stretches AS (
  SELECT
    call_date,
    analysis_id,
    MAX(score) AS anger_score,
    MAX_BY(
      STRUCT(
        start_s AS start_s, end_s AS end_s,
        loudness_db AS loudness_db, pitch_semitones AS pitch_semitones, rate_ratio AS rate_ratio
      ),
      angry_score - start_s * 1e-9
    ) AS stretch
  FROM stretches
  GROUP BY call_date, analysis_id
),
-- How the voice differs from the speaker's own neutral speech: in the angriest stretch, otherwise in the most negative
-- segment. Smaller differences are not noticeable.
-- Each subquery is read once: DuckDB does not pass a filter on the day to a subquery that is read twice.
voices AS (
  SELECT
    f.*,
    a.anger_score,
    a.stretch,
    IFNULL(a.stretch.start_s, f.peak.start_s) AS voice_start_s,
    IF(a.stretch.start_s IS NULL, f.peak.loudness_db, a.stretch.loudness_db) AS loudness_db,
    IF(a.stretch.start_s IS NULL, f.peak.pitch_semitones, a.stretch.pitch_semitones) AS pitch_semitones,
    IF(a.stretch.start_s IS NULL, f.peak.rate_ratio, a.stretch.rate_ratio) AS rate_ratio
  FROM call_flags AS f
  LEFT JOIN angriest_stretches AS a ON a.call_date = f.call_date AND a.analysis_id = f.analysis_id
),
call_findings AS (
  SELECT
    *,
    ARRAY_TO_STRING(
      [
        CASE
          WHEN loudness_db >= 3 THEN FORMAT('%.0f dB louder', loudness_db)
          WHEN loudness_db <= -3 THEN FORMAT('%.0f dB quieter', -loudness_db)
        END,
        CASE
          WHEN pitch_semitones >= 2 THEN FORMAT('pitch up %.0f semitones', pitch_semitones)
          WHEN pitch_semitones <= -2 THEN FORMAT('pitch down %.0f semitones', -pitch_semitones)
        END,
        CASE
          WHEN rate_ratio >= 1.2 THEN FORMAT('%.0f%% faster', 100 * (rate_ratio - 1))
          WHEN rate_ratio <= 0.8 THEN FORMAT('%.0f%% slower', 100 * (1 - rate_ratio))
        END
      ],
      ', '
    ) AS voice_text
  FROM voices
)
SELECT
  analysis_id,
  recording_id,
  call_date,
  analyzed_at,
  '${metrics_version}' AS metrics_version,
  longest_silence_s,
  interruptions_by_agent,
  interruptions_by_customer,
  customer_emotion_s,
  anger_s,
  disgust_s,
  fear_s,
  happiness_s,
  neutral_s,
  sadness_s,
  uncertain_s,
  p_anger_s / customer_emotion_s AS p_anger,
  p_disgust_s / customer_emotion_s AS p_disgust,
  p_fear_s / customer_emotion_s AS p_fear,
  p_happiness_s / customer_emotion_s AS p_happiness,
  p_neutral_s / customer_emotion_s AS p_neutral,
  p_sadness_s / customer_emotion_s AS p_sadness,
  negative_s,
  negativity,
  negativity_start,
  negativity_middle,
  negativity_end,
  negativity_change,
  q1_negative_s / NULLIF(q1_s, 0) AS negativity_q1,
  q2_negative_s / NULLIF(q2_s, 0) AS negativity_q2,
  q3_negative_s / NULLIF(q3_s, 0) AS negativity_q3,
  q4_negative_s / NULLIF(q4_s, 0) AS negativity_q4,
  peak.start_s AS peak_start_s,
  CASE peak_probability
    WHEN peak.p_anger THEN 'anger'
    WHEN peak.p_disgust THEN 'disgust'
    WHEN peak.p_fear THEN 'fear'
    WHEN peak.p_sadness THEN 'sadness'
  END AS peak_emotion,
  peak_probability,
  peak.negativity AS peak_negativity,
  peak.emotion = 'uncertain' AS peak_is_uncertain,
  first_anger_s,
  anger_score,
  stretch.start_s AS anger_start_s,
  stretch.end_s AS anger_end_s,
  is_negative_call,
  escalated,
  recovered,
  IF(
    is_negative_call AND NOT recovered,
    ARRAY_TO_STRING(
      [
        CASE
          WHEN escalated THEN FORMAT(
            'more negative at the end (%.0f%%) than at the start (%.0f%%)',
            100 * negativity_end, 100 * negativity_start
          )
          WHEN ended_negative THEN FORMAT('negative at the end (%.0f%%)', 100 * negativity_end)
          WHEN worst_third >= 0.4 THEN FORMAT('negative for a third of the call (%.0f%%)', 100 * worst_third)
        END,
        IF(anger_s >= 10, FORMAT('angry for %.0f s', anger_s), NULL),
        IF(
          voice_text != '',
          FORMAT(
            'from %d:%02d: %s',
            DIV(CAST(FLOOR(voice_start_s) AS INT64), 60), MOD(CAST(FLOOR(voice_start_s) AS INT64), 60), voice_text
          ),
          NULL
        )
      ],
      '; '
    ),
    NULL
  ) AS attention_reason,
  agent_emotion_s,
  agent_negative_s,
  customer_segments,
  customer_confidence_s,
  all_emotion_s,
  all_uncertain_s,
  all_confidence_s,
  all_negative_s
FROM call_findings
