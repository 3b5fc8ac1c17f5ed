"""Stored metrics: views return the same rows as without them, also after later changes."""

import itertools
import uuid
from datetime import date

import pytest
from bigquery_dataset import create_dataset
from call_rows import call, classified, details, erasure, failure, merge, unclassified
from example_days import DAY, release
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stack.services import PROJECT
from stored_metrics import other_views, store_metrics, store_outcomes
from warehouse_data import BERLIN, assert_equal_rows, fill, sort_rows
from zetasql_warehouse import ZetaSQLWarehouse

from callmood.warehouse import dialect
from callmood.warehouse.bigquery import BigQueryWarehouse
from callmood.warehouse.duckdb import DuckDBWarehouse, InMemoryWarehouse
from callmood.warehouse.schema import views

FIGURES = ["calls", "queues_daily", "agents_daily"]


def speech(name, anger, **values):
    return call(name, customer=[classified(0, 6, anger=anger)], agent=[unclassified(7, 9)], **values)


LATE_COLUMNS = {
    "at": "2026-11-02T19:00:00+00:00",
    "analyzed_at": "2026-11-20T00:00:00+00:00",
    "started_at_source": "upload",
    "queue": None,
    "agent_id": None,
}
LATE = speech("late", 0.9, **LATE_COLUMNS)

CHANGES = {
    "late call": LATE,
    "overwritten recording": speech("calm", 0.8, at="2026-11-02T10:00:00+00:00", generation=2),
    "damaged overwrite": failure("escalates", generation=2),
    "erasure": erasure("recovers"),
    "details": details("late", queue="sales", agent_id="a9", started_at="2026-11-02T05:00:00+00:00"),
    "repeated event": LATE,
    "staged version": merge(
        release("s", "staged", 21),
        speech("late", 0.1, model="s", **LATE_COLUMNS | {"analyzed_at": "2026-11-21T13:00:00+00:00"}),
    ),
    "published version": release("s", "published", 22),
}


def local(_request):
    return InMemoryWarehouse("Europe/Berlin")


def emulated(request):
    client = request.getfixturevalue("bigquery_client")
    dataset = f"{PROJECT}.stored_{uuid.uuid4().hex[:8]}"
    create_dataset(client, dataset, **BERLIN)
    return BigQueryWarehouse(dataset, client)


def zetasql(_request):
    return ZetaSQLWarehouse(**BERLIN)


@pytest.fixture(params=[local, emulated, zetasql], ids=["duckdb", "bigquery", "zetasql"])
def stored(request):
    """Return a warehouse with the example days, whose metrics are stored."""
    warehouse = request.param(request)
    fill(warehouse, DAY)
    store_metrics(warehouse)
    return warehouse


def rows(warehouse, view):
    return sort_rows(warehouse.query(f"SELECT * FROM {view}"))


def shown(warehouse):
    return {(row["analysis_id"], row["queue"], row["started_at"]) for row in rows(warehouse, "calls")}


@pytest.fixture(scope="module")
def plain_rows():
    """Return a warehouse for the rows of one example."""
    return InMemoryWarehouse("Europe/Berlin")


@pytest.fixture(scope="module")
def plain():
    """Return a warehouse with the same rows, which computes all metrics from segments."""
    warehouse = InMemoryWarehouse("Europe/Berlin")
    fill(warehouse, DAY)
    return warehouse


def test_every_view_returns_the_same_rows(plain):
    warehouse = local(None)
    fill(warehouse, DAY)
    store_metrics(warehouse)
    assert rows(warehouse, "stored_metrics")
    for view in set(views()) - {"unstored_metrics"}:
        assert_equal_rows(rows(warehouse, view), rows(plain, view))


def test_figures_stay_the_same_after_each_change():
    """Views combine stored metrics with those of new analyses."""
    fresh, stored = local(None), local(None)
    fill(fresh, DAY)
    fill(stored, DAY)
    store_metrics(stored)
    for name, change in CHANGES.items():
        before = shown(fresh)
        for warehouse in (fresh, stored):
            fill(warehouse, change)
        assert_equal_rows(rows(stored, "calls"), rows(fresh, "calls"))
        assert (shown(fresh) != before) == (name not in ("repeated event", "staged version")), name


