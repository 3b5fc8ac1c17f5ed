"""Analysis of whole recordings: roles, duplicate and empty channels, times, and IDs."""

import io
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import golden
import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from callmood.analysis.analyzer import ANALYSIS_VERSION, analysis_id, analyze, speaking_time
from callmood.analysis.rows import analysis_rows
from callmood.config import AnalysisConfig
from callmood.emotion.model import load_model
from callmood.errors import BadRecording
from callmood.settings import AnalyzeSettings
from callmood.types import CallMetadata, ObjectRef, Recording
from callmood.warehouse.schema import check_rows

CALL, _ = soundfile.read(next((Path(__file__).parents[1] / "examples").glob("*call-1001*.wav")), dtype="float32")
AGENT, CUSTOMER = CALL.T
HAPPY_AGENT, HAPPY_CUSTOMER = soundfile.read(
    next((Path(__file__).parents[1] / "examples").glob("*call-1003*.wav")), dtype="float32"
)[0].T


@pytest.fixture(scope="module")
def model():
    return load_model()


def recording(*channels, roles=None, subtype="ULAW"):
    file = io.BytesIO()
    soundfile.write(file, np.stack(channels, axis=1), 8000, format="WAV", subtype=subtype)
    audio = file.getvalue()
    call = CallMetadata(channel_roles=roles)
    return Recording(
        ObjectRef("calls", "a.wav", 1), audio, len(audio), "0" * 64, datetime(2026, 11, 2, tzinfo=UTC), call
    )


def classified_roles(analysis):
    return {segment.role for segment in analysis.segments if segment.probabilities}


def test_two_channels_are_agent_and_customer_and_only_the_customer_is_classified(model):
    analysis = analyze(recording(AGENT, CUSTOMER), model, AnalysisConfig())
    assert analysis.roles == ("agent", "customer")
    assert classified_roles(analysis) == {"customer"}
    assert analysis.talk_s["agent"] > 20
    assert analysis.talk_s["customer"] > 15
    assert all(segment.emotion is None for segment in analysis.segments if segment.role == "agent")


def test_agent_is_classified_if_configured(model):
    analysis = analyze(recording(AGENT, CUSTOMER), model, AnalysisConfig(analyze_agent_emotion=True))
    assert classified_roles(analysis) == {"agent", "customer"}


def test_roles_of_the_metadata_take_precedence_over_the_setting(model):
    swapped = AnalysisConfig(channel_roles=("customer", "agent"))
    assert analyze(recording(CUSTOMER, AGENT), model, swapped).roles == ("customer", "agent")
    stated = recording(AGENT, CUSTOMER, roles=("agent", "customer"))
    assert analyze(stated, model, swapped).roles == ("agent", "customer")


def test_order_of_channels_does_not_change_results(model):
    one = analyze(recording(AGENT, CUSTOMER), model, AnalysisConfig())
    other = analyze(recording(CUSTOMER, AGENT), model, AnalysisConfig(channel_roles=("customer", "agent")))
    segments = [(s.role, s.start_s, s.end_s, s.probabilities) for s in one.segments]
    assert sorted(segments) == sorted((s.role, s.start_s, s.end_s, s.probabilities) for s in other.segments)


def test_speakers_of_a_single_channel_have_their_own_roles(model):
    two_channels = analyze(recording(HAPPY_AGENT, HAPPY_CUSTOMER), model, AnalysisConfig())
    analysis = analyze(recording((HAPPY_AGENT + HAPPY_CUSTOMER) / 2), model, AnalysisConfig())
    assert analysis.roles == ("mixed",)
    assert classified_roles(analysis) == {"customer"}
    for role in ("agent", "customer"):
        assert analysis.talk_s[role] == pytest.approx(two_channels.talk_s[role], rel=0.1)
    assert {(segment.role, segment.speaker) for segment in analysis.segments} == {("agent", 1), ("customer", 2)}
    assert all(0.6 <= segment.role_confidence <= 1 for segment in analysis.segments)


