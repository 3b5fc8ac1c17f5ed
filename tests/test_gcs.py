"""What is asked of Cloud Storage when audio is to be deleted; the emulator would delete any generation."""

import pytest
from google.api_core.exceptions import Forbidden
from google.cloud import storage
from scripted_http import scripted_http

from callmood import gcs
from callmood.recording import ObjectRef

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
