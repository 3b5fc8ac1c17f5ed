"""A voice made of sums of sines, where a test needs one and no corpus."""

import numpy as np


def voice(seconds, seed=0, pitch_hz=120.0):
    """A buzz with a moving pitch, under a little noise."""
    rng = np.random.default_rng(seed)
    t = np.arange(int(seconds * 16000)) / 16000
    phase = 2 * np.pi * np.cumsum(pitch_hz + 30 * np.sin(3 * t)) / 16000
    buzz = sum(np.sin(k * phase) / k for k in range(1, 20)) * (0.3 + 0.2 * np.sin(8 * t))
    return (0.2 * buzz + 0.003 * rng.normal(size=len(t))).astype(np.float32)
