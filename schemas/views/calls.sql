-- How did each call go, how did the customer sound from start to end, and which calls should somebody hear?
-- A call is one recording. Every definition, with its reason and an example: docs/metrics.md.
WITH
-- Every segment, with its seconds if they tell the customer's emotion.
speech AS (
  SELECT *, IF(is_customer AND negativity IS NOT NULL, duration_s, NULL) AS heard_s
  FROM `${dataset}.turns`
),
-- The customer's seconds in it before each quarter and each third of the recording was over.
passed AS (
  SELECT
    *,
    LEAST(GREATEST(recording_s / 4 - start_s, 0), heard_s) AS by_q1_s,
    LEAST(GREATEST(recording_s / 2 - start_s, 0), heard_s) AS by_q2_s,
    LEAST(GREATEST(recording_s * 3 / 4 - start_s, 0), heard_s) AS by_q3_s,
    LEAST(GREATEST(recording_s / 3 - start_s, 0), heard_s) AS by_start_s,
    LEAST(GREATEST(recording_s * 2 / 3 - start_s, 0), heard_s) AS by_middle_s
  FROM speech
),
sums AS (
  SELECT
    call_date,
    analysis_id,
    GREATEST(MAX(silence_before_s), 0) AS longest_silence_s,
    COUNTIF(is_interruption AND role = 'agent') AS by_agent,
    COUNTIF(is_interruption AND role = 'customer') AS by_customer,
    SUM(heard_s) AS customer_emotion_s,
    SUM(IF(emotion = 'anger', heard_s, 0)) AS anger_s,
    SUM(IF(emotion = 'disgust', heard_s, 0)) AS disgust_s,
    SUM(IF(emotion = 'fear', heard_s, 0)) AS fear_s,
    SUM(IF(emotion = 'happiness', heard_s, 0)) AS happiness_s,
    SUM(IF(emotion = 'neutral', heard_s, 0)) AS neutral_s,
    SUM(IF(emotion = 'sadness', heard_s, 0)) AS sadness_s,
    SUM(IF(emotion = 'uncertain', heard_s, 0)) AS uncertain_s,
    SUM(negativity * heard_s) AS negative_s,
    SUM(IF(role = 'agent' AND negativity IS NOT NULL, duration_s, 0)) AS agent_emotion_s,
    SUM(IF(role = 'agent', negativity * duration_s, 0)) AS agent_negative_s,
    MIN(IF(is_customer AND emotion = 'anger', start_s, NULL)) AS first_anger_s,
    SUM(by_q1_s) AS q1_s,
    SUM(by_q2_s - by_q1_s) AS q2_s,
    SUM(by_q3_s - by_q2_s) AS q3_s,
    SUM(heard_s - by_q3_s) AS q4_s,
    SUM(negativity * by_q1_s) AS q1_negative_s,
    SUM(negativity * (by_q2_s - by_q1_s)) AS q2_negative_s,
    SUM(negativity * (by_q3_s - by_q2_s)) AS q3_negative_s,
    SUM(negativity * (heard_s - by_q3_s)) AS q4_negative_s,
    SUM(by_start_s) AS start_s,
    SUM(by_middle_s - by_start_s) AS middle_s,
    SUM(heard_s - by_middle_s) AS end_s,
    SUM(negativity * by_start_s) AS start_negative_s,
    SUM(negativity * (by_middle_s - by_start_s)) AS middle_negative_s,
    SUM(negativity * (heard_s - by_middle_s)) AS end_negative_s,
    -- Long and negative weighs most; of two alike the earlier one.
    MAX_BY(
      STRUCT(
        start_s AS start_s, p_anger AS p_anger, p_disgust AS p_disgust, p_fear AS p_fear, p_sadness AS p_sadness
      ),
      negativity * heard_s - start_s * 1e-9
    ) AS peak
  FROM passed
  GROUP BY call_date, analysis_id
),
-- A third counts with five seconds of the customer's voice or more.
measured AS (
  SELECT
    *,
    negative_s / customer_emotion_s AS negativity,
    IF(start_s >= 5, start_negative_s / start_s, NULL) AS negativity_start,
    IF(middle_s >= 5, middle_negative_s / middle_s, NULL) AS negativity_middle,
    IF(end_s >= 5, end_negative_s / end_s, NULL) AS negativity_end,
    NULLIF(GREATEST(peak.p_anger, peak.p_disgust, peak.p_fear, peak.p_sadness), 0) AS peak_probability
  FROM sums
),
compared AS (
  SELECT
    *,
    negativity_end - negativity_start AS negativity_change,
    IFNULL(negativity_end >= 0.4, FALSE) AS ended_negative,
    GREATEST(IFNULL(negativity_start, 0), IFNULL(negativity_middle, 0), IFNULL(negativity_end, 0)) AS worst_third
  FROM measured
),
-- Hard: a third of it negative, or ten seconds of anger. Escalated: negative at the end, and more so than at the start.
-- Recovered: hard, yet at the end not negative, and less so than at its worst.
judged AS (
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
  FROM compared
),
-- Anger is believed of two segments in a row rather than of one: a segment's score is the mean of its own log odds and
-- of those of the angrier of its two neighbors, as a probability.
odds AS (
  SELECT
    call_date,
    analysis_id,
    channel,
    start_s,
    end_s,
    p_anger,
    LN(GREATEST(LEAST(p_anger, 0.9995), 0.0005) / (1 - GREATEST(LEAST(p_anger, 0.9995), 0.0005))) AS log_odds
  FROM speech
  WHERE heard_s IS NOT NULL
),
neighbors AS (
  SELECT *, LAG(log_odds) OVER in_turn AS before, LEAD(log_odds) OVER in_turn AS behind
  FROM odds
  WINDOW in_turn AS (PARTITION BY call_date, analysis_id ORDER BY start_s, channel)
),
scored AS (
  SELECT
    *,
    1 / (
      1 + EXP(-(log_odds + COALESCE(GREATEST(IFNULL(before, behind), IFNULL(behind, before)), log_odds)) / 2)
    ) AS score
  FROM neighbors
),
-- An angry stretch: segments in a row that all score 0.3 or more, none of which is calm by itself. Both bounds were set
-- on simulated calls: docs/decisions/0007-call-flags.md
stretches AS (
  SELECT
    *,
    score >= 0.3 AND p_anger >= 0.1 AS is_angry,
    SUM(IF(score >= 0.3 AND p_anger >= 0.1, 0, 1)) OVER (
      PARTITION BY call_date, analysis_id ORDER BY start_s, channel ROWS UNBOUNDED PRECEDING
    ) AS calm_before
  FROM scored
),
stretched AS (
  SELECT
    call_date,
    analysis_id,
    MAX(score) AS score,
    MAX(IF(is_angry, score, NULL)) AS angry_score,
    MIN(IF(is_angry, start_s, NULL)) AS start_s,
    MAX(IF(is_angry, end_s, NULL)) AS end_s
  FROM stretches
  GROUP BY call_date, analysis_id, calm_before
),
angriest AS (
  SELECT
    call_date,
    analysis_id,
    MAX(score) AS anger_score,
    MAX_BY(STRUCT(start_s AS start_s, end_s AS end_s), angry_score - start_s * 1e-9) AS stretch
  FROM stretched
  GROUP BY call_date, analysis_id
),
labeled AS (
  SELECT
    call_date,
    analysis_id,
    STRING_AGG(CONCAT(label.key, '=', label.value), ', ' ORDER BY label.key, label.value) AS labels
  FROM `${dataset}.recordings_current`
  CROSS JOIN UNNEST(labels) AS label
  GROUP BY call_date, analysis_id
)
SELECT
  r.call_date,
  r.started_at,
  MOD(EXTRACT(DAYOFWEEK FROM r.call_date) + 5, 7) + 1 AS weekday,
  EXTRACT(HOUR FROM r.started_at AT TIME ZONE '${time_zone}') AS hour,
  r.recording_id,
  r.analysis_id,
  r.call_id,
  r.queue,
  r.agent_id,
  r.customer_id,
  r.direction,
  r.language,
  l.labels,
  r.uri,
  r.duration_s,
  r.agent_talk_s,
  r.customer_talk_s,
  r.mixed_talk_s,
  r.duration_s - r.agent_talk_s AS agent_silence_s,
  r.duration_s - r.customer_talk_s AS customer_silence_s,
  r.silence_s,
  j.longest_silence_s,
  r.overlap_s,
  IF(r.agent_talk_s + r.customer_talk_s >= 0, IFNULL(j.by_agent, 0), NULL) AS interruptions_by_agent,
  IF(r.agent_talk_s + r.customer_talk_s >= 0, IFNULL(j.by_customer, 0), NULL) AS interruptions_by_customer,
  SAFE_DIVIDE(r.agent_talk_s, r.agent_talk_s + r.customer_talk_s) AS agent_talk_ratio,
  IFNULL(j.customer_emotion_s, 0) AS customer_emotion_s,
  IFNULL(j.anger_s, 0) AS anger_s,
  IFNULL(j.disgust_s, 0) AS disgust_s,
  IFNULL(j.fear_s, 0) AS fear_s,
  IFNULL(j.happiness_s, 0) AS happiness_s,
  IFNULL(j.neutral_s, 0) AS neutral_s,
  IFNULL(j.sadness_s, 0) AS sadness_s,
  IFNULL(j.uncertain_s, 0) AS uncertain_s,
  j.anger_s / j.customer_emotion_s AS anger_share,
  j.disgust_s / j.customer_emotion_s AS disgust_share,
  j.fear_s / j.customer_emotion_s AS fear_share,
  j.happiness_s / j.customer_emotion_s AS happiness_share,
  j.neutral_s / j.customer_emotion_s AS neutral_share,
  j.sadness_s / j.customer_emotion_s AS sadness_share,
  j.uncertain_s / j.customer_emotion_s AS uncertain_share,
  IFNULL(j.negative_s, 0) AS negative_s,
  j.negativity,
  j.negativity_start,
  j.negativity_middle,
  j.negativity_end,
  j.negativity_change,
  j.q1_negative_s / NULLIF(j.q1_s, 0) AS negativity_q1,
  j.q2_negative_s / NULLIF(j.q2_s, 0) AS negativity_q2,
  j.q3_negative_s / NULLIF(j.q3_s, 0) AS negativity_q3,
  j.q4_negative_s / NULLIF(j.q4_s, 0) AS negativity_q4,
  j.peak.start_s AS peak_start_s,
  CASE j.peak_probability
    WHEN j.peak.p_anger THEN 'anger'
    WHEN j.peak.p_disgust THEN 'disgust'
    WHEN j.peak.p_fear THEN 'fear'
    WHEN j.peak.p_sadness THEN 'sadness'
  END AS peak_emotion,
  j.peak_probability,
  j.first_anger_s,
  a.anger_score,
  a.stretch.start_s AS anger_start_s,
  a.stretch.end_s AS anger_end_s,
  j.is_negative_call,
  j.escalated,
  j.recovered,
  j.is_negative_call AND NOT j.recovered AS needs_attention,
  IF(
    j.is_negative_call AND NOT j.recovered,
    ARRAY_TO_STRING(
      [
        CASE
          WHEN j.escalated THEN FORMAT(
            'more negative at the end (%.0f%%) than at the start (%.0f%%)',
            100 * j.negativity_end, 100 * j.negativity_start
          )
          WHEN j.ended_negative THEN FORMAT('negative at the end (%.0f%%)', 100 * j.negativity_end)
          WHEN j.worst_third >= 0.4 THEN FORMAT('negative for a third of the call (%.0f%%)', 100 * j.worst_third)
        END,
        IF(j.anger_s >= 10, FORMAT('angry for %.0f s', j.anger_s), NULL)
      ],
      '; '
    ),
    NULL
  ) AS attention_reason,
  IFNULL(j.agent_emotion_s, 0) AS agent_emotion_s,
  IFNULL(j.agent_negative_s, 0) AS agent_negative_s,
  r.segment_count,
  NULLIF(ARRAY_TO_STRING(r.warnings, ', '), '') AS warnings,
  r.model_version,
  r.analyzed_at
FROM `${dataset}.recordings_current` AS r
LEFT JOIN judged AS j ON j.call_date = r.call_date AND j.analysis_id = r.analysis_id
LEFT JOIN angriest AS a ON a.call_date = r.call_date AND a.analysis_id = r.analysis_id
LEFT JOIN labeled AS l ON l.call_date = r.call_date AND l.analysis_id = r.analysis_id
