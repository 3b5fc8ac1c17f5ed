"""What both decoders share: the format of a recording, and what is believed of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from callmood.errors import BadRecording

Samples = NDArray[np.float32]

MIN_RATE, MAX_RATE = 4_000, 192_000
"""int: sample rates that are believed, in Hz; a header that states another is damaged or hostile."""
MAX_CHANNELS = 64
"""int: channels that are believed; it bounds the memory of a block, and no call recorder comes near."""


@dataclass(frozen=True)
class AudioInfo:
    """What a recording is, before resampling.

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
    """An opened recording."""

    info: AudioInfo
    warnings: list[str]

    def chunks(self) -> Iterator[Samples]:
        """Yield all samples once, float32 of shape (n, channels), about a second at a time."""

    def close(self) -> None:
        """Let go of the decoder's memory."""


def check_format(info: AudioInfo) -> None:
    """Refuse a format that no recorder writes, before it costs memory.

    Raises
    ------
    BadRecording
        `invalid_format`.
    """
    if not MIN_RATE <= info.sample_rate <= MAX_RATE:
        raise impossible_format(f"a sample rate of {info.sample_rate} Hz (from {MIN_RATE} to {MAX_RATE} are possible)")
    if not 1 <= info.channels <= MAX_CHANNELS:
        raise impossible_format(f"{info.channels} channels (from 1 to {MAX_CHANNELS} are possible)")


def impossible_format(what: str) -> BadRecording:
    """The error for a header that states `what`."""
    return BadRecording(
        "invalid_format", f"The header states {what}: it is damaged, or the recorder is set up wrongly."
    )
