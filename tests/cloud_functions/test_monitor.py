"""The function `monitor`: the day, the rows, the metrics, and the message for retraining."""

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
        future = Future()
        future.set_result("1")
        return future


@pytest.fixture(scope="module")
def week(tmp_path_factory):
    """Return a folder with three days without drift, then three days with drift of the embeddings."""
    rng = np.random.default_rng(0)
    folder = tmp_path_factory.mktemp("week")
    earlier, store = DuckDBWarehouse(folder / "earlier.duckdb"), DuckDBWarehouse(folder / "calls.duckdb")
    append_calls(earlier, "2026-10-01", rng, 120)
    (folder / "reference.json").write_bytes(reference_content(earlier.query("SELECT * FROM call_features")))
    for day in range(1, 7):
        append_calls(store, f"2026-11-0{day}", rng, 25, shift=2.0 if day > 3 else 0.0)
    return folder


@pytest.fixture
def monitor(week, tmp_path, monkeypatch):
    """Return the function with a local store, and the service that receives its metrics."""
    store = DuckDBWarehouse(shutil.copyfile(week / "calls.duckdb", tmp_path / "calls.duckdb"))
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "demo")
    settings = MonitorSettings(
        reference_uri=str(week / "reference.json"),
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
    """State of one instance of the function."""

    settings: MonitorSettings
    clients: Clients
    store: DuckDBWarehouse


def request(function, body=None):
    with flask.Flask("test").test_request_context(json=body, method="POST"):
        return requests.handle_schedule(flask.request, handlers.monitor, function.settings, function.clients)[1]


def test_checks_are_written_as_rows_and_metrics(monitor):
    function, service = monitor
    assert request(function, {"day": "2026-11-01"}) == 204
    rows = function.store.query("SELECT * FROM drift_checks_current")
    assert len(rows) == 2 * METRICS
    points = service.points()
    assert len(points) == 2 * METRICS
    for row in rows:
        labels = {"metric": row["metric"], "model_version": "1", "queue": row["queue"] or ""}
        value = points["custom.googleapis.com/callmood/threshold_ratio", *sorted(labels.items())]
        assert value == pytest.approx(row["threshold_ratio"])
    assert function.clients.publisher.sent == []


def test_default_is_yesterday(monitor, monkeypatch):
    function, _ = monitor
    days = []
    monkeypatch.setattr(handlers, "monitor", lambda day, *_: days.append(day))
    assert request(function) == 204
    assert days == [datetime.now(UTC).date() - timedelta(days=1)]


def test_retraining_is_requested_once_after_days_of_drift(monitor, caplog):
    function, _ = monitor
    with caplog.at_level(logging.INFO):
        for day in range(3, 7):
            assert request(function, {"day": f"2026-11-0{day}"}) == 204
    [(topic, message)] = function.clients.publisher.sent
    assert topic == TOPIC
    assert (message["reason"], message["day"], message["model_version"]) == ("drift", "2026-11-05", "1")
    assert "embedding_proj_1" in message["metrics"]
    warnings = [record.fields for record in caplog.records if record.levelname == "WARNING"]
    assert [(fields["day"], fields["drift_days"]) for fields in warnings] == [
        ("2026-11-04", 1), ("2026-11-05", 2), ("2026-11-06", 3)
    ]  # fmt: skip


def test_digest_is_published_after_the_last_day_of_the_week(monitor):
    function, _ = monitor
    function.settings = function.settings.model_copy(
        update={"results_topic": "projects/demo/topics/results", "digest_weekday": 7}
    )
    for day in ("2026-10-31", "2026-11-01"):
        assert request(function, {"day": day}) == 204
    [(topic, message)] = function.clients.publisher.sent
    assert (topic, message["analysis_id"]) == ("projects/demo/topics/results", "digest-2026-11-01")
    assert json.loads(message["digest"])["calls"] == 25


def test_day_without_calls_is_not_an_error(monitor):
    function, service = monitor
    assert request(function, {"day": "2020-01-01"}) == 204
    assert service.requests == []


@pytest.mark.parametrize("body", [{"day": "yesterday"}, {"day": "0001-01-05"}, {"day": 7}, [1], "2026-11-01"])
def test_body_without_a_valid_day_is_rejected(monitor, body):
    assert request(monitor[0], body) == 400


def test_temporary_error_is_retried(monitor):
    function, _ = monitor
    function.clients.warehouse = lambda _dataset: None
    assert request(function, {"day": "2026-11-01"}) == 500
