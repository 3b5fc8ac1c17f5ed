"""The scheduled function: which day it checks, what it writes where, whom it tells, and that it can be asked again."""

import json
import logging
import shutil
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import flask
import numpy as np
import pytest
from call_feature_rows import METRICS, append_calls, reference_content
from monitoring_service import monitoring

from callmood.cloud_functions import handlers, requests
from callmood.cloud_functions.clients import Clients
from callmood.settings import MonitorSettings
from callmood.warehouse.duckdb import DuckDBWarehouse

TOPIC = "projects/demo/topics/retrain"


class Publisher:
    def __init__(self):
        self.sent = []

    def publish(self, topic, body, **_):
        self.sent.append((topic, json.loads(body)))
        done = Future()
        done.set_result("1")
        return done


@pytest.fixture(scope="module")
def week(tmp_path_factory):
    """Three calm days, then three on which all voices are others."""
    rng = np.random.default_rng(0)
    folder = tmp_path_factory.mktemp("week")
    earlier, store = DuckDBWarehouse(folder / "earlier.duckdb"), DuckDBWarehouse(folder / "calls.duckdb")
    append_calls(earlier, "2026-10-01", rng, 120)
    (folder / "calm.json").write_bytes(reference_content(earlier.query("SELECT * FROM call_features")))
    for day in range(1, 7):
        append_calls(store, f"2026-11-0{day}", rng, 25, shift=2.0 if day > 3 else 0.0)
    return folder


@pytest.fixture
def made(week, tmp_path, monkeypatch):
    """The function as deployed, but for a store in BigQuery's place."""
    store = DuckDBWarehouse(shutil.copyfile(week / "calls.duckdb", tmp_path / "calls.duckdb"))
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "demo")
    settings = MonitorSettings(
        reference_uri=str(week / "calm.json"),
        metrics_prefix="custom.googleapis.com/callmood",
        retrain_topic=TOPIC,
        retrain_after_days=2,
    )
    clients = Clients()
    clients.warehouse = lambda _dataset: store
    clients.publisher = Publisher()
    with monitoring() as service:
        clients.metrics = service.client
        yield Function(settings, clients, store), service


@dataclass
class Function:
    """What one instance of the function has."""

    settings: MonitorSettings
    clients: Clients
    store: DuckDBWarehouse


def ask(function, body=None):
    with flask.Flask("test").test_request_context(json=body, method="POST"):
        return requests.handle_schedule(flask.request, handlers.monitor, function.settings, function.clients)[1]


def test_a_day_ends_in_rows_and_in_metrics(made):
    function, service = made
    assert ask(function, {"day": "2026-11-01"}) == 204
    rows = function.store.query("SELECT * FROM drift_checks_current")
    assert len(rows) == 2 * METRICS
    points = service.points()
    assert len(points) == 2 * METRICS
    for row in rows:
        labels = {"metric": row["metric"], "model_version": "1", "queue": row["queue"] or ""}
        value = points["custom.googleapis.com/callmood/threshold_ratio", *sorted(labels.items())]
        assert value == pytest.approx(row["threshold_ratio"])
    assert function.clients.publisher.sent == []


def test_without_a_body_it_is_yesterday(made, monkeypatch):
    function, _ = made
    asked = []
    monkeypatch.setattr(handlers, "monitor", lambda day, *_: asked.append(day))
    assert ask(function) == 204
    assert asked == [datetime.now(UTC).date() - timedelta(days=1)]


def test_training_is_asked_for_once_after_days_of_drift(made, caplog):
    function, _ = made
    with caplog.at_level(logging.INFO):
        for day in range(3, 7):
            assert ask(function, {"day": f"2026-11-0{day}"}) == 204
    [(topic, message)] = function.clients.publisher.sent
    assert topic == TOPIC
    assert (message["reason"], message["day"], message["model_version"]) == ("drift", "2026-11-05", "1")
    assert "embedding_proj_1" in message["metrics"]
    warned = [record.fields for record in caplog.records if record.levelname == "WARNING"]
    assert [(fields["day"], fields["drift_days"]) for fields in warned] == [
        ("2026-11-04", 1), ("2026-11-05", 2), ("2026-11-06", 3)
    ]  # fmt: skip


def test_a_day_without_calls_is_no_fault(made):
    function, service = made
    assert ask(function, {"day": "2020-01-01"}) == 204
    assert service.requests == []


@pytest.mark.parametrize("body", [{"day": "yesterday"}, {"day": 7}, [1], "2026-11-01"])
def test_a_body_that_names_no_day_is_refused(made, body):
    assert ask(made[0], body) == 400


def test_what_another_attempt_may_cure_is_tried_again(made):
    function, _ = made
    function.clients.warehouse = lambda _dataset: None
    assert ask(function, {"day": "2026-11-01"}) == 500
