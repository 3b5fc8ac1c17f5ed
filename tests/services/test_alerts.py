"""Alerts as their receiver gets them: about the right calls, signed, repeated while it is away."""

import base64
import hashlib
import hmac
import json
import os
import shutil
import subprocess
import sys
import time

import pytest
import standardwebhooks
from scripted_http import scripted_http
from stack.services import ROOT, function

from callmood.errors import AlertError, SettingsError
from callmood.services.webhook import Webhook
from callmood.settings import load_settings

SECRET = base64.b64encode(bytes(range(32))).decode()
BODY = json.dumps({"analysis_id": "a1", "queue": "Bücher"}).encode()

# Under this prior much speech sounds angry: the example calls need attention, whatever the model.
ANGRY_PRIOR = json.dumps(
    {"anger": 0.975} | dict.fromkeys(("disgust", "fear", "happiness", "neutral", "sadness"), 0.005)
)


@pytest.fixture
def receiver():
    with scripted_http() as script:
        yield script


def test_a_message_proves_who_sent_it(receiver):
    Webhook(f"{receiver.url}/hook", SECRET).post("a1", BODY)
    [asked] = receiver.asked
    headers = dict(asked.headers)
    assert (asked.body, headers["webhook-id"], headers["Content-Type"]) == (BODY, "a1", "application/json")
    assert standardwebhooks.Webhook(f"whsec_{SECRET}").verify(asked.body, headers) == json.loads(BODY)


@pytest.mark.parametrize("change", [None, "body", "secret", "time"])
def test_the_check_in_the_docs_knows_the_genuine_from_the_forged(receiver, change):
    snippet = (ROOT / "docs/alerts.md").read_text().split("```python\n")[1].split("```")[0]
    Webhook(receiver.url, SECRET).post("a1", BODY)
    [asked] = receiver.asked
    headers = dict(asked.headers)
    if change == "time":
        headers["webhook-timestamp"] = str(int(headers["webhook-timestamp"]) - 1000)
    given = {
        **{"base64": base64, "hashlib": hashlib, "hmac": hmac, "time": time},
        "headers": headers,
        "body": asked.body + b" " * (change == "body"),
        "secret": SECRET if change != "secret" else base64.b64encode(b"x" * 32).decode(),
    }
    exec(snippet, given)
    assert given["genuine"] is (change is None)


def test_without_a_secret_there_is_no_signature(receiver):
    Webhook(receiver.url).post("a1", BODY)
    assert receiver.asked[0].headers["webhook-signature"] is None


def test_a_receiver_that_is_away_or_overloaded_gets_it_again(receiver):
    answers = iter([(503, {}), None, (429, {}, ("Retry-After", "0")), (204, b"")])
    receiver.answer = lambda _: next(answers)
    Webhook(receiver.url, SECRET).post("a1", BODY)
    assert [(asked.headers["webhook-id"], asked.body) for asked in receiver.asked] == [("a1", BODY)] * 4


@pytest.mark.parametrize("status", [400, 404, 302])
def test_a_receiver_that_refuses_is_not_asked_again(receiver, status):
    receiver.answer = lambda _: (status, {}, ("Location", f"{receiver.url}/elsewhere"))
    with pytest.raises(AlertError, match=f"it answers {status}"):
        Webhook(receiver.url).post("a1", BODY)
    assert len(receiver.asked) == 1


def test_an_error_does_not_tell_the_address(receiver):
    receiver.answer = lambda _: (410, {})
    with pytest.raises(AlertError) as failed:
        Webhook(f"{receiver.url}/services/T0/password").post("a1", BODY)
    assert "password" not in str(failed.value)


@pytest.mark.parametrize("url", ["example.com/hook", "ftp://example.com", "https://", ""])
def test_an_address_that_is_none_is_refused_before_anything_happens(url):
    with pytest.raises(AlertError, match="must begin with https"):
        Webhook(url)


@pytest.mark.parametrize("secret", ["hunter2", "whsec_", "not base64 at all, though long enough", "c2hvcnQ="])
def test_a_secret_that_protects_nothing_is_refused_and_not_repeated(monkeypatch, secret):
    monkeypatch.setenv("ALERT_SECRET", secret)
    with pytest.raises(SettingsError, match=r"ALERT_SECRET.*openssl rand") as refused:
        load_settings()
    assert secret not in str(refused.value)


def test_watch_alerts_of_calls_that_need_attention_and_outlives_a_receiver_that_refuses(receiver, tmp_path):
    receiver.answer = lambda _: (410, {})
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    for example in sorted((ROOT / "tests/examples").glob("*.wav"))[:2]:
        shutil.copy(example, inbox)
    environment = os.environ | {"PRIOR": ANGRY_PRIOR, "ALERT_SECRET": SECRET, "PYTHONPATH": str(ROOT / "functions")}
    command = [sys.executable, "-m", "callmood", "watch", inbox, "--store", tmp_path / "s.duckdb"]
    with (tmp_path / "said").open("w") as said:
        watching = subprocess.Popen([*command, "--alert", receiver.url], env=environment, stdout=said, stderr=said)
        try:
            deadline = time.monotonic() + 60
            while len(receiver.asked) < 2 and watching.poll() is None and time.monotonic() < deadline:
                time.sleep(0.1)
        finally:
            watching.terminate()
            watching.wait(timeout=10)
    told = (tmp_path / "said").read_text()
    assert {asked.json["call_id"] for asked in receiver.asked} == {"1001", "1002"}, told
    for asked in receiver.asked:
        standardwebhooks.Webhook(SECRET).verify(asked.body, dict(asked.headers))
    assert "it answers 410" in " ".join(told.split())


@pytest.fixture(scope="module")
def alert(tmp_path_factory):
    """The function, with nowhere to post to."""
    from test_functions import Function

    logs = tmp_path_factory.mktemp("alert")
    with function("alert", logs) as url:
        yield Function(url, logs / "alert.log")


def pushed(message):
    data = base64.b64encode(message if isinstance(message, bytes) else json.dumps(message).encode()).decode()
    return {"message": {"messageId": "7", "data": data, "attributes": {}}, "subscription": "s"}


@pytest.mark.parametrize("message", [b"", b"\xff", b"hello", [1], {"analysis_id": "a"}])
def test_what_is_no_result_is_logged_and_acknowledged(alert, message):
    assert alert.push(pushed(message)) == 204
    [line] = alert.told()
    assert (line["severity"], line["event_id"], line["failure"]) == ("ERROR", "7", "bad_event")


def test_a_calm_call_is_passed_over_though_no_filter_stopped_it(alert):
    assert alert.push(pushed({"analysis_id": "a", "recording_id": "r", "needs_attention": False})) == 204
    [line] = alert.told()
    assert "needs no attention" in line["message"]


def test_without_an_address_the_message_is_kept_and_the_log_says_what_to_set(alert):
    assert alert.push(pushed({"analysis_id": "a", "recording_id": "r", "needs_attention": True})) == 500
    [line] = alert.told()
    assert "ALERT_URL" in line["message"]
