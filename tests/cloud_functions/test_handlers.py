"""The functions in functions-framework processes, with scripted responses of Google Cloud.

The input is push requests, the output is requests to Cloud Storage and BigQuery. tests/stack uses emulators instead.
"""

import base64
import contextlib
import hashlib
import io
import json
import os
import re
import subprocess
import sys
import urllib.parse
from datetime import UTC, datetime, timedelta

import google_crc32c
import pytest
import soundfile
from function_client import FunctionClient
from push_requests import ATTRIBUTES, push
from recordings import example
from scripted_http import scripted_http
from stack.services import ROOT, ServiceMissing, function

from callmood.types import ObjectRef

NAME = "2026/Anna Gruber +49 30 1234.wav"
CALL = ObjectRef("calls", NAME, 7)
OBJECT = "b/calls/o/2026%2FAnna%20Gruber%20%2B49%2030%201234.wav"
FINALIZED = ATTRIBUTES | {"objectId": NAME, "objectGeneration": "7"}
DELETED = FINALIZED | {"eventType": "OBJECT_DELETE"}


@pytest.fixture(scope="module")
def google():
    with scripted_http() as script:
        yield script


@pytest.fixture(scope="module")
def start(google, tmp_path_factory):
    with contextlib.ExitStack() as processes:

        def start(target, **settings):
            logs = tmp_path_factory.mktemp(target)
            hosts = {"BIGQUERY_EMULATOR_HOST": google.url, "STORAGE_EMULATOR_HOST": google.url}
            return FunctionClient(
                processes.enter_context(function(target, logs, GOOGLE_CLOUD_PROJECT="demo", **hosts, **settings)),
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
def reset(google):
    google.requests.clear()
    google.answer = lambda _request: (200, {})


def rows(google, table):
    sent = [request for request in google.requests if f"/tables/{table}/insertAll" in request.path]
    return [row["json"] for request in sent for row in request.json["rows"]]


def storage_with(content, crc32c=None, size=None, status=200):
    """Return an answer function: Cloud Storage with one object."""
    checksum = base64.b64encode(google_crc32c.Checksum(crc32c or content).digest()).decode()
    metadata = {
        "name": NAME,
        "bucket": "calls",
        "generation": "7",
        "size": str(size or len(content)),
        "timeCreated": "2026-11-02T10:00:00Z",
    }

    def answer(request):
        if request.path.startswith(f"/storage/v1/{OBJECT}?"):
            return (status, metadata) if "generation=7" in request.path else (404, {})
        if request.path.startswith(f"/download/storage/v1/{OBJECT}?"):
            found = "generation=7" in request.path
            return (200, content, ("X-Goog-Hash", f"crc32c={checksum}")) if found else (404, {})
        return 200, {}

    return answer


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not JSON",
        b"[1]",
        b'{"a": 1}',
        b'{"message": {}}',
        b'{"message": {"data": "\xff"}}',
        b'{"message": {"messageId": "\\ud800", "attributes": {}}}',
        b"[" * 100_000,
    ],
    ids=lambda body: repr(body[:20]),
)
def test_invalid_request_is_acknowledged_with_a_row(any_function, google, body):
    assert any_function.push(body) == 204
    [line] = any_function.log_entries()
    assert (line["severity"], line["failure"]) == ("ERROR", "bad_event")
    assert re.search("not a Pub/Sub push request|nested too deeply", line["message"])
    [row] = rows(google, "failures")
    assert (row["code"], row["recording_id"], row["event_id"]) == ("bad_event", None, line["event_id"])
    assert line["event_id"] == f"sha256-{hashlib.sha256(body).hexdigest()[:32]}"


def test_other_message_has_a_failure(any_function, google):
    hello = {"message": {"data": base64.b64encode(b"hello").decode(), "messageId": "31"}, "subscription": "s"}
    assert any_function.push(hello) == 204
    [row] = rows(google, "failures")
    assert (row["code"], row["event_id"], row["recording_id"], row["uri"]) == ("bad_event", "31", None, None)
    [line] = any_function.log_entries()
    assert (line["severity"], line["event_id"], line["failure"]) == ("ERROR", "31", "bad_event")


