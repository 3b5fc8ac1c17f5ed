"""Decode all other formats with FFmpeg, through PyAV."""

from __future__ import annotations

import errno
import io
import itertools
import re
from collections.abc import Iterator
from contextlib import ExitStack
from typing import BinaryIO

import av
import numpy as np

from callmood.audio.content import Content, ContentFile
from callmood.audio.decoder import AudioInfo, Decoder, Samples, check_format
from callmood.audio.limits import (
    BASE_SILENCE_S,
    MAX_PARTS,
    SILENCE_PER_AUDIO,
    Meter,
    too_costly,
    too_much_memory,
)
from callmood.audio.probe import HEAD, Container
from callmood.audio.resample import Parallel, Resampled, add_warning
from callmood.errors import BadRecording

GAP_S, MAX_GAP_S = 0.1, 600.0
"""float: range of gaps that are filled with silence, in seconds: longer than jitter, shorter than a clock reset."""

CHUNK_VALUES = 2**19
"""int: maximum number of samples of all channels in a chunk, which bounds memory for many channels."""

OGG_MAX_PAGE = 65_307
"""int: length of the longest Ogg page, in bytes (RFC 3533, section 6)."""


def open_ffmpeg(content: Content, container: Container, meter: Meter) -> Decoder:
    """Open a recording with FFmpeg. Several mono tracks become one recording with one channel each.

    Parameters
    ----------
    content : Content
        The bytes of the recording.
    container : Container
        From `probe.identify`.
    meter : Meter
        Checked while the recording is decoded.

    Returns
    -------
    Decoder
        At 16 kHz.

    Raises
    ------
    BadRecording
        The recording cannot be decoded, or exceeds a limit.
    """
    main = FfmpegDecoder(content, container, meter)
    tracks = main.mono_tracks
    if not 1 < len(tracks) <= MAX_PARTS:
        return Resampled(main)
    main.close()
    with ExitStack() as stack:
        try:
            decoders = [FfmpegDecoder(content, container, meter, track=track) for track in tracks]
            for decoder in decoders:
                stack.callback(decoder.close)
            first_s = min(decoder.start_s for decoder in decoders)
            for decoder in decoders:
                decoder.origin_s = first_s
        except BadRecording as bad:
            if bad.code == "too_costly":
                raise
        else:
            stack.pop_all()
            return Parallel([Resampled(decoder) for decoder in decoders])
    return Resampled(FfmpegDecoder(content, container, meter))


