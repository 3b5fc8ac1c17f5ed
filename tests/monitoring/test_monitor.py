"""The day's checks over a store: what is compared with what, what is written, and how right the model was."""

import json
from datetime import UTC, date, datetime

import numpy as np
import pytest
from health_made import reference_of
from rows_made import commit_row, segment_row
from typer.testing import CliRunner

from callmood.cli import output
from callmood.cli.app import app
from callmood.monitoring.daily_check import accuracy, check_day, days_of_drift, drifting
from callmood.monitoring.drift import COUNTS, MEANS, Reference
from callmood.types import EMOTIONS
from callmood.warehouse.duckdb import DuckDBWarehouse

NOW = datetime(2026, 11, 23, tzinfo=UTC)
FIGURES = len(MEANS) + len(COUNTS)


def fill(store, day, rng, calls=40, shift=0.0, queue="billing", version="1", role="customer"):
    """Calls of one day, six segments each, whose voices differ by call; `shift` moves the voices."""
    segments, commits = [], []
    for number in range(calls):
        name = f"{day}/{queue}/{version}/{number}/{shift}"
        shared = {"analysis_id": name, "recording_id": name, "call_date": day, "queue": queue, "model_version": version}
        voice = rng.normal(size=8) + shift
        level = rng.normal(-24, 3)
        for i in range(6):
            p = rng.dirichlet([1, 1, 1, 1, 12, 1])
            end_s = 5.0 * i + rng.uniform(0.8, 5)
            segments.append(
                segment_row(
                    i,
                    **shared,
                    segment_id=f"{name}/{i}",
                    role=role,
                    end_s=end_s,
                    emotion=EMOTIONS[p.argmax()],
                    confidence=float(p.max()),
                    **{f"p_{e}": float(share) for e, share in zip(EMOTIONS, p, strict=True)},
                    level_dbfs=level + rng.normal(),
                    noise_dbfs=level - 30 + rng.normal(),
                    **{f"embedding_proj_{k}": float(v) for k, v in enumerate(voice + rng.normal(size=8) / 3, 1)},
                )
            )
        commits.append(commit_row(**shared, uri=f"gs://calls/{name}", content_sha256=name, call_id=name))
    store.append("segments", segments)
    store.append("recordings", commits)


@pytest.fixture(scope="module")
def month(tmp_path_factory):
    """A calm day, one on which the queue `delivery` sounds otherwise, and a reference made of earlier calls."""
    rng = np.random.default_rng(0)
    folder = tmp_path_factory.mktemp("month")
    earlier = DuckDBWarehouse(folder / "earlier.duckdb")
    fill(earlier, "2026-10-01", rng, 120)
    reference = reference_of(earlier.query("SELECT * FROM call_features"))
    store = DuckDBWarehouse(folder / "calls.duckdb")
    fill(store, "2026-11-02", rng)
    fill(store, "2026-11-03", rng, 60)
    fill(store, "2026-11-03", rng, 40, shift=2.0, queue="delivery")
    fill(store, "2026-11-03", rng, 3, queue="tiny")
    fill(store, "2026-11-03", rng, 5, version="2")
    return store, reference


def check(month, day):
    store, content = month
    reference = Reference(content)
    return check_day(store, day, {"1": reference}.get, min_calls_per_group=5, checked_at=NOW)


def test_a_calm_day_is_quiet_and_every_figure_is_looked_at(month):
    rows = check(month, date(2026, 11, 2))
    assert {(row["model_version"], row["queue"]) for row in rows} == {("1", None), ("1", "billing")}
    assert len(rows) == 2 * FIGURES
    assert drifting(rows) == {}
    assert {row["calls"] for row in rows} == {40}
    assert {row["segments"] for row in rows} == {240}


