"""Requests to Cloud Storage, with scripted responses. (The emulator ignores generations of deletions.)"""

import base64
import gzip
import hashlib
import tracemalloc
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
from callmood.errors import BadRecording, CallmoodError
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


def stored(server, content, **metadata):
    """Let the server have one object."""
    metadata = {"size": str(len(content)), "timeCreated": "2026-11-02T10:00:00Z", **metadata}
    checksum = base64.b64encode(google_crc32c.Checksum(content).digest()).decode()
    encoding = [("Content-Encoding", metadata["contentEncoding"])] if "contentEncoding" in metadata else []
    server.answer = lambda request: (
        (200, content, ("X-Goog-Hash", f"crc32c={checksum}"), *encoding)
        if "alt=media" in request.path
        else (200, metadata)
    )


@pytest.mark.parametrize("members", [1, 3])
def test_gzip_content_encoding_is_unpacked(server, client, members):
    parts = [bytes(range(256)) * 1000 for _ in range(members)]
    stored(server, b"".join(gzip.compress(part) for part in parts), contentEncoding="gzip")
    recording = gcs.fetch(client, REF, AnalysisConfig())
    assert recording.audio == b"".join(parts)
    assert recording.size_bytes == len(recording.audio)
    assert recording.content_sha256 == hashlib.sha256(recording.audio).hexdigest()


def test_gzip_that_unpacks_beyond_the_size_limit_is_too_large(server, client):
    """The client would unpack the whole object: 200 MB from 200 kB."""
    bomb = gzip.compress(bytes(200_000_000), 9)
    stored(server, bomb, contentEncoding="gzip")
    tracemalloc.start()
    with pytest.raises(BadRecording) as error:
        gcs.fetch(client, REF, AnalysisConfig(max_size_bytes=1_000_000))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert error.value.code == "too_large"
    assert peak < 5_000_000


def test_damaged_gzip_is_damaged(server, client):
    stored(server, b"RIFF" + bytes(100), contentEncoding="gzip")
    with pytest.raises(BadRecording) as error:
        gcs.fetch(client, REF, AnalysisConfig())
    assert error.value.code == "damaged"


def test_object_with_a_customer_supplied_key_is_encrypted(server, client):
    """Its metadata is readable; a download would fail at each attempt."""
    stored(server, b"RIFF", customerEncryption={"encryptionAlgorithm": "AES256", "keySha256": "nVvE"})
    with pytest.raises(BadRecording) as error:
        gcs.fetch(client, REF, AnalysisConfig())
    assert error.value.code == "encrypted"
    assert not [request for request in server.requests if "alt=media" in request.path]
