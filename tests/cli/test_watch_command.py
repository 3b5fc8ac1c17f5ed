"""`callmood watch`: alerts, and a cost per file that does not grow with the store."""

import os
import shutil
import signal
import subprocess
import sys
import time

import pytest
import standardwebhooks
from alerts import ANGRY_PRIOR, SECRET
from command_line import EXAMPLES, run
from scripted_http import scripted_http
from stack.services import ROOT

from callmood.warehouse.duckdb import DuckDBWarehouse


@pytest.fixture
def receiver():
    with scripted_http() as script:
        yield script


def test_watch_alerts_and_continues_after_a_rejected_alert(receiver, tmp_path):
    receiver.answer = lambda _: (410, {})
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    for example in EXAMPLES[:2]:
        shutil.copy(example, inbox)
    environment = os.environ | {"PRIOR": ANGRY_PRIOR, "ALERT_SECRET": SECRET, "PYTHONPATH": str(ROOT / "functions")}
    command = [sys.executable, "-m", "callmood", "watch", inbox, "--store", tmp_path / "s.duckdb", "--quiet", "1"]
    with (tmp_path / "output").open("w") as output:
        process = subprocess.Popen([*command, "--alert", receiver.url], env=environment, stdout=output, stderr=output)
        try:
            deadline = time.monotonic() + 60
            while len(receiver.requests) < 2 and process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.1)
        finally:
            process.terminate()
            code = process.wait(timeout=10)
    assert code == 128 + signal.SIGTERM
    printed = (tmp_path / "output").read_text()
    assert {request.json["call_id"] for request in receiver.requests} == {"1001", "1002"}, printed
    for request in receiver.requests:
        standardwebhooks.Webhook(SECRET).verify(request.body, dict(request.headers))
    assert "HTTP 410" in " ".join(printed.split())


def test_cost_per_file_does_not_grow_with_the_store(receiver, tmp_path, monkeypatch):
    """Every query for a file filters by day, recording, or URI; test_partitions covers the views."""
    queries = []

    class Recorder(DuckDBWarehouse):
        def query(self, sql, parameters=None):
            queries.append(sql)
            return super().query(sql, parameters)

    monkeypatch.setattr("callmood.warehouse.duckdb.DuckDBWarehouse", Recorder)
    monkeypatch.setattr("callmood.sources.watcher.settled_files", lambda *_: (path for path in EXAMPLES[:2]))
    printed = run("watch", tmp_path, "--store", tmp_path / "s.duckdb", "--alert", receiver.url)
    assert len(printed.splitlines()) == 3
    assert len({query for query in queries if "FROM calls" in query}) == 2
    for query in queries:
        condition = query.partition("WHERE")[2]
        assert "call_date = @call_date" in condition or ("FROM calls" not in query and "@" in condition), query


def test_call_is_alerted_once(receiver, tmp_path, monkeypatch):
    """A file that arrives again with other content sends no second alert, also after a restart."""
    monkeypatch.setenv("PRIOR", ANGRY_PRIOR)
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    call = inbox / EXAMPLES[0].name

    def arrivals(*_):
        shutil.copy(EXAMPLES[0], call)
        yield call
        call.write_bytes(call.read_bytes() + bytes(8000))
        yield call
        shutil.copy(EXAMPLES[1], call)
        yield call

    monkeypatch.setattr("callmood.sources.watcher.settled_files", arrivals)
    for _ in range(2):
        run("watch", inbox, "--store", tmp_path / "s.duckdb", "--alert", receiver.url)
    assert [request.json["call_id"] for request in receiver.requests] == ["1001"]
