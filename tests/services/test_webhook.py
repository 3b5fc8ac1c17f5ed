"""The webhook client: signatures, retries, and errors that reveal no secrets."""

import base64
import hashlib
import hmac
import json
import time

import pytest
import standardwebhooks
from alerts import SECRET
from scripted_http import scripted_http
from stack.services import ROOT

from callmood.errors import AlertError, SettingsError
from callmood.services.webhook import Webhook
from callmood.settings import AlertSettings, load_settings

BODY = json.dumps({"analysis_id": "a1", "queue": "Bücher"}).encode()


@pytest.fixture
def receiver():
    with scripted_http() as script:
        yield script


def test_message_is_signed(receiver):
    Webhook(f"{receiver.url}/hook", SECRET).post("a1", BODY)
    [request] = receiver.requests
    headers = dict(request.headers)
    assert (request.body, headers["webhook-id"], headers["Content-Type"]) == (BODY, "a1", "application/json")
    assert standardwebhooks.Webhook(f"whsec_{SECRET}").verify(request.body, headers) == json.loads(BODY)


@pytest.mark.parametrize("change", [None, "body", "secret", "time"])
def test_snippet_in_docs_accepts_genuine_and_rejects_forged_messages(receiver, change):
    snippet = (ROOT / "docs/alerts.md").read_text().split("```python\n")[1].split("```")[0]
    Webhook(receiver.url, SECRET).post("a1", BODY)
    [request] = receiver.requests
    headers = dict(request.headers)
    if change == "time":
        headers["webhook-timestamp"] = str(int(headers["webhook-timestamp"]) - 1000)
    names = {
        **{"base64": base64, "hashlib": hashlib, "hmac": hmac, "time": time},
        "headers": headers,
        "body": request.body + b" " * (change == "body"),
        "secret": SECRET if change != "secret" else base64.b64encode(b"x" * 32).decode(),
    }
    exec(snippet, names)
    assert names["genuine"] is (change is None)


def test_message_without_secret_has_no_signature(receiver):
    Webhook(receiver.url).post("a1", BODY)
    assert receiver.requests[0].headers["webhook-signature"] is None


def test_message_is_retried_while_receiver_is_unavailable_or_overloaded(receiver):
    answers = iter([(503, {}), None, (429, {}, ("Retry-After", "0")), (204, b"")])
    receiver.answer = lambda _: next(answers)
    Webhook(receiver.url, SECRET).post("a1", BODY)
    assert [(request.headers["webhook-id"], request.body) for request in receiver.requests] == [("a1", BODY)] * 4


@pytest.mark.parametrize("status", [400, 404, 302])
def test_rejected_message_is_not_retried(receiver, status):
    receiver.answer = lambda _: (status, {}, ("Location", f"{receiver.url}/elsewhere"))
    with pytest.raises(AlertError, match=f"HTTP {status}"):
        Webhook(receiver.url).post("a1", BODY)
    assert len(receiver.requests) == 1


def test_error_does_not_reveal_the_url(receiver):
    receiver.answer = lambda _: (410, {})
    with pytest.raises(AlertError) as failed:
        Webhook(f"{receiver.url}/services/T0/password").post("a1", BODY)
    assert "password" not in str(failed.value)


@pytest.mark.parametrize("url", ["example.com/hook", "ftp://example.com", "https://", ""])
def test_invalid_url_is_rejected_at_start(url):
    with pytest.raises(AlertError, match="must start with https"):
        Webhook(url)


@pytest.mark.parametrize("secret", ["hunter2", "whsec_", "not base64 at all, though long enough", "c2hvcnQ="])
def test_weak_secret_is_rejected_and_not_repeated_in_the_error(monkeypatch, secret):
    monkeypatch.setenv("ALERT_SECRET", secret)
    with pytest.raises(SettingsError, match=r"ALERT_SECRET.*openssl rand") as refused:
        load_settings(AlertSettings)
    assert secret not in str(refused.value)
