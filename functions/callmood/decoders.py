"""Two decoders with one face: libsndfile for plain files, FFmpeg for all others.

Plain are the containers of uncompressed and telephone audio: WAV, RF64, W64, AIFF, AU. libsndfile reads them five times
as fast, and a function that hears nothing else never loads FFmpeg's 100 MB. See docs/adr/0003-decoding.md.
"""

from __future__ import annotations

import io
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Protocol

import numpy as np
import soundfile
from numpy.typing import NDArray

from callmood.containers import HEAD, Container, identify
from callmood.errors import BadRecording

if TYPE_CHECKING:
    import av

Samples = NDArray[np.float32]

MIN_RATE, MAX_RATE = 4_000, 192_000
"""int: sample rates that are believed, in Hz; a header that states another is damaged or hostile."""
MAX_CHANNELS = 64
"""int: channels that are believed; it bounds the memory of a block, and no call recorder comes near."""

GAP_S, MAX_GAP_S = 0.1, 600.0
"""float: holes in timestamps that silence fills, in seconds: longer than jitter, shorter than a clock set anew."""


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


def open_decoder(file: BinaryIO) -> Decoder:
    """Find the decoder for a file by the file's bytes.

    Parameters
    ----------
    file : BinaryIO
        Seekable; must stay open as long as the decoder.

    Raises
    ------
    BadRecording
        The bytes can never be heard.
    """
    container = identify(file)
    if container.name in ("wav", "w64", "aiff", "au"):
        try:
            return LibsndfileDecoder(file, container)
        except _NotPlain:
            file.seek(0)
    return FfmpegDecoder(file, container)


class _NotPlain(Exception):
    """libsndfile cannot read this file; FFmpeg may."""


class LibsndfileDecoder:
    """Decode a plain file with libsndfile."""

    def __init__(self, file: BinaryIO, container: Container) -> None:
        try:
            self._sound = soundfile.SoundFile(file)
        except soundfile.LibsndfileError as error:
            if error.code in _IMPOSSIBLE:
                raise _invalid(_IMPOSSIBLE[error.code]) from None
            raise _NotPlain from None
        # A recorder that could not seek back leaves the length at 0: libsndfile believes it, FFmpeg reads on.
        if self._sound.frames == 0 or self._sound.subtype not in _LIBSNDFILE_CODECS:
            self._sound.close()
            raise _NotPlain
        codec = _LIBSNDFILE_CODECS[self._sound.subtype]
        self.info = AudioInfo(container.name, codec, self._sound.samplerate, self._sound.channels)
        _check(self.info)
        self.warnings = ["truncated"] if _claims_more(self._sound.extra_info) else []

    def chunks(self) -> Iterator[Samples]:
        """Yield all samples once, as `Decoder.chunks` says."""
        left = self._sound.frames
        while left > 0:
            chunk = self._sound.read(min(left, self.info.sample_rate), dtype="float32", always_2d=True)
            if not len(chunk):
                break
            left -= len(chunk)
            yield chunk

    def close(self) -> None:
        """Let go of the decoder's memory."""
        self._sound.close()


# Names as FFmpeg has them, so that one codec has one name.
_LIBSNDFILE_CODECS = {
    "PCM_U8": "pcm_u8",
    "PCM_S8": "pcm_s8",
    "PCM_16": "pcm_s16",
    "PCM_24": "pcm_s24",
    "PCM_32": "pcm_s32",
    "FLOAT": "pcm_f32",
    "DOUBLE": "pcm_f64",
    "ULAW": "pcm_mulaw",
    "ALAW": "pcm_alaw",
    "GSM610": "gsm_ms",
    "IMA_ADPCM": "adpcm_ima_wav",
    "MS_ADPCM": "adpcm_ms",
}

# libsndfile 1.2.2, src/common.h: SFE_BAD_SF_INFO, SFE_CHANNEL_COUNT_ZERO, SFE_CHANNEL_COUNT.
_IMPOSSIBLE = {24: "a sample rate that cannot be", 32: "zero channels", 33: "more than 1024 channels"}


