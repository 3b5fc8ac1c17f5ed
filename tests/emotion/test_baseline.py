"""Baselines of speakers."""

import json

import numpy as np
import pytest

from callmood.emotion.baseline import estimate_baseline
from callmood.resources import MODEL

SHRINKAGE_S = json.loads((MODEL / "emotion.json").read_text())["baseline_shrinkage_s"]


@pytest.fixture
def embeddings():
    return np.random.default_rng(0).normal(size=(5, 3072)).astype(np.float32)


def test_baseline_of_one_segment_is_shrunk(embeddings):
    baseline = estimate_baseline(embeddings[:1], np.array([2.0]))
    mean, _ = baseline.shrunk(SHRINKAGE_S)
    assert 0 < np.linalg.norm(mean) < 0.5 * np.linalg.norm(embeddings[0])


def test_baseline_of_chunks_is_the_baseline_of_all_segments(embeddings):
    durations_s = np.array([0.6, 1.0, 2.5, 3.0, 8.0], np.float32)
    whole = estimate_baseline(embeddings, durations_s)
    chunks = estimate_baseline(embeddings[:2], durations_s[:2]).update(embeddings[2:], durations_s[2:])
    np.testing.assert_allclose(chunks.embedding, whole.embedding, atol=1e-5)
    assert chunks.speech_s == pytest.approx(whole.speech_s)
    assert whole.update(embeddings[:0], durations_s[:0]) is whole
