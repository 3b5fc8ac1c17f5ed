"""Each recording counts once, on whatever day it falls, and the newest generation known in any table decides."""

import hashlib
import uuid
from zoneinfo import ZoneInfo

import pytest
from bigquery_dataset import create_dataset
from call_rows import call, classified, details, erasure, failure, merge
from stack.services import PROJECT
from warehouse_data import BERLIN, fill
from zetasql_warehouse import ZetaSQLWarehouse

from callmood.services.details import move_calls
from callmood.warehouse.bigquery import BigQueryWarehouse
from callmood.warehouse.duckdb import InMemoryWarehouse


def speech(name, **values):
    return call(name, customer=[classified(0, 6, anger=0.4)], agent=[], **values)


def at(day):
    return f"2026-11-{day:02d}T09:00:00+00:00"


def undone(name):
    rows = erasure(name, "undone")
    rows["erasures"][0]["erased_at"] = at(10)
    return rows


EMPTY = hashlib.sha256(b"").hexdigest()
ERASED_FAILURE = merge(
    failure("erased_failure", "empty_file", content_sha256=EMPTY, call_id="erased_failure"), erasure("erased_failure")
)
ERASED_FAILURE["erasures"][0]["content_sha256"] = EMPTY

# The state of each object: (its rows, the days of its visible analyses, the codes of its visible failures).
STATES = {
    "good": (speech("good", at=at(2)), [2], []),
    "overwritten_by_good": (
        merge(speech("overwritten_by_good", at=at(2)), speech("overwritten_by_good", at=at(3), generation=2)),
        [3],
        [],
    ),
    "overwritten_by_bad": (
        merge(speech("overwritten_by_bad", at=at(2)), failure("overwritten_by_bad", generation=2)),
        [],
        ["not_audio"],
    ),
    "overwritten_and_deleted": (
        merge(speech("overwritten_and_deleted"), erasure("overwritten_and_deleted", "object_deleted", generation=2)),
        [],
        [],
    ),
    "overwritten_and_dead_lettered": (
        merge(
            speech("overwritten_and_dead_lettered"),
            failure("overwritten_and_dead_lettered", "undeliverable", generation=2),
        ),
        [],
        ["undeliverable"],
    ),
    "replaced_only": (merge(speech("replaced_only"), erasure("replaced_only", "replaced")), [], []),
    "returned": (
        merge(
            speech("returned", at=at(2)),
            erasure("returned", "replaced"),
            speech("returned", at=at(3), generation=2),
            erasure("returned", "replaced", generation=2),
            speech("returned", at=at(2), generation=3),
        ),
        [2],
        [],
    ),
    "bad_then_good": (merge(failure("bad_then_good"), speech("bad_then_good", at=at(4), generation=2)), [4], []),
    "failed_again": (merge(speech("failed_again", at=at(2)), failure("failed_again", "too_long")), [2], []),
    "old_failure": (
        merge(
            failure("old_failure"),
            failure("old_failure", "damaged", generation=2),
            erasure("old_failure", generation=2),
        ),
        [],
        [],
    ),
    "late_event_of_the_older_generation": (
        merge(
            speech("late_event_of_the_older_generation", at=at(5), generation=2),
            speech("late_event_of_the_older_generation", at=at(2), analyzed_at=at(9)),
            failure("late_event_of_the_older_generation", "gone"),
        ),
        [5],
        [],
    ),
    "metadata_later": (
        merge(
            speech("metadata_later", at=at(6), queue=None),
            speech("metadata_later", at=at(2), analyzed_at=at(7)),
        ),
        [2],
        [],
    ),
    "repeated_event": (merge(speech("repeated_event", at=at(6)), speech("repeated_event", at=at(6))), [6], []),
    "erased": (merge(speech("erased"), speech("erased", generation=2), erasure("erased", generation=2)), [], []),
    "copy_of_an_erased_failure": (failure("copy_of_an_erased_failure", content_sha256=EMPTY), [], []),
    "same_bytes_of_another_call": (
        failure("same_bytes_of_another_call", "empty_file", content_sha256=EMPTY, call_id="c-2"),
        [],
        ["empty_file"],
    ),
    "erased_failure": (ERASED_FAILURE, [], []),
    "undone": (merge(speech("undone", at=at(2)), erasure("undone"), undone("undone")), [2], []),
}

MOVED = merge(speech("moved_from", at=at(2), call_id="m"), speech("moved_to", at=at(8), call_id="m"))
for row in MOVED["recordings"]:
    row["content_sha256"] = "ab" * 32

DETAILED = merge(
    speech("detailed", at=at(2), queue=None, agent_id=None, started_at_source="upload"),
    details("detailed", at(8), queue="old"),
    details(
        "detailed",
        at(9),
        queue="billing",
        agent_id="a7",
        customer_id="c7",
        direction="inbound",
        started_at="2026-11-02T07:30:00+00:00",
        labels=[{"key": "a", "value": "2"}, {"key": "b", "value": "3"}],
    ),
    speech("named", at=at(2), queue="own", agent_id=None, labels=[{"key": "a", "value": "1"}]),
    details("named", queue="other", started_at=at(1), agent_id="a8", labels=[{"key": "a", "value": "2"}]),
    details("erased", queue="other"),
)