@pytest.mark.parametrize(
    ("setting", "direction", "first_role"),
    [
        ("first", None, "agent"),
        ("first", "inbound", "agent"),
        ("first", "outbound", "customer"),
        ("second", None, "customer"),
        ("second", "outbound", "agent"),
        ("unknown", None, "unknown"),
    ],
)
def test_first_speaker_of_a_single_channel_has_the_configured_role(model, setting, direction, first_role):
    one = recording((HAPPY_AGENT + HAPPY_CUSTOMER) / 2)
    one = replace(one, call=replace(one.call, direction=direction))
    analysis = analyze(one, model, AnalysisConfig(single_channel_agent=setting))
    assert analysis.segments[0].role == first_role


@pytest.mark.parametrize("channel", [AGENT, CUSTOMER])
def test_monologue_has_an_unknown_role_and_is_classified_only_on_request(model, channel):
    analysis = analyze(recording(channel), model, AnalysisConfig())
    assert set(analysis.talk_s) == {"unknown"}
    assert classified_roles(analysis) == set()
    assert "speakers_not_separated" in analysis.warnings
    requested = analyze(recording(channel), model, AnalysisConfig(analyze_unknown_emotion=True))
    assert classified_roles(requested) == {"unknown"}


def test_single_channel_with_a_stated_role_is_not_separated(model):
    analysis = analyze(recording(CUSTOMER, roles=("customer",)), model, AnalysisConfig())
    assert classified_roles(analysis) == {"customer"}
    assert analysis.warnings == ()


def test_roles_of_channels_depend_on_the_direction(model):
    config = AnalysisConfig(channel_roles_outbound=("customer", "agent"))
    inbound, outbound = (
        replace(one, call=replace(one.call, direction=direction))
        for one, direction in ((recording(AGENT, CUSTOMER), "inbound"), (recording(CUSTOMER, AGENT), "outbound"))
    )
    assert analyze(inbound, model, config).roles == ("agent", "customer")
    assert analyze(outbound, model, config).roles == ("customer", "agent")


def test_echo_of_the_agent_in_the_customer_channel_is_removed(model):
    clean = analyze(recording(AGENT, CUSTOMER), model, AnalysisConfig())
    for gain_db, delay_s in ((-20, 0.0), (-30, 0.06), (-40, 0.25)):
        echo = np.zeros_like(AGENT)
        shift = round(delay_s * 8000)
        echo[shift:] = 10 ** (gain_db / 20) * AGENT[: len(AGENT) - shift]
        analysis = analyze(recording(AGENT, CUSTOMER + echo), model, AnalysisConfig())
        for role in ("agent", "customer"):
            assert analysis.talk_s[role] == pytest.approx(clean.talk_s[role], rel=0.05)
        assert "crosstalk" in analysis.warnings
        assert 1 < analysis.crosstalk_s < 35


def test_channel_that_contains_only_an_echo_is_silent(model):
    analysis = analyze(recording(AGENT, 0.02 * np.roll(AGENT, 480)), model, AnalysisConfig())
    assert analysis.roles == ("agent", "silent")
    assert analysis.talk_s == {"agent": pytest.approx(26.8, abs=1), "customer": 0.0}
    assert {"crosstalk", "silent_channel"} <= set(analysis.warnings)


def test_two_parties_who_talk_at_once_are_kept(model):
    together = analyze(recording(AGENT, np.roll(AGENT[::-1], 4000)), model, AnalysisConfig())
    assert together.overlap_s > 5
    assert "crosstalk" not in together.warnings
    assert "dual_mono" not in together.warnings


def test_channels_that_become_duplicates_are_one_channel_from_then_on(model):
    half = len(AGENT) // 2
    both = (AGENT + CUSTOMER) / 2
    agent, customer = AGENT.copy(), CUSTOMER.copy()
    agent[half:], customer[half:] = both[half:], both[half:]
    analysis = analyze(recording(agent, customer), model, AnalysisConfig())
    clean = analyze(recording(AGENT, CUSTOMER), model, AnalysisConfig())
    assert "dual_mono" in analysis.warnings
    assert analysis.roles == ("agent", "customer")
    assert analysis.overlap_s < 3
    later = [segment for segment in analysis.segments if segment.start_s > half / 8000 + 2]
    assert len({segment.channel for segment in later}) == 1
    assert {segment.role for segment in later} <= {"unknown", "mixed", "agent", "customer"}
    assert sum(analysis.talk_s.values()) == pytest.approx(sum(clean.talk_s.values()), rel=0.1)


