"""Differences of a voice to the speaker's own neutral speech."""

import pytest

from callmood.analysis.voice import NO_DIFFERENCE, VoiceSample, voice_differences
from callmood.speech.prosody import Prosody


def sample(pitch_hz=100.0, level_dbfs=-30.0, syllables=8, neutral=0.9, duration_s=2.0):
    return VoiceSample(duration_s, level_dbfs, Prosody(pitch_hz, syllables), neutral)


def test_differences_are_relative_to_neutral_speech():
    neutral = [sample(), sample(), sample()]
    angry = sample(pitch_hz=200.0, level_dbfs=-23.0, syllables=12, neutral=0.1)
    *calm, difference = voice_differences([*neutral, angry])
    assert calm[0] == pytest.approx((0.0, 0.0, 1.0))
    assert difference == pytest.approx((12.0, 7.0, 1.5))


def test_emotional_speech_does_not_move_the_reference():
    loud = [sample(level_dbfs=-10.0, neutral=0.1)] * 20
    assert voice_differences([sample(), sample(), *loud])[-1].loudness_db == pytest.approx(20.0)


def test_value_that_cannot_be_measured_is_none():
    assert voice_differences([sample(neutral=0.1)] * 5) == [NO_DIFFERENCE] * 5
    assert voice_differences([sample()]) == [NO_DIFFERENCE]
    difference = voice_differences([sample(), sample(), sample(pitch_hz=None, syllables=None)])[-1]
    assert difference == (None, 0.0, None)
