"""Metadata of calls from object metadata and file names."""

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callmood.config import AnalysisConfig
from callmood.names.formats import NAME_FORMATS
from callmood.names.start_times import parse_time
from callmood.sources.metadata import call_metadata, read_name
from callmood.types import ROLES

AWS_NAME = "Auto0_GUID_000_AGENT_ChrisL_DT_2025-02-19T06-01-22_Mono.wav"
AWS_PATTERN = r"[^/]*GUID_(?P<call_id>[^_]+)_AGENT_(?P<agent_id>[^_]+)_DT_(?P<started_at>[0-9T-]+)_\w+"


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
    assert call.warnings == ("start_unread",)


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
        ("20250219060122", "2025-02-19T06:01:22+00:00"),
        ("20250219060122500", "2025-02-19T06:01:22.500000+00:00"),
        ("2025-02-19-06-01-22", "2025-02-19T06:01:22+00:00"),
        ("2025-02-19-06-01-22-500", "2025-02-19T06:01:22.500000+00:00"),
        ("2025-02-19_06.01.22", "2025-02-19T06:01:22+00:00"),
        ("2025.02.19.06.01.22", "2025-02-19T06:01:22+00:00"),
        ("2025-02-19T06:01:22.5Z", "2025-02-19T06:01:22.500000+00:00"),
        ("20250219T060122.500Z", "2025-02-19T06:01:22.500000+00:00"),
        ("20250219T06:01_UTC", "2025-02-19T06:01:00+00:00"),
        ("2025-02-19-06-01-22-UTC", "2025-02-19T06:01:22+00:00"),
        ("2025-02-19_06-01[UTC]", "2025-02-19T06:01:00+00:00"),
        ("2025-02-19 6:01:22", "2025-02-19T06:01:22+00:00"),
        ("2025-02-19 6:01 PM", "2025-02-19T18:01:00+00:00"),
        ("2025-02-19-6-01-22", None),
        ("GMT20250219-060122", "2025-02-19T06:01:22+00:00"),
        ("20250219-060122", "2025-02-19T06:01:22+00:00"),
        ("2025/02/19 06:01:22", "2025-02-19T06:01:22+00:00"),
        ("2025-02-19 06:01:22 PM", "2025-02-19T18:01:22+00:00"),
        ("2025-02-19T06:01:22-05", "2025-02-19T06:01:22-05:00"),
        ("1739944882500", "2025-02-19T06:01:22.500000+00:00"),
        ("1739944882500000", "2025-02-19T06:01:22.500000+00:00"),
        ("2025021906", None),  # an hour, or a second in 2034
        ("19-02-2025 06:01", None),  # not year, month, day
        ("03/04/2025 06:01", None),
        ("19022025060122", None),
        ("2025-02-19-06-01-22-05", None),  # a zone, or hundredths of a second
        ("2025-02-30T06:01:22", None),
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


def test_ids_can_contain_dots_underscores_and_any_other_character():
    name = "2026-11-02T09-14-00Z_call-1710253353.123_queue-first_level_agent-ada@example.com_customer-+49.30 ü通.mp3"
    call = call_metadata(name, {}, AnalysisConfig())
    assert (call.call_id, call.queue) == ("1710253353.123", "first_level")
    assert (call.agent_id, call.customer_id) == ("ada@example.com", "+49.30 ü通")
    assert call_metadata("20240312142233_call-1710253353.124", {}, AnalysisConfig()).call_id == "1710253353.124"


@pytest.mark.parametrize(
    "name",
    [
        "copy of 2026-11-02T09-14-00Z_call-1001_queue-billing.wav",
        "2026-11-02T09-14-00Z_call-1001_agent-a17_queue-billing.wav",  # another order
        "2026-11-02T09-14-00Z_call-1001_queue-/a.wav",
        "2026-11-02T09-14-00Z_call-.wav",
    ],
)
def test_name_that_the_pattern_matches_only_in_part_yields_nothing(name):
    assert read_name(name, AnalysisConfig()) is None


@pytest.mark.parametrize(
    "pattern", [r"(?i)CALL-(?P<call_id>\d+)", r"call-(?P<call_id>\d+)\.wav", r"2026/call-(?P<call_id>\d+)"]
)
def test_pattern_matches_the_name_with_or_without_its_suffix_or_the_end_of_the_path(pattern):
    config = AnalysisConfig(filename_pattern=pattern)
    assert call_metadata("in/2026/call-7.wav", {}, config).call_id == "7"
    assert call_metadata("in/2026/call-7b.wav", {}, config).call_id is None
    assert call_metadata("in/2026/my call-7.wav", {}, config).call_id is None


