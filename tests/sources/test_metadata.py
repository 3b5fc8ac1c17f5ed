"""Metadata of calls from object metadata and file names."""

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callmood.config import AnalysisConfig
from callmood.sources.metadata import call_metadata, parse_time
from callmood.types import ROLES

AWS_NAME = "Auto0_GUID_000_AGENT_ChrisL_DT_2025-02-19T06-01-22_Mono.wav"
AWS_PATTERN = r"GUID_(?P<call_id>[^_]+)_AGENT_(?P<agent_id>[^_]+)_DT_(?P<started_at>[0-9T-]+)"


def test_documented_pattern_parses_a_real_file_name():
    call = call_metadata(
        f"inbox/{AWS_NAME}", {}, AnalysisConfig(filename_pattern=AWS_PATTERN, time_zone="Europe/Berlin")
    )
    assert (call.call_id, call.agent_id) == ("000", "ChrisL")
    assert call.started_at == datetime(2025, 2, 19, 6, 1, 22, tzinfo=ZoneInfo("Europe/Berlin"))
    assert call.queue is None
    assert call.labels == {}


def test_object_metadata_takes_precedence_and_other_keys_are_labels():
    call = call_metadata(
        AWS_NAME,
        {
            "Call-Id": "c9",
            "agent": "a1",
            "label-product": "Broadband",
            "campaign": "spring",
            "direction": "IN",
            "empty": " ",
        },
        AnalysisConfig(filename_pattern=AWS_PATTERN),
    )
    assert (call.call_id, call.agent_id, call.direction) == ("c9", "a1", "inbound")
    assert call.labels == {"campaign": "spring", "product": "Broadband"}


def test_invalid_values_become_labels():
    call = call_metadata("a.wav", {"start-time": "yesterday", "channel-roles": "boss,customer"}, AnalysisConfig())
    assert call.started_at is None
    assert call.channel_roles is None
    assert call.labels == {"started_at": "yesterday", "channel_roles": "boss,customer"}


def test_channel_roles_from_metadata():
    assert call_metadata("a.wav", {"channel-roles": "Customer, agent"}, AnalysisConfig()).channel_roles == (
        "customer",
        "agent",
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2025-02-19T06-01-22", "2025-02-19T06:01:22+00:00"),
        ("2025-02-19_06_01_22", "2025-02-19T06:01:22+00:00"),
        ("2025-02-19T06_01_22", "2025-02-19T06:01:22+00:00"),
        ("2025-02-19 06:01:22+02:00", "2025-02-19T06:01:22+02:00"),
        ("2025-02-19T06-01-22Z", "2025-02-19T06:01:22+00:00"),
        ("2025-02-19T06-01-22-0500", "2025-02-19T06:01:22-05:00"),
        ("2025-02-19T06:01:22-05:00", "2025-02-19T06:01:22-05:00"),
        ("2025-02-19T06-01-0500", "2025-02-19T06:01:00-05:00"),
        ("20250219T060122-0500", "2025-02-19T06:01:22-05:00"),
        ("20250219T060122", "2025-02-19T06:01:22+00:00"),
        ("20250219060122", None),
        ("1739944882", "2025-02-19T06:01:22+00:00"),
        ("2025-02-19", "2025-02-19T00:00:00+00:00"),
        ("", None),
        ("monday", None),
        ("99999999999999999", None),
    ],
)
def test_start_time_formats(text, expected):
    time = parse_time(text, UTC)
    assert (time.isoformat() if time else None) == expected


def test_default_pattern_parses_the_documented_name():
    call = call_metadata(
        "in/2026-11-02T09-14-00Z_call-1001_queue-billing_agent-a17_customer-c204.wav", {}, AnalysisConfig()
    )
    assert (call.call_id, call.queue, call.agent_id, call.customer_id) == ("1001", "billing", "a17", "c204")
    assert call.started_at == datetime(2026, 11, 2, 9, 14, tzinfo=UTC)
    assert call_metadata("2026-11-02T09-14-00Z_call-1.wav", {}, AnalysisConfig()).call_id == "1"
    assert call_metadata("holiday.wav", {}, AnalysisConfig()).call_id is None


OFFSETS = st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
TIMES = st.datetimes(min_value=datetime(1000, 1, 1), max_value=datetime(9999, 12, 31)).map(
    lambda time: time.replace(microsecond=0)
)
DIGITS_AND_SEPARATORS = st.text("0123456789-_:.+TZ Wz٣²", max_size=40)


@given(st.text() | DIGITS_AND_SEPARATORS, OFFSETS)
def test_parse_time_returns_a_time_with_a_zone_or_none(text, zone):
    time = parse_time(text, zone)
    assert time is None or time.tzinfo is not None


@given(TIMES, OFFSETS, OFFSETS, st.sampled_from("-_:"), st.sampled_from("T _"))
def test_parse_time_reverts_all_separators(time, offset, zone, clock_separator, separator):
    text = time.strftime(f"%Y-%m-%d{separator}%H{clock_separator}%M{clock_separator}%S")
    assert parse_time(text, zone) == time.replace(tzinfo=zone)
    with_offset = time.replace(tzinfo=offset)
    assert parse_time(f"{text}{with_offset:%z}", zone) == with_offset


KEYS = st.text() | st.sampled_from(
    ["call-id", "Agent", "queue", "customer", "start-time", "started_at", "channel-roles", "direction", "language"]
)


@given(st.text(), st.dictionaries(KEYS, st.text() | DIGITS_AND_SEPARATORS | st.sampled_from(["agent,customer", "in"])))
def test_any_metadata_is_parsed(name, metadata):
    call = call_metadata(name, metadata, AnalysisConfig())
    assert call.started_at is None or call.started_at.tzinfo is not None
    assert call.channel_roles is None or set(call.channel_roles) <= set(ROLES)
    fields = (call.call_id, call.agent_id, call.queue, call.customer_id, call.direction, call.language)
    assert all(value is None or value.strip() == value != "" for value in (*fields, *call.labels.values()))


VALUES = st.text(st.characters(exclude_characters="_/.", exclude_categories=["Cs", "Z", "Cc"]), min_size=1).filter(
    lambda text: text.strip() == text
)


@given(TIMES, VALUES, VALUES | st.none(), VALUES | st.none(), VALUES | st.none())
def test_default_pattern_parses_all_documented_names(time, call_id, queue, agent_id, customer_id):
    parts = {"call": call_id, "queue": queue, "agent": agent_id, "customer": customer_id}
    name = "_".join([f"{time:%Y-%m-%dT%H-%M-%SZ}", *(f"{key}-{value}" for key, value in parts.items() if value)])
    call = call_metadata(f"inbox/{name}.wav", {}, AnalysisConfig())
    assert call.started_at == time.replace(tzinfo=UTC)
    assert (call.call_id, call.queue, call.agent_id, call.customer_id) == (call_id, queue, agent_id, customer_id)
    assert call.labels == {}