@pytest.mark.parametrize(
    "attributes",
    [
        FINALIZED | {"objectId": "2026/"},
        FINALIZED | {"objectId": "2026/call.wav.json"},
        FINALIZED | {"objectId": "_done/call.wav"},
        FINALIZED | {"objectId": "2026_$folder$"},
        DELETED,
        FINALIZED | {"eventType": "OBJECT_METADATA_UPDATE"},
        FINALIZED | {"eventType": "OBJECT_ARCHIVE"},
    ],
    ids=lambda attributes: f"{attributes['eventType']} {attributes['objectId']}",
)
def test_other_events_and_objects_are_skipped(analyze, google, attributes):
    assert analyze.push(push(attributes)) == 204
    assert google.requests == []
    [line] = analyze.log_entries()
    assert line["severity"] == "INFO"


@pytest.mark.parametrize("name", ["2026/call", "call.bin", "call.mp4", "a.json/call.wav"])
def test_recording_does_not_need_an_audio_suffix(analyze, google, name):
    google.answer = lambda request: (200, {}) if "insertAll" in request.path else (404, {})
    assert analyze.push(push(FINALIZED | {"objectId": name})) == 204
    assert [row["code"] for row in rows(google, "failures")] == ["gone"]


def test_object_that_is_not_audio_has_one_failure(analyze, google):
    google.answer = storage_with(b"Dear Sir or Madam, " * 10)
    assert analyze.push(push(FINALIZED)) == 204
    [row] = rows(google, "failures")
    assert row["code"] == "not_audio"
    assert row["recording_id"] == CALL.recording_id
    assert (row["uri"], row["generation"], row["event_id"]) == (f"gs://calls/{NAME}", 7, "12")
    [line] = analyze.log_entries()
    assert (line["severity"], line["failure"], line["recording_id"]) == ("WARNING", "not_audio", CALL.recording_id)


def test_missing_generation_has_a_failure(analyze, google):
    google.answer = storage_with(b"newer bytes")
    assert analyze.push(push(FINALIZED | {"objectGeneration": "6"})) == 204
    assert [row["code"] for row in rows(google, "failures")] == ["gone"]


def test_too_large_object_is_not_fetched(analyze, google):
    google.answer = storage_with(b"RIFF", size=1001)
    assert analyze.push(push(FINALIZED)) == 204
    assert [row["code"] for row in rows(google, "failures")] == ["too_large"]
    assert not [path for path in google.paths("GET") if path.startswith("/download")]


@pytest.mark.parametrize(
    "answer",
    [storage_with(b"RIFF", status=403), storage_with(b"RIFF", status=401), storage_with(b"RIFF", crc32c=b"RIFX")],
    ids=["forbidden", "unauthorized", "damaged in transit"],
)
def test_temporary_error_is_not_acknowledged(analyze, google, answer):
    google.answer = answer
    assert analyze.push(push(FINALIZED)) == 500
    assert not [request for request in google.requests if "insertAll" in request.path]
    [line] = analyze.log_entries()
    assert (line["severity"], line["recording_id"]) == ("ERROR", CALL.recording_id)
    assert "Traceback" in line["message"]


def test_failed_write_is_not_acknowledged(analyze, google):
    google.answer = lambda _request: (404, {})
    assert analyze.push(push(FINALIZED)) == 500


@pytest.mark.parametrize(
    "answer", [storage_with(b"no audio"), storage_with(b"RIFF", status=403), storage_with(b"", size=10**6)]
)
def test_log_does_not_contain_the_object_name(analyze, google, answer):
    google.answer = answer
    analyze.push(push(FINALIZED))
    log = json.dumps(analyze.log_entries())
    assert CALL.recording_id in log
    assert "Gruber" not in log
    assert "1234" not in log


def test_log_entry_has_the_trace_of_its_request(analyze):
    analyze.push(push(DELETED), **{"X-Cloud-Trace-Context": f"{'a' * 32}/17;o=1"})
    [line] = analyze.log_entries()
    assert line["logging.googleapis.com/trace"] == f"projects/demo/traces/{'a' * 32}"


def test_results_remain_after_audio_is_deleted(erase, google):
    assert erase.push(push(DELETED)) == 204
    assert google.requests == []


