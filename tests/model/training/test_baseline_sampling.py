"""Sampling of speaker baselines."""

import numpy as np

from callmood.types import EMOTIONS
from model.training.baseline_sampling import NEUTRAL, sample_clip_counts, sample_emotion_mixes


def test_emotion_mixes_sum_to_one_and_are_mostly_neutral():
    mixes = sample_emotion_mixes(np.random.default_rng(0), 2000)
    np.testing.assert_allclose(mixes.sum(axis=1), 1)
    assert (mixes >= 0).all()
    assert 0.6 < mixes[:, NEUTRAL].mean() < 0.75
    assert (mixes[:, NEUTRAL] < 0.3).mean() > 0.02  # and sometimes not


def test_clip_counts_follow_the_mix_and_not_the_number_of_clips():
    labels = np.array([NEUTRAL] * 2 + [0] * 20)
    mix = np.where(np.arange(len(EMOTIONS)) == NEUTRAL, 0.7, 0.06)[None]
    counts = sample_clip_counts(labels, mix, np.array([10_000]), np.random.default_rng(0))
    assert counts.shape == (1, 22)
    assert counts.sum() == 10_000
    assert abs(counts[0, :2].sum() / 10_000 - 0.7 / 0.76) < 0.02  # emotions without a clip are ignored
