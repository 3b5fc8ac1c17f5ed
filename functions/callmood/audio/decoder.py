"""The interface of decoders, and the formats that they accept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from callmood.errors import BadRecording

Samples = NDArray[np.float32]

MIN_RATE, MAX_RATE = 4_000, 192_000
"""int: accepted sample rates, in Hz. A header that states another rate is damaged or hostile."""
MAX_CHANNELS = 64
"""int: maximum number of channels. It limits the memory of a block; call recorders use far fewer."""


@dataclass(frozen=True)
class AudioInfo:
    """Format of a recording before resampling.

    Parameters
    ----------
    container : str
        Such as `wav`, `ogg`, `mp4`.
    codec : str
        FFmpeg's name without byte order: `pcm_s16`, `pcm_mulaw`, `opus`, ….
    sample_rate : int
        In Hz.
    channels : int
        At least 1.
    """

    container: str
    codec: str
    sample_rate: int
    channels: int


class Decoder(Protocol):
    """An open recording.

    Attributes
    ----------
    info : AudioInfo
        Format of the recording.
    warnings : list of str
        Keys of `stream.WARNINGS`. Complete after the last chunk.
    """

    info: AudioInfo
    warnings: list[str]

    def chunks(self) -> Iterator[Samples]:
        """Yield all samples once, as float32 of shape (n, channels), up to about one second per chunk.

        The rate is `info.sample_rate` for the decoder of a file, and 16 kHz after `resample.Resampled`.
        """

    def close(self) -> None:
        """Release the resources of the decoder."""


def check_format(info: AudioInfo) -> None:
    """Reject an implausible format before any memory is allocated for it.

    Raises
    ------
    BadRecording
        `invalid_format`.
    """
    if not MIN_RATE <= info.sample_rate <= MAX_RATE:
        raise invalid_format(f"a sample rate of {info.sample_rate} Hz (valid: {MIN_RATE} to {MAX_RATE} Hz)")
    if not 1 <= info.channels <= MAX_CHANNELS:
        raise invalid_format(f"{info.channels} channels (valid: 1 to {MAX_CHANNELS})")


def invalid_format(stated: str) -> BadRecording:
    """Return the error for a header that states an invalid value.

    Parameters
    ----------
    stated : str
        The value, as a noun phrase.
    """
    return BadRecording(
        "invalid_format", f"The header states {stated}. The file is damaged, or the recorder is misconfigured."
    )
