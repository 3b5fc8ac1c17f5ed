"""The message of a call: fields of the `calls` view, valid against the schema of the topic."""

import json
from concurrent.futures import ThreadPoolExecutor

import fastavro
import pytest
from call_rows import call, classified, erasure, unclassified
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from callmood.errors import SchemaError
from callmood.services.publish import ATTRIBUTES, analysis_message, attributes, call_message, result_schema
from callmood.warehouse.base import write_analysis
from callmood.warehouse.duckdb import DuckDBWarehouse

ANGRY = call(
    "angry", customer=[classified(10, 18, anger=0.9), classified(40, 50, anger=0.8)], agent=[unclassified(0, 9)]
)


def message_of(rows):
    return analysis_message(rows["segments"], rows["recordings"][0], "UTC")


def is_valid(message):
    return fastavro.validate(json.loads(json.dumps(message)), dict(result_schema()), strict=True)


def test_message_of_a_negative_call_has_reason_and_peak():
    message = message_of(ANGRY)
    assert is_valid(message)
    assert message["needs_attention"] is True
    assert "angry for 18 s" in message["attention_reason"]
    assert (message["peak_emotion"], message["peak_probability"], message["peak_start_s"]) == ("anger", 0.8, 40.0)
    assert (message["call_date"], message["started_at"]) == ("2026-11-02", "2026-11-02T09:00:00+00:00")


def test_message_without_customer_emotion_has_default_values():
    message = message_of(call("agent only", agent=[unclassified(0, 9)], queue=None, agent_id=None, call_id=None))
    assert is_valid(message)
    assert (message["customer_emotion_s"], message["peak_emotion"], message["needs_attention"]) == (0.0, "", False)
    assert {"queue", "agent_id", "peak_emotion", "attention_reason"}.isdisjoint(attributes(message))
    assert attributes(message)["needs_attention"] == "false"


def test_message_of_a_silent_call_is_valid():
    assert is_valid(message_of(call("silent", customer=[])))


def test_message_does_not_depend_on_other_calls_in_the_store(tmp_path):
    store = DuckDBWarehouse(tmp_path / "calls.duckdb")
    others = call("other", agent=[unclassified(0, 9)]), call("calm", customer=[classified(3, 9)])
    for rows in (*others, ANGRY):
        write_analysis(store, rows["segments"], rows["recordings"][0])
    assert call_message(store, ANGRY["recordings"][0]) == message_of(ANGRY)


def test_message_of_the_same_call_again_and_after_an_error_is_the_same():
    """One store in memory serves all messages of a process; it keeps no rows between them."""
    first = message_of(ANGRY)
    with pytest.raises(SchemaError):
        analysis_message(ANGRY["segments"], {"recording_id": "incomplete"}, "UTC")
    message_of(call("calm", customer=[classified(3, 9)]))
    assert message_of(ANGRY) == first


def test_messages_of_concurrent_calls_do_not_mix():
    calls = [call(f"call {n}", customer=[classified(3, 9 + n, anger=0.1)]) for n in range(12)]
    expected = [message_of(rows) for rows in calls]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(message_of, calls)) == expected


def test_erased_call_has_no_message(tmp_path):
    store = DuckDBWarehouse(tmp_path / "calls.duckdb")
    write_analysis(store, ANGRY["segments"], ANGRY["recordings"][0])
    store.append("erasures", erasure("angry")["erasures"])
    assert call_message(store, ANGRY["recordings"][0]) is None


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    queue=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=2000),
    spans=st.lists(
        st.tuples(st.floats(0.6, 8), st.floats(0, 5), st.floats(0, 0.5), st.floats(0, 0.5)), min_size=1, max_size=12
    ),
)
@example(queue="ü" * 600, spans=[(5.0, 1.0, 0.5, 0.1)])
def test_message_of_any_call_is_valid_and_within_pubsub_limits(queue, spans):
    segments, now = [], 0.0
    for length, pause, anger, sadness in spans:
        segments.append(classified(now, now + length, anger=anger, sadness=sadness))
        now += length + pause
    message = message_of(call("any", customer=segments, duration_s=now, queue=queue))
    assert is_valid(message)
    assert message["queue"] == queue
    texts = attributes(message)
    assert all(0 < len(text.encode()) <= 1024 for text in texts.values())
    assert queue.startswith(texts["queue"])


@pytest.mark.parametrize("name", ATTRIBUTES)
def test_every_attribute_is_a_field_of_the_schema(name):
    assert name in {field["name"] for field in result_schema()["fields"]}