MISPLACED = merge(
    speech("misplaced", at=at(6), started_at_source="upload"),
    details("misplaced", started_at="2026-11-02T23:30:00+00:00"),  # November 3 in Berlin
)

ROWS = merge(*(rows for rows, _, _ in STATES.values()), MOVED, DETAILED, MISPLACED)


@pytest.fixture(scope="module")
def duckdb_store():
    store = InMemoryWarehouse("Europe/Berlin")
    fill(store, ROWS)
    return store


@pytest.fixture(scope="module")
def bigquery_store(bigquery_client):
    dataset = f"{PROJECT}.once_{uuid.uuid4().hex[:8]}"
    create_dataset(bigquery_client, dataset, **BERLIN)
    warehouse = BigQueryWarehouse(dataset, bigquery_client)
    fill(warehouse, ROWS)
    return warehouse


@pytest.fixture(scope="module")
def zetasql_store():
    warehouse = ZetaSQLWarehouse(**BERLIN)
    fill(warehouse, ROWS)
    return warehouse


@pytest.fixture(params=["duckdb_store", "bigquery_store", "zetasql_store"])
def store(request):
    return request.getfixturevalue(request.param)


def test_visible_state_follows_from_the_newest_generation(store):
    analyses, failures = {}, {}
    for row in store.query("SELECT uri, call_date FROM recordings_current ORDER BY call_date"):
        analyses.setdefault(row["uri"], []).append(row["call_date"].day)
    for row in store.query("SELECT uri, code FROM failures_current"):
        failures.setdefault(row["uri"], []).append(row["code"])
    found = {
        name: (analyses.get(uri, []), failures.get(uri, [])) for name in STATES if (uri := f"gs://calls/{name}.wav")
    }
    assert found == {name: (days, codes) for name, (_, days, codes) in STATES.items()}


def test_moved_object_counts_once(store):
    assert [row["uri"] for row in store.query("SELECT uri FROM recordings_current WHERE call_id = 'm'")] == [
        "gs://calls/moved_from.wav"
    ]


def test_snapshot_of_a_recording_has_the_row_of_the_whole_store(duckdb_store):
    rows = duckdb_store.query("SELECT * FROM recordings_current")
    ids = {row["recording_id"] for row in duckdb_store.query("SELECT recording_id FROM recordings")}
    assert len(ids) > len(rows) > 0  # also recordings that do not count
    for recording_id in ids:
        with duckdb_store.snapshot("recording_id = @id", {"id": recording_id}) as snapshot:
            found = snapshot.query("SELECT * FROM recordings_current")
        assert found == [row for row in rows if row["recording_id"] == recording_id]


def test_other_views_show_the_same_recordings(store):
    counted = {row["analysis_id"] for row in store.query("SELECT analysis_id FROM recordings_current")}
    assert {row["analysis_id"] for row in store.query("SELECT analysis_id FROM calls")} == counted
    segments = store.query("SELECT analysis_id, segment_id FROM segments_current")
    assert {row["analysis_id"] for row in segments} == counted
    assert len(segments) == len({row["segment_id"] for row in segments}) == len(counted)
    versions = store.query("SELECT calls FROM model_versions")
    assert sum(row["calls"] for row in versions) == len(counted) + 1  # the copy of the moved object


def test_details_fill_fields_that_are_empty(store):
    columns = "queue, agent_id, customer_id, direction, started_at, started_at_source"
    [filled] = store.query(f"SELECT {columns}, labels FROM recordings_current WHERE call_id = 'detailed'")
    assert (filled["queue"], filled["agent_id"], filled["customer_id"], filled["direction"]) == (
        *("billing", "a7", "c7"),
        "inbound",
    )
    assert (filled["started_at"].isoformat(), filled["started_at_source"]) == ("2026-11-02T07:30:00+00:00", "details")
    assert sorted((label["key"], label["value"]) for label in filled["labels"]) == [("a", "2"), ("b", "3")]
    [named] = store.query(f"SELECT {columns}, labels FROM recordings_current WHERE call_id = 'named'")
    assert (named["queue"], named["agent_id"], named["started_at_source"]) == ("own", "a8", "name")
    assert named["labels"] == [{"key": "a", "value": "1"}]
    [called] = store.query("SELECT queue, agent_id, hour FROM calls WHERE call_id = 'detailed'")
    assert (called["queue"], called["agent_id"], called["hour"]) == ("billing", "a7", 8)
    [segment] = store.query(
        "SELECT queue, agent_id, started_at, ended_at FROM segments_current WHERE call_id = 'detailed'"
    )
    assert (segment["queue"], segment["agent_id"]) == ("billing", "a7")
    assert (segment["ended_at"] - segment["started_at"]).total_seconds() == 6
    assert segment["started_at"].isoformat() == "2026-11-02T07:30:00+00:00"


def test_bigquery_moves_a_call_to_the_day_of_its_start_in_the_details(bigquery_store):
    """tests/services/test_details.py tests more cases in a local store."""
    assert move_calls(bigquery_store, ZoneInfo("Europe/Berlin")) == 1
    query = "SELECT call_date, started_at_source FROM recordings_current WHERE call_id = 'misplaced'"
    assert [(row["call_date"].day, row["started_at_source"]) for row in bigquery_store.query(query)] == [(3, "details")]
