"""`callmood serve` as a process: the report in Chromium updates as calls are added."""

import re
import socket
import urllib.error
import urllib.request
from datetime import UTC, datetime

import numpy as np
import pytest
import soundfile
from report_server import serve
from synthetic_store import create_store
from table_rows import commit_row, segment_row

from callmood.analysis.rows import erasure_row
from callmood.report.batches import query_batches
from callmood.warehouse.duckdb import DuckDBWarehouse


def add_call(store, name, **changes):
    ids = {"analysis_id": name * 32, "recording_id": name * 32}
    store.append("segments", [segment_row(i, **ids, segment_id=f"{name}{i:031d}") for i in range(3)])
    store.append("recordings", [commit_row(**ids, uri=f"file:///{name}.wav", content_sha256=name * 64, **changes)])


def test_page_updates_with_the_store_and_keeps_filters(open_page, tmp_path):
    store = DuckDBWarehouse(tmp_path / "calls.duckdb")
    with serve(store.path) as url, open_page(f"{url}/") as page:
        assert page.text_content("h1") == "No calls yet"
        add_call(store, "a", call_id="first", queue="billing")
        page.wait_for_selector("#list tbody tr")
        page.select_option("[name=queue]", "billing")
        page.fill("#search", "f")
        add_call(store, "b", call_id="fifth", queue="billing")
        page.wait_for_function("document.querySelector('#metric-calls .value').textContent === '2'")
        assert sorted(page.locator("#list tbody th a").all_text_contents()) == ["fifth", "first"]
        assert page.input_value("#search") == "f"
        assert page.input_value("[name=queue]") == "billing"
        store.append("erasures", [erasure_row("a" * 32, "request", datetime.now(UTC))])
        page.wait_for_function("document.querySelector('#metric-calls .value').textContent === '1'")
        assert page.locator("#list tbody th a").all_text_contents() == ["fifth"]


def test_data_of_the_first_view_is_requested_before_the_script_of_the_page_is_loaded(open_page, store):
    call = store.query("SELECT recording_id FROM calls LIMIT 1")[0]["recording_id"]
    calls = f"calls-{query_batches(store)[-1].name}"
    with serve(store.path) as url, open_page(f"{url}/", is_new=True) as page:
        page.wait_for_function("callmood.isComplete")
        requested, scripts = [], []
        page.on("request", lambda request: requested.append(request.url.rsplit("/")[-1]))
        page.route("**/*_page.js*", lambda route: scripts.append(route))
        for path, names, drawn in (
            ("index.html", {"manifest", calls}, "#list tbody tr"),
            (f"call.html#call={call}", {f"call-{call}"}, "#quarters svg"),
        ):
            page.goto(f"{url}/{path}", wait_until="commit")
            for _ in range(500):
                if scripts and names <= set(requested):
                    break
                page.wait_for_timeout(20)
            assert names <= set(requested)
            scripts.pop().continue_()
            page.wait_for_selector(drawn)
            assert sorted(name for name in requested if name in names) == sorted(names)
            requested.clear()


@pytest.mark.parametrize(("codec", "subtype"), [("pcm_mulaw", "ULAW"), ("gsm_ms", "GSM610")])
def test_recording_plays_from_the_server(open_page, tmp_path, codec, subtype):
    store = create_store(tmp_path / "calls.duckdb", calls=1, days=1, folder=tmp_path, codec=codec)
    duration = store.query("SELECT duration_s FROM calls")[0]["duration_s"]
    tone = 0.1 * np.sin(np.arange(int(8000 * duration)) / 5)
    soundfile.write(tmp_path / "0.wav", tone, 8000, format="WAV", subtype=subtype)
    with serve(store.path) as url, open_page(f"{url}/call.html#call={0:032x}") as page:
        page.wait_for_function("document.querySelector('audio').readyState > 0")
        page.locator(".segment").nth(6).click()
        start = page.evaluate("callmood.player.position")
        page.wait_for_function("t => document.querySelector('audio').currentTime > t", arg=start)


