"""Speakers' baselines as calls give them."""

import numpy as np

from callmood.types import EMOTIONS
from model.training.baseline_sampling import NEUTRAL, counts, mixes


def test_mixes_are_shares_and_mostly_neutral():
    drawn = mixes(np.random.default_rng(0), 2000)
    np.testing.assert_allclose(drawn.sum(axis=1), 1)
    assert (drawn >= 0).all()
    assert 0.6 < drawn[:, NEUTRAL].mean() < 0.75
    assert (drawn[:, NEUTRAL] < 0.3).mean() > 0.02  # and sometimes not


def test_clips_are_drawn_by_emotion_however_many_there_are_of_each():
    labels = np.array([NEUTRAL] * 2 + [0] * 20)
    mix = np.where(np.arange(len(EMOTIONS)) == NEUTRAL, 0.7, 0.06)[None]
    drawn = counts(labels, mix, np.array([10_000]), np.random.default_rng(0))
    assert drawn.shape == (1, 22)
    assert drawn.sum() == 10_000
    assert abs(drawn[0, :2].sum() / 10_000 - 0.7 / 0.76) < 0.02  # emotions without a clip are left out
