"""The functions as deployed, each in a functions-framework process, with Google's answers scripted.

What Pub/Sub would push goes in, requests to Cloud Storage and BigQuery come out. `stack` has the services themselves.
"""

import base64
import contextlib
import json
import os
import subprocess
import sys
import urllib.error
import urllib.request

import google_crc32c
import pytest
from scripted_http import scripted_http
from stack.services import ROOT, ServiceMissing, function
from test_events import ATTRIBUTES, push

from callmood.types import ObjectRef

NAME = "2026/Anna Gruber +49 30 1234.wav"
CALL = ObjectRef("calls", NAME, 7)
OBJECT = "b/calls/o/2026%2FAnna%20Gruber%20%2B49%2030%201234.wav"
FINALIZED = ATTRIBUTES | {"objectId": NAME, "objectGeneration": "7"}
DELETED = FINALIZED | {"eventType": "OBJECT_DELETE"}


class Function:
    """A running function: push to it, and read what it logs and answers."""

    def __init__(self, url, log):
        self._url = url
        self._log = log
        self._read = 0

    def push(self, body, **headers):
        self._read = len(self._lines())
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        request = urllib.request.Request(self._url, data, {"Content-Type": "application/json", **headers})
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code

    def told(self):
        """What it logged of the last push."""
        return [json.loads(line) for line in self._lines()[self._read :]]

    def _lines(self):
        return self._log.read_text().splitlines()


@pytest.fixture(scope="module")
def google():
    with scripted_http() as script:
        yield script


@pytest.fixture(scope="module")
def start(google, tmp_path_factory):
    with contextlib.ExitStack() as running:

        def start(target, **settings):
            logs = tmp_path_factory.mktemp(target)
            here = {"BIGQUERY_EMULATOR_HOST": google.url, "STORAGE_EMULATOR_HOST": google.url}
            return Function(
                running.enter_context(function(target, logs, GOOGLE_CLOUD_PROJECT="demo", **here, **settings)),
                logs / f"{target}.log",
            )

        yield start


@pytest.fixture(scope="module")
def analyze(start):
    return start("analyze", MAX_SIZE_BYTES="1000")


@pytest.fixture(scope="module")
def erase(start):
    return start("erase")


@pytest.fixture(scope="module")
def erase_on_delete(start):
    return start("erase", ERASE_ON_DELETE="true")


@pytest.fixture(scope="module")
def dead_letter(start):
    return start("dead_letter")


@pytest.fixture(params=["analyze", "erase", "dead_letter"])
def any_function(request):
    return request.getfixturevalue(request.param)


@pytest.fixture(autouse=True)
def fresh(google):
    google.asked.clear()
    google.answer = lambda _asked: (200, {})


def rows(google, table):
    sent = [asked for asked in google.asked if f"/tables/{table}/insertAll" in asked.path]
    return [row["json"] for asked in sent for row in asked.json["rows"]]


def holding(content, crc32c=None, size=None, status=200):
    """Cloud Storage with one object in it."""
    checksum = base64.b64encode(google_crc32c.Checksum(crc32c or content).digest()).decode()
    metadata = {
        "name": NAME,
        "bucket": "calls",
        "generation": "7",
        "size": str(size or len(content)),
        "timeCreated": "2026-11-02T10:00:00Z",
    }

    def answer(asked):
        if asked.path.startswith(f"/storage/v1/{OBJECT}?"):
            return (status, metadata) if "generation=7" in asked.path else (404, {})
        if asked.path.startswith(f"/download/storage/v1/{OBJECT}?"):
            found = "generation=7" in asked.path
            return (200, content, ("X-Goog-Hash", f"crc32c={checksum}")) if found else (404, {})
        return 200, {}

    return answer


