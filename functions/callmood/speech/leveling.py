"""Equalize the levels of the parties of one channel, as its samples arrive, for the speech detector only.

The detector hardly reacts to a party that is much quieter than the one before, though it finds the same speech in a
channel of its own.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from callmood.types import SAMPLE_RATE

Samples = NDArray[np.float32]

# Set on training speakers: docs/experiments/speakers.md
_FRAME = 256  # samples (16 ms) with one gain
_TARGET_DBFS = -10.0  # level of speech after the gain …
_MAX_GAIN_DB = 20.0  # … which is limited, so that noise and a distant voice stay quiet
_RELEASE_DB = 25.0 * _FRAME / SAMPLE_RATE  # decay of the envelope per frame: parties answer after 0.2 s or more
_FLOOR_DBFS = -90.0


class Leveler:
    """Apply a gain that follows the level: at once where it rises, and slowly where it falls.

    Examples
    --------
    >>> leveler = Leveler()
    >>> leveled = leveler.process(np.full(1000, 0.01, np.float32))
    >>> len(leveled), len(leveler.finish()), round(float(leveled[0]), 3)
    (768, 232, 0.1)
    """

    def __init__(self) -> None:
        self._pending = np.empty(0, np.float32)  # samples of an incomplete frame
        self._envelope_dbfs = _FLOOR_DBFS

    def process(self, samples: Samples) -> Samples:
        """Process more samples (n,), float32 in [-1, 1], and return those of the frames that are now complete."""
        samples = np.concatenate([self._pending, samples])
        whole = len(samples) // _FRAME * _FRAME
        self._pending = samples[whole:].copy()
        frames = samples[:whole].reshape(-1, _FRAME)
        if not len(frames):
            return np.empty(0, np.float32)
        power = np.einsum("ij,ij->i", frames, frames) / _FRAME
        levels = 10 * np.log10(np.maximum(power, 10 ** (_FLOOR_DBFS / 10)))
        decay = _RELEASE_DB * np.arange(1, len(levels) + 1)
        envelope = np.maximum(np.maximum.accumulate(levels + decay), self._envelope_dbfs) - decay
        self._envelope_dbfs = float(envelope[-1])
        gains = 10 ** (np.minimum(_TARGET_DBFS - envelope, _MAX_GAIN_DB) / 20)
        leveled: Samples = np.clip(frames * gains[:, None].astype(np.float32), -1, 1).ravel()
        return leveled

    def finish(self) -> Samples:
        """End the channel, and return its remaining samples."""
        remaining = len(self._pending)
        return self.process(np.zeros(-remaining % _FRAME, np.float32))[:remaining]
