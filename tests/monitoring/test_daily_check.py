"""Daily checks of a store: comparisons with a reference, the rows that are written, and the measured accuracy."""

import json
from datetime import UTC, date, datetime

import numpy as np
import pytest
from call_feature_rows import METRICS, append_calls, reference_content
from typer.testing import CliRunner

from callmood.cli import output
from callmood.cli.app import app
from callmood.monitoring.daily_check import accuracy_interval, check_day, count_drift_days, drifted_metrics
from callmood.monitoring.drift import COUNT_METRICS, MEAN_METRICS, Reference
from callmood.types import EMOTIONS
from callmood.warehouse.duckdb import DuckDBWarehouse

NOW = datetime(2026, 11, 23, tzinfo=UTC)
PROJECTIONS = {f"embedding_proj_{i}" for i in range(1, 9)}


@pytest.fixture(scope="module")
def month(tmp_path_factory):
    """A day without drift, a day with drift in the queue `delivery`, and a reference of earlier calls."""
    rng = np.random.default_rng(0)
    folder = tmp_path_factory.mktemp("month")
    earlier = DuckDBWarehouse(folder / "earlier.duckdb")
    append_calls(earlier, "2026-10-01", rng, 120)
    reference = reference_content(earlier.query("SELECT * FROM call_features"))
    store = DuckDBWarehouse(folder / "calls.duckdb")
    append_calls(store, "2026-11-02", rng)
    append_calls(store, "2026-11-03", rng, 60)
    append_calls(store, "2026-11-03", rng, 40, shift=2.0, queue="delivery")
    append_calls(store, "2026-11-03", rng, 3, queue="tiny")
    append_calls(store, "2026-11-03", rng, 5, version="2")
    return store, reference


def check(month, day):
    store, content = month
    reference = Reference(content)
    return check_day(store, day, {"1": reference}.get, min_calls_per_group=5, checked_at=NOW)


def test_day_without_drift_has_a_row_for_every_metric_and_no_drift(month):
    rows = check(month, date(2026, 11, 2))
    assert {(row["model_version"], row["queue"]) for row in rows} == {("1", None), ("1", "billing")}
    assert len(rows) == 2 * METRICS
    assert drifted_metrics(rows) == {}
    assert {row["calls"] for row in rows} == {40}
    assert {row["segments"] for row in rows} == {240}


def test_drift_is_reported_for_the_changed_queue_only(month):
    rows = check(month, date(2026, 11, 3))
    drifts = {(row["queue"], row["metric"]) for row in rows if row["is_drift"]}
    assert {metric for queue, metric in drifts if queue == "delivery"} == PROJECTIONS
    assert not [metric for queue, metric in drifts if queue == "billing"]
    assert set(drifted_metrics(rows)["1"]) <= PROJECTIONS


def test_small_queues_and_models_without_reference_have_no_rows(month):
    rows = check(month, date(2026, 11, 3))
    assert "tiny" not in {row["queue"] for row in rows}
    assert {row["model_version"] for row in rows} == {"1"}


def test_agents_are_not_compared(tmp_path):
    store = DuckDBWarehouse(tmp_path / "calls.duckdb")
    append_calls(store, "2026-11-02", np.random.default_rng(1), 10, role="agent")
    assert store.query("SELECT * FROM call_features") == []


def test_newest_check_of_a_day_replaces_earlier_ones(month, tmp_path):
    store = DuckDBWarehouse(tmp_path / "calls.duckdb")
    rows = check(month, date(2026, 11, 2))
    store.append("drift_checks", rows)
    store.append("drift_checks", [row | {"checked_at": "2026-11-24T00:00:00+00:00", "statistic": 0.5} for row in rows])
    current = store.query("SELECT * FROM drift_checks_current")
    assert len(current) == len(rows)
    assert {row["statistic"] for row in current} == {0.5}
    assert all(row["threshold_ratio"] == pytest.approx(0.5 / row["threshold"]) for row in current)