def test_the_queue_that_sounds_otherwise_is_named_and_the_others_are_not(month):
    rows = check(month, date(2026, 11, 3))
    found = {(row["queue"], row["metric"]) for row in rows if row["is_drift"]}
    voices = {f"embedding_proj_{i}" for i in range(1, 9)}
    assert {figure for queue, figure in found if queue == "delivery"} == voices
    assert not [figure for queue, figure in found if queue == "billing"]
    assert set(drifting(rows)["1"]) <= voices


def test_a_queue_of_few_calls_and_a_model_without_reference_have_no_rows(month):
    rows = check(month, date(2026, 11, 3))
    assert "tiny" not in {row["queue"] for row in rows}
    assert {row["model_version"] for row in rows} == {"1"}


def test_agents_are_not_compared(tmp_path):
    store = DuckDBWarehouse(tmp_path / "calls.duckdb")
    fill(store, "2026-11-02", np.random.default_rng(1), 10, role="agent")
    assert store.query("SELECT * FROM call_features") == []


def test_a_day_checked_twice_counts_once(month, tmp_path):
    store = DuckDBWarehouse(tmp_path / "calls.duckdb")
    rows = check(month, date(2026, 11, 2))
    store.append("drift_checks", rows)
    store.append("drift_checks", [row | {"checked_at": "2026-11-24T00:00:00+00:00", "statistic": 0.5} for row in rows])
    current = store.query("SELECT * FROM drift_checks_current")
    assert len(current) == len(rows)
    assert {row["statistic"] for row in current} == {0.5}
    assert all(row["threshold_ratio"] == pytest.approx(0.5 / row["threshold"]) for row in current)


def test_days_of_drift_are_counted_over_days_that_had_calls(month, tmp_path):
    store = DuckDBWarehouse(tmp_path / "calls.duckdb")
    [row] = [
        row for row in check(month, date(2026, 11, 2)) if row["queue"] is None and row["metric"] == "embedding_proj_1"
    ]

    def write(day, drifted, **changes):
        store.append("drift_checks", [row | {"check_id": day, "call_date": day, "is_drift": drifted} | changes])

    assert days_of_drift(store, date(2026, 11, 9), "1") == 1
    write("2026-11-01", True)
    write("2026-11-02", False)
    write("2026-11-05", True)
    write("2026-11-06", True)  # and then came a weekend
    write("2026-11-07", False, queue="billing")
    assert days_of_drift(store, date(2026, 11, 9), "1") == 3
    assert days_of_drift(store, date(2026, 11, 9), "2") == 1


def test_old_rows_without_the_new_columns_are_compared_by_what_they_have(month, tmp_path):
    store = DuckDBWarehouse(tmp_path / "calls.duckdb")
    fill(store, "2026-11-02", np.random.default_rng(2))
    with store._connect() as connection:
        connection.execute(
            f"UPDATE segments SET noise_dbfs = NULL, {', '.join(f'embedding_proj_{i} = NULL' for i in range(1, 9))}"
        )
    rows = check_day(store, date(2026, 11, 2), {"1": Reference(month[1])}.get, min_calls_per_group=5, checked_at=NOW)
    figures = {row["metric"] for row in rows}
    assert figures == {*MEANS, *COUNTS} - {"noise_db", *(f"embedding_proj_{i}" for i in range(1, 9))}


