"""Decode the legs of a call at the same time: each is one channel."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from itertools import zip_longest
from pathlib import Path

import numpy as np

from callmood.audio.decoder import Samples
from callmood.audio.resample import add_warning
from callmood.audio.stream import AudioStream, open_audio
from callmood.errors import BadRecording

_BLOCK_S = 1.0


def open_legs(legs: Sequence[tuple[Path | bytes, str]], raw_audio: str | None = None) -> AudioStream:
    """Open the files of the parties of a call, which begin at the same time.

    Parameters
    ----------
    legs : sequence of (Path or bytes, str)
        Audio and suffix of each file, as for `open_audio`. Several channels of a file are averaged.
    raw_audio : str, optional
        As for `open_audio`.

    Returns
    -------
    AudioStream
        With one channel for each file. A shorter file is followed by silence.

    Raises
    ------
    BadRecording
        One of the files can never be decoded.
    """
    with ExitStack() as resources:
        decoder = _Legs([resources.enter_context(_opened(audio, suffix, raw_audio)) for audio, suffix in legs])
        return AudioStream(decoder, resources.pop_all())


def _opened(audio: Path | bytes, suffix: str, raw_audio: str | None) -> AudioStream:
    try:
        return open_audio(audio, suffix, raw_audio)
    except BadRecording as bad:
        raise _of_leg(bad) from None


def _of_leg(bad: BadRecording) -> BadRecording:
    return BadRecording(bad.code, f"One leg of the call cannot be decoded. {bad.message}")


class _Legs:
    """A decoder with one channel for each stream."""

    def __init__(self, streams: Sequence[AudioStream]) -> None:
        self._streams = streams
        self.info = replace(streams[0].info, channels=len(streams))
        self.warnings: list[str] = []

    def chunks(self) -> Iterator[Samples]:
        try:
            for blocks in zip_longest(*(stream.blocks(_BLOCK_S) for stream in self._streams)):
                channels = [np.zeros(0, np.float32) if block is None else block.mean(axis=0) for block in blocks]
                length = max(len(channel) for channel in channels)
                yield np.stack([np.pad(channel, (0, length - len(channel))) for channel in channels], axis=1)
        except BadRecording as bad:
            raise _of_leg(bad) from None
        for stream in self._streams:
            for code in stream.warnings:
                add_warning(self.warnings, code)

    def close(self) -> None:
        """Do nothing: the streams are resources of the `AudioStream`."""