def test_very_quiet_party_is_reported(model):
    assert "quiet_channel" not in analyze(recording(AGENT, CUSTOMER), model, AnalysisConfig()).warnings
    quiet = analyze(recording(AGENT, 0.1 * CUSTOMER, subtype="PCM_16"), model, AnalysisConfig())
    assert "quiet_channel" in quiet.warnings


def test_offset_of_the_samples_changes_nothing(model):
    clean = analyze(recording(AGENT, CUSTOMER, subtype="PCM_16"), model, AnalysisConfig())
    offset = analyze(recording(AGENT + 0.02, CUSTOMER - 0.05, subtype="PCM_16"), model, AnalysisConfig())
    assert [segment.role for segment in offset.segments] == [segment.role for segment in clean.segments]
    for one, other in zip(clean.segments, offset.segments, strict=True):
        assert other.start_s == pytest.approx(one.start_s, abs=0.01)
        assert other.end_s == pytest.approx(one.end_s, abs=0.01)
        assert other.level_dbfs == pytest.approx(one.level_dbfs, abs=0.2)


@pytest.mark.parametrize(("gain", "delay"), [(1.0, 0), (0.5, 0), (-1.0, 0), (1.0, 1), (0.6, 37), (1.5, 160)])
def test_dual_mono_is_one_channel_at_any_gain_and_delay(model, gain, delay):
    both = (AGENT + CUSTOMER) / 2
    analysis = analyze(recording(both, gain * np.roll(both, delay)), model, AnalysisConfig())
    assert "dual_mono" in analysis.warnings
    assert sorted(analysis.roles) == ["duplicate", "mixed"]
    assert len({segment.channel for segment in analysis.segments}) == 1
    assert classified_roles(analysis) <= {"customer"}
    assert analysis.overlap_s == 0


def test_empty_channel_is_silent(model):
    analysis = analyze(recording(AGENT, np.zeros_like(AGENT)), model, AnalysisConfig())
    assert analysis.roles == ("agent", "silent")
    assert "silent_channel" in analysis.warnings
    assert analysis.talk_s["customer"] == 0


def test_empty_channel_beside_duplicates_is_silent(model):
    both = (AGENT + CUSTOMER) / 2
    analysis = analyze(recording(both, both, np.zeros_like(both)), model, AnalysisConfig())
    assert sorted(analysis.roles) == ["duplicate", "mixed", "silent"]
    assert "silent_channel" in analysis.warnings


def test_channels_without_a_role_are_mixed(model):
    analysis = analyze(recording(AGENT, CUSTOMER, np.roll(CUSTOMER, 40_000)), model, AnalysisConfig())
    assert analysis.roles == ("agent", "customer", "mixed")


def test_times_are_consistent_and_rows_match_the_schemas(model):
    settings = AnalysisConfig()
    analysis = analyze(recording(AGENT, CUSTOMER), model, settings)
    assert analysis.duration_s == pytest.approx(len(CALL) / 8000, abs=0.01)
    starts = [segment.start_s for segment in analysis.segments]
    assert starts == sorted(starts)
    for segment in analysis.segments:
        assert 0 <= segment.start_s < segment.end_s <= analysis.duration_s
        assert 0.6 <= segment.end_s - segment.start_s + 1e-6 <= 8.001
        if segment.probabilities:
            assert sum(segment.probabilities) == pytest.approx(1, abs=1e-4)
    talk = sum(analysis.talk_s.values())
    assert analysis.silence_s == pytest.approx(analysis.duration_s - talk + analysis.overlap_s, abs=0.01)
    segments, commit = analysis_rows(analysis, settings, datetime.now(UTC), 0.5)
    check_rows("segments", segments)
    check_rows("recordings", [commit])
    assert len({row["segment_id"] for row in segments}) == len(segments) == commit["segment_count"]


