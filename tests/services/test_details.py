"""Calls without a start of their own belong to the day of their start in the details of the telephone system."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from call_rows import call, classified, details, merge
from command_line import json_lines, run
from recordings import clip
from warehouse_data import fill

from callmood.monitoring.annotations import Annotations, annotation_row, review_row
from callmood.services.details import move_calls
from callmood.warehouse.duckdb import DuckDBWarehouse, InMemoryWarehouse

BERLIN = ZoneInfo("Europe/Berlin")
UPLOADED = date(2026, 11, 4)
SPEECH = {"customer": [classified(0, 6, anger=0.9)], "agent": [classified(8, 12)]}


def uploaded(name):
    return call(name, at="2026-11-04T09:00:00+00:00", started_at_source="upload", **SPEECH)


@pytest.fixture
def warehouse():
    warehouse = InMemoryWarehouse("Europe/Berlin")
    late = details("late", started_at="2026-11-01T23:30:00+00:00", agent_id="a7")  # November 2 in Berlin
    rows = merge(uploaded("late"), uploaded("unknown"), call("named", **SPEECH), late)
    fill(warehouse, rows)
    [recording] = [row for row in rows["recordings"] if row["call_id"] == "late"]
    finding = {"recording_id": recording["recording_id"], "call_date": str(UPLOADED)}
    [segment, _] = [row for row in rows["segments"] if row["recording_id"] == recording["recording_id"]]
    annotation = {name: segment[name] for name in ("channel", "start_s", "end_s")} | {
        "annotation_id": "a" * 32,
        "emotion": "anger",
        "sampling": "random",
        "annotated_by": "ada",
        "annotated_at": "2026-11-05T00:00:00+00:00",
    }
    review = {"review_id": "b" * 32, "verdict": "agree", "reviewed_at": "2026-11-05T00:00:00+00:00"}
    warehouse.append("annotations", [annotation | finding])
    warehouse.append("reviews", [review | finding])
    return warehouse


def days(warehouse, view="calls"):
    return {row["call_id"]: row["call_date"] for row in warehouse.query(f"SELECT call_id, call_date FROM {view}")}


def test_call_moves_to_the_day_of_its_start_once(warehouse):
    before = {row["call_id"]: row for row in warehouse.query("SELECT * FROM calls")}
    assert (move_calls(warehouse, BERLIN), move_calls(warehouse, BERLIN)) == (1, 0)
    after = {row["call_id"]: row for row in warehouse.query("SELECT * FROM calls")}
    assert {name: row["call_date"].day for name, row in after.items()} == {"late": 2, "unknown": 4, "named": 2}
    assert (after["late"]["started_at_source"], after["late"]["is_start_estimated"]) == ("details", False)
    changed = {"call_date", "weekday", "analysis_id", "analyzed_at"}
    assert {name for name, value in after["late"].items() if before["late"][name] != value} == changed
    assert {name: row for name, row in after.items() if name != "late"} == {
        name: row for name, row in before.items() if name != "late"
    }


def test_all_views_show_the_call_on_its_day(warehouse):
    move_calls(warehouse, BERLIN)
    versions = warehouse.query("SELECT call_date, calls FROM model_versions ORDER BY call_date")
    assert [(row["call_date"].day, row["calls"]) for row in versions] == [(2, 2), (4, 1)]
    daily = warehouse.query("SELECT call_date, calls FROM queues_daily ORDER BY call_date")
    assert [(row["call_date"].day, row["calls"]) for row in daily] == [(2, 2), (4, 1)]
    segments = warehouse.query(
        "SELECT call_date, started_at FROM segments_current WHERE call_id = 'late' ORDER BY started_at"
    )
    assert [(row["call_date"].day, row["started_at"].isoformat()) for row in segments] == [
        (2, "2026-11-01T23:30:00+00:00"),
        (2, "2026-11-01T23:30:08+00:00"),
    ]
    for view in ("annotated_segments", "reviews_current"):
        assert [row["call_date"].day for row in warehouse.query(f"SELECT call_date FROM {view}")] == [2]


def test_review_that_is_imported_after_the_move_is_shown(warehouse):
    [call] = warehouse.query("SELECT recording_id FROM calls WHERE call_id = 'late'")
    exported = call | {"call_date": str(UPLOADED), "annotated_by": "bob"}
    segment = {"channel": "1", "start_s": "0.0", "end_s": "6.0", "emotion": "fear", "sampling": "random"}
    move_calls(warehouse, BERLIN)
    now = datetime(2026, 11, 6, tzinfo=UTC)
    review, annotation = (
        review_row(exported | {"verdict": "not_worth_it"}, now),
        annotation_row(exported | segment, now),
    )
    Annotations([annotation], [review]).write(warehouse)
    assert warehouse.query("SELECT verdict, reviewed_by FROM reviews_current") == [
        {"verdict": "not_worth_it", "reviewed_by": "bob"}
    ]
    assert warehouse.query("SELECT annotated_emotion FROM annotated_segments") == [{"annotated_emotion": "fear"}]


def test_later_details_move_the_call_again(warehouse):
    move_calls(warehouse, BERLIN)
    for at, start, day in (
        ("2026-11-10T00:00:00+00:00", "2026-11-03T10:00:00+00:00", 3),
        ("2026-11-11T00:00:00+00:00", "2026-11-04T10:00:00+00:00", 4),
        ("2026-11-12T00:00:00+00:00", "2026-11-03T10:00:00+00:00", 3),
    ):
        fill(warehouse, details("late", at, started_at=start))
        assert move_calls(warehouse, BERLIN) == 1
        [row] = warehouse.query("SELECT call_date, started_at FROM calls WHERE call_id = 'late'")
        assert (row["call_date"].day, row["started_at"].isoformat()) == (day, start)
        assert len(warehouse.query("SELECT 1 FROM segments_current WHERE call_id = 'late'")) == 2


@pytest.mark.parametrize("start", ["2001-01-01T00:00:00+00:00", "2090-01-01T00:00:00+00:00"])
def test_call_stays_if_bigquery_rejects_the_day_of_its_start(warehouse, start):
    fill(warehouse, details("unknown", started_at=start))
    assert move_calls(warehouse, BERLIN) == 1
    assert (days(warehouse)["late"].day, days(warehouse)["unknown"]) == (2, UPLOADED)


def test_interrupted_move_is_invisible_and_completed_later(warehouse, monkeypatch):
    append = warehouse.append

    def fail(table, rows):
        if table == "recordings":
            raise OSError("no connection")
        append(table, rows)

    monkeypatch.setattr(warehouse, "append", fail)
    with pytest.raises(OSError, match="no connection"):
        move_calls(warehouse, BERLIN)
    assert days(warehouse)["late"] == UPLOADED
    monkeypatch.undo()
    assert move_calls(warehouse, BERLIN) == 1
    assert days(warehouse)["late"].day == 2
    assert len(warehouse.query("SELECT 1 FROM segments_current WHERE call_id = 'late'")) == 2


def test_recording_that_arrives_after_its_details_is_written_under_its_day(store, folder, tmp_path, monkeypatch):
    monkeypatch.setenv("FILENAME_PATTERN", r"call-(?P<call_id>\d+)")
    cdr = tmp_path / "cdr.csv"
    (folder / "call-17.wav").write_bytes(clip())
    assert len(json_lines(run("analyze", folder, "--workers", 1, "--json"))) == 1
    cdr.write_text("call_id,started_at\n17,2026-11-02T10:00:00Z\n18,2026-11-03T10:00:00Z\n19,\n")
    assert json_lines(run("details", "load", cdr, "--json")) == [{"loaded": 3, "moved": 1}]
    for number in (18, 19):
        (folder / f"call-{number}.wav").write_bytes(clip())
    assert len(json_lines(run("analyze", folder, "--workers", 1, "--json"))) == 3
    warehouse = DuckDBWarehouse(store)
    found = days(warehouse)
    assert (found["17"].isoformat(), found["18"].isoformat()) == ("2026-11-02", "2026-11-03")
    assert found["19"] > date(2026, 11, 20)
    assert days(warehouse, "recordings")["18"].isoformat() == "2026-11-03"
    assert json_lines(run("details", "apply", "--json")) == [{"moved": 0}]
