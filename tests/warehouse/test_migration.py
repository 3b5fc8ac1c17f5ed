"""Local stores with the schema before its terms were standardized: the first open renames what has an old name."""

import duckdb
import pytest
from example_days import DAY
from warehouse_data import BERLIN, assert_equal_rows, fill, sort_rows

from callmood.analysis.rows import row_id
from callmood.errors import WarehouseError
from callmood.warehouse.duckdb import DuckDBWarehouse
from callmood.warehouse.schema import views

OLD_TABLES = """
CREATE TABLE store_version (version VARCHAR);
INSERT INTO store_version VALUES ('old');
CREATE TABLE erasures (
  erasure_id VARCHAR NOT NULL, recording_id VARCHAR NOT NULL, reason VARCHAR NOT NULL, erased_at TIMESTAMPTZ NOT NULL
);
CREATE TABLE failures (
  failure_id VARCHAR NOT NULL, recording_id VARCHAR, uri VARCHAR, bucket VARCHAR, object VARCHAR, generation BIGINT,
  code VARCHAR NOT NULL, message VARCHAR NOT NULL, event_id VARCHAR, software_version VARCHAR NOT NULL,
  failed_at TIMESTAMPTZ NOT NULL
);
CREATE TABLE feedback (
  feedback_id VARCHAR NOT NULL, recording_id VARCHAR NOT NULL, call_date DATE NOT NULL, channel BIGINT NOT NULL,
  start_s DOUBLE NOT NULL, end_s DOUBLE NOT NULL, emotion VARCHAR NOT NULL, chosen VARCHAR NOT NULL,
  labelled_by VARCHAR, labelled_at TIMESTAMPTZ NOT NULL
);
CREATE TABLE model_health (
  health_id VARCHAR NOT NULL, call_date DATE NOT NULL, model_version VARCHAR NOT NULL, queue VARCHAR,
  figure VARCHAR NOT NULL, test VARCHAR NOT NULL, statistic DOUBLE NOT NULL, alarm_above DOUBLE,
  is_drift BOOLEAN NOT NULL, low DOUBLE, high DOUBLE, calls BIGINT NOT NULL, segments BIGINT NOT NULL,
  reference VARCHAR, software_version VARCHAR NOT NULL, checked_at TIMESTAMPTZ NOT NULL
);
CREATE TABLE outcomes (
  call_id VARCHAR NOT NULL, outcome VARCHAR NOT NULL, value DOUBLE NOT NULL, known_at TIMESTAMPTZ NOT NULL
);
CREATE TABLE recordings (
  analysis_id VARCHAR NOT NULL, recording_id VARCHAR NOT NULL, call_date DATE NOT NULL, uri VARCHAR NOT NULL,
  bucket VARCHAR NOT NULL, object VARCHAR NOT NULL, generation BIGINT NOT NULL, content_sha256 VARCHAR NOT NULL,
  size_bytes BIGINT NOT NULL, uploaded_at TIMESTAMPTZ NOT NULL, started_at TIMESTAMPTZ NOT NULL, call_id VARCHAR,
  queue VARCHAR, agent_id VARCHAR, customer_id VARCHAR, direction VARCHAR, language VARCHAR,
  labels STRUCT("key" VARCHAR, "value" VARCHAR)[], container VARCHAR NOT NULL, codec VARCHAR NOT NULL,
  sample_rate BIGINT NOT NULL, channels BIGINT NOT NULL, channel_roles VARCHAR[], duration_s DOUBLE NOT NULL,
  agent_talk_s DOUBLE, customer_talk_s DOUBLE, mixed_talk_s DOUBLE, silence_s DOUBLE NOT NULL,
  overlap_s DOUBLE NOT NULL, segment_count BIGINT NOT NULL, warnings VARCHAR[], model_version VARCHAR NOT NULL,
  software_version VARCHAR NOT NULL, analysed_at TIMESTAMPTZ NOT NULL, processing_s DOUBLE NOT NULL
);
CREATE TABLE releases (
  release_id VARCHAR NOT NULL, model_version VARCHAR NOT NULL, state VARCHAR NOT NULL, stated_at TIMESTAMPTZ NOT NULL
);
CREATE TABLE segments (
  segment_id VARCHAR NOT NULL, analysis_id VARCHAR NOT NULL, recording_id VARCHAR NOT NULL, call_date DATE NOT NULL,
  call_id VARCHAR, queue VARCHAR, agent_id VARCHAR, channel BIGINT NOT NULL, role VARCHAR NOT NULL,
  segment_index BIGINT NOT NULL, start_s DOUBLE NOT NULL, end_s DOUBLE NOT NULL, started_at TIMESTAMPTZ NOT NULL,
  ended_at TIMESTAMPTZ NOT NULL, emotion VARCHAR, confidence DOUBLE, p_anger DOUBLE, p_disgust DOUBLE, p_fear DOUBLE,
  p_happiness DOUBLE, p_neutral DOUBLE, p_sadness DOUBLE, level_dbfs DOUBLE NOT NULL, noise_dbfs DOUBLE,
  voice_1 DOUBLE, voice_2 DOUBLE, voice_3 DOUBLE, voice_4 DOUBLE, voice_5 DOUBLE, voice_6 DOUBLE, voice_7 DOUBLE,
  voice_8 DOUBLE, model_version VARCHAR NOT NULL, analysed_at TIMESTAMPTZ NOT NULL
);
CREATE VIEW segments_current AS SELECT * FROM segments;
CREATE VIEW calls AS SELECT recording_id, AVG(voice_1) AS voice_1 FROM segments_current GROUP BY recording_id;
CREATE VIEW call_health AS SELECT recording_id, AVG(voice_1) AS voice_1 FROM segments_current GROUP BY recording_id;
CREATE VIEW labelled_segments AS SELECT *, chosen AS why FROM feedback;
CREATE VIEW model_health_current AS SELECT *, statistic / alarm_above AS alarm_share FROM model_health;
"""

