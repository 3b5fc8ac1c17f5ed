"""Read all rows and columns of each view over a million segments in DuckDB: `./run bench views`. The limit is 2 s."""

import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

from callmood.warehouse.duckdb import DuckDBWarehouse
from callmood.warehouse.schema import views

CALLS, SEGMENTS = 10_000, 100
LIMIT_S = 2.0

# 10,000 calls of six minutes over thirty days. Agent and customer speak at random times, sometimes at the same time.
_ROWS = f"""
CREATE TEMP TABLE random_calls AS
SELECT
  md5('recording' || c) AS recording_id,
  md5('analysis' || c) AS analysis_id,
  DATE '2026-01-01' + (c % 30)::INT AS call_date,
  TIMESTAMPTZ '2026-01-01 08:00:00+00' + INTERVAL (c % 30) DAY + INTERVAL (c * 37 % 36000) SECOND AS started_at,
  'call-' || c AS call_id,
  'queue-' || c % 8 AS queue,
  'agent-' || c % 50 AS agent_id,
  '1' AS model_version,
  started_at + INTERVAL 1 HOUR AS analyzed_at,
  c
FROM range({CALLS}) AS calls(c);

INSERT INTO recordings BY NAME
SELECT
  * EXCLUDE (c),
  'gs://calls/' || c || '.wav' AS uri,
  'calls' AS bucket,
  c || '.wav' AS object,
  1 AS generation,
  md5('bytes' || c) || md5('more' || c) AS content_sha256,
  5760000 AS size_bytes,
  started_at + INTERVAL 30 MINUTE AS uploaded_at,
  [{{'key': 'product', 'value': 'p' || c % 5}}, {{'key': 'campaign', 'value': 'c' || c % 3}}] AS labels,
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
  {SEGMENTS} AS segment_count,
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
  FROM random_calls, range({SEGMENTS}) AS segments(segment_index)
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
FROM segment_ends;

INSERT INTO outcomes
SELECT call_id, unnest(['sale', 'churn']), hash(c) % 2, analyzed_at FROM random_calls;

INSERT INTO failures BY NAME
SELECT md5('failure' || c) AS failure_id, 'not_audio' AS code, 'no audio' AS message, '0.1.0' AS software_version,
  'gs://calls/bad' || c || '.wav' AS uri, 1 AS generation, started_at AS failed_at
FROM random_calls WHERE c % 100 = 0;
"""


def main():
    slow = 0
    with TemporaryDirectory() as folder:
        path = Path(folder) / "million.duckdb"
        DuckDBWarehouse(path)
        with duckdb.connect(str(path)) as connection:
            connection.execute("SET TimeZone = 'UTC'; SET threads = 2")
            connection.execute(_ROWS)
            for view in views():
                taken = min(timed(connection, view) for _ in range(3))
                slow += taken >= LIMIT_S
                rows = connection.execute("SELECT COUNT(*) FROM result").fetchone()[0]
                print(f"{view:20} {taken:6.2f} s  {rows:9,} rows")
    sys.exit(1 if slow else 0)


def timed(connection, view):
    started = time.perf_counter()
    connection.execute(f"CREATE OR REPLACE TEMP TABLE result AS FROM {view}")
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
