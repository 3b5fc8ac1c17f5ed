"""Calls of six minutes, over some days, in a local store. Agent and customer speak at random times.

Rows are in the order of days, as in a store that grows every day.
"""

import string

import duckdb

_ROWS = string.Template("""
CREATE TEMP TABLE random_calls AS
SELECT
  md5('recording' || c) AS recording_id,
  md5('analysis' || c) AS analysis_id,
  DATE '2026-01-01' + (c * ${days} // ${calls})::INT AS call_date,
  TIMESTAMPTZ '2026-01-01 08:00:00+00' + INTERVAL (c * ${days} // ${calls}) DAY + INTERVAL (c * 37 % 36000) SECOND
    AS started_at,
  'call-' || c AS call_id,
  'queue-' || c % 8 AS queue,
  'agent-' || c % 50 AS agent_id,
  '1' AS model_version,
  started_at + INTERVAL 1 HOUR AS analyzed_at,
  c
FROM range(${calls}) AS calls(c);

INSERT INTO recordings BY NAME
SELECT
  * EXCLUDE (c),
  'gs://acme-calls-1-callmood-recordings/2026-01-02T09-14-00Z_call-' || c
    || '_queue-billing_agent-a17_customer-c204.wav' AS uri,
  'calls' AS bucket,
  c || '.wav' AS object,
  1 AS generation,
  md5('bytes' || c) || md5('more' || c) AS content_sha256,
  5760000 AS size_bytes,
  started_at + INTERVAL 30 MINUTE AS uploaded_at,
  [{'key': 'product', 'value': 'p' || c % 5}, {'key': 'campaign', 'value': 'c' || c % 3}] AS labels,
  'wav' AS container,
  'mulaw' AS codec,
  8000 AS sample_rate,
  2 AS channels,
  ['agent', 'customer'] AS channel_roles,
  385.0 AS duration_s,
  150.0 AS agent_talk_s,
  150.0 AS customer_talk_s,
  80.0 AS silence_s,
  5.0 AS overlap_s,
  ${segments} AS segment_count,
  CASE WHEN c % 100 = 0 THEN ['dual_mono'] ELSE [] END AS warnings,
  '0.1.0' AS software_version,
  3.0 AS processing_s
FROM random_calls;

INSERT INTO segments BY NAME
WITH speech AS (
  SELECT
    random_calls.*,
    segment_index,
    hash(c, segment_index, 'who') % 2 AS channel,
    segment_index * 3.75 + hash(c, segment_index, 'start') % 1500 / 1000 AS start_s,
    0.6 + hash(c, segment_index, 'length') % 5000 / 1000 AS length_s,
    power(hash(c, segment_index, 'mood') % 1000 / 1000, 3) AS p
  FROM random_calls, range(${segments}) AS segments(segment_index)
),
segment_ends AS (
  SELECT
    * EXCLUDE (length_s),
    least(start_s + length_s, lead(start_s, 1, 1e9) OVER (PARTITION BY c, channel ORDER BY start_s)) AS end_s
  FROM speech
)
SELECT
  * EXCLUDE (c, p, started_at),
  md5(c || '-' || segment_index) AS segment_id,
  CASE channel WHEN 0 THEN 'agent' ELSE 'customer' END AS role,
  started_at + to_milliseconds((start_s * 1000)::BIGINT) AS started_at,
  started_at + to_milliseconds((end_s * 1000)::BIGINT) AS ended_at,
  CASE WHEN channel = 0 THEN NULL WHEN p > 0.6 THEN 'anger' WHEN p > 0.4 THEN 'uncertain' ELSE 'neutral' END AS emotion,
  CASE WHEN channel = 1 THEN greatest(p, 0.9 - p) END AS confidence,
  CASE WHEN channel = 1 THEN p END AS p_anger,
  CASE WHEN channel = 1 THEN 0.02 END AS p_disgust,
  CASE WHEN channel = 1 THEN 0.02 END AS p_fear,
  CASE WHEN channel = 1 THEN 0.04 END AS p_happiness,
  CASE WHEN channel = 1 THEN 0.9 - p END AS p_neutral,
  CASE WHEN channel = 1 THEN 0.02 END AS p_sadness,
  -25.0 AS level_dbfs
FROM segment_ends
ORDER BY segment_ends.c, segment_index;

INSERT INTO annotations BY NAME
SELECT
  md5('annotation' || segment_id) AS annotation_id, recording_id, call_date, channel, start_s, end_s,
  'anger' AS emotion, 'random' AS sampling, analyzed_at AS annotated_at
FROM segments WHERE hash(segment_id) % 6000 = 0;

INSERT INTO outcomes
SELECT call_id, unnest(['sale', 'churn']), hash(c) % 2, analyzed_at FROM random_calls;

INSERT INTO failures BY NAME
SELECT md5('failure' || c) AS failure_id, 'not_audio' AS code, 'no audio' AS message, '0.1.0' AS software_version,
  'gs://calls/bad' || c || '.wav' AS uri, 1 AS generation, started_at AS failed_at
FROM random_calls WHERE c % 100 = 0;
""")


def add_calls(path, calls, segments=100, days=30):
    """Add calls to a store.

    Parameters
    ----------
    path : Path
        Existing store.
    calls : int
        Number of calls, evenly spread over the days from 2026-01-01.
    segments : int
        Segments of each call, about half of them the customer's.
    days : int
        Number of days.
    """
    with duckdb.connect(str(path)) as connection:
        connection.execute("SET TimeZone = 'UTC'; SET threads = 2")
        connection.execute(_ROWS.substitute(calls=calls, segments=segments, days=days))