def test_consecutive_drift_days_skip_days_without_calls(month, tmp_path):
    store = DuckDBWarehouse(tmp_path / "calls.duckdb")
    [row] = [
        row for row in check(month, date(2026, 11, 2)) if row["queue"] is None and row["metric"] == "embedding_proj_1"
    ]

    def write(day, is_drift, **changes):
        store.append("drift_checks", [row | {"check_id": day, "call_date": day, "is_drift": is_drift} | changes])

    assert count_drift_days(store, date(2026, 11, 9), "1") == 1
    write("2026-11-01", True)
    write("2026-11-02", False)
    write("2026-11-05", True)
    write("2026-11-06", True)  # followed by a weekend
    write("2026-11-07", False, queue="billing")
    assert count_drift_days(store, date(2026, 11, 9), "1") == 3
    assert count_drift_days(store, date(2026, 11, 9), "2") == 1


def test_rows_without_newer_columns_are_compared_by_the_other_metrics(month, tmp_path):
    store = DuckDBWarehouse(tmp_path / "calls.duckdb")
    append_calls(store, "2026-11-02", np.random.default_rng(2))
    with store._connect() as connection:
        connection.execute(
            f"UPDATE segments SET noise_dbfs = NULL, {', '.join(f'{column} = NULL' for column in PROJECTIONS)}"
        )
    rows = check_day(store, date(2026, 11, 2), {"1": Reference(month[1])}.get, min_calls_per_group=5, checked_at=NOW)
    assert {row["metric"] for row in rows} == {*MEAN_METRICS, *COUNT_METRICS} - {"noise_db"} - PROJECTIONS


def test_accuracy_is_measured_on_random_annotations_of_known_emotions(month, tmp_path):
    store = DuckDBWarehouse(tmp_path / "calls.duckdb")
    append_calls(store, "2026-11-02", np.random.default_rng(3), 20)
    segments = store.query("SELECT * FROM segments_current ORDER BY segment_id")
    annotations = []
    for i, segment in enumerate(segments):
        p = {emotion: segment[f"p_{emotion}"] for emotion in EMOTIONS}
        predicted, other = max(p, key=p.get), min(p, key=p.get)
        location = {name: segment[name] for name in ("recording_id", "channel", "start_s", "end_s")}
        annotation = {
            **location,
            "annotation_id": str(i),
            "call_date": "2026-11-02",
            "emotion": "surprise" if i < 6 else predicted if i % 4 else other,
            "sampling": "random" if i < 66 else "uncertain",
            "annotated_at": "2026-11-10T00:00:00+00:00",
        }
        annotations.append(annotation)
        if i == 7:  # corrected later
            correction = {"emotion": other, "annotation_id": "x", "annotated_at": "2026-11-11T00:00:00+00:00"}
            annotations.append(annotation | correction)
    store.append("annotations", annotations)
    [row] = [
        row
        for row in check_day(store, date(2026, 11, 2), lambda _: None, min_calls_per_group=5, checked_at=NOW)
        if row["metric"] == "accuracy"
    ]
    correct = sum(i % 4 != 0 and i != 7 for i in range(6, 66))
    assert (row["statistic"], row["segments"], row["calls"]) == (round(correct / 60, 4), 60, 10)
    assert row["low"] < row["statistic"] < row["high"]
    store.append("erasures", [{"erasure_id": "e", "recording_id": segments[0]["recording_id"], "reason": "request",
                               "erased_at": "2026-11-12T00:00:00+00:00"}])  # fmt: skip
    assert len(store.query("SELECT * FROM annotated_segments")) == len(segments) - 6


