"""What is asked of Cloud Storage when audio is to be deleted; the emulator would delete any generation."""

import base64

import google_crc32c
import pytest
from google.api_core.exceptions import Forbidden
from google.cloud import storage
from scripted_http import scripted_http

from callmood.config import AnalysisConfig
from callmood.sources import gcs
from callmood.types import ObjectRef

REF = ObjectRef("calls", "2026/a b.wav", 7)


@pytest.fixture
def server():
    with scripted_http() as script:
        yield script


@pytest.fixture
def client(server, monkeypatch):
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", server.url)
    return storage.Client(project="demo")


def test_exactly_one_generation_is_deleted(server, client):
    server.answer = lambda _asked: (204, b"")
    assert gcs.delete(client, REF)
    [asked] = [asked for asked in server.asked if asked.method == "DELETE"]
    assert asked.path.startswith("/storage/v1/b/calls/o/2026%2Fa%20b.wav?generation=7")


def test_what_is_gone_is_no_error(server, client):
    server.answer = lambda _asked: (404, {})
    assert not gcs.delete(client, REF)


def test_what_a_retention_rule_holds_is(server, client):
    server.answer = lambda _asked: (403, {"error": {"message": "object is under active retention"}})
    with pytest.raises(Forbidden, match="retention"):
        gcs.delete(client, REF)


@pytest.mark.parametrize(("start", "believed"), [("2026-11-01", True), ("1970-01-01", False), ("2036-01-01", False)])
def test_a_start_that_bigquery_would_refuse_is_but_a_label(server, client, start, believed):
    known = {"size": "4", "timeCreated": "2026-11-02T10:00:00Z", "metadata": {"start-time": start}}
    checksum = base64.b64encode(google_crc32c.Checksum(b"RIFF").digest()).decode()
    server.answer = lambda asked: (
        (200, b"RIFF", ("X-Goog-Hash", f"crc32c={checksum}")) if "alt=media" in asked.path else (200, known)
    )
    call = gcs.fetch(client, REF, AnalysisConfig()).call
    assert (call.started_at is not None, call.labels.get("started_at", "")[:10]) == (
        believed,
        "" if believed else start,
    )
