"""Rows about too few calls of one agent: one expression per view hides all their measures."""

import re

import pytest
from call_rows import call, classified, merge
from warehouse_data import fill

from callmood.resources import SCHEMAS
from callmood.warehouse.duckdb import DuckDBWarehouse
from callmood.warehouse.schema import views

SUPPRESSING = {
    name: [field.name for field in view.fields]
    for name, view in views().items()
    if "is_suppressed" in {field.name for field in view.fields}
}


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """One call of an agent on one day, six on another, and one call of another agent."""
    store = DuckDBWarehouse(tmp_path_factory.mktemp("calls") / "calls.duckdb")
    labels = [{"key": "product", "value": "tv"}]
    times = ["2026-11-02T09:00:00+00:00", *(f"2026-11-03T09:0{n}:00+00:00" for n in range(6))]
    calls = [
        call(f"c{n}", at=at, labels=labels, customer=[classified(0, 6)], agent=[classified(7, 9)])
        for n, at in enumerate(times)
    ]
    calls.append(call("other", at="2026-11-04T09:00:00+00:00", agent_id="a2", customer=[classified(0, 6)], agent=[]))
    outcomes = [
        {"call_id": f"c{n}", "outcome": "sale", "value": 1.0, "known_at": "2026-11-05T00:00:00+00:00"} for n in range(7)
    ]
    fill(store, merge(*calls, {"outcomes": outcomes}))
    return store


def test_views_about_groups_suppress_rows():
    by_day = {
        "agents_daily",
        "emotion_by_label",
        "emotion_by_outcome",
        "emotion_hourly",
        "queues_daily",
        "trends_daily",
    }
    assert set(SUPPRESSING) == {*by_day, "agents_compared"}


@pytest.mark.parametrize("view", SUPPRESSING)
def test_all_columns_after_is_suppressed_are_null_in_suppressed_rows_only(store, view):
    after = SUPPRESSING[view][SUPPRESSING[view].index("is_suppressed") + 1 :]
    rows = store.query(f"SELECT * FROM {view}")
    assert {row["is_suppressed"] for row in rows} == {True, False}
    for row in rows:
        assert row["is_suppressed"] == (row["calls"] < 5)
        if row["is_suppressed"]:
            assert {row[name] for name in after} == {None}
        else:
            assert any(row[name] is not None for name in after)


@pytest.mark.parametrize("view", SUPPRESSING)
def test_one_expression_suppresses_all_measures_of_a_view(view):
    sql = (SCHEMAS / f"views/{view}.sql").read_text(encoding="utf-8")
    assert len(re.findall(r"(?:IF\(|WHEN )(?:day\.)?is_suppressed", sql)) == 1
