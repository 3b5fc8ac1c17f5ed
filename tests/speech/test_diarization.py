"""Separation of speakers whose voices are directions with noise."""

import time

import numpy as np
import pytest

from callmood.speech.diarization import UNASSIGNED, SpeakerSpace, separate

SIZE = 40
SPACE = SpeakerSpace(np.zeros(SIZE), np.eye(SIZE), slope=20.0, weights=np.array([3.0, -10.0, 0.5, 0.0, 2.0]))


def channel(speakers, turns, noise=0.35, seed=0):
    """Return embeddings of speakers who take turns, their durations, and who spoke."""
    rng = np.random.default_rng(seed)
    voices = rng.standard_normal((speakers, SIZE))
    voices /= np.linalg.norm(voices, axis=1, keepdims=True)
    spoken = np.arange(turns) % speakers
    embeddings = voices[spoken] + noise / np.sqrt(SIZE) * rng.standard_normal((turns, SIZE))
    return embeddings.astype(np.float32), rng.uniform(0.7, 4, turns), spoken


@pytest.mark.parametrize("seed", range(5))
def test_two_speakers_are_separated_in_order_of_appearance(seed):
    embeddings, durations_s, spoken = channel(2, 40, seed=seed)
    found = separate(SPACE, embeddings, durations_s)
    assert found.speakers == 2
    np.testing.assert_array_equal(found.labels, spoken)
    assert found.confidence.min() > 0.9


def test_voice_that_changes_once_is_one_speaker():
    embeddings, durations_s, spoken = channel(2, 40)
    order = np.argsort(spoken, kind="stable")
    assert separate(SPACE, embeddings[order], durations_s).speakers == 1


def test_similar_voices_that_take_turns_are_two_speakers():
    embeddings, durations_s, spoken = channel(2, 40, noise=0.6)
    similar = embeddings + 3.0 * np.ones(SIZE, np.float32) / np.sqrt(SIZE)
    order = np.random.default_rng(1).permutation(40)
    assert separate(SPACE, similar[order], durations_s[order]).speakers == 1
    np.testing.assert_array_equal(separate(SPACE, similar, durations_s).labels, spoken)


@pytest.mark.parametrize("turns", [0, 1, 2, 3, 30, 300])
def test_one_speaker_is_not_split(turns):
    embeddings, durations_s, _ = channel(1, turns)
    found = separate(SPACE, embeddings, durations_s)
    assert found.speakers == min(turns, 1)
    assert set(found.labels) <= {0}


def test_identical_segments_are_one_speaker():
    found = separate(SPACE, np.ones((50, SIZE), np.float32), np.full(50, 2.0))
    assert found.speakers == 1


def test_third_speaker_with_much_speech_is_found():
    embeddings, durations_s, spoken = channel(3, 60)
    found = separate(SPACE, embeddings, durations_s)
    np.testing.assert_array_equal(found.labels, spoken)


def test_segment_between_two_speakers_is_unassigned():
    embeddings, durations_s, _ = channel(2, 40)
    middle = embeddings[::2].mean(axis=0) + embeddings[1::2].mean(axis=0)
    found = separate(SPACE, np.vstack([embeddings, middle]), np.append(durations_s, 1.0))
    assert found.labels[-1] == UNASSIGNED


def test_sixty_speakers_and_thousands_of_segments_take_bounded_time():
    embeddings, durations_s, _ = channel(60, 6000)
    start = time.process_time()
    found = separate(SPACE, embeddings, durations_s)
    assert time.process_time() - start < 2
    assert 1 <= found.speakers <= 8
