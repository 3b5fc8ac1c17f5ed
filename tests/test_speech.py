"""Segments of real telephone prompts and music, found as a user would find them."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st

from callmood.speech import MAX_SEGMENT_S, MIN_SEGMENT_S, Segmenter


def read(path: Path) -> np.ndarray:
    sound, rate = soundfile.read(path, dtype="float32", always_2d=True)
    return soxr.resample(sound.mean(axis=1), rate, 16_000)


def segments(sound: np.ndarray, *cuts: int):
    segmenter = Segmenter()
    found = [s for block in np.split(sound, sorted(cuts)) for s in segmenter.push(block)]
    return found + segmenter.flush()


@pytest.fixture(scope="module")
def prompts(data_root) -> np.ndarray:
    """Half a minute of prompts, a second apart."""
    paths = sorted((data_root / "line").glob("prompt-*.wav"))[:12]
    return np.concatenate([part for path in paths for part in (read(path), np.zeros(16_000, np.float32))])


def test_silence_has_no_segments():
    assert segments(np.zeros(160_000, np.float32)) == []


def test_prompts_are_found_within_the_limits(prompts):
    found = segments(prompts)
    assert len(found) >= 12
    for one, next_one in pairwise(found):
        assert one.end_s <= next_one.start_s
    for one in found:
        assert MIN_SEGMENT_S <= one.end_s - one.start_s <= MAX_SEGMENT_S
        np.testing.assert_array_equal(one.samples, prompts[round(one.start_s * 16_000) : round(one.end_s * 16_000)])


@settings(max_examples=10, deadline=None)
@given(data=st.data())
def test_the_cut_of_the_stream_changes_nothing(prompts, data):
    cuts = data.draw(st.lists(st.integers(0, len(prompts)), max_size=40))
    whole, parts = segments(prompts), segments(prompts, *cuts)
    assert [(s.start_s, s.end_s, s.level_dbfs) for s in parts] == [(s.start_s, s.end_s, s.level_dbfs) for s in whole]
