"""What Pub/Sub pushes: storage notifications are read, everything else is refused in words."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callmood.cloud_functions.pubsub import parse_push
from callmood.errors import BadEvent
from callmood.types import ObjectRef

ATTRIBUTES = {
    "bucketId": "calls",
    "objectId": "2026/11/Straße 7 #3.wav",
    "objectGeneration": "1795412673994045",
    "eventType": "OBJECT_FINALIZE",
    "eventTime": "2026-11-23T05:44:34Z",
    "payloadFormat": "JSON_API_V1",
    "notificationConfig": "projects/_/buckets/calls/notificationConfigs/1",
}


def push(attributes, **message):
    return {
        "message": {"attributes": attributes, "messageId": "12", "publishTime": "2026-11-23T05:44:34Z", **message},
        "subscription": "projects/demo/subscriptions/analyze",
    }


def test_a_notification_names_one_generation_of_one_object():
    event = parse_push(push(ATTRIBUTES, data="bm90IGxvb2tlZCBhdA=="))
    assert event.kind == "OBJECT_FINALIZE"
    assert event.ref == ObjectRef("calls", "2026/11/Straße 7 #3.wav", 1795412673994045)
    assert event.event_id == "12"
    assert event.overwrote is None
    assert not event.overwritten


def test_both_events_of_an_overwrite_say_so():
    finalized = parse_push(push(ATTRIBUTES | {"overwroteGeneration": "7"}))
    assert finalized.overwrote == ObjectRef("calls", ATTRIBUTES["objectId"], 7)
    deleted = parse_push(push(ATTRIBUTES | {"eventType": "OBJECT_DELETE", "overwrittenByGeneration": "9"}))
    assert deleted.overwritten


def test_an_event_may_ask_for_a_version_of_the_model():
    assert parse_push(push(ATTRIBUTES)).model_version is None
    assert parse_push(push(ATTRIBUTES | {"modelVersion": "f305841e9432"})).model_version == "f305841e9432"


@pytest.mark.parametrize("payload", [{}, {"data": ""}, {"data": "%%% no base64"}, {"data": "bm8gSlNPTg=="}])
def test_the_payload_does_not_matter(payload):
    assert parse_push(push(ATTRIBUTES, **payload)).ref.bucket == "calls"


@pytest.mark.parametrize(
    ("body", "what"),
    [
        (None, "no Pub/Sub push"),
        ([], "no Pub/Sub push"),
        ({"message": "hello"}, "no Pub/Sub push"),
        ({"message": {"data": "aGVsbG8="}}, "no id"),
        (push(None), "no attributes"),
        (push({"a": 1}), "no attributes"),
        (push({}), "lacks eventType, bucketId, objectId, objectGeneration"),
        (push(ATTRIBUTES | {"objectId": ""}), "lacks objectId"),
        (push(ATTRIBUTES | {"objectId": "\ud800.wav"}), "no attributes"),
        (push(ATTRIBUTES | {"objectGeneration": "latest"}), "no generation"),
        (push(ATTRIBUTES | {"bucketId": "_calls"}), "no bucket"),
        (push(ATTRIBUTES | {"objectGeneration": "-1"}), "no generation"),
        (push(ATTRIBUTES | {"modelVersion": "../../etc"}), "no version of a model"),
        (push(ATTRIBUTES | {"objectGeneration": "²"}), "no generation"),
        (push(ATTRIBUTES | {"objectGeneration": str(2**63)}), "no generation"),
    ],
)
def test_anything_else_is_refused_in_words(body, what):
    with pytest.raises(BadEvent, match=what):
        parse_push(body)


def test_a_refused_message_is_known_by_its_id():
    with pytest.raises(BadEvent) as refused:
        parse_push(push({}))
    assert refused.value.event_id == "12"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda children: st.lists(children) | st.dictionaries(st.sampled_from(["message", *ATTRIBUTES]), children),
)


@given(
    JSON
    | st.builds(push, JSON)
    | st.builds(push, st.fixed_dictionaries(dict.fromkeys(ATTRIBUTES, st.text(st.characters()))))
)
def test_no_json_breaks_it(body):
    try:
        event = parse_push(json.loads(json.dumps(body)))
    except BadEvent:
        return
    assert len(event.ref.recording_id) == 32
