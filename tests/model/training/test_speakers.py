"""The decision between one and two speakers, on voices that are directions with noise."""

import numpy as np

from callmood.speech.diarization import SpeakerSpace, separate
from model.training import speakers
from model.training.speakers import calibrate, simulate_channels

SIZE, CLIPS = 40, 50


def voices(count, seed):
    """Return embeddings of two conditions, durations, and speakers: each speaker has three emotions."""
    rng = np.random.default_rng(seed)
    names = np.repeat([f"s{number:02}" for number in range(count)], CLIPS)
    centers = np.repeat(rng.standard_normal((count, SIZE)), CLIPS, axis=0)
    emotions = 0.4 * rng.standard_normal((3, SIZE))[rng.integers(3, size=len(names))]
    noise = 0.5 * rng.standard_normal((2, len(names), SIZE))
    durations_s = rng.uniform(0.8, 4, (2, len(names))).astype(np.float32)
    return (centers + emotions + noise).astype(np.float32), durations_s, names


def test_calibrated_decision_separates_two_speakers_and_not_one(monkeypatch):
    monkeypatch.setattr(speakers, "_CHANNELS", 400)
    space = SpeakerSpace(np.zeros(SIZE), np.eye(SIZE), 1.0, np.zeros(5))
    embedded, durations_s, names = voices(12, seed=1)
    found = simulate_channels(space, embedded, durations_s, names)
    assert 0.3 < found.has_two.mean() < 0.7
    slope, weights = calibrate([found])
    odds = found.evidence @ weights[:-1] + weights[-1]
    assert np.mean(odds[~found.has_two] >= 0) <= 0.03
    assert np.mean(odds[found.has_two] >= 0) >= 0.95
    space = SpeakerSpace(np.zeros(SIZE), np.eye(SIZE), slope, weights)
    other, durations_s, _ = voices(2, seed=2)
    turns = np.arange(40) // 2 + CLIPS * (np.arange(40) % 2)  # alternating
    assert separate(space, other[0, turns], durations_s[0, turns]).speakers == 2
    assert separate(space, other[0, :40], durations_s[0, :40]).speakers == 1