def test_range_request_returns_part_of_a_recording(tmp_path):
    store = create_store(tmp_path / "calls.duckdb", calls=1, days=1, folder=tmp_path)
    (tmp_path / "0.wav").write_bytes(bytes(range(200)))
    with serve(store.path) as url:
        request = urllib.request.Request(f"{url}/audio/{0:032x}", headers={"Range": "bytes=100-109"})
        with urllib.request.urlopen(request) as response:
            assert response.status == 206
            assert response.read() == bytes(range(100, 110))


@pytest.mark.parametrize(
    ("path", "host", "status"),
    [
        ("/", "evil.example", 400),  # DNS rebinding: a foreign name that resolves to this machine
        ("/audio/nothing", None, 404),
        ("/data/call-nothing", None, 404),
        ("/data/calls-2026-01-01", None, 404),
        ("/data/calls-..%2f..", None, 404),
        ("/assets/..%2f..%2fdata.py", None, 404),
        ("/calls.duckdb", None, 404),
    ],
)
def test_foreign_hosts_and_unknown_paths_are_rejected(empty_server, path, host, status):
    request = urllib.request.Request(f"{empty_server}{path}", headers={"Host": host} if host else {})
    with pytest.raises(urllib.error.HTTPError) as error:
        urllib.request.urlopen(request)
    assert error.value.code == status


def test_deeply_nested_review_is_refused(empty_server):
    body = b"[" * 90_000
    request = urllib.request.Request(f"{empty_server}/reviews", body, {"Content-Type": "application/json"})
    with pytest.raises(urllib.error.HTTPError) as error:
        urllib.request.urlopen(request)
    assert error.value.code == 400


PATHS = ["/", "/version", "/data/manifest", "/data/reviews", "/assets/call_page.js"]


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
@pytest.mark.parametrize("path", PATHS)
def test_pages_of_other_sites_are_refused(empty_server, path, site):
    request = urllib.request.Request(f"{empty_server}{path}", headers={"Sec-Fetch-Site": site})
    with pytest.raises(urllib.error.HTTPError) as error:
        urllib.request.urlopen(request)
    assert error.value.code == 403


@pytest.mark.parametrize("site", ["same-origin", "none", None])
@pytest.mark.parametrize("path", PATHS)
def test_responses_forbid_use_by_other_sites(empty_server, path, site):
    request = urllib.request.Request(f"{empty_server}{path}", headers={"Sec-Fetch-Site": site} if site else {})
    with urllib.request.urlopen(request) as response:
        assert response.headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        if path.startswith("/data"):
            assert response.headers["Content-Type"] == "application/json"


def test_another_origin_cannot_include_the_data(empty_server, chromium, tmp_path):
    """A page of another site loads every address of the server as a script, and with fetch."""
    site = tmp_path / "site.html"
    site.write_text("<!doctype html><title>other site</title>")
    context = chromium.new_context()
    page = context.new_page()
    page.goto(site.as_uri())
    results = page.evaluate(
        """async urls => Promise.all(urls.flatMap(url => [
          new Promise(done => { const script = document.createElement("script"); script.src = url;
            script.onload = () => done("loaded"); script.onerror = () => done("refused");
            document.head.append(script); }),
          fetch(url).then(() => "loaded", () => "refused"),
        ]))""",
        [f"{empty_server}{path}" for path in PATHS],
    )
    context.close()
    assert set(results) == {"refused"}


def test_browsers_keep_the_assets_of_the_current_version(empty_server):
    page = urllib.request.urlopen(f"{empty_server}/call.html").read().decode()
    [script] = re.findall(r'src="(assets/call_page\.js\?v=\w+)"', page)
    with urllib.request.urlopen(f"{empty_server}/{script}") as response:
        assert "immutable" in response.headers["Cache-Control"]
    for other in ("", "?v=0123456789abcdef"):
        with urllib.request.urlopen(f"{empty_server}/assets/call_page.js{other}") as response:
            assert response.headers["Cache-Control"] is None


@pytest.fixture(scope="module")
def empty_server(tmp_path_factory):
    with serve(tmp_path_factory.mktemp("serve") / "calls.duckdb") as url:
        yield url


def test_server_listens_only_on_the_loopback_address(empty_server):
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.2", int(empty_server.rsplit(":")[-1])))
