"""Signed URLs of recordings in Cloud Storage."""

from urllib.parse import parse_qs, urlsplit

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from google.auth.credentials import AnonymousCredentials
from google.cloud.storage import Client
from google.oauth2 import service_account

from callmood.errors import CallmoodError
from callmood.sources.gcs import signed_url


def test_url_is_signed_for_the_requested_hours():
    key = rsa.generate_private_key(65537, 2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    account = {
        "client_email": "reader@p.iam.gserviceaccount.com",
        "token_uri": "https://example.com",
        "private_key": pem,
    }
    client = Client("p", service_account.Credentials.from_service_account_info(account))
    url = urlsplit(signed_url(client, "calls", "2026/käse #1.wav", 24))
    assert url.path == "/calls/2026/k%C3%A4se%20%231.wav"
    query = parse_qs(url.query)
    assert query["X-Goog-Expires"] == ["86400"]
    assert query["X-Goog-Credential"][0].startswith("reader@p.iam.gserviceaccount.com/")


def test_credentials_that_cannot_sign_raise_an_error():
    with pytest.raises(CallmoodError, match="cannot sign addresses; sign in as a service account"):
        signed_url(Client("p", AnonymousCredentials()), "calls", "a.wav", 24)
