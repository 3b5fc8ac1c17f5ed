"""Parsing of Pub/Sub push requests."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from push_requests import ATTRIBUTES, push

from callmood.cloud_functions.pubsub import MAX_BODY_BYTES, parse_push, parse_result, read_json
from callmood.errors import BadEvent
from callmood.types import ObjectRef


def test_notification_states_one_generation_of_one_object():
    event = parse_push(push(ATTRIBUTES, data="bm90IHVzZWQ="))
    assert event.kind == "OBJECT_FINALIZE"
    assert event.ref == ObjectRef("calls", "2026/11/Straße 7 #3.wav", 1795412673994045)
    assert event.event_id == "12"
    assert event.overwrote is None
    assert not event.overwritten


def test_both_events_of_an_overwrite_are_detected():
    finalized = parse_push(push(ATTRIBUTES | {"overwroteGeneration": "7"}))
    assert finalized.overwrote == ObjectRef("calls", ATTRIBUTES["objectId"], 7)
    deleted = parse_push(push(ATTRIBUTES | {"eventType": "OBJECT_DELETE", "overwrittenByGeneration": "9"}))
    assert deleted.overwritten


def test_event_may_state_a_model_version():
    assert parse_push(push(ATTRIBUTES)).model_version is None
    assert parse_push(push(ATTRIBUTES | {"modelVersion": "f305841e9432"})).model_version == "f305841e9432"


@pytest.mark.parametrize("payload", [{}, {"data": ""}, {"data": "%%% no base64"}, {"data": "bm8gSlNPTg=="}])
def test_payload_is_ignored(payload):
    assert parse_push(push(ATTRIBUTES, **payload)).ref.bucket == "calls"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (None, "not a Pub/Sub push request"),
        ([], "not a Pub/Sub push request"),
        ({"message": "hello"}, "not a Pub/Sub push request"),
        ({"message": {"data": "aGVsbG8="}}, "no messageId"),
        (push(None), "no valid attributes"),
        (push({"a": 1}), "no valid attributes"),
        (push({}), "lacks eventType, bucketId, objectId, objectGeneration"),
        (push(ATTRIBUTES | {"objectId": ""}), "lacks objectId"),
        (push(ATTRIBUTES | {"objectId": "\ud800.wav"}), "no valid attributes"),
        (push(ATTRIBUTES | {"objectId": "a\0.wav"}), "no valid attributes"),
        (push(ATTRIBUTES | {"\udc00": "a"}), "no valid attributes"),
        (push(ATTRIBUTES, messageId="\ud800"), "no messageId"),
        (push(ATTRIBUTES, messageId="1\n2"), "no messageId"),
        (push(ATTRIBUTES, messageId=12), "no messageId"),
        (push(ATTRIBUTES | {"objectGeneration": "latest"}), "Invalid bucketId or objectGeneration"),
        (push(ATTRIBUTES | {"bucketId": "_calls"}), "Invalid bucketId or objectGeneration"),
        (push(ATTRIBUTES | {"objectGeneration": "-1"}), "Invalid bucketId or objectGeneration"),
        (push(ATTRIBUTES | {"modelVersion": "../../etc"}), "Invalid modelVersion"),
        (push(ATTRIBUTES | {"objectGeneration": "²"}), "Invalid bucketId or objectGeneration"),
        (push(ATTRIBUTES | {"objectGeneration": str(2**63)}), "Invalid bucketId or objectGeneration"),
    ],
)
def test_invalid_request_raises_bad_event(body, message):
    with pytest.raises(BadEvent, match=message):
        parse_push(body)


@pytest.mark.parametrize(
    "body",
    [
        b"not JSON",
        b"\xff",
        b"[" * 200_000,
        b'{"message":' * 200_000,
        b'{"a": ' + b"9" * 10_000 + b"}",
        b" " * MAX_BODY_BYTES + b"{}",
    ],
    ids=lambda body: repr(body[:12]),
)
def test_body_that_is_not_json_raises_bad_event(body):
    with pytest.raises(BadEvent):
        read_json(body)


@pytest.mark.parametrize(
    "changes",
    [
        {"analysis_id": 5},
        {"analysis_id": "\ud800"},
        {"analysis_id": "a\r\nX-Header: b"},
        {"analysis_id": ""},
        {"recording_id": None},
        {"recording_id": ["r"]},
        {"needs_attention": "yes"},
    ],
)
def test_result_with_an_invalid_field_raises_bad_event(changes):
    result = {"analysis_id": "a", "recording_id": "r", "needs_attention": True}
    assert parse_result(push({}, data=encoded(result))).message == result
    with pytest.raises(BadEvent, match="not a result"):
        parse_result(push({}, data=encoded(result | changes)))


def test_deeply_nested_result_raises_bad_event():
    with pytest.raises(BadEvent, match="not a result"):
        parse_result(push({}, data=base64.b64encode(b"[" * 200_000).decode()))


def encoded(result):
    return base64.b64encode(json.dumps(result).encode()).decode()


def test_bad_event_has_the_message_id():
    with pytest.raises(BadEvent) as error:
        parse_push(push({}))
    assert error.value.event_id == "12"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda children: st.lists(children) | st.dictionaries(st.sampled_from(["message", *ATTRIBUTES]), children),
)


@given(
    JSON
    | st.builds(push, JSON)
    | st.builds(push, st.fixed_dictionaries(dict.fromkeys(ATTRIBUTES, st.text(st.characters()))))
)
def test_any_json_is_parsed_or_raises_bad_event(body):
    try:
        event = parse_push(json.loads(json.dumps(body)))
    except BadEvent:
        return
    assert len(event.ref.recording_id) == 32
