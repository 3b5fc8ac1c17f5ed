"""Requests to `callmood serve`: which queries run again, which wait for others, and how a recording is sent."""

import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from threading import Event, get_native_id
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest
from call_rows import call, classified, details, erasure
from starlette.testclient import TestClient
from warehouse_data import fill

from callmood.report import serve as serve_module
from callmood.report.serve import StoreReport, make_app
from callmood.services.reprocess import publish_version
from callmood.warehouse.duckdb import InMemoryWarehouse

TIMEOUT_S = 20


@pytest.fixture
def report(store, tmp_path):
    return StoreReport(store, store="calls", zone=ZoneInfo("UTC"), min_calls_per_group=5, audio_cache=tmp_path)


def request(**path_params):
    return SimpleNamespace(path_params=path_params)


def test_slow_query_delays_neither_a_call_nor_the_newest_calls_nor_loaded_calls(report, store, monkeypatch):
    is_done = Event()
    monkeypatch.setattr(serve_module, "insights_payload", lambda *_: is_done.wait(TIMEOUT_S))
    [newest] = report._query_batches()
    call = store.query("SELECT recording_id FROM calls LIMIT 1")[0]["recording_id"]
    with ThreadPoolExecutor(1) as browser:
        insights = browser.submit(report.insights, request())
        answers = [
            report.calls(request(batch=newest.name)),
            report.calls(request(batch=newest.name)),
            report.call(request(id=call)),
            report.call_page(request()),
        ]
        assert {answer.status_code for answer in answers} == {200}
        assert not insights.done()
        is_done.set()
        assert insights.result().body == b"true"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has priorities of threads")
def test_queries_after_the_first_view_have_a_lower_priority(report, monkeypatch):
    def priority(*_):
        return os.getpriority(os.PRIO_PROCESS, get_native_id())

    monkeypatch.setattr(serve_module, "insights_payload", priority)
    monkeypatch.setattr(serve_module, "calls_payload", priority)
    usual = priority()
    [newest] = report._query_batches()
    assert int(report.calls(request(batch=newest.name)).body) == usual
    assert int(report.insights(request()).body) > usual


def test_served_calls_change_with_details_releases_and_erasures(tmp_path):
    warehouse = InMemoryWarehouse()
    report = StoreReport(warehouse, store="calls", zone=ZoneInfo("UTC"), min_calls_per_group=5, audio_cache=tmp_path)
    client = TestClient(make_app(report), base_url="http://localhost")

    def add(name, **changes):
        fill(warehouse, call(name, queue=None, customer=[classified(0, 6)], **changes))

    def answers():
        return [client.get(f"/{path}").text for path in ("version", "data/manifest", "data/calls-2026-11-02")]

    add("one", at="2026-11-02T08:00:00+00:00")
    add("one", at="2026-11-02T08:00:01+00:00", model="2", duration_s=50.0)
    add("two", at="2026-11-02T09:00:00+00:00")
    add("last", at="2026-11-02T15:00:00+00:00")  # its analysis stays the newest one
    before = answers()
    assert answers() == before
    fill(warehouse, details("one", queue="sales"))
    loaded = answers()
    publish_version(warehouse, "1")
    published = answers()
    fill(warehouse, erasure("two"))
    add("three", at="2026-11-02T10:00:00+00:00")
    replaced = answers()
    for earlier, later in ((before, loaded), (loaded, published), (published, replaced)):
        assert all(old != new for old, new in zip(earlier, later, strict=True))


def test_recording_is_sent_as_audio_whatever_its_name(tmp_path):
    file, warehouse = tmp_path / "call.htm", InMemoryWarehouse()
    file.write_bytes(b"<script>alert(1)</script>")
    rows = call("one", customer=[], bucket="", object=str(file), container="wav", codec="pcm_mulaw")
    fill(warehouse, rows)
    report = StoreReport(warehouse, store="calls", zone=ZoneInfo("UTC"), min_calls_per_group=5, audio_cache=tmp_path)
    client = TestClient(make_app(report), base_url="http://localhost")
    answer = client.get(f"/audio/{rows['recordings'][0]['recording_id']}")
    assert (answer.content, answer.headers["content-type"]) == (file.read_bytes(), "audio/wav")


def test_stopping_server_answers_waiting_requests_at_once(report, store, monkeypatch):
    numbers, is_running = "UNNEST(GENERATE_ARRAY(1, 100000))", Event()

    def run_slow_query(*_):
        is_running.set()
        return store.query(f"SELECT COUNTIF(a < b) AS n FROM {numbers} AS a CROSS JOIN {numbers} AS b")

    monkeypatch.setattr(serve_module, "insights_payload", run_slow_query)
    client = TestClient(make_app(report), base_url="http://localhost")
    [newest] = report._query_batches()
    with ThreadPoolExecutor(2) as browser:
        running = browser.submit(client.get, "/data/insights")
        is_running.wait(TIMEOUT_S)
        waiting = browser.submit(client.get, f"/data/sparklines-{newest.name}")
        while not report._background._work_queue.qsize():
            time.sleep(0.01)
        report.stop()
        assert running.result(TIMEOUT_S).status_code == waiting.result(TIMEOUT_S).status_code == 503
    for path in ("/data/manifest", "/data/insights", f"/data/calls-{newest.name}"):
        assert client.get(path).status_code == 503