def test_accuracy_is_measured_on_what_was_drawn_by_chance(month, tmp_path):
    store = DuckDBWarehouse(tmp_path / "calls.duckdb")
    fill(store, "2026-11-02", np.random.default_rng(3), 20)
    heard = store.query("SELECT * FROM segments_current ORDER BY segment_id")
    labels = []
    for i, segment in enumerate(heard):
        p = {emotion: segment[f"p_{emotion}"] for emotion in EMOTIONS}
        right, wrong = max(p, key=p.get), min(p, key=p.get)
        place = {name: segment[name] for name in ("recording_id", "channel", "start_s", "end_s")}
        label = {
            **place,
            "annotation_id": str(i),
            "call_date": "2026-11-02",
            "emotion": "surprise" if i < 6 else right if i % 4 else wrong,
            "sampling": "random" if i < 66 else "uncertain",
            "annotated_at": "2026-11-10T00:00:00+00:00",
        }
        labels.append(label)
        if i == 7:  # somebody changes their mind
            labels.append(label | {"emotion": wrong, "annotation_id": "x", "annotated_at": "2026-11-11T00:00:00+00:00"})
    store.append("annotations", labels)
    [row] = [
        row
        for row in check_day(store, date(2026, 11, 2), lambda _: None, min_calls_per_group=5, checked_at=NOW)
        if row["metric"] == "accuracy"
    ]
    right = sum(i % 4 != 0 and i != 7 for i in range(6, 66))
    assert (row["statistic"], row["segments"], row["calls"]) == (round(right / 60, 4), 60, 10)
    assert row["low"] < row["statistic"] < row["high"]
    store.append("erasures", [{"erasure_id": "e", "recording_id": heard[0]["recording_id"], "reason": "request",
                               "erased_at": "2026-11-12T00:00:00+00:00"}])  # fmt: skip
    assert len(store.query("SELECT * FROM annotated_segments")) == len(heard) - 6


def test_segments_of_one_call_tell_less_than_as_many_of_several():
    alone = accuracy([(1, 1)] * 30 + [(0, 1)] * 10)
    together = accuracy([(4, 4)] * 7 + [(2, 4)] + [(0, 4)] * 2)
    assert alone[0] == together[0] == 0.75
    assert together[2] - together[1] > 1.5 * (alone[2] - alone[1])


def test_wilsons_interval_is_the_published_one():
    # Newcombe, Statistics in Medicine 17 (1998), table I: 81 of 263, and 0 of 20.
    assert accuracy([(1, 1)] * 81 + [(0, 1)] * 182)[1:] == (
        pytest.approx(0.2553, abs=2e-4),
        pytest.approx(0.3662, abs=2e-4),
    )
    assert accuracy([(0, 1)] * 20)[1:] == (0.0, pytest.approx(0.1611, abs=1e-4))


class TestOnTheCommandLine:
    @pytest.fixture
    def here(self, month, tmp_path, monkeypatch):
        monkeypatch.setattr(output.out, "width", 120)  # a narrower table folds names of metrics
        (tmp_path / "model.evaluation.reference.json").write_bytes(month[1])
        monkeypatch.setenv("REFERENCE_URI", str(tmp_path / "model.evaluation.reference.json"))
        store = DuckDBWarehouse(tmp_path / "calls.duckdb")
        rng = np.random.default_rng(4)
        fill(store, "2026-11-02", rng)
        fill(store, "2026-11-03", rng, shift=2.0)
        return tmp_path / "calls.duckdb"

    def run(self, here, *arguments):
        return CliRunner().invoke(app, ["monitor", "--store", str(here), *arguments])

    def test_every_new_day_is_checked_once(self, here):
        first = self.run(here)
        assert first.exit_code == 1, first.output
        assert "embedding_proj_1" in first.output
        assert f"{4 * FIGURES} checks of 2 days" in first.output
        second = self.run(here)
        assert second.exit_code == 0
        assert "0 checks of 0 days" in second.output

    def test_a_day_can_be_named(self, here):
        run = self.run(here, "--day", "2026-11-02", "--json")
        rows = [json.loads(line) for line in run.stdout.splitlines()]
        assert run.exit_code == 0
        assert {row["call_date"] for row in rows} == {"2026-11-02"}

    def test_a_reference_of_another_model_is_not_used(self, here, tmp_path, month):
        other = json.loads(month[1]) | {"model_version": "another"}
        (tmp_path / "model.evaluation.reference.json").write_text(json.dumps(other))
        assert "0 checks of 2 days" in self.run(here).output

    def test_a_damaged_reference_is_said_so(self, here, tmp_path):
        (tmp_path / "model.evaluation.reference.json").write_text("{")
        run = self.run(here)
        assert run.exit_code == 2
        assert "make one: python -m model reference" in " ".join(run.output.split())