def test_figures_stay_the_same_after_all_changes(stored):
    """The next run stores the metrics of new analyses, too."""
    fresh = local(None)
    for warehouse, day in ((fresh, [DAY]), (stored, [])):
        fill(warehouse, merge(*day, *CHANGES.values()))
    assert_equal_rows(rows(stored, "calls"), rows(fresh, "calls"))
    store_metrics(stored)
    assert rows(stored, "unstored_metrics") == []
    for view in FIGURES:
        assert_equal_rows(rows(stored, view), rows(fresh, view))


@pytest.fixture(scope="module")
def bounded():
    """Return a warehouse with the views that Terraform's store_metrics creates."""
    with pytest.MonkeyPatch.context() as patched, other_views(patched, first_unstored_day="DATE '9999-12-31'"):
        return InMemoryWarehouse("Europe/Berlin")


def test_views_with_store_metrics_return_the_same_rows(bounded):
    """Views that read stored metrics and related analyses only, as in BigQuery."""
    with bounded.exclusive():
        check_after_each_change(bounded)


def check_after_each_change(bounded):
    fresh = InMemoryWarehouse("Europe/Berlin")
    for change in (DAY, *CHANGES.values()):
        fill(fresh, change)
        fill(bounded, change)
        store_metrics(bounded)
        for view in ("calls", "recordings_current", "model_versions", "failures_current"):
            assert_equal_rows(rows(bounded, view), rows(fresh, view))


@st.composite
def analyses(draw):
    """Return analyses of few objects with few contents on some days, so that most have relatives on another day."""
    objects = {
        (name, generation): {
            "content_sha256": draw(st.sampled_from(["x" * 64, f"{name}{generation}" * 32])),
            "call_id": draw(st.sampled_from([None, "k", name])),
            "uploaded_at": f"2026-11-04T0{index}:00:00+00:00",
        }
        for index, (name, generation) in enumerate(itertools.product("abc", (1, 2)))
    }
    found = []
    for index in range(draw(st.integers(2, 7))):
        name, generation = draw(st.sampled_from(sorted(objects)))
        rows = call(
            name,
            customer=[classified(0, 6, anger=0.9)],
            at=f"2026-11-{draw(st.sampled_from(['01', '02', '03']))}T09:00:00+00:00",
            analyzed_at=f"2026-11-{draw(st.integers(5, 9)):02}T00:0{index}:00+00:00",
            generation=generation,
            model=draw(st.sampled_from("12")),
            **objects[name, generation],
        )
        for row in (*rows["recordings"], *rows["segments"]):
            row["analysis_id"] = f"{index}{row['analysis_id'][1:]}"
        found.append(rows)
    more = draw(st.sampled_from([{}, erasure("a"), failure("b", generation=2), release("1", "published", 8)]))
    return merge(*found, more)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(drawn=analyses())
def test_comparison_by_day_returns_the_same_rows_as_with_all_days(plain_rows, bounded, drawn):
    with plain_rows.exclusive(), bounded.exclusive():
        for warehouse in (plain_rows, bounded):
            fill(warehouse, drawn)
        store_metrics(bounded)
        for view in ("recordings_current", "model_versions"):
            assert_equal_rows(rows(bounded, view), rows(plain_rows, view))


def test_outcomes_are_stored_by_day_in_each_engine(stored):
    before = rows(stored, "emotion_by_outcome")
    store_outcomes(stored)
    store_outcomes(stored)  # replaces the rows
    found = rows(stored, "stored_outcomes")
    assert found == rows(stored, "outcomes_by_day")
    assert {row["call_id"] for row in found} == {row["call_id"] for row in rows(stored, "outcomes")} - {"unknown"}
    assert_equal_rows(rows(stored, "emotion_by_outcome"), before)