def test_analysis_is_deterministic(model):
    one, other = (analyze(recording(AGENT, CUSTOMER), load_model(), AnalysisConfig()) for _ in range(2))
    assert one.segments == other.segments
    assert one.analysis_id == other.analysis_id


def test_analysis_id_depends_on_recording_model_and_row_settings():
    base = analysis_id("r", "1", AnalysisConfig())
    assert base == analysis_id("r", "1", AnalyzeSettings(dataset="other", max_duration_s=60))
    others = [
        analysis_id("q", "1", AnalysisConfig()),
        analysis_id("r", "2", AnalysisConfig()),
        analysis_id("r", "1", AnalysisConfig(analyze_agent_emotion=True)),
        analysis_id("r", "1", AnalysisConfig(confidence_threshold=0.9)),
    ]
    assert len({base, *others}) == 5


def test_analysis_id_depends_on_the_analysis_version(monkeypatch):
    before = analysis_id("r", "1", AnalysisConfig())
    monkeypatch.setattr("callmood.analysis.analyzer.ANALYSIS_VERSION", ANALYSIS_VERSION + 1)
    assert analysis_id("r", "1", AnalysisConfig()) != before


def test_results_change_only_with_the_analysis_version(model):
    """Compare the rows of one recording with those of this analysis version. `tests/support/golden.py` updates them."""
    expected = json.loads(golden.FILE.read_text(encoding="utf-8"))
    found = golden.results(model)
    update = "run python tests/support/golden.py and commit tests/analysis/golden.json"
    assert expected["analysis_version"] == ANALYSIS_VERSION, f"ANALYSIS_VERSION changed: {update}"
    assert expected["model_version"] == found["model_version"], f"the shipped model changed: {update}"
    changed = golden.differences(expected["rows"], found["rows"])
    assert not changed, f"results changed: increase ANALYSIS_VERSION in analysis/analyzer.py, then {update}: {changed}"


def test_prior_and_threshold_change_the_emotions(model):
    shares = {"anger": 0.9, "disgust": 0.02, "fear": 0.02, "happiness": 0.02, "neutral": 0.02, "sadness": 0.02}
    default = analyze(recording(AGENT, CUSTOMER), model, AnalysisConfig())
    angry = analyze(recording(AGENT, CUSTOMER), model, AnalysisConfig(prior=shares))

    def anger(analysis):
        return sum(segment.probabilities[0] for segment in analysis.segments if segment.probabilities)

    assert anger(angry) > anger(default)
    uncertain = analyze(recording(AGENT, CUSTOMER), model, AnalysisConfig(confidence_threshold=1.0))
    assert {segment.emotion for segment in uncertain.segments if segment.probabilities} == {"uncertain"}


def test_too_long_recording_is_rejected(model):
    with pytest.raises(BadRecording, match="MAX_DURATION_S"):
        analyze(recording(AGENT, CUSTOMER), model, AnalysisConfig(max_duration_s=5))


def test_path_and_bytes_have_the_same_result(model, tmp_path):
    in_memory = recording(AGENT, CUSTOMER)
    path = tmp_path / "a.wav"
    path.write_bytes(in_memory.audio)
    assert (
        analyze(replace(in_memory, audio=path), model, AnalysisConfig()).segments
        == analyze(in_memory, model, AnalysisConfig()).segments
    )


@given(st.lists(st.tuples(st.integers(0, 500), st.integers(1, 200)), max_size=20))
def test_speaking_time_equals_a_count_of_intervals(spans):
    counts = np.zeros(800, int)
    for start, length in spans:
        counts[start : start + length] += 1
    covered, overlapped = speaking_time((start, start + length) for start, length in spans)
    assert covered == pytest.approx((counts >= 1).sum())
    assert overlapped == pytest.approx((counts >= 2).sum())
