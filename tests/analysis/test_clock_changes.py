"""Elapsed time is computed in UTC: clock changes neither stretch segments nor move them."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from recordings import clip

from callmood.config import AnalysisConfig
from callmood.emotion.model import load_model
from callmood.models.resolver import StaticModelProvider
from callmood.services.batch import analyze_file

BERLIN = AnalysisConfig(time_zone="Europe/Berlin")

# Eight seconds around the two clock changes, in the repeated hour, and at the ends of days with 23 and 25 hours.
STARTS = {
    "2026-10-25T02-59-57": ("2026-10-25T00:59:57+00:00", date(2026, 10, 25)),  # the first of two such times
    "2026-10-25T02-59-57+0100": ("2026-10-25T01:59:57+00:00", date(2026, 10, 25)),  # the second
    "2026-10-25T01-59-57": ("2026-10-24T23:59:57+00:00", date(2026, 10, 25)),
    "2026-10-25T23-59-57": ("2026-10-25T22:59:57+00:00", date(2026, 10, 25)),
    "2026-03-29T01-59-57": ("2026-03-29T00:59:57+00:00", date(2026, 3, 29)),
    "2026-03-29T00-00-00": ("2026-03-28T23:00:00+00:00", date(2026, 3, 29)),
    "2026-03-29T23-59-57": ("2026-03-29T21:59:57+00:00", date(2026, 3, 29)),
}


@pytest.fixture(scope="module")
def models():
    return StaticModelProvider(load_model())


@pytest.mark.parametrize("start", STARTS)
def test_segments_last_as_long_as_their_audio(models, tmp_path: Path, start):
    path = tmp_path / f"{start}_call-1.wav"
    path.write_bytes(clip())
    result = analyze_file(path, models, BERLIN)
    expected, day = STARTS[start]
    assert result.row is not None
    assert (result.row["started_at"], result.row["call_date"]) == (expected, day.isoformat())
    assert result.segments
    for segment in result.segments:
        started, ended = (datetime.fromisoformat(segment[name]) for name in ("started_at", "ended_at"))
        assert (ended - started).total_seconds() == pytest.approx(segment["end_s"] - segment["start_s"], abs=0.002)
        offset = (started - datetime.fromisoformat(expected)).total_seconds()
        assert offset == pytest.approx(segment["start_s"], abs=0.002)
        assert started.tzinfo == UTC


def test_start_that_cannot_be_read_is_marked(models, tmp_path: Path):
    path = tmp_path / "2034010112_call-1.wav"
    path.write_bytes(clip())
    row = analyze_file(path, models, BERLIN).row
    assert row is not None
    assert (row["call_id"], row["started_at_source"]) == ("1", "file")
    assert "start_unread" in row["warnings"]
    assert {"key": "started_at", "value": "2034010112"} in row["labels"]
