"""Requests to Cloud Storage, with scripted responses. (The emulator ignores generations of deletions.)"""

import base64
from urllib.parse import parse_qs, urlsplit

import google_crc32c
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from google.api_core.exceptions import Forbidden
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage
from google.oauth2 import service_account
from scripted_http import scripted_http

from callmood.config import AnalysisConfig
from callmood.errors import CallmoodError
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


def test_only_the_given_generation_is_deleted(server, client):
    server.answer = lambda _request: (204, b"")
    assert gcs.delete(client, REF)
    [request] = [request for request in server.requests if request.method == "DELETE"]
    assert request.path.startswith("/storage/v1/b/calls/o/2026%2Fa%20b.wav?generation=7")


def test_deletion_of_a_missing_object_is_not_an_error(server, client):
    server.answer = lambda _request: (404, {})
    assert not gcs.delete(client, REF)


def test_deletion_of_a_retained_object_is_an_error(server, client):
    server.answer = lambda _request: (403, {"error": {"message": "object is under active retention"}})
    with pytest.raises(Forbidden, match="retention"):
        gcs.delete(client, REF)


@pytest.mark.parametrize(("start", "valid"), [("2026-11-01", True), ("1970-01-01", False), ("2036-01-01", False)])
def test_start_time_that_bigquery_rejects_becomes_a_label(server, client, start, valid):
    metadata = {"size": "4", "timeCreated": "2026-11-02T10:00:00Z", "metadata": {"start-time": start}}
    checksum = base64.b64encode(google_crc32c.Checksum(b"RIFF").digest()).decode()
    server.answer = lambda request: (
        (200, b"RIFF", ("X-Goog-Hash", f"crc32c={checksum}")) if "alt=media" in request.path else (200, metadata)
    )
    call = gcs.fetch(client, REF, AnalysisConfig()).call
    assert (call.started_at is not None, call.labels.get("started_at", "")[:10]) == (
        valid,
        "" if valid else start,
    )


def test_url_is_signed_for_the_requested_hours():
    key = rsa.generate_private_key(65537, 2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    account = {
        "client_email": "reader@p.iam.gserviceaccount.com",
        "token_uri": "https://example.com",
        "private_key": pem,
    }
    client = storage.Client("p", service_account.Credentials.from_service_account_info(account))
    url = urlsplit(gcs.signed_url(client, "calls", "2026/käse #1.wav", 24))
    assert url.path == "/calls/2026/k%C3%A4se%20%231.wav"
    query = parse_qs(url.query)
    assert query["X-Goog-Expires"] == ["86400"]
    assert query["X-Goog-Credential"][0].startswith("reader@p.iam.gserviceaccount.com/")


def test_credentials_that_cannot_sign_raise_an_error():
    with pytest.raises(CallmoodError, match="cannot sign URLs; use a service account"):
        gcs.signed_url(storage.Client("p", AnonymousCredentials()), "calls", "a.wav", 24)
