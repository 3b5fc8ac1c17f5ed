"""Crosstalk and duplicate channels, on bursts of noise with the envelope of speech."""

import numpy as np
import pytest

from callmood.speech.crosstalk import CrosstalkFilter

RATE = 16_000


def speech(seconds, seed, active=(0.0, 1.0)):
    """Return noise whose level varies like that of speech, in a part of the time."""
    rng = np.random.default_rng(seed)
    levels = np.repeat(rng.uniform(-30, 0, round(seconds / 0.08)), round(0.08 * RATE))
    samples = 0.1 * 10 ** (levels / 20) * rng.standard_normal(len(levels))
    at = np.arange(len(samples)) / len(samples)
    samples[(at < active[0]) | (at >= active[1])] = 0
    return (samples + 1e-4 * rng.standard_normal(len(samples))).astype(np.float32)


def delayed(samples, seconds, gain_db):
    shift = round(seconds * RATE)
    return np.float32(10 ** (gain_db / 20)) * np.concatenate([np.zeros(shift, np.float32), samples])[: len(samples)]


def filtered(*channels, block_s=10):
    audio = CrosstalkFilter(len(channels))
    stacked = np.stack(channels)
    blocks = np.split(stacked, range(block_s * RATE, stacked.shape[1], block_s * RATE), axis=1)
    return np.concatenate([audio.process(block) for block in blocks], axis=1), audio


def energy(samples):
    return float(np.square(samples, dtype=np.float64).sum())


@pytest.mark.parametrize("gain_db", [-20, -30])
@pytest.mark.parametrize("delay_s", [0, 0.06, 0.25])
def test_echo_is_removed_and_the_own_voice_is_kept(gain_db, delay_s):
    agent, customer = speech(30, 1, (0, 0.5)), speech(30, 2, (0.6, 1))
    echo = delayed(agent, delay_s, gain_db)
    (one, other), audio = filtered(agent, customer + echo)
    np.testing.assert_array_equal(one, agent)
    first, last = other[: 15 * RATE], other[19 * RATE :]
    assert energy(first) < 0.2 * energy(echo)
    assert energy(last) == pytest.approx(energy((customer + echo)[19 * RATE :]), rel=0.05)
    assert audio.crosstalk_s[0] == 0
    assert audio.crosstalk_s[1] > 3


def test_two_voices_at_once_are_unchanged():
    channels = np.stack([speech(30, 1), speech(30, 2)])
    found, audio = filtered(*channels)
    np.testing.assert_array_equal(found, channels)
    assert not audio.duplicates


@pytest.mark.parametrize(("gain_db", "delay_s"), [(0, 0), (0, 0.000125), (0, 0.02), (-8, 0.01), (6, 0.02)])
def test_duplicate_is_found_at_any_gain_and_delay(gain_db, delay_s):
    mix = speech(30, 1)
    found, audio = filtered(mix, delayed(mix, delay_s, gain_db))
    (span,) = audio.duplicates
    assert (span.start_s, span.end_s) == (0, 30)
    assert energy(found[span.dropped]) == 0
    assert energy(found[span.kept]) > 0


def test_duplicate_part_is_found():
    agent, customer = speech(40, 1), speech(40, 2)
    customer[20 * RATE :] = agent[20 * RATE :]
    _, audio = filtered(agent, customer)
    (span,) = audio.duplicates
    assert span.start_s == pytest.approx(20, abs=2)
    assert span.end_s == 40


@pytest.mark.parametrize("other", [np.zeros(RATE * 20, np.float32), np.full(RATE * 20, 0.3, np.float32)])
def test_silence_and_steady_sound_are_not_crosstalk(other):
    _, audio = filtered(speech(20, 1), other)
    assert audio.crosstalk_s.sum() == 0
    assert not audio.duplicates