class FfmpegDecoder:
    """Decode one track of a file with FFmpeg.

    Parameters
    ----------
    content : Content
        The bytes of the file.
    container : Container
        From `probe.identify`.
    meter : Meter
        Checked before each packet.
    track : int, optional
        Index of the stream. Default: the main audio stream, with a warning if there are others.

    Attributes
    ----------
    mono_tracks : list of int
        Indexes of the audio streams if all have one channel; otherwise empty.
    start_s : float
        Time of the first sample, in seconds.
    origin_s : float or None
        Time at which the recording starts. Default: the first sample.
    """

    def __init__(self, content: Content, container: Container, meter: Meter, track: int | None = None) -> None:
        file = ContentFile(content)
        self._meter = meter
        self._container = container.name
        self._is_truncated = container.name == "ogg" and not _ends_with_last_page(file)
        self._states_length = container.name not in ("adts", "amr", "ogg") and (
            container.name != "mp3" or _has_xing_header(file)
        )
        self.warnings: list[str] = []
        file.seek(0)
        try:
            # The demuxer is explicit, so a disguised playlist cannot make FFmpeg open other files or URLs.
            self._input = av.open(file, "r", format=container.demuxer, metadata_errors="replace")
        except av.FFmpegError as error:
            _check_memory(error)
            raise BadRecording(
                "damaged",
                f"The {container.name} file has a damaged or missing header or index ({error.strerror}). "
                "The recorder or the upload may have stopped early.",
            ) from None
        try:
            self._stream = self._choose_stream(file, track)
            frames = self._decode()
            first = next(frames, None)
            if first is None:
                raise self._no_frames()
            self.info = self._format(first)
            self.start_s = first.time or 0.0
            self.origin_s: float | None = None
            self._frames = itertools.chain([first], frames)
        except BaseException:
            self._input.close()
            raise

    def chunks(self) -> Iterator[Samples]:
        """Yield all samples once, as in `Decoder.chunks`."""
        rate = self.info.sample_rate
        size = min(rate, CHUNK_VALUES // self.info.channels)
        batch: list[Samples] = []
        total = batched = 0
        for samples in self._without_gaps():
            batch.append(samples)
            batched += len(samples)
            if batched >= size:
                yield np.concatenate(batch)
                total, batched, batch = total + batched, 0, []
        if batched:
            yield np.concatenate(batch)
        # The tolerance covers rounding in headers and padding by codecs.
        if self._is_truncated or (total + batched) / rate < 0.99 * self._stated_duration_s() - 0.2:
            self._warn("truncated")

    def close(self) -> None:
        """Release the resources of the decoder."""
        self._input.close()

    def _choose_stream(self, file: BinaryIO, track: int | None) -> av.AudioStream:
        streams = self._input.streams
        if not streams.audio:
            raise BadRecording("no_audio", f"The {self._container} file has no audio stream.")
        contexts = [stream.codec_context for stream in streams.audio]
        are_mono = all(context is not None and context.layout.nb_channels == 1 for context in contexts)
        self.mono_tracks = [stream.index for stream in streams.audio] if are_mono else []
        if track is None and len(contexts) > 1:
            self._warn("extra_audio_streams")
        best = streams.best("audio")
        stream = next(
            (s for s in streams.audio if (s is best if track is None else s.index == track)), streams.audio[0]
        )
        if stream.codec_context is None:
            raise BadRecording(
                "unsupported_codec",
                f"The codec of this {self._container} file{_wav_format_tag(file)} cannot be decoded. "
                "Use another codec, or convert the file.",
            )
        # The header states FairPlay and WebM encryption; packets state MPEG common encryption.
        if _codec_tag(stream) == "drms" or "enc_key_id" in map(str.lower, stream.metadata):
            raise self._encrypted()
        stream.codec_context.thread_count = 1
        return stream

    def _decode(self) -> Iterator[av.AudioFrame]:
        """Yield all frames that can be decoded. Damaged packets are skipped with a warning."""
        packets = self._input.demux(self._stream)
        while True:
            try:
                self._meter.check()
                packet = next(packets, None)
                if packet is None:
                    return
                if packet.has_sidedata("encryption_info"):
                    raise self._encrypted()
                frames = packet.decode()
            except av.FFmpegError as error:
                _check_memory(error)
                self._warn("decode_errors")  # after an error in the container itself, `packets` ends
            else:
                yield from frames

    def _format(self, first: av.AudioFrame) -> AudioInfo:
        """Return the format of the first frame, because some headers state another format."""
        if first.format.name.startswith("s64"):
            raise BadRecording("unsupported_codec", "Samples of 64-bit integers cannot be decoded. Use another codec.")
        info = AudioInfo(self._container, self._codec(), first.sample_rate, first.layout.nb_channels)
        check_format(info)
        return info

    def _codec(self) -> str:
        return re.sub(r"^(pcm_[sf]\d\d)[lb]e$", r"\1", self._stream.codec_context.codec.canonical_name)

    def _without_gaps(self) -> Iterator[Samples]:
        """Yield all samples, and silence for gaps in the timestamps, so that the time of every sample is correct."""
        rate, channels = self.info.sample_rate, self.info.channels
        position, filled, origin_s = 0, 0, self.origin_s
        for frame in self._frames:
            if (frame.sample_rate, frame.layout.nb_channels) != (rate, channels):
                self._warn("format_changed")
                return
            if frame.time is not None:
                ahead_s = frame.time - position / rate
                origin_s = ahead_s if origin_s is None else origin_s
                gap_s = ahead_s - origin_s
                if GAP_S < gap_s < MAX_GAP_S:
                    self._warn("gaps_filled")
                    silence = round(gap_s * rate)
                    position += silence
                    filled += silence
                    audio_s = (position - filled) / rate * channels
                    if filled / rate * channels > BASE_SILENCE_S + SILENCE_PER_AUDIO * audio_s:
                        raise too_costly(f"has {filled / rate:.0f} s of gaps in {channels} channels with little audio")
                    yield from _silence(silence, rate, channels)
                elif abs(gap_s) > GAP_S:
                    origin_s = ahead_s  # the clock was reset
            position += frame.samples
            yield _samples(frame)

    def _stated_duration_s(self) -> float:
        """Return the stated duration in seconds; 0 if the container states none, or FFmpeg only estimates it."""
        if not self._states_length:
            return 0.0
        if self._stream.duration and self._stream.time_base:
            return float(self._stream.duration * self._stream.time_base)
        # The duration of a container is that of its longest stream.
        return (self._input.duration or 0) / 1e6 if len(self._input.streams) == 1 else 0.0

    def _no_frames(self) -> BadRecording:
        if self.warnings:
            return BadRecording(
                "damaged", f"The {self._codec()} stream in this {self._container} file cannot be decoded."
            )
        return BadRecording(
            "no_audio", f"The {self._container} file has a header but no samples. The recorder stopped immediately."
        )

    def _encrypted(self) -> BadRecording:
        return BadRecording(
            "encrypted", f"The audio in this {self._container} file is encrypted. Decrypt it before the upload."
        )

    def _warn(self, code: str) -> None:
        add_warning(self.warnings, code)


def _check_memory(error: av.FFmpegError) -> None:
    """Raise `too_costly` if FFmpeg failed because it may not have more memory."""
    if error.errno == errno.ENOMEM:
        raise too_much_memory() from None


def _codec_tag(stream: av.AudioStream) -> str:
    try:
        return stream.codec_context.codec_tag
    except UnicodeDecodeError:  # in most containers, tags are numbers
        return ""


def _samples(frame: av.AudioFrame) -> Samples:
    """Convert a frame of any sample format to float32 of shape (n, channels) with full scale 1."""
    samples = frame.to_ndarray()
    samples = samples.T if frame.format.is_planar else samples.reshape(-1, frame.layout.nb_channels)
    if samples.dtype.kind == "f":
        return samples.astype(np.float32)
    full_scale = np.float32(2.0 ** (8 * samples.itemsize - 1))
    middle = full_scale if samples.dtype.kind == "u" else np.float32(0)
    return (samples.astype(np.float32) - middle) / full_scale


def _silence(length: int, rate: int, channels: int) -> Iterator[Samples]:
    for start in range(0, length, rate):
        yield np.zeros((min(rate, length - start), channels), np.float32)


def _wav_format_tag(file: BinaryIO) -> str:
    """Return the codec number in the header of a WAV file, for error messages."""
    file.seek(0)
    found = re.search(rb"fmt .{4}(..)", file.read(HEAD), re.DOTALL)
    return f" (WAV format tag 0x{int.from_bytes(found[1], 'little'):04x})" if found else ""


def _has_xing_header(file: BinaryIO) -> bool:
    """Return whether an MP3 file states its length, in a Xing or Info header in its first frame."""
    file.seek(0)
    return re.search(rb"\xff[\xe2-\xff].{7,34}(Xing|Info)", file.read(HEAD), re.DOTALL) is not None


def _ends_with_last_page(file: BinaryIO) -> bool:
    """Return whether an Ogg file ends with a complete page that has the flag "last" (RFC 3533, section 6: 0x04)."""
    size = file.seek(0, io.SEEK_END)
    file.seek(max(0, size - OGG_MAX_PAGE))
    tail = file.read()
    page = tail[tail.rfind(b"OggS") :]
    return len(page) > 27 and page[5] & 4 != 0 and len(page) == 27 + page[26] + sum(page[27 : 27 + page[26]])
