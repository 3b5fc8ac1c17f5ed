"""Remove the DC offset of a recording: a faulty line card adds a constant to every sample."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from callmood.types import SAMPLE_RATE

Samples = NDArray[np.float32]

_FRAME = SAMPLE_RATE // 100
_WINDOW = 50  # frames (0.5 s) of the running mean: sound has no mean over this time, an offset has
_IGNORED = 0.001  # a block with a smaller mean (-60 dBFS) has no offset, so ordinary recordings do not change


class OffsetFilter:
    """Subtract the running mean of each channel where it is not small.

    Parameters
    ----------
    channels : int
        Number of channels.

    Examples
    --------
    >>> OffsetFilter(1).process(np.full((1, 16_000), 0.02, np.float32)).max().round(4).item()
    0.0
    """

    def __init__(self, channels: int) -> None:
        self._past = np.zeros((channels, 0), np.float32)  # means of the last frames

    def process(self, block: Samples) -> Samples:
        """Filter one block.

        Parameters
        ----------
        block : ndarray of float32, shape (channels, n)
            Changed in place. n is a multiple of 160, except in the last block.

        Returns
        -------
        ndarray of float32, shape (channels, n)
            The block.
        """
        channels, n = block.shape
        count = n // _FRAME
        if not count:
            means = block.mean(axis=1, keepdims=True)
        else:
            means = block[:, : count * _FRAME].reshape(channels, count, _FRAME).mean(axis=2)
        if not self._past.shape[1]:  # the first frames have no past: assume their own mean
            first = means[:, :_WINDOW].mean(axis=1, keepdims=True)
            self._past = np.repeat(first, _WINDOW, axis=1)
        frames = np.concatenate([self._past, means], axis=1)
        sums = np.cumsum(np.pad(frames, ((0, 0), (1, 0))), axis=1, dtype=np.float64)
        running = (sums[:, _WINDOW:] - sums[:, :-_WINDOW]) / _WINDOW  # before the first frame, and after each
        self._past = frames[:, -_WINDOW:]
        at = np.arange(running.shape[1]) * _FRAME
        for samples, offset, mean in zip(block, running, means.mean(axis=1), strict=True):
            if abs(mean) > _IGNORED:
                samples -= np.interp(np.arange(n), at, offset).astype(np.float32)
        return block
