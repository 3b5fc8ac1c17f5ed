"""Raw audio streams: decode PCM and mu-law frames, and resample them to 16 kHz."""

from __future__ import annotations

from typing import Literal

import numpy as np
import soxr
from numpy.typing import NDArray

from callmood.audio.raw import MULAW
from callmood.types import SAMPLE_RATE

Encoding = Literal["pcm16", "mulaw"]
BYTES_PER_SAMPLE: dict[str, int] = {"pcm16": 2, "mulaw": 1}
"""dict of str to int: bytes per sample of each encoding."""


class PcmDecoder:
    """Decode and resample a mono stream, frame by frame.

    Parameters
    ----------
    encoding : {"pcm16", "mulaw"}
        Signed 16-bit little-endian samples, or G.711 mu-law.
    sample_rate : int
        Sample rate of the stream, in Hz.

    Examples
    --------
    >>> PcmDecoder("pcm16", 16_000).decode(bytes([0, 64]))
    array([0.5], dtype=float32)
    """

    def __init__(self, encoding: Encoding, sample_rate: int) -> None:
        self._encoding = encoding
        self._resampler = (
            None if sample_rate == SAMPLE_RATE else soxr.ResampleStream(sample_rate, SAMPLE_RATE, 1, quality="HQ")
        )

    def decode(self, frame: bytes, last: bool = False) -> NDArray[np.float32]:
        """Decode a frame.

        Parameters
        ----------
        frame : bytes
            Whole samples.
        last : bool
            Whether the stream ends with this frame.

        Returns
        -------
        numpy.ndarray
            (n,) float32 at 16 kHz in [-1, 1]. Samples that the resampler holds back come with the next frame.
        """
        if self._encoding == "mulaw":
            samples = MULAW[np.frombuffer(frame, np.uint8)]
        else:
            samples = np.frombuffer(frame, "<i2").astype(np.float32) / np.float32(32768)
        if self._resampler is None:
            return samples
        resampled: NDArray[np.float32] = np.clip(self._resampler.resample_chunk(samples, last=last), -1, 1)
        return resampled
