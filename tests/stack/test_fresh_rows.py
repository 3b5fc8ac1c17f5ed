"""BigQuery refuses changes of rows that were streamed in the last 30 minutes: nothing in the product needs them."""

import uuid
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from bigquery_dataset import create_dataset
from call_rows import call, classified, details, erasure, failure, merge, unclassified
from example_days import annotation
from recordings import clip
from scripted_http import scripted_http
from sql_statements import erasing_script
from stack.services import PROJECT, function
from stack.streaming_buffer import StreamingBuffer
from stored_metrics import store_metrics, store_outcomes
from warehouse_data import BERLIN, fill

from callmood.errors import QueryError
from callmood.services.details import move_calls
from callmood.services.erase import erase_recordings, find_recordings
from callmood.services.reprocess import publish_version, stage_version
from callmood.warehouse.bigquery import BigQueryWarehouse, connect


@pytest.fixture(scope="module")
def dataset(stack):
    name = f"{PROJECT}.fresh_{uuid.uuid4().hex[:8]}"
    create_dataset(stack.warehouse._client, name, **BERLIN)
    return name


@pytest.fixture
def direct(stack, dataset):
    """Return a warehouse for rows that were streamed long ago."""
    return BigQueryWarehouse(dataset, stack.warehouse._client)


@pytest.fixture
def buffer(stack, direct, monkeypatch):
    def count(sql, ids):
        [row] = direct.query(sql, {"ids": ids})
        return next(iter(row.values()))

    with scripted_http() as server:
        buffer = StreamingBuffer(server, stack.environment["BIGQUERY_EMULATOR_HOST"], count)
        monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", buffer.url)
        yield buffer


@pytest.fixture
def warehouse(dataset, buffer):
    return BigQueryWarehouse(dataset, connect(PROJECT))


def speech(name, **values):
    return call(name, customer=[classified(0, 6, anger=0.9)], agent=[unclassified(7, 9)], **values)


def ids(warehouse, table):
    return {row["recording_id"] for row in warehouse.query(f"SELECT recording_id FROM {table}")}


def count(warehouse, table):
    [row] = warehouse.query(f"SELECT COUNT(*) AS n FROM {table}")
    return row["n"]


def run(warehouse, script):
    warehouse._client.query(script).result()


def erase(warehouse, **which):
    found = find_recordings(warehouse, **which)
    assert found
    list(erase_recordings(warehouse, found, lambda _ref: True))
    return {each.ref.recording_id for each in found}


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM `{dataset}.releases` WHERE model_version = 'fresh'",
        "UPDATE `{dataset}.releases` SET state = 'staged' WHERE model_version = 'fresh'",
        "TRUNCATE TABLE `{dataset}.releases`",
        "BEGIN TRANSACTION;\nDELETE FROM `{dataset}.releases` WHERE TRUE;\nCOMMIT TRANSACTION;",
    ],
)
def test_fresh_rows_cannot_be_changed_for_half_an_hour(warehouse, dataset, buffer, statement):
    publish_version(warehouse, "fresh")
    with pytest.raises(QueryError, match="would affect rows in the streaming buffer"):
        warehouse.query(statement.format(dataset=dataset))
    run(warehouse, f"DELETE FROM `{dataset}.releases` WHERE model_version = 'other'")  # other rows can be changed
    assert warehouse.query("SELECT state FROM releases WHERE model_version = 'fresh'")
    buffer.advance(hours=0.6)
    run(warehouse, statement.format(dataset=dataset))


def test_erasure_right_after_the_analysis_is_completed_by_a_later_night(stack, warehouse, dataset, buffer, tmp_path):
    environment = stack.environment | {"BIGQUERY_EMULATOR_HOST": buffer.url, "DATASET": dataset}
    with function("analyze", tmp_path, **environment) as url, stack.pushing_to(url):
        recording = stack.upload("fresh.wav", clip(), **{"customer-id": "fresh"})
        stack.until(f"SELECT 1 FROM `{dataset}.recordings` WHERE recording_id = @id", recording)
    erased = erase(warehouse, customer_id="fresh")
    run(warehouse, erasing_script(dataset))
    assert erased & ids(warehouse, "recordings_current") == set()
    assert erased <= ids(warehouse, "recordings") & ids(warehouse, "segments")
    buffer.advance(hours=24)
    run(warehouse, erasing_script(dataset))
    assert not erased & (ids(warehouse, "recordings") | ids(warehouse, "segments"))
    assert buffer.rejected == []


def test_erasure_of_a_call_that_just_moved_is_completed_by_a_later_night(warehouse, direct, dataset, buffer):
    """`callmood details` streams copies of rows to the day of the call, with the time of the earlier analysis."""
    fill(direct, speech("moved", customer_id="moved", started_at_source="upload"))
    fill(direct, details("moved", started_at="2026-10-20T05:00:00+00:00"))
    assert move_calls(warehouse, ZoneInfo("Europe/Berlin")) == 1
    erased = erase(warehouse, customer_id="moved")
    run(warehouse, erasing_script(dataset))
    assert buffer.rejected == []
    assert not erased & ids(warehouse, "recordings_current")
    buffer.advance(hours=24)
    run(warehouse, erasing_script(dataset))
    assert not erased & (ids(warehouse, "recordings") | ids(warehouse, "segments"))


def test_new_rows_of_a_call_that_was_erased_long_ago_are_deleted_by_a_later_night(warehouse, direct, dataset, buffer):
    """An event is delivered again, the recording fails, a person annotates it, and its details are loaded again."""
    now = datetime.now(UTC).isoformat()
    analysis = speech("repeated", analyzed_at=now)
    rows = merge(
        analysis,
        failure("repeated", at=now),
        details("repeated", at=now),
        {"annotations": [annotation(analysis, 0, "anger", at=now)]},
    )
    fill(direct, erasure("repeated"))
    fill(warehouse, rows)
    before = [count(warehouse, table) for table in rows]
    run(warehouse, erasing_script(dataset))
    assert [count(warehouse, table) for table in rows] == before
    buffer.advance(hours=24)
    run(warehouse, erasing_script(dataset))
    assert [count(warehouse, table) for table in rows] == [
        number - len(rows[table]) for table, number in zip(rows, before, strict=True)
    ]


def test_analysis_by_another_version_and_storing_of_metrics_change_no_fresh_row(warehouse, buffer):
    fill(warehouse, speech("again", model="1"))
    store_metrics(warehouse)
    stage_version(warehouse, "2")
    fill(warehouse, speech("again", model="2", analyzed_at="2026-11-21T00:00:00+00:00"))
    store_metrics(warehouse)
    publish_version(warehouse, "2")
    store_metrics(warehouse)
    store_outcomes(warehouse)
    [row] = warehouse.query("SELECT model_version FROM calls WHERE call_id = 'again'")
    assert row["model_version"] == "2"
    assert buffer.rejected == []
