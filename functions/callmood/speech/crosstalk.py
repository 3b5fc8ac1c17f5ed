"""Sound of one channel that appears in another channel: duplicate channels (dual mono)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# Codecs change a duplicate a little, but the channels of two speakers never reach this correlation.
_DUPLICATE = 0.98


class ChannelCorrelation:
    """Running correlation of every pair of channels, in constant memory.

    Parameters
    ----------
    channels : int
        Number of channels.

    Examples
    --------
    >>> correlation = ChannelCorrelation(2)
    >>> correlation.process(np.array([[0.1, -0.2, 0.3], [0.1, -0.2, 0.3]], np.float32))
    >>> correlation.duplicates()
    [(0, 1)]
    """

    def __init__(self, channels: int) -> None:
        self._products = np.zeros((channels, channels))

    def process(self, block: NDArray[np.float32]) -> None:
        """Add samples: (channels, n) float32."""
        self._products += block @ block.T

    def duplicates(self) -> list[tuple[int, int]]:
        """Return pairs (earlier, later) of channels with the same sound. Silent channels have no duplicates."""
        norms = np.sqrt(np.diag(self._products))
        alike = np.abs(self._products) > _DUPLICATE * np.outer(norms, norms)
        audible = norms > 0
        return [(int(i), int(j)) for i, j in np.argwhere(np.triu(alike & np.outer(audible, audible), 1))]