def test_results_are_erased_with_the_audio_if_configured(erase_on_delete, google):
    assert erase_on_delete.push(push(DELETED)) == 204
    [row] = rows(google, "erasures")
    assert (row["recording_id"], row["reason"]) == (CALL.recording_id, "object_deleted")
    [line] = erase_on_delete.log_entries()
    assert line["erasure"] == "object_deleted"


@pytest.mark.parametrize(
    "attributes",
    [
        DELETED | {"objectId": "2026/call.json"},
        FINALIZED,
        FINALIZED | {"eventType": "OBJECT_ARCHIVE"},
    ],
)
def test_other_events_do_not_erase(erase_on_delete, google, attributes):
    assert erase_on_delete.push(push(attributes)) == 204
    assert google.requests == []


def test_overwritten_recording_disappears_without_an_analysis_of_the_newer_one(erase, erase_on_delete, analyze, google):
    """Whichever event arrives: each of them hides the older generation first."""
    for deployed in (erase, erase_on_delete):
        google.requests.clear()
        assert deployed.push(push(DELETED | {"overwrittenByGeneration": "8"})) == 204
        [row] = rows(google, "erasures")
        assert (row["recording_id"], row["reason"], row["generation"]) == (CALL.recording_id, "replaced", 7)
        assert row["object_sha256"] == CALL.object_sha256
    google.requests.clear()
    google.answer = storage_with(b"RIFF", status=403)  # the newer generation cannot be read
    assert analyze.push(push(FINALIZED | {"overwroteGeneration": "6"})) == 500
    [row] = rows(google, "erasures")
    assert (row["reason"], row["generation"]) == ("replaced", 6)


def test_dead_letter_has_a_failure(dead_letter, google):
    dead_letter_attributes = {
        "CloudPubSubDeadLetterSourceDeliveryCount": "5",
        "CloudPubSubDeadLetterSourceSubscription": "analyze",
        "CloudPubSubDeadLetterSourceSubscriptionProject": "demo",
        "CloudPubSubDeadLetterSourceTopicPublishTime": "2026-11-23T05:44:34.000+00:00",
    }
    assert dead_letter.push(push(FINALIZED | dead_letter_attributes)) == 204
    [row] = rows(google, "failures")
    assert (row["code"], row["recording_id"]) == ("undeliverable", CALL.recording_id)
    assert "5 attempts by subscription analyze" in row["message"]
    assert "2026-11-23T05:44:34" in row["message"]


def test_dead_lettered_deletion_does_not_request_an_upload(dead_letter, google):
    assert dead_letter.push(push(FINALIZED | {"eventType": "OBJECT_DELETE"})) == 204
    [row] = rows(google, "failures")
    assert "erase the call" in row["message"]
    assert "upload" not in row["message"]


def test_invalid_setting_prevents_the_start(start):
    with pytest.raises(ServiceMissing, match="TIME_ZONE"):
        start("analyze", TIME_ZONE="Atlantis/Poseidonis")


def test_invalid_setting_of_another_function_is_ignored(start):
    assert start("erase", TIME_ZONE="Atlantis/Poseidonis", API_KEY="short").push({"a": 1}) == 204


def test_other_functions_do_not_import_the_analysis():
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


LEGS = {leg: f"2026/2026-11-02T09-14-00Z_call-7_leg-{leg}.wav" for leg in ("agent", "customer")}


def storage_with_legs(generations, created="2026-11-02T10:00:00Z", empty=()):
    """Return an answer function: Cloud Storage with some legs of a call, each with its current generation."""
    call, rate = soundfile.read(example(1001), frames=10 * 8000)
    contents = {}
    for channel, leg in enumerate(LEGS):
        file = io.BytesIO()
        soundfile.write(file, call[:, channel], rate, format="WAV", subtype="ULAW")
        contents[leg] = b"" if leg in empty else file.getvalue()

    def answer(request):
        for leg, generation in generations.items():
            path, _, query = request.path.partition("?")
            asked = re.search(r"\bgeneration=(\d+)", query)
            if not path.endswith(f"/o/{urllib.parse.quote(LEGS[leg], safe='')}"):
                continue
            if asked and int(asked[1]) != generation:
                return 404, {}
            content = contents[leg]
            if path.startswith("/download/"):
                checksum = base64.b64encode(google_crc32c.Checksum(content).digest()).decode()
                return 200, content, ("X-Goog-Hash", f"crc32c={checksum}")
            size = {"size": str(len(content)), "timeCreated": created, "bucket": "calls", "name": LEGS[leg]}
            return 200, size | {"generation": str(generation)}
        return (404, {}) if "/storage/v1/" in request.path else (200, {})

    return answer