@pytest.mark.parametrize(
    "start", ["9999-12-31T00:00:00Z", "0001-01-01T00:00:00+14:00", "2034010112", "1969-12-31T00:00Z"]
)
def test_start_outside_the_calendar_or_ambiguous_is_a_warning(start):
    call = call_metadata("a.wav", {"started-at": start}, AnalysisConfig())
    assert (call.started_at, call.started_at_source, call.warnings) == (None, None, ("start_unread",))
    assert call.labels == {"started_at": start}


def test_source_of_the_start():
    name = "2026-11-02T09-14-00Z_call-1.wav"
    assert call_metadata(name, {}, AnalysisConfig()).started_at_source == "name"
    stated = call_metadata(name, {"started-at": "2026-11-03T00:00Z"}, AnalysisConfig())
    assert (stated.started_at_source, stated.started_at.day) == ("metadata", 3)
    unread = call_metadata(name, {"started-at": "yesterday"}, AnalysisConfig())
    assert (unread.started_at_source, unread.warnings, unread.labels) == ("name", (), {"started_at": "yesterday"})


READ = {
    "amazon-connect": ("5f3c2d1e-7a4b-4c8d-9e0f-123456789abc", "2024-03-12T14:22:00+00:00"),
    "genesys-cloud": ("5f3c2d1e-7a4b-4c8d-9e0f-123456789abc", None),
    "freepbx": ("1710253353.123", "2024-03-12T14:22:33+00:00"),
    "fusionpbx": ("5f3c2d1e-7a4b-4c8d-9e0f-123456789abc", None),
    "3cx": ("20240312142233(1187)", "2024-03-12T14:22:33+00:00"),
    "twilio": ("RE0123456789abcdef0123456789abcdef", None),
    "zoom-phone": ("88v27Vl8TzyusVnY6y2uHw", "2022-11-15T18:15:07+00:00"),
    "five9": ("0123456789ABCDEF0123456789ABCDEF", "2024-03-12T14:22:33+00:00"),
    "nice": ("5f3c2d1e-7a4b-4c8d-9e0f-123456789abc", "2024-03-12T14:22:00+00:00"),
    "avaya": ("811000000000123", None),
}


@pytest.mark.parametrize("name_format", NAME_FORMATS)
def test_name_format_reads_its_example(name_format):
    call = call_metadata(NAME_FORMATS[name_format].example, {}, AnalysisConfig(name_format=name_format))
    started_at = call.started_at.isoformat() if call.started_at else None
    assert (call.call_id, started_at, call.warnings) == (*READ[name_format], ())
    assert read_name("2026-11-02T09-14-00Z_call-1001.wav", AnalysisConfig(name_format=name_format)) is None


