"""What lies between a mouth and the model: a studio microphone, or a telephone line."""

from __future__ import annotations

import numpy as np
import soxr
from numpy.typing import NDArray
from scipy.signal import butter, sosfiltfilt

from callmood.features import SAMPLE_RATE

TELEPHONE_RATE = 8_000
_PASS_BAND = butter(4, (300, 3400), btype="bandpass", fs=TELEPHONE_RATE, output="sos")


def clean(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the clip as it was recorded."""
    return samples


def telephone(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Send 16 kHz speech through a telephone (8 kHz, 300 to 3400 Hz, 8-bit mu-law as in G.711) and back to 16 kHz."""
    narrow = soxr.resample(samples, SAMPLE_RATE, TELEPHONE_RATE)
    narrow = sosfiltfilt(_PASS_BAND, narrow, padlen=min(60, len(narrow) - 1)).astype(np.float32)
    return soxr.resample(mu_law(narrow), TELEPHONE_RATE, SAMPLE_RATE)[: len(samples)]


def mu_law(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Round each sample to one of the 255 steps of the continuous mu-law curve (mu = 255) and back."""
    mu = np.float32(255)
    compressed = np.sign(samples) * np.log1p(mu * np.abs(np.clip(samples, -1, 1))) / np.log1p(mu)
    compressed = np.round(compressed * 127) / 127
    return np.sign(compressed) * np.expm1(np.abs(compressed) * np.log1p(mu)) / mu


CHANNELS = {"clean": clean, "telephone": telephone}
"""dict of str to callable: each channel by name."""