@pytest.fixture(scope="module")
def analyze_calls(start):
    return start("analyze", LEG_WAIT_S="3600")


def leg_event(leg, generation, **attributes):
    names = {"objectId": LEGS[leg], "objectGeneration": str(generation)}
    return push(ATTRIBUTES | names | attributes)


@pytest.mark.parametrize("newest", ["agent", "customer"])
def test_event_of_the_newer_leg_completes_the_call(analyze_calls, google, newest):
    older = "agent" if newest == "customer" else "customer"
    google.answer = storage_with_legs({newest: 9, older: 4})
    assert analyze_calls.push(leg_event(older, 4)) == 204
    assert rows(google, "recordings") == rows(google, "segments") == []
    assert analyze_calls.push(leg_event(newest, 9)) == 204
    [call] = rows(google, "recordings")
    assert (call["object"], call["generation"]) == (LEGS[newest], 9)
    assert call["channel_roles"] == ["agent", "customer"]
    assert [(leg["object"], leg["generation"]) for leg in call["legs"]] == [
        (LEGS[leg], {newest: 9, older: 4}[leg]) for leg in ("agent", "customer")
    ]
    # Results of the older leg alone, or of the call with an older generation, are hidden.
    hidden = ObjectRef("calls", LEGS[older], 4).recording_id
    assert [(row["recording_id"], row["reason"]) for row in rows(google, "erasures")] == [(hidden, "replaced")]


def test_overwritten_leg_completes_the_call_again(analyze_calls, google):
    google.answer = storage_with_legs({"agent": 12, "customer": 9})
    assert analyze_calls.push(leg_event("agent", 12, overwroteGeneration="4")) == 204
    [call] = rows(google, "recordings")
    assert (call["object"], call["generation"]) == (LEGS["agent"], 12)
    hidden = {
        ObjectRef("calls", LEGS[leg], generation).recording_id for leg, generation in (("agent", 4), ("customer", 9))
    }
    assert {row["recording_id"] for row in rows(google, "erasures")} == hidden
    assert analyze_calls.push(leg_event("customer", 9)) == 204  # delivered again
    assert len(rows(google, "recordings")) == 1


def test_leg_waits_for_the_other_one_and_is_then_analyzed_alone(analyze_calls, google):
    google.answer = storage_with_legs({"customer": 4}, created=f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}")
    assert analyze_calls.push(leg_event("customer", 4)) == 503
    [line] = analyze_calls.log_entries()
    assert (line["severity"], rows(google, "recordings")) == ("INFO", [])
    google.answer = storage_with_legs(
        {"customer": 4}, created=f"{datetime.now(UTC) - timedelta(hours=2):%Y-%m-%dT%H:%M:%SZ}"
    )
    assert analyze_calls.push(leg_event("customer", 4)) == 204
    [call] = rows(google, "recordings")
    assert (call["channel_roles"], call["warnings"], call["legs"]) == (["customer"], ["leg_missing"], [])


@pytest.mark.parametrize("generation", [4, 12])
def test_empty_leg_fails_alone_and_the_other_one_is_analyzed(analyze_calls, google, generation):
    google.answer = storage_with_legs({"agent": 9, "customer": generation}, empty=["customer"])
    assert analyze_calls.push(leg_event("customer", generation)) == 204
    assert analyze_calls.push(leg_event("agent", 9)) == 204
    [call] = rows(google, "recordings")
    assert (call["object"], call["warnings"], call["legs"]) == (LEGS["agent"], ["leg_missing"], [])
    assert [(row["object"], row["code"]) for row in rows(google, "failures")] == [(LEGS["customer"], "empty_file")]
    assert rows(google, "erasures") == []