@pytest.mark.parametrize(
    ("name_format", "name", "fields"),
    [
        (
            "freepbx",
            "force-0821123456-3201-20250327-092517-1743042317.12206.wav",
            {
                "call_id": "1743042317.12206",
                "labels": {"recording_type": "force", "destination": "0821123456", "caller": "3201"},
            },
        ),
        (
            "freepbx",
            "external-201-+4930123456-20240312-142233-1710253353.123.wav",
            {"agent_id": "201", "customer_id": "+4930123456", "direction": "inbound"},
        ),
        ("freepbx", "q-700-4930123456-20240312-142233-1710253353.9.WAV", {"queue": "700", "customer_id": "4930123456"}),
        (
            "freepbx",
            "1710253353.123",
            {"call_id": "1710253353.123", "started_at": datetime(2024, 3, 12, 14, 22, 33, tzinfo=UTC)},
        ),
        (
            "3cx",
            "[27836000000]_27836000000-100_20190211124743(3).wav",
            {"call_id": "20190211124743(3)", "agent_id": "100", "customer_id": "27836000000", "direction": "inbound"},
        ),
        ("3cx", "[]_100-0836000000_20190211124709(3).wav", {"call_id": "20190211124709(3)", "direction": "outbound"}),
        (
            "fusionpbx",
            "1001.2024-03-12-14-22-33.wav",
            {
                "call_id": None,
                "started_at": datetime(2024, 3, 12, 14, 22, 33, tzinfo=UTC),
                "labels": {"caller": "1001"},
            },
        ),
        (
            "fusionpbx",
            "2024-03-12-14-22-33_1001_4930123456_5f3c2d1e-7a4b-4c8d-9e0f-123456789abc.wav",
            {
                "call_id": "5f3c2d1e-7a4b-4c8d-9e0f-123456789abc",
                "labels": {"destination": "1001", "caller": "4930123456"},
            },
        ),
        (
            "fusionpbx",
            "2024-03-12-14-22-33_1001_4930123456.wav",
            {"call_id": None, "labels": {"destination": "1001", "caller": "4930123456"}},
        ),
        (
            "3cx",
            "[Ada]_201-202_20240312142233(9).wav",
            {"agent_id": None, "labels": {"caller": "201", "destination": "202"}},
        ),
        ("twilio", "CA0123456789abcdef0123456789abcdef.mp3", {"call_id": "CA0123456789abcdef0123456789abcdef"}),
        (
            "five9",
            "5551234567 by ada@example.com @ 2_22_33 PM.wav",
            {"call_id": None, "agent_id": "ada@example.com", "started_at": None, "labels": {"clock": "2_22_33 PM"}},
        ),
        (
            "five9",
            "Fire/8_25_2026/5551234567 by  @ 1_49_32 PM_To FireABCDEF0123456789ABCDEF0123456789300000000000123.wav",
            {
                "call_id": "ABCDEF0123456789ABCDEF0123456789",
                "queue": "Fire",
                "agent_id": None,
                "started_at": datetime(2026, 8, 25, 13, 49, 32, tzinfo=UTC),
                "labels": {"module": "To Fire", "recording": "300000000000123"},
            },
        ),
        (
            "five9",
            "Dispatch/8_20_2026/5551234567 by ada @ 4_30_12 PM_Transfer to Fire.wav",
            {"call_id": None, "agent_id": "ada", "labels": {"module": "Transfer to Fire"}},
        ),
        (
            "zoom-phone",
            "GMT20221115-181507_88v27Vl8_zyusVnY6y2uHw_VoicemailRecording.mp3",
            {"call_id": "88v27Vl8_zyusVnY6y2uHw"},
        ),
        (
            "nice",
            "CXone recording_Ada Lovelace_2024-03-12_14-22[UTC]_abc123.mp4",
            {"call_id": "abc123", "agent_id": "Ada Lovelace", "warnings": ()},
        ),
        ("zoom-phone", "call_recording_5f3c2d1e-7a4b-4c8d-9e0f-123456789abc_20240312142233.mp3", {"labels": {}}),
    ],
)
def test_name_formats_read_other_forms(name_format, name, fields):
    call = call_metadata(f"in/{name}", {}, AnalysisConfig(name_format=name_format))
    assert {key: getattr(call, key) for key in fields} == fields


def test_name_format_and_pattern_exclude_each_other():
    with pytest.raises(ValueError, match="not both"):
        AnalysisConfig(name_format="3cx", filename_pattern="(?P<call_id>.+)")
    with pytest.raises(ValueError, match="use one of amazon-connect"):
        AnalysisConfig(name_format="4cx")


OFFSETS = st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
TIMES = st.datetimes(min_value=datetime(1000, 1, 1), max_value=datetime(9999, 12, 31)).map(
    lambda time: time.replace(microsecond=0)
)
STARTS = st.datetimes(datetime(1970, 1, 1), datetime(2099, 12, 31)).map(lambda time: time.replace(microsecond=0))
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


@given(STARTS, VALUES, VALUES | st.none(), VALUES | st.none(), VALUES | st.none())
def test_default_pattern_parses_all_documented_names(time, call_id, queue, agent_id, customer_id):
    parts = {"call": call_id, "queue": queue, "agent": agent_id, "customer": customer_id}
    name = "_".join([f"{time:%Y-%m-%dT%H-%M-%SZ}", *(f"{key}-{value}" for key, value in parts.items() if value)])
    call = call_metadata(f"inbox/{name}.wav", {}, AnalysisConfig())
    assert call.started_at == time.replace(tzinfo=UTC)
    assert (call.call_id, call.queue, call.agent_id, call.customer_id) == (call_id, queue, agent_id, customer_id)
    assert call.labels == {}
