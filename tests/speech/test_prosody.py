"""Pitch and syllables of synthesized signals, compared with known values and with librosa."""

import librosa
import numpy as np
import pytest
import soxr

from callmood.speech.prosody import RATE, measure_prosody, pitch_track

SECONDS = 3


def voice(pitch_hz, syllables_per_s=4.0, level=0.1):
    """Return harmonics of a pitch in the telephone band, with one peak of the level for each syllable."""
    t = np.arange(SECONDS * 16_000) / 16_000
    harmonics = [n for n in range(1, 60) if 300 < n * pitch_hz < 3400]
    tone = sum(np.sin(2 * np.pi * n * pitch_hz * t) / n for n in harmonics)
    noise = np.random.default_rng(1).standard_normal(len(t)) * 1e-4
    envelope = 0.52 - 0.48 * np.cos(2 * np.pi * syllables_per_s * t)
    return (level * envelope * tone + noise).astype(np.float32)


@pytest.mark.parametrize("pitch_hz", [70, 110, 175, 240, 330, 440])
def test_pitch_is_found_without_its_fundamental(pitch_hz):
    measured = measure_prosody(voice(pitch_hz)).pitch_hz
    assert 12 * np.log2(measured / pitch_hz) == pytest.approx(0, abs=0.1)


@pytest.mark.parametrize("pitch_hz", [90, 200, 310])
def test_pitch_equals_that_of_librosa(pitch_hz):
    narrow = soxr.resample(voice(pitch_hz), 16_000, RATE).astype(np.float32)
    ours = pitch_track(narrow)
    theirs = librosa.yin(narrow, fmin=60, fmax=500, sr=RATE, frame_length=640, hop_length=160)
    assert 12 * np.log2(np.median(ours[ours > 0]) / np.median(theirs)) == pytest.approx(0, abs=0.1)


@pytest.mark.parametrize("rate", [3, 4, 5, 6])
@pytest.mark.parametrize("level", [0.3, 0.01])
def test_syllables_are_counted_at_any_level(rate, level):
    assert measure_prosody(voice(150, rate, level)).syllables == pytest.approx(SECONDS * rate, abs=1)


def test_noise_silence_and_short_sounds_have_no_pitch():
    noise = (0.1 * np.random.default_rng(2).standard_normal(32_000)).astype(np.float32)
    for samples in (noise, np.zeros(32_000, np.float32), voice(150)[:600]):
        measured = measure_prosody(samples)
        assert measured.pitch_hz is None
        assert measured.syllables is None