def _claims_more(log: str) -> bool:
    """Tell by libsndfile's log whether the header claims more data than the file holds.

    A claim of 2 GB or more is none: a recorder that streams writes it because it does not know the length yet.
    """
    claims = re.findall(r"^\s*(?:data|SSND|Data Size|Riff size|riff)\s*: (\d+) \(should be (\d+)\)", log, re.MULTILINE)
    return any(int(actual) < int(claim) < 0x7FFF_0000 for claim, actual in claims)


OGG_MAX_PAGE = 65_307
"""int: bytes of the longest Ogg page (RFC 3533, section 6)."""


class FfmpegDecoder:
    """Decode any file with FFmpeg, through PyAV."""

    def __init__(self, file: BinaryIO, container: Container) -> None:
        import av  # here, because most recordings never need it

        self._av_error = av.FFmpegError
        self._container = container.name
        self._cut_short = container.name == "ogg" and not _ends_with_last_page(file)
        self._states_length = container.name not in ("adts", "amr", "ogg") and (
            container.name != "mp3" or _has_xing_header(file)
        )
        self.warnings: list[str] = []
        file.seek(0)
        try:
            # The demuxer is named, not guessed: no playlist can then make FFmpeg open other files or addresses.
            self._input = av.open(file, "r", format=container.demuxer, metadata_errors="replace")
        except av.FFmpegError as error:
            raise BadRecording(
                "damaged",
                f"The file begins as {container.name} but cannot be opened ({error.strerror}): "
                "its header is damaged, or the recorder or the upload stopped early.",
            ) from None
        try:
            self._stream = self._choose_stream(file)
            frames = self._decode()
            first = next(frames, None)
            self.info = self._format(first)
            if first is None:
                raise self._no_frames()
            self._frames = itertools.chain([first], frames)
        except BaseException:
            self._input.close()
            raise

    def chunks(self) -> Iterator[Samples]:
        """Yield all samples once, as `Decoder.chunks` says."""
        rate = self.info.sample_rate
        batch: list[Samples] = []
        done = held = 0
        for piece in self._pieces():
            batch.append(piece)
            held += len(piece)
            if held >= rate:
                yield np.concatenate(batch)
                done, held, batch = done + held, 0, []
        if batch:
            yield np.concatenate(batch)
        # Headers round and codecs pad: a frame more or less is no loss.
        if self._cut_short or (done + held) / rate < 0.99 * self._stated_s() - 0.2:
            self._warn("truncated")

    def close(self) -> None:
        """Let go of the decoder's memory."""
        self._input.close()

    def _choose_stream(self, file: BinaryIO) -> av.AudioStream:
        streams = self._input.streams
        if not streams.audio:
            raise BadRecording("no_audio", f"The {self._container} file holds no audio stream.")
        if len(streams.audio) > 1:
            self._warn("extra_audio_streams")
        stream = next((s for s in streams.audio if s is streams.best("audio")), streams.audio[0])
        if stream.codec_context is None:
            raise BadRecording(
                "unsupported_codec",
                f"The codec of this {self._container} file{_wav_format_tag(file)} cannot be decoded: "
                "record in another, or convert the file.",
            )
        # FairPlay and WebM encryption are told by the header, MPEG common encryption by each packet.
        if stream.codec_context.codec_tag == "drms" or "enc_key_id" in map(str.lower, stream.metadata):
            raise self._encrypted()
        stream.codec_context.thread_count = 1
        return stream

    def _decode(self) -> Iterator[av.AudioFrame]:
        """Yield the frames that can be decoded; what cannot is passed over with a warning."""
        packets = self._input.demux(self._stream)
        while True:
            try:
                packet = next(packets, None)
                if packet is None:
                    return
                if packet.has_sidedata("encryption_info"):
                    raise self._encrypted()
                frames = packet.decode()
            except self._av_error:
                self._warn("decode_errors")  # where the container itself broke, `packets` has ended
            else:
                yield from frames

    def _format(self, first: av.AudioFrame | None) -> AudioInfo:
        """Format of the first frame, since some headers state another; of the header, where no frame can be decoded."""
        context = self._stream.codec_context
        codec = re.sub(r"^(pcm_[sf]\d\d)[lb]e$", r"\1", context.codec.canonical_name)
        rate, layout = (first.sample_rate, first.layout) if first else (context.sample_rate, context.layout)
        info = AudioInfo(self._container, codec, rate, layout.nb_channels)
        _check(info)
        return info

    def _pieces(self) -> Iterator[Samples]:
        """Yield all samples, and silence where the timestamps leave a hole, so that every second keeps its place."""
        rate, channels = self.info.sample_rate, self.info.channels
        position, origin_s = 0, None
        for frame in self._frames:
            if (frame.sample_rate, frame.layout.nb_channels) != (rate, channels):
                self._warn("format_changed")
                return
            if frame.time is not None:
                ahead_s = frame.time - position / rate
                origin_s = ahead_s if origin_s is None else origin_s
                gap_s = ahead_s - origin_s
                if GAP_S < gap_s < MAX_GAP_S:
                    silence = round(gap_s * rate)
                    position += silence
                    yield from _silence(silence, rate, channels)
                elif abs(gap_s) > GAP_S:
                    origin_s = ahead_s  # the clock was set anew
            position += frame.samples
            yield _samples(frame)

    def _stated_s(self) -> float:
        """Length by the container's own word, in seconds; 0 where it gives none, or FFmpeg's would be a guess."""
        if not self._states_length:
            return 0.0
        if self._stream.duration and self._stream.time_base:
            return float(self._stream.duration * self._stream.time_base)
        # A container's duration is that of its longest stream.
        return (self._input.duration or 0) / 1e6 if len(self._input.streams) == 1 else 0.0

    def _no_frames(self) -> BadRecording:
        if self.warnings:
            return BadRecording(
                "damaged", f"Nothing of the {self.info.codec} stream in this {self._container} file can be decoded."
            )
        return BadRecording(
            "no_audio", f"The {self._container} file has a header but no samples: the recorder stopped at once."
        )

    def _encrypted(self) -> BadRecording:
        return BadRecording("encrypted", f"The audio in this {self._container} file is encrypted: upload it decrypted.")

    def _warn(self, code: str) -> None:
        if code not in self.warnings:
            self.warnings.append(code)


