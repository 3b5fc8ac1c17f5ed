"""Which queries of `callmood serve` wait for others: those of the page that a person opens do not."""

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Event, get_native_id
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest

from callmood.report import serve as serve_module
from callmood.report.serve import StoreReport

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
