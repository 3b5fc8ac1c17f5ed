"""Decode any recording to float32 at 16 kHz, block by block, in constant memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from callmood.audio import sndfile
from callmood.audio.content import BytesContent, Content, FileContent, SplicedContent
from callmood.audio.decoder import AudioInfo, Decoder, Samples
from callmood.audio.mp4 import check_index
from callmood.audio.mpeg import find_mp3_parts
from callmood.audio.ogg import find_links
from callmood.audio.probe import Container, RawAudio, identify
from callmood.audio.raw import RawDecoder, parse_raw_format
from callmood.audio.resample import Joined, Resampled, add_warning
from callmood.audio.riff import WavPart, extend_aiff, extend_au, parse_wav
from callmood.audio.sandbox import Allowance, open_sandboxed
from callmood.types import SAMPLE_RATE

__all__ = ["WARNINGS", "AudioInfo", "AudioStream", "open_audio"]


WARNINGS = {
    "truncated": "The recording has less audio than its header states: the recorder or the upload stopped early.",
    "header_too_short": "The header states less audio than the file contains. All of it was analyzed.",
    "joined": "The file consists of several recordings. They were analyzed one after the other, as one call.",
    "mono_tracks": "The container has several mono tracks. Each was analyzed as a channel, in their order.",
    "raw_audio": "The file has no header. It was decoded as RAW_AUDIO states.",
    "decode_errors": "Parts of the stream are damaged and were skipped.",
    "gaps_filled": "The timestamps have gaps (lost packets, or suppressed silence), which were filled with silence.",
    "format_changed": "The sample rate or number of channels changes; the recording was analyzed up to the change.",
    "extra_audio_streams": "The container has several audio streams; only the main stream was analyzed.",
    "non_finite_samples": "Some samples were NaN or infinite, and were set to zero.",
    "over_full_scale": "Some samples were far beyond full scale, and were clipped: the recorder uses a wrong scale.",
}
"""dict of str to str: meaning of the codes in the column `warnings` of the table `recordings`."""


_EXTENDED = {"au": extend_au, "aiff": extend_aiff}


class AudioStream:
    """An open recording from `open_audio`. Read it once, in a `with` statement.

    Attributes
    ----------
    info : AudioInfo
        Format of the recording.
    warnings : list of str
        Keys of `WARNINGS`. Complete after the last block.
    """

    def __init__(self, decoder: Decoder, resources: ExitStack) -> None:
        self._decoder = decoder
        self._resources = resources
        self.info = decoder.info
        self.warnings = decoder.warnings

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._resources.close()

    def blocks(self, seconds: float = 10.0) -> Iterator[Samples]:
        """Decode and resample block by block.

        Parameters
        ----------
        seconds : float
            Duration of every block except the last.

        Yields
        ------
        numpy.ndarray
            (channels, n) float32 at 16 kHz in [-1, 1]. n is `seconds * 16000`; less in the last block.
        """
        size = round(seconds * SAMPLE_RATE)
        block = np.empty((self.info.channels, size), np.float32)
        filled = 0
        for chunk in self._decoder.chunks():
            remaining = chunk.T
            while remaining.shape[1]:
                n = min(size - filled, remaining.shape[1])
                block[:, filled : filled + n] = remaining[:, :n]
                remaining = remaining[:, n:]
                filled += n
                if filled == size:
                    yield block
                    block, filled = np.empty_like(block), 0
        if filled:
            yield block[:, :filled].copy()


def open_audio(audio: Path | bytes, suffix: str = "", raw_audio: str | None = None) -> AudioStream:
    """Open a recording. Its format is detected from its bytes; the name matters only for raw audio.

    Parameters
    ----------
    audio : Path or bytes
        A file, or the bytes of a file, which are not copied.
    suffix : str
        Suffix of the name of the recording, such as ``.ulaw``.
    raw_audio : str, optional
        Format of recordings without a header: the setting `RAW_AUDIO`. Default: they are rejected.

    Returns
    -------
    AudioStream
        For use in a `with` statement.

    Raises
    ------
    BadRecording
        The recording can never be decoded: `empty_file`, `not_audio`, `encrypted`, `damaged`, `unsupported_codec`,
        `no_audio`, `invalid_format`, or `too_costly`.
    OSError
        The file cannot be read.
    """
    with ExitStack() as resources:
        content: Content
        if isinstance(audio, bytes):
            content = BytesContent(audio)
        else:
            file = FileContent(audio)
            resources.callback(file.close)
            content = file
        decoder = _open(content, suffix, raw_audio)
        resources.callback(decoder.close)
        return AudioStream(decoder, resources.pop_all())


def _open(content: Content, suffix: str, raw_audio: str | None) -> Decoder:
    """Open all recordings in a file, at 16 kHz."""
    allowance = Allowance()
    try:
        container = identify(content, suffix)
    except RawAudio:
        if raw_audio is None:
            raise
        return _open_raw(content, raw_audio, allowance)
    if container.name == "wav" and content.read_at(0, 4) in (b"RIFF", b"RF64", b"BW64"):
        return _open_wav(content, container, allowance)
    if container.name in _EXTENDED and (longer := _EXTENDED[container.name](content)):
        decoder = _open_part(longer, container, allowance)
        add_warning(decoder.warnings, "header_too_short")
        return decoder
    if container.name == "mp4":
        check_index(content)
    parts: Sequence[tuple[int, int, int]] = ()
    if container.name == "ogg":
        parts = [(link.start, link.end, link.channels) for link in find_links(content)]
    elif container.name == "mp3":
        parts = find_mp3_parts(content)
    if len(parts) < 2:
        return _open_part(content, container, allowance)
    openers = [
        partial(_open_part, SplicedContent(content, [(start, end)]), container, allowance) for start, end, _ in parts
    ]
    return Joined(openers, max(channels for _, _, channels in parts))


def _open_wav(content: Content, container: Container, allowance: Allowance) -> Decoder:
    layout = parse_wav(content)

    def opener(part: WavPart) -> Callable[[], Decoder]:
        piece = part.content(content) if layout.is_repaired else content
        return partial(_open_part, piece, container, allowance, part.padded_from())

    if not layout.parts:
        return _open_part(content, container, allowance)
    if len(layout.parts) == 1:
        decoder = opener(layout.parts[0])()
    else:
        decoder = Joined([opener(part) for part in layout.parts], max(part.channels for part in layout.parts))
    for code in layout.warnings:
        add_warning(decoder.warnings, code)
    return decoder


def _open_raw(content: Content, raw_audio: str, allowance: Allowance) -> Decoder:
    raw = parse_raw_format(raw_audio)
    if raw.codec == "g729":
        decoder = open_sandboxed(content, Container("raw", "g729"), allowance)
    else:
        decoder = Resampled(RawDecoder(content, raw))
    decoder.warnings.append("raw_audio")
    return decoder


def _open_part(content: Content, container: Container, allowance: Allowance, samples: int | None = None) -> Decoder:
    """Open one recording: by libsndfile if it supports the format, otherwise by FFmpeg.

    libsndfile is five times as fast, and needs no process of its own. See docs/decisions/0002-one-pass.md.

    Parameters
    ----------
    content : Content
        A file with one recording.
    container : Container
        Its format.
    allowance : Allowance
        Processor time that remains.
    samples : int, optional
        Number of samples per channel, where the file has padding after them.
    """
    if container.name in sndfile.CONTAINERS:
        try:
            return Resampled(sndfile.LibsndfileDecoder(content, container, samples))
        except sndfile.UnsupportedFile:
            pass
    return open_sandboxed(content, container, allowance)
