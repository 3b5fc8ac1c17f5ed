"""Call metadata from object metadata and from file names."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from callmood.config import AnalysisConfig
from callmood.sources.metadata import call_metadata, parse_time

AWS_NAME = "Auto0_GUID_000_AGENT_ChrisL_DT_2025-02-19T06-01-22_Mono.wav"
AWS_PATTERN = r"GUID_(?P<call_id>[^_]+)_AGENT_(?P<agent_id>[^_]+)_DT_(?P<started_at>[0-9T-]+)"


def test_a_documented_pattern_reads_a_real_file_name():
    call = call_metadata(
        f"inbox/{AWS_NAME}", {}, AnalysisConfig(filename_pattern=AWS_PATTERN, time_zone="Europe/Berlin")
    )
    assert (call.call_id, call.agent_id) == ("000", "ChrisL")
    assert call.started_at == datetime(2025, 2, 19, 6, 1, 22, tzinfo=ZoneInfo("Europe/Berlin"))
    assert call.queue is None
    assert call.labels == {}


def test_object_metadata_wins_over_the_name_and_the_rest_are_labels():
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


def test_values_that_make_no_sense_are_kept_as_labels():
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
        ("2025-02-19 06:01:22+02:00", "2025-02-19T06:01:22+02:00"),
        ("2025-02-19T06-01-22Z", "2025-02-19T06:01:22+00:00"),
        ("2025-02-19T06-01-22-0500", "2025-02-19T06:01:22-05:00"),
        ("20250219T060122", "2025-02-19T06:01:22+00:00"),
        ("20250219060122", None),
        ("1739944882", "2025-02-19T06:01:22+00:00"),
        ("2025-02-19", "2025-02-19T00:00:00+00:00"),
        ("", None),
        ("monday", None),
        ("99999999999999999", None),
    ],
)
def test_start_times_as_recorders_write_them(text, expected):
    time = parse_time(text, UTC)
    assert (time.isoformat() if time else None) == expected


def test_the_default_pattern_reads_the_documented_name():
    call = call_metadata(
        "in/2026-11-02T09-14-00Z_call-1001_queue-billing_agent-a17_customer-c204.wav", {}, AnalysisConfig()
    )
    assert (call.call_id, call.queue, call.agent_id, call.customer_id) == ("1001", "billing", "a17", "c204")
    assert call.started_at == datetime(2026, 11, 2, 9, 14, tzinfo=UTC)
    assert call_metadata("2026-11-02T09-14-00Z_call-1.wav", {}, AnalysisConfig()).call_id == "1"
    assert call_metadata("holiday.wav", {}, AnalysisConfig()).call_id is None