def _samples(frame: av.AudioFrame) -> Samples:
    """Convert a frame of any sample format to float32 of shape (n, channels), full scale at 1."""
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


def _check(info: AudioInfo) -> None:
    """Refuse formats that no recorder writes, before they cost memory."""
    if not MIN_RATE <= info.sample_rate <= MAX_RATE:
        raise _invalid(f"a sample rate of {info.sample_rate} Hz (from {MIN_RATE} to {MAX_RATE} are possible)")
    if not 1 <= info.channels <= MAX_CHANNELS:
        raise _invalid(f"{info.channels} channels (from 1 to {MAX_CHANNELS} are possible)")


def _invalid(what: str) -> BadRecording:
    return BadRecording(
        "invalid_format", f"The header states {what}: it is damaged, or the recorder is set up wrongly."
    )


def _wav_format_tag(file: BinaryIO) -> str:
    """Return the number by which a WAV file names its codec, for messages."""
    file.seek(0)
    found = re.search(rb"fmt .{4}(..)", file.read(HEAD), re.DOTALL)
    return f" (WAV format tag 0x{int.from_bytes(found[1], 'little'):04x})" if found else ""


def _has_xing_header(file: BinaryIO) -> bool:
    """Tell whether an MP3 states its length, in a Xing or Info header within its first frame."""
    file.seek(0)
    return re.search(rb"\xff[\xe2-\xff].{7,34}(Xing|Info)", file.read(HEAD), re.DOTALL) is not None


def _ends_with_last_page(file: BinaryIO) -> bool:
    """Tell whether an Ogg file ends with a whole page that is marked the last (RFC 3533, section 6: flag 0x04)."""
    size = file.seek(0, io.SEEK_END)
    file.seek(max(0, size - OGG_MAX_PAGE))
    tail = file.read()
    page = tail[tail.rfind(b"OggS") :]
    return len(page) > 27 and page[5] & 4 != 0 and len(page) == 27 + page[26] + sum(page[27 : 27 + page[26]])