def test_stored_outcomes_return_the_same_rows(bounded):
    """A call of two days, corrections, withdrawn outcomes, and erasures take effect with the next run."""
    fresh = InMemoryWarehouse("Europe/Berlin")
    changes = {
        "example days": DAY,
        "call of two days": speech("calm-later", 0.8, at="2026-11-03T09:00:00+00:00", call_id="calm"),
        "correction": outcome("calm", 0.0, day=9),
        "earlier value": outcome("calm", 1.0, day=1),
        "first outcome of a call": outcome("late", 1.0, day=2),
        "late call": LATE,
        "erasure": erasure("recovers"),
    }
    with bounded.exclusive():
        for name, change in changes.items():
            before = rows(fresh, "emotion_by_outcome")
            for warehouse in (fresh, bounded):
                fill(warehouse, change)
            store_metrics(bounded)
            store_outcomes(bounded)
            after = rows(fresh, "emotion_by_outcome")
            assert_equal_rows(rows(bounded, "emotion_by_outcome"), after)
            assert (after != before) == (name not in ("earlier value", "first outcome of a call")), name
        for warehouse in (fresh, bounded):
            with warehouse.session() as connection:
                connection.execute("DELETE FROM outcomes WHERE outcome = 'sale'")
        store_outcomes(bounded)
        assert_equal_rows(rows(bounded, "emotion_by_outcome"), rows(fresh, "emotion_by_outcome"))


def outcome(call_id, value, day):
    known_at = f"2026-11-{day:02}T00:00:00+00:00"
    return {"outcomes": [{"call_id": call_id, "outcome": "sale", "value": value, "known_at": known_at}]}


def test_second_run_stores_nothing(stored):
    before = rows(stored, "stored_metrics")
    store_metrics(stored)
    assert rows(stored, "stored_metrics") == before


def test_changed_definitions_replace_stored_metrics_without_a_gap(tmp_path, monkeypatch):
    """An upgrade that changes a definition: earlier metrics count until the next run has stored the new ones."""
    path = tmp_path / "store.duckdb"
    with other_views(monkeypatch, metrics_version="earlier"):
        older = DuckDBWarehouse(path, **BERLIN)
        fill(older, DAY)
        store_metrics(older)
    with older.session() as connection:
        connection.execute("UPDATE stored_metrics SET metrics_version = 'earlier'")
    newer = DuckDBWarehouse(tmp_path / "newer.duckdb", **BERLIN)
    fill(newer, merge(DAY, {"stored_metrics": as_json(rows(older, "stored_metrics"))}))
    expected = rows(older, "calls")
    assert_equal_rows(rows(newer, "calls"), expected)
    assert len(rows(newer, "unstored_metrics")) == len(rows(newer, "stored_metrics")) > 0
    store_metrics(newer)
    assert rows(newer, "unstored_metrics") == []
    assert {row["metrics_version"] for row in rows(newer, "call_metrics")} == {dialect.metrics_version()}
    assert_equal_rows(rows(newer, "calls"), expected)


def as_json(found):
    return [
        {name: value.isoformat() if isinstance(value, date) else value for name, value in row.items()} for row in found
    ]


def test_calls_appear_when_their_metrics_are_stored(tmp_path, monkeypatch):
    """As in BigQuery with store_metrics, where reading the segments of all days would cost too much."""
    with other_views(monkeypatch, first_unstored_day="DATE '9999-12-31'"):
        store = DuckDBWarehouse(tmp_path / "bounded.duckdb", **BERLIN)
    fill(store, merge(speech("past", 0.9), speech("today", 0.9, at="2026-11-03T09:00:00+00:00"), call("silent")))
    found = [row["call_id"] for row in store.query("SELECT call_id FROM calls ORDER BY call_id")]
    assert found == ["silent"]
    store_metrics(store)
    found = [row["call_id"] for row in store.query("SELECT call_id FROM calls ORDER BY call_id")]
    assert found == ["past", "silent", "today"]