COPY = """
INSERT INTO erasures SELECT erasure_id, recording_id, reason, erased_at FROM new.erasures;
INSERT INTO failures SELECT * EXCLUDE (content_sha256, call_id, customer_id) FROM new.failures;
INSERT INTO feedback
  SELECT * REPLACE (IF(sampling = 'high_confidence', 'typical', sampling) AS sampling) FROM new.annotations;
INSERT INTO model_health
  SELECT * REPLACE (replace(metric, 'embedding_proj_', 'voice_') AS metric) FROM new.drift_checks;
INSERT INTO outcomes SELECT * FROM new.outcomes;
INSERT INTO recordings
  SELECT * EXCLUDE (started_at_source, unknown_talk_s, crosstalk_s, population_version, legs) FROM new.recordings;
INSERT INTO releases
  SELECT * REPLACE (CASE state WHEN 'published' THEN 'shown' WHEN 'staged' THEN 'held' END AS state) FROM new.releases;
INSERT INTO segments
  SELECT * EXCLUDE (role_confidence, speaker, pitch_semitones, loudness_db, rate_ratio, population_version)
  FROM new.segments;
"""


# Columns without a value in older stores.
ADDED = {
    "recordings": ("started_at_source", "unknown_talk_s", "crosstalk_s", "population_version"),
    "segments": ("role_confidence", "speaker", "pitch_semitones", "loudness_db", "rate_ratio", "population_version"),
    "erasures": ("customer_id_sha256",),
}
ADDED_TABLES = {"call_details", "reviews"}


@pytest.fixture(scope="module")
def current(tmp_path_factory):
    """A store with the current schema, and a row for each renamed value."""
    store = DuckDBWarehouse(tmp_path_factory.mktemp("current") / "calls.duckdb", **BERLIN)
    for table in DAY.keys() - ADDED_TABLES:
        store.append(table, [row | dict.fromkeys(ADDED.get(table, ())) for row in DAY[table]])
    label, check = DAY["annotations"][0], DAY["drift_checks"][0]
    store.append("annotations", [label | {"annotation_id": "high", "sampling": "high_confidence", "channel": 9}])
    store.append("drift_checks", [moved_check(check, queue) for queue in (None, "billing")])
    return store


def moved_check(check, queue):
    identity = check["call_date"], check["model_version"], queue, "embedding_proj_3", check["test"]
    return check | {"check_id": row_id(*identity), "queue": queue, "metric": "embedding_proj_3"}


@pytest.fixture
def old(tmp_path, current):
    """The same rows in a store with the old schema."""
    path = tmp_path / "old.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(f"ATTACH '{current.path}' AS new (READ_ONLY)")
        connection.execute(OLD_TABLES + COPY)
        connection.execute(
            "UPDATE model_health SET health_id = concat('old', queue) WHERE starts_with(figure, 'voice_')"
        )
    return path


def test_views_of_a_migrated_store_have_the_same_rows(old, current):
    migrated = DuckDBWarehouse(old, **BERLIN)
    with migrated.session(), current.session():
        for view in views():
            rows, expected = (
                [comparable(row) for row in store.query(f"SELECT * FROM {view}")] for store in (migrated, current)
            )
            assert_equal_rows(sort_rows(rows), sort_rows(expected))


def comparable(row):
    """Order columns, because added columns are the last ones of a table. An added repeated column is NULL or empty."""
    return {name: None if value == [] else value for name, value in sorted(row.items())}


def test_migrated_store_has_only_current_names(old, current):
    def names(path):
        with duckdb.connect(str(path), read_only=True) as connection:
            return set(connection.execute("SELECT table_name, column_name FROM duckdb_columns()").fetchall())

    DuckDBWarehouse(old, **BERLIN)
    assert names(old) == names(current.path)


def test_values_of_a_migrated_store_are_renamed(old, current):
    migrated = DuckDBWarehouse(old)
    for sql in (
        "SELECT sampling, COUNT(*) AS n FROM annotations GROUP BY sampling ORDER BY sampling",
        "SELECT check_id FROM drift_checks WHERE metric = 'embedding_proj_3' ORDER BY check_id",
        "SELECT model_version, state, changed_at FROM releases ORDER BY changed_at",
    ):
        assert migrated.query(sql) == current.query(sql)
        assert migrated.query(sql)


def test_migration_is_complete_after_one_open(old, current):
    DuckDBWarehouse(old, **BERLIN)
    again = DuckDBWarehouse(old, **BERLIN)
    fill(again, {"annotations": [DAY["annotations"][0] | {"annotation_id": "later"}]})
    [row] = again.query("SELECT COUNT(*) AS n FROM annotations")
    assert row["n"] == len(current.query("SELECT * FROM annotations")) + 1


def test_store_that_cannot_be_migrated_is_an_error_and_stays_unchanged(old):
    with duckdb.connect(str(old)) as connection:
        for view in ("segments_current", "calls", "call_health"):
            connection.execute(f"DROP VIEW {view}")
        connection.execute("ALTER TABLE segments DROP COLUMN start_s")
        before = connection.execute("SELECT table_name, column_name FROM duckdb_columns()").fetchall()
    with pytest.raises(
        WarehouseError, match=r"segments lacks the required column start_s.* callmood analyze … --store"
    ):
        DuckDBWarehouse(old)
    with duckdb.connect(str(old), read_only=True) as connection:
        assert connection.execute("SELECT table_name, column_name FROM duckdb_columns()").fetchall() == before
        assert connection.execute("SELECT COUNT(*) FROM model_health WHERE figure = 'voice_3'").fetchone() == (2,)