@pytest.mark.parametrize(
    "body", [b"", b"not JSON", b"[1]", b'{"a": 1}', b'{"message": {}}', b'{"message": {"data": "\xff"}}']
)
def test_what_is_no_push_is_acknowledged_and_logged(any_function, google, body):
    assert any_function.push(body) == 204
    [line] = any_function.told()
    assert line["severity"] == "ERROR"
    assert "no Pub/Sub push" in line["message"]
    assert google.asked == []


def test_a_message_of_another_kind_gets_a_failures_row(any_function, google):
    hello = {"message": {"data": base64.b64encode(b"hello").decode(), "messageId": "31"}, "subscription": "s"}
    assert any_function.push(hello) == 204
    [row] = rows(google, "failures")
    assert (row["code"], row["event_id"], row["recording_id"], row["uri"]) == ("bad_event", "31", None, None)
    [line] = any_function.told()
    assert (line["severity"], line["event_id"], line["failure"]) == ("ERROR", "31", "bad_event")


@pytest.mark.parametrize(
    "attributes",
    [
        FINALIZED | {"objectId": "2026/"},
        FINALIZED | {"objectId": "2026/call.wav.json"},
        FINALIZED | {"objectId": "_done/call.wav"},
        DELETED,
        FINALIZED | {"eventType": "OBJECT_METADATA_UPDATE"},
        FINALIZED | {"eventType": "OBJECT_ARCHIVE"},
    ],
    ids=lambda attributes: f"{attributes['eventType']} {attributes['objectId']}",
)
def test_what_is_no_new_recording_is_passed_over(analyze, google, attributes):
    assert analyze.push(push(attributes)) == 204
    assert google.asked == []
    [line] = analyze.told()
    assert line["severity"] == "INFO"


@pytest.mark.parametrize("name", ["2026/call", "call.bin", "call.mp4", "a.json/call.wav"])
def test_a_recording_is_not_told_by_its_ending(analyze, google, name):
    google.answer = lambda asked: (200, {}) if "insertAll" in asked.path else (404, {})
    assert analyze.push(push(FINALIZED | {"objectId": name})) == 204
    assert [row["code"] for row in rows(google, "failures")] == ["gone"]


def test_bytes_that_are_no_audio_get_one_failures_row(analyze, google):
    google.answer = holding(b"Dear Sir or Madam, " * 10)
    assert analyze.push(push(FINALIZED)) == 204
    [row] = rows(google, "failures")
    assert row["code"] == "not_audio"
    assert row["recording_id"] == CALL.recording_id
    assert (row["uri"], row["generation"], row["event_id"]) == (f"gs://calls/{NAME}", 7, "12")
    [line] = analyze.told()
    assert (line["severity"], line["failure"], line["recording_id"]) == ("WARNING", "not_audio", CALL.recording_id)


def test_a_generation_that_is_gone_gets_a_failures_row(analyze, google):
    google.answer = holding(b"newer bytes")
    assert analyze.push(push(FINALIZED | {"objectGeneration": "6"})) == 204
    assert [row["code"] for row in rows(google, "failures")] == ["gone"]


def test_what_is_too_large_is_not_fetched(analyze, google):
    google.answer = holding(b"RIFF", size=1001)
    assert analyze.push(push(FINALIZED)) == 204
    assert [row["code"] for row in rows(google, "failures")] == ["too_large"]
    assert not [path for path in google.paths("GET") if path.startswith("/download")]


@pytest.mark.parametrize(
    "answer",
    [holding(b"RIFF", status=403), holding(b"RIFF", status=401), holding(b"RIFF", crc32c=b"RIFX")],
    ids=["forbidden", "unauthorized", "damaged on the way"],
)
def test_what_another_attempt_may_cure_is_not_acknowledged(analyze, google, answer):
    google.answer = answer
    assert analyze.push(push(FINALIZED)) == 500
    assert not [asked for asked in google.asked if "insertAll" in asked.path]
    [line] = analyze.told()
    assert (line["severity"], line["recording_id"]) == ("ERROR", CALL.recording_id)
    assert "Traceback" in line["message"]


