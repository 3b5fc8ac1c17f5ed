"""The function `alert`: which messages it acknowledges, and the log entries."""

import base64
import json

import pytest
from function_client import FunctionClient
from stack.services import function


@pytest.fixture(scope="module")
def alert(tmp_path_factory):
    """The function without a webhook URL."""
    logs = tmp_path_factory.mktemp("alert")
    with function("alert", logs) as url:
        yield FunctionClient(url, logs / "alert.log")


def pushed(message):
    data = base64.b64encode(message if isinstance(message, bytes) else json.dumps(message).encode()).decode()
    return {"message": {"messageId": "7", "data": data, "attributes": {}}, "subscription": "s"}


@pytest.mark.parametrize("message", [b"", b"\xff", b"hello", [1], {"analysis_id": "a"}])
def test_invalid_result_is_logged_and_acknowledged(alert, message):
    assert alert.push(pushed(message)) == 204
    [line] = alert.log_entries()
    assert (line["severity"], line["event_id"], line["failure"]) == ("ERROR", "7", "bad_event")


def test_call_without_attention_is_skipped_even_without_a_subscription_filter(alert):
    assert alert.push(pushed({"analysis_id": "a", "recording_id": "r", "needs_attention": False})) == 204
    [line] = alert.log_entries()
    assert "needs no attention" in line["message"]


def test_missing_url_keeps_the_message_and_logs_the_setting(alert):
    assert alert.push(pushed({"analysis_id": "a", "recording_id": "r", "needs_attention": True})) == 500
    [line] = alert.log_entries()
    assert "ALERT_URL" in line["message"]