def test_accuracy_is_measured_on_calls_of_the_last_90_days(tmp_path):
    store = DuckDBWarehouse(tmp_path / "calls.duckdb")
    append_calls(store, "2026-08-03", np.random.default_rng(4), 3)
    append_calls(store, "2026-08-04", np.random.default_rng(5), 2)
    append_calls(store, "2026-11-03", np.random.default_rng(6), 4)
    location = ("recording_id", "call_date", "channel", "start_s", "end_s")
    for segment in store.query("SELECT * FROM segments_current"):
        row = {name: str(segment[name]) if name == "call_date" else segment[name] for name in location}
        row |= {"annotation_id": segment["segment_id"], "emotion": "anger", "sampling": "random"}
        store.append("annotations", [row | {"annotated_at": "2026-11-10T00:00:00+00:00"}])
    [row] = check_day(store, date(2026, 11, 2), lambda _: None, min_calls_per_group=5, checked_at=NOW)
    assert (row["metric"], row["calls"]) == ("accuracy", 2)


def test_interval_is_wider_for_segments_of_few_calls():
    one_per_call = accuracy_interval([(1, 1)] * 30 + [(0, 1)] * 10)
    four_per_call = accuracy_interval([(4, 4)] * 7 + [(2, 4)] + [(0, 4)] * 2)
    assert one_per_call[0] == four_per_call[0] == 0.75
    assert four_per_call[2] - four_per_call[1] > 1.5 * (one_per_call[2] - one_per_call[1])


def test_interval_equals_published_wilson_intervals():
    # Newcombe, Statistics in Medicine 17 (1998), table I: 81 of 263, and 0 of 20.
    assert accuracy_interval([(1, 1)] * 81 + [(0, 1)] * 182)[1:] == (
        pytest.approx(0.2553, abs=2e-4),
        pytest.approx(0.3662, abs=2e-4),
    )
    assert accuracy_interval([(0, 1)] * 20)[1:] == (0.0, pytest.approx(0.1611, abs=1e-4))


class TestCommand:
    @pytest.fixture
    def path(self, month, tmp_path, monkeypatch):
        monkeypatch.setattr(output.out, "width", 120)  # a narrower table folds names of metrics
        (tmp_path / "reference.json").write_bytes(month[1])
        monkeypatch.setenv("REFERENCE_URI", str(tmp_path / "reference.json"))
        store = DuckDBWarehouse(tmp_path / "calls.duckdb")
        rng = np.random.default_rng(4)
        append_calls(store, "2026-11-02", rng)
        append_calls(store, "2026-11-03", rng, shift=2.0)
        return tmp_path / "calls.duckdb"

    def run(self, path, *arguments):
        return CliRunner().invoke(app, ["monitor", "--store", str(path), *arguments])

    def test_each_new_day_is_checked_once(self, path):
        first = self.run(path)
        assert first.exit_code == 1, first.output
        assert "embedding_proj_1" in first.output
        assert f"{4 * METRICS} checks of 2 days" in first.output
        second = self.run(path)
        assert second.exit_code == 0
        assert "0 checks of 0 days" in second.output

    def test_only_the_given_day_is_checked(self, path):
        run = self.run(path, "--day", "2026-11-02", "--json")
        rows = [json.loads(line) for line in run.stdout.splitlines()]
        assert run.exit_code == 0
        assert {row["call_date"] for row in rows} == {"2026-11-02"}

    def test_day_before_all_calls_is_an_error(self, path):
        run = self.run(path, "--day", "0001-01-05")
        assert run.exit_code == 2
        assert "0001-01-05 is too early" in run.output

    def test_reference_of_another_model_is_ignored(self, path, tmp_path, month):
        other = json.loads(month[1]) | {"model_version": "another"}
        (tmp_path / "reference.json").write_text(json.dumps(other))
        assert "0 checks of 2 days" in self.run(path).output

    def test_damaged_reference_is_an_error(self, path, tmp_path):
        (tmp_path / "reference.json").write_text("{")
        run = self.run(path)
        assert run.exit_code == 2
        assert "Create one with python -m model reference" in " ".join(run.output.split())
