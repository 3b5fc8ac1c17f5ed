"""The report as files: built whole, kept small, and forgetting what was erased."""

import json
import time
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

import pytest
from built import address, report
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from google.auth.credentials import AnonymousCredentials
from google.cloud.storage import Client
from google.oauth2 import service_account
from hypothesis import given
from hypothesis import strategies as st
from made import make_store
from rows_made import commit_row, segment_row
from typer.testing import CliRunner

from callmood.analysis.rows import erasure_row
from callmood.cli.app import app
from callmood.errors import CallmoodError
from callmood.report.audio import sound_for
from callmood.report.build import build_report
from callmood.report.payload import STRIP_BINS, strip
from callmood.sources.gcs import signed_url
from callmood.types import EMOTIONS
from callmood.warehouse.duckdb import DuckDBWarehouse


def names(out):
    return sorted(path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file())


def packed(path):
    text = path.read_text(encoding="utf-8")
    return json.loads(text[text.index("(") + 1 : text.rindex(")")])


def test_an_erased_call_leaves_the_report(tmp_path):
    store = make_store(tmp_path / "calls.duckdb", calls=5, days=2)
    out = report(tmp_path, store)
    erased = f"{3:032x}"
    assert f"calls/{erased}.js" in names(out)
    store.append("erasures", [erasure_row(erased, "request", datetime.now(UTC))])
    report(tmp_path, store)
    assert f"calls/{erased}.js" not in names(out)
    assert erased not in "".join((out / name).read_text(encoding="utf-8") for name in names(out))
    for recording in range(5):
        store.append("erasures", [erasure_row(f"{recording:032x}", "request", datetime.now(UTC))])
    report(tmp_path, store)
    assert [name for name in names(out) if not name.startswith("assets/")] == ["index.html"]


@pytest.mark.parametrize("there", ["index.html", "letters/love.txt"])
def test_a_folder_with_something_else_in_it_is_left_alone(tmp_path, there):
    file = tmp_path / "out" / there
    file.parent.mkdir(parents=True)
    file.write_text("mine", encoding="utf-8")
    with pytest.raises(CallmoodError, match="not empty"):
        build_report(
            DuckDBWarehouse(tmp_path / "s.duckdb"),
            tmp_path / "out",
            store="s",
            zone=ZoneInfo("UTC"),
            min_calls_per_group=5,
        )
    assert names(tmp_path / "out") == [there]


def test_the_command_builds_it_and_prints_where(tmp_path):
    make_store(tmp_path / "calls.duckdb", calls=2, days=1)
    done = CliRunner().invoke(app, ["report", str(tmp_path / "out"), "--store", str(tmp_path / "calls.duckdb")])
    assert done.exit_code == 0
    assert done.stdout.strip() == str(tmp_path / "out" / "index.html")
    assert "2 calls" in done.stderr


def test_times_are_told_in_the_stores_zone(tmp_path):
    store = DuckDBWarehouse(tmp_path / "calls.duckdb", "Asia/Tokyo")
    store.append("segments", [segment_row(0, call_date="2026-11-03")])
    store.append("recordings", [commit_row(call_date="2026-11-03", started_at="2026-11-02T22:30:00+00:00")])
    build_report(store, tmp_path / "out", store="s", zone=ZoneInfo("Asia/Tokyo"), min_calls_per_group=5)
    columns = packed(tmp_path / "out" / "calls.js")["columns"]
    assert [columns[name] for name in ("day", "time", "weekday", "hour")] == [["2026-11-03"], ["07:30"], [2], [7]]


def test_recordings_in_a_bucket_are_heard_when_signed(tmp_path):
    row = {**commit_row(), "recording_id": "r" * 32}
    assert "gs://calls/a.wav" in sound_for(row, tmp_path).note
    assert (
        sound_for(row, tmp_path, sign=lambda bucket, name: f"https://{bucket}/{name}?key").href
        == "https://calls/a.wav?key"
    )


def test_an_address_is_signed_for_the_hours_asked_for():
    key = rsa.generate_private_key(65537, 2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    account = {
        "client_email": "reader@p.iam.gserviceaccount.com",
        "token_uri": "https://example.com",
        "private_key": pem,
    }
    client = Client("p", service_account.Credentials.from_service_account_info(account))
    address = urlsplit(signed_url(client, "calls", "2026/käse #1.wav", 24))
    assert address.path == "/calls/2026/k%C3%A4se%20%231.wav"
    asked = parse_qs(address.query)
    assert asked["X-Goog-Expires"] == ["86400"]
    assert asked["X-Goog-Credential"][0].startswith("reader@p.iam.gserviceaccount.com/")


def test_credentials_that_cannot_sign_are_said_to_be():
    with pytest.raises(CallmoodError, match="cannot sign addresses; sign in as a service account"):
        signed_url(Client("p", AnonymousCredentials()), "calls", "a.wav", 24)


def test_a_recording_that_became_unreadable_is_said_to_be(tmp_path):
    (tmp_path / "a.amr").write_bytes(b"no longer audio")
    row = commit_row(bucket="", object=str(tmp_path / "a.amr"), container="amr", codec="amr_nb")
    assert "can no longer be read" in sound_for(row, tmp_path).note
    assert names(tmp_path) == ["a.amr"]


segments_made = st.lists(
    st.builds(
        lambda start, length, emotion, customer: {
            "start_s": start, "end_s": min(start + length, 60.0), "emotion": emotion, "is_customer": customer,
        },
        st.floats(0, 59), st.floats(0.6, 8), st.sampled_from([*EMOTIONS, "uncertain", None]), st.booleans(),
    )
)  # fmt: skip


@given(segments_made)
def test_a_strip_shows_only_what_was_heard(segments):
    drawn = strip(segments, 60.0)
    assert len(drawn) == STRIP_BINS
    for cell, mark in enumerate(drawn):
        inside = {
            s["emotion"] for s in segments
            if s["is_customer"] and s["emotion"] and s["start_s"] < (cell + 1) * 1.5 and s["end_s"] > cell * 1.5
        }  # fmt: skip
        assert mark == "." or [*EMOTIONS, "uncertain"][int(mark)] in inside


def seconds_to_first_view(page):
    began = time.monotonic()
    page.reload()
    for drawn in ("#list tbody tr", "#trend svg", "#week svg"):
        page.wait_for_selector(drawn)
    return time.monotonic() - began


def test_ten_thousand_calls(open_page, tmp_path):
    store = make_store(tmp_path / "calls.duckdb", calls=10_000, days=120)
    began = time.monotonic()
    out = report(tmp_path, store)
    assert time.monotonic() - began < 60
    size = sum((out / name).stat().st_size for name in names(out) if not name.startswith("calls/"))
    assert size < 5_000_000
    with open_page(address(out, state="days=91")) as page:  # once, so that the disk is warm
        assert min(seconds_to_first_view(page) for _ in range(3)) < 2
        assert page.text_content("#found").startswith("1 to 50 of 7,")
        began = time.monotonic()
        page.fill("#search", "a17")
        page.wait_for_function("!document.querySelector('#found').textContent.includes('of 7,')")
        assert time.monotonic() - began < 1
