"""`callmood serve` as a user runs it: the live store in the browser, filling as calls are added."""

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import soundfile
from made import make_store
from rows_made import commit_row, segment_row

import callmood
from callmood.analysis.rows import erasure_row
from callmood.warehouse.duckdb import DuckDBWarehouse


@contextmanager
def serving(store):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "callmood", "serve", "--store", str(store), "--port", str(port)]
    environment = {**os.environ, "PYTHONPATH": str(Path(callmood.__file__).parents[1])}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as server:
        try:
            said = server.stderr.readline()
            assert f"http://127.0.0.1:{port}" in said
            home = f"http://127.0.0.1:{port}"
            for _ in range(200):
                try:
                    urllib.request.urlopen(f"{home}/version").close()
                    break
                except urllib.error.URLError:
                    time.sleep(0.05)
            yield home
        finally:
            server.terminate()


def add_call(store, name, **changes):
    ids = {"analysis_id": name * 32, "recording_id": name * 32}
    store.append("segments", [segment_row(i, **ids, segment_id=f"{name}{i:031d}") for i in range(3)])
    store.append("recordings", [commit_row(**ids, uri=f"file:///{name}.wav", content_sha256=name * 64, **changes)])


def test_the_page_fills_while_calls_arrive_and_keeps_the_readers_place(open_page, tmp_path):
    store = DuckDBWarehouse(tmp_path / "calls.duckdb")
    with serving(store.path) as home, open_page(f"{home}/") as page:
        assert page.text_content("h1") == "No calls yet"
        add_call(store, "a", call_id="first", queue="billing")
        page.wait_for_selector("#list tbody tr")
        page.select_option("[name=queue]", "billing")
        page.fill("#search", "f")
        add_call(store, "b", call_id="fifth", queue="billing")
        page.wait_for_function("document.querySelector('#figure-calls .value').textContent === '2'")
        assert sorted(page.locator("#list tbody th a").all_text_contents()) == ["fifth", "first"]
        assert page.input_value("#search") == "f"
        assert page.input_value("[name=queue]") == "billing"
        store.append("erasures", [erasure_row("a" * 32, "request", datetime.now(UTC))])
        page.wait_for_function("document.querySelector('#figure-calls .value').textContent === '1'")
        assert page.locator("#list tbody th a").all_text_contents() == ["fifth"]


@pytest.mark.parametrize(("codec", "subtype"), [("pcm_mulaw", "ULAW"), ("gsm_ms", "GSM610")])
def test_a_call_is_heard_over_the_server(open_page, tmp_path, codec, subtype):
    store = make_store(tmp_path / "calls.duckdb", calls=1, days=1, folder=tmp_path, codec=codec)
    length = store.query("SELECT duration_s FROM calls")[0]["duration_s"]
    tone = 0.1 * np.sin(np.arange(int(8000 * length)) / 5)
    soundfile.write(tmp_path / "0.wav", tone, 8000, format="WAV", subtype=subtype)
    with serving(store.path) as home, open_page(f"{home}/call.html#call={0:032x}") as page:
        page.wait_for_function("document.querySelector('audio').readyState > 0")
        page.locator(".segment").nth(6).click()
        start = page.evaluate("callmood.player.at")
        page.wait_for_function("t => document.querySelector('audio').currentTime > t", arg=start)


def test_a_part_of_a_recording_is_sent_when_asked_for(tmp_path):
    store = make_store(tmp_path / "calls.duckdb", calls=1, days=1, folder=tmp_path)
    (tmp_path / "0.wav").write_bytes(bytes(range(200)))
    with serving(store.path) as home:
        asked = urllib.request.Request(f"{home}/audio/{0:032x}", headers={"Range": "bytes=100-109"})
        with urllib.request.urlopen(asked) as answer:
            assert answer.status == 206
            assert answer.read() == bytes(range(100, 110))


@pytest.mark.parametrize(
    ("path", "host", "status"),
    [
        ("/", "evil.example", 400),  # a name on the web that resolves to this machine
        ("/audio/nothing", None, 404),
        ("/calls/nothing.js", None, 404),
        ("/assets/..%2f..%2fdata.py", None, 404),
        ("/calls.duckdb", None, 404),
    ],
)
def test_it_answers_only_for_itself(served_empty, path, host, status):
    asked = urllib.request.Request(f"{served_empty}{path}", headers={"Host": host} if host else {})
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(asked)
    assert refused.value.code == status


@pytest.fixture(scope="module")
def served_empty(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("served") / "calls.duckdb") as home:
        yield home


def test_it_listens_on_one_address_alone(served_empty):
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.2", int(served_empty.rsplit(":")[-1])))