def test_a_failure_that_cannot_be_written_is_not_acknowledged(analyze, google):
    google.answer = lambda _asked: (404, {})
    assert analyze.push(push(FINALIZED)) == 500


@pytest.mark.parametrize("answer", [holding(b"no audio"), holding(b"RIFF", status=403), holding(b"", size=10**6)])
def test_no_log_line_holds_an_objects_name(analyze, google, answer):
    google.answer = answer
    analyze.push(push(FINALIZED))
    told = json.dumps(analyze.told())
    assert CALL.recording_id in told
    assert "Gruber" not in told
    assert "1234" not in told


def test_a_line_names_the_trace_of_its_request(analyze):
    analyze.push(push(DELETED), **{"X-Cloud-Trace-Context": f"{'a' * 32}/17;o=1"})
    [line] = analyze.told()
    assert line["logging.googleapis.com/trace"] == f"projects/demo/traces/{'a' * 32}"


def test_deleted_audio_keeps_its_results(erase, google):
    assert erase.push(push(DELETED)) == 204
    assert google.asked == []


def test_deleted_audio_loses_its_results_where_that_is_wanted(erase_on_delete, google):
    assert erase_on_delete.push(push(DELETED)) == 204
    [row] = rows(google, "erasures")
    assert (row["recording_id"], row["reason"]) == (CALL.recording_id, "object_deleted")
    [line] = erase_on_delete.told()
    assert line["erasure"] == "object_deleted"


@pytest.mark.parametrize(
    "attributes",
    [
        DELETED | {"overwrittenByGeneration": "8"},
        DELETED | {"objectId": "2026/call.json"},
        FINALIZED,
        FINALIZED | {"eventType": "OBJECT_ARCHIVE"},
    ],
)
def test_nothing_else_erases(erase_on_delete, google, attributes):
    assert erase_on_delete.push(push(attributes)) == 204
    assert google.asked == []


def test_a_dead_letter_gets_a_failures_row(dead_letter, google):
    dead = {
        "CloudPubSubDeadLetterSourceDeliveryCount": "5",
        "CloudPubSubDeadLetterSourceSubscription": "analyze",
        "CloudPubSubDeadLetterSourceSubscriptionProject": "demo",
        "CloudPubSubDeadLetterSourceTopicPublishTime": "2026-11-23T05:44:34.000+00:00",
    }
    assert dead_letter.push(push(FINALIZED | dead)) == 204
    [row] = rows(google, "failures")
    assert (row["code"], row["recording_id"]) == ("undeliverable", CALL.recording_id)
    assert "5 attempts by subscription analyze" in row["message"]
    assert "2026-11-23T05:44:34" in row["message"]


def test_a_deletion_that_was_given_up_does_not_ask_for_another_upload(dead_letter, google):
    assert dead_letter.push(push(FINALIZED | {"eventType": "OBJECT_DELETE"})) == 204
    [row] = rows(google, "failures")
    assert "erase the call" in row["message"]
    assert "upload" not in row["message"]


def test_a_setting_that_makes_no_sense_keeps_the_function_from_starting(start):
    with pytest.raises(ServiceMissing, match="TIME_ZONE"):
        start("analyze", TIME_ZONE="Atlantis/Poseidonis")


def test_an_invalid_setting_of_another_function_does_not_matter(start):
    assert start("erase", TIME_ZONE="Atlantis/Poseidonis", API_KEY="short").push({"a": 1}) == 204


def test_functions_that_do_not_listen_start_without_what_listening_needs():
    heavy = (
        "callmood.analysis.analyzer",
        "callmood.emotion.model",
        "av",
        "soundfile",
        "soxr",
        "ai_edge_litert",
        "tflite_runtime",
    )
    done = subprocess.run(
        [sys.executable, "-c", f"import main, sys; print(set({heavy!r}) & sys.modules.keys())"],
        cwd=ROOT / "functions",
        env=os.environ | {"GOOGLE_CLOUD_PROJECT": "demo"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "set()"
