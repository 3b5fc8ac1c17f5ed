"""Encode test signals in every supported audio format."""

from __future__ import annotations

import base64
import io
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import av
import numpy as np
import soundfile
from numpy.typing import NDArray

Signal = NDArray[np.float32]
"""Samples of shape (n, channels)."""

LENGTH_S, ONSET_S, END_S = 2.0, 0.5, 1.5


def tones(rate: int, channels: int, seconds: float = LENGTH_S) -> Signal:
    """Return a tone per channel, from ONSET_S to half a second before the end, between silence.

    Channels 0, 1, 2, … have the frequencies 400, 450, 500, … Hz and alternate between the levels 0.5 and 0.25.
    """
    t = np.arange(round(rate * seconds))[:, None] / rate
    envelope = (t >= ONSET_S) & (t < seconds - (LENGTH_S - END_S))
    return (tone_levels(channels) * np.sin(2 * np.pi * tone_frequencies(channels) * t) * envelope).astype(np.float32)


def tone_frequencies(channels: int) -> NDArray[np.float64]:
    return 400.0 + 50.0 * np.arange(channels)


def tone_levels(channels: int) -> NDArray[np.float64]:
    return np.where(np.arange(channels) % 2 == 0, 0.5, 0.25)


def write_soundfile(signal: Signal, rate: int, *, container: str, subtype: str) -> bytes:
    file = io.BytesIO()
    with soundfile.SoundFile(file, "w", rate, signal.shape[1], subtype, format=container) as output:
        for start in range(0, len(signal), rate):  # libsndfile's Vorbis encoder crashes on long writes
            output.write(signal[start : start + rate])
    return file.getvalue()


def write_ffmpeg(
    signal: Signal,
    rate: int,
    *,
    muxer: str,
    encoder: str,
    bit_rate: int | None = None,
    options: dict[str, str] | None = None,
) -> bytes:
    file = io.BytesIO()
    with av.open(file, "w", format=muxer, options=options or {}) as output:
        output.mux(encode_ffmpeg(output, signal, rate, encoder=encoder, bit_rate=bit_rate))
    return file.getvalue()


def encode_ffmpeg(
    output: av.container.OutputContainer, signal: Signal, rate: int, *, encoder: str, bit_rate: int | None = None
) -> list[av.Packet]:
    """Encode a signal for a new stream of an open file. Add all streams before you write packets."""
    channels = signal.shape[1]
    layout = {1: "mono", 2: "stereo"}.get(channels, f"{channels} channels")
    stream = output.add_stream(encoder, rate=rate, layout=layout)
    stream.format = stream.codec_context.codec.audio_formats[0]
    if bit_rate:
        stream.bit_rate = bit_rate
    stream.codec_context.open()
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(signal.T), format="fltp", layout=layout)
    frame.sample_rate, frame.pts = rate, 0
    resampler = av.AudioResampler(stream.format, layout, rate, stream.codec_context.frame_size or 1024)
    frames = [*resampler.resample(frame), *resampler.resample(None), None]
    return [packet for resampled in frames for packet in stream.encode(resampled)]


def video(signals: list[Signal], muxer: str = "mp4", encoder: str = "mpeg4") -> bytes:
    """Return a gray video of two seconds, with one audio stream at 16 kHz per signal."""
    file = io.BytesIO()
    with av.open(file, "w", format=muxer) as output:
        picture = output.add_stream(encoder, rate=10, width=64, height=64, pix_fmt="yuv420p")
        packets = []
        for index in range(20):
            frame = av.VideoFrame.from_ndarray(np.full((96, 64), 128, np.uint8), format="yuv420p")
            frame.pts = index
            packets += picture.encode(frame)
        packets += picture.encode()
        for signal in signals:
            packets += encode_ffmpeg(output, signal, 16000, encoder="aac")
        output.mux(packets)
    return file.getvalue()


# `tones(16000, 1)`, encoded by vo-amrwbenc 0.1.3 at 6.6 kbit/s. Neither libsndfile nor PyAV can encode AMR-WB.
_AMR_WB = (
    "eNpVlX9ME3cYxr8t3yJxRY+tbCZrl2ttAY3Mq1KVxOm1PZxpIjuojIVV6AwMQ9xSplkMc9sh1fjHNmucxi1tcqLOZUZzTGeI0+z6gx8iJsXW"
    "oQHiCQhsENrBjAia7ns9hO7fy+ee53nf9/LcSq15R2l+uWUpxLSgULMxenz/wcCBMeHooAABAQq9EzqKr7hXL2AtMhpiBMDVtR3WaUNp6xjH"
    "hD0iY/QuXxkSGqJco1ze5BGZPM35oDVoKi/gVSoeExmtLzOXGrMNZJBgOxOGmBFsUp8Lpj1VOLiJ6u2dTol52+C+b7sXd5LN60FSRw0D1mB2"
    "Sb0ziywEyTw+pQ7pRDEGeAAhMef8wTlTFYWTepjUWeW9ZKD+rYhwuJYkeZHZpDZ0WOcUO7nh/SGKhsAItN7JldRERZTwyJqAIObJ01xoS4sp"
    "7LS+AFL4fB59qL8uQgPghJjIEOr2jmAiu/yjYTDMJ/ej9XZrqfsNfbpfCRxP6mzS1PqDo6ZSNi54prhkHl+3jupuGAhYftm9VJAy57YFgyY7"
    "p8Wz0FaTmZfh7qitJy7DyFeTmXHNSEdTn2In3yyXyznJK19PhW0oDwXFRKKOoS3ttqksbmk+RHJwqoTsP/XiSd3VE5dnTx/743cWjgwsOfrn"
    "T0Mnv47tBcKKsT0eOBkJX0vcqF7/dCtrsfojcgw+ivz81cXqoR6hsp9T8OQ+Ej62x4sTN537Ehr7ipmxzlYBxnbe+vhstWAc3eynCFy/zglj"
    "J5STiRs1073vVMmGtrb0k3D0+6LBcYlZl4UBmQvG7MuSzKimbON3a2ezWcRQg+NFj+un1/hDJDoWDWOvwcnE85orQY3jB2PdxR4aMduSzLi6"
    "a71BearHs6DToXF06ysHvegt5BVDzJyy08zuacQZxGRKOpmOiYKqWxviqV5BOZ6Gk4iZ98qsuE7H/lJzcBwxsSTDf25U5RJA9BpJvNh9JZbv"
    "uFVT+eASmmKRUdEYpXOm6DjaT1bNpMelPMnZQ0Ws+3wzkDIjZggxbsffryNG9TJP6KwVWBqFBZ0hSUceT8njN8nAG5jotfylF5q966orRaeN"
    "MNJmgJTt6dItNA6m5YtWP50y+51tLHlB8EiMpHPHUHn7N1cKw5e6CAuOtmpXLMzlrhz73rVwC+RFYk7yTHhhrmBmWbvvrWeHCenu0lzpvBum"
    "0yl3d3RWV059gy3MNafsNuMzxz14yk13FVxb++wIMX/TEWOvMpRxqLj42Px+JJ1Pc6r+uU4u5tnM0/XaEoxMudeuY4otz77FU/LwZhI3O/93"
    "007jhz8+QluNpg8mEDO0OfhuEZlrJuC4/RVprnw7Tl89XL/4/fQp7zBcgPwAT717t6lK3M/id+hXUemuLADbPXlnasefxKtqz6tVBHOYg+wW"
    "kNc0K7938Mv3unQZ1GoAGdQSb3atexTbGiGAjAQMxDeg7tVuuDmVb40DhkFPAAZwXyA73KsptwA5Q7HJpvUtaYL363oZFjA4LrZNobp+f3ZC"
    "U7p6lo1zrNRsy3ShcMWA7rM8oZWdb8iAtQ81rZN20rzUJHv17lBD/40acs+DuNTqId7aoSjhncCi80g6nxio53UPOW3LSQUjtbo7YB1VOEgc"
    "AIBLzbYmB47VPeRJthhKLYra2BoxlHICw7Jh6e+wQw+7KwZcZnC6cN4L8tZIdgnpRMXqFL1WiV6CLRJHylpcaj/Ip0WyywheZsbCIlPoVRrc"
    "w7aH4VY+4wApMoS6KJA2bbDzOcCCtiEyvpgO9tvuXgncZXhW8kJ5bitKZzobjzfGpVa/jFq9Ieo6AwhcanXRa9r0Pn8kx816/gOlhAp2"
)


def write_amr_wb(signal: Signal, rate: int) -> bytes:
    assert rate == 16000
    np.testing.assert_array_equal(signal, tones(16000, 1))
    return zlib.decompress(base64.b64decode(_AMR_WB))


@dataclass(frozen=True)
class Format:
    """A supported format, and the accuracy of its decoded audio."""

    name: str
    suffixes: str
    container: str
    codec: str
    write: Callable[[Signal, int], bytes]
    rates: tuple[int, ...]
    channels: tuple[int, ...]
    time_tolerance_s: float
    level_tolerance: float

    def __str__(self) -> str:
        return f"{self.name} {self.codec}"

    def example(self, rate: int | None = None, channels: int | None = None, seconds: float = LENGTH_S) -> bytes:
        rate, channels = rate or self.rates[0], channels or self.channels[-1]
        return self.write(tones(rate, channels, seconds), rate)

    def stated_rate(self, rate: int) -> int:
        """Return the rate in the header: always 48 kHz for Opus."""
        return 48000 if self.codec == "opus" else rate


NARROWBAND, WIDEBAND = (8000,), (16000,)
STEPS = (8000, 11025, 16000, 22050, 32000, 44100, 48000)
OPUS = (8000, 12000, 16000, 24000, 48000)


def plain(name: str, suffixes: str, codec: str, container: str, subtype: str, **more: Any) -> Format:
    """Return a format that libsndfile encodes without delay."""
    write = partial(write_soundfile, container=container, subtype=subtype)
    defaults = {"rates": STEPS, "channels": (1, 24, 2), "time_tolerance_s": 0.001, "level_tolerance": 0.02}
    return Format(name, suffixes, name.split()[0].lower(), codec, write, **defaults | more)


def lossy(
    name: str, suffixes: str, container: str, codec: str, muxer: str, encoder: str, rates: tuple[int, ...], **more: Any
) -> Format:
    """Return a format that FFmpeg encodes, with the delay of its codec."""
    write = partial(write_ffmpeg, muxer=muxer, encoder=encoder, **more.pop("write", {}))
    defaults = {"channels": (1, 2), "time_tolerance_s": 0.07, "level_tolerance": 0.06}
    return Format(name, suffixes, container, codec, write, rates, **defaults | more)


FORMATS = [
    plain("WAV", ".wav", "pcm_u8", "WAV", "PCM_U8"),
    plain("WAV", ".wav", "pcm_s16", "WAV", "PCM_16"),
    plain("WAV", ".wav", "pcm_s24", "WAV", "PCM_24"),
    plain("WAV", ".wav", "pcm_s32", "WAV", "PCM_32"),
    plain("WAV", ".wav", "pcm_f32", "WAV", "FLOAT"),
    plain("WAV", ".wav", "pcm_f64", "WAV", "DOUBLE"),
    plain("WAV", ".wav", "pcm_mulaw", "WAV", "ULAW"),
    plain("WAV", ".wav", "pcm_alaw", "WAV", "ALAW"),
    plain(
        "WAV",
        ".wav",
        "gsm_ms",
        "WAV",
        "GSM610",
        rates=NARROWBAND,
        channels=(1,),
        time_tolerance_s=0.05,
        level_tolerance=0.05,
    ),
    plain("WAV", ".wav", "adpcm_ms", "WAV", "MS_ADPCM", channels=(1, 2), time_tolerance_s=0.07),
    plain("WAV", ".wav", "adpcm_ima_wav", "WAV", "IMA_ADPCM", channels=(1, 2), time_tolerance_s=0.07),
    lossy("WAV", ".wav", "wav", "adpcm_g726", "wav", "g726", NARROWBAND, channels=(1,)),
    lossy("WAV", ".wav", "wav", "adpcm_g722", "wav", "g722", WIDEBAND, channels=(1,)),
    lossy(
        "WAV",
        ".wav",
        "wav",
        "g723_1",
        "wav",
        "g723_1",
        NARROWBAND,
        channels=(1,),
        write={"bit_rate": 6300},
        level_tolerance=0.1,
    ),
    lossy("WAV", ".wav", "wav", "adpcm_yamaha", "wav", "adpcm_yamaha", STEPS),
    lossy("WAV", ".wav", "wav", "mp3", "wav", "libmp3lame", STEPS, time_tolerance_s=0.18),
    plain("WAV extensible", ".wav", "pcm_s16", "WAVEX", "PCM_16"),
    plain("WAV RF64", ".wav .rf64", "pcm_s16", "RF64", "PCM_16"),
    plain("W64", ".w64", "pcm_s16", "W64", "PCM_16"),
    plain("AIFF", ".aiff .aif", "pcm_s16", "AIFF", "PCM_16"),
    plain("AIFF", ".aifc", "pcm_mulaw", "AIFF", "ULAW"),
    plain("AU", ".au .snd", "pcm_mulaw", "AU", "ULAW"),
    plain("AU", ".au .snd", "pcm_s16", "AU", "PCM_16"),
    plain("CAF", ".caf", "pcm_s16", "CAF", "PCM_16"),
    plain("CAF", ".caf", "alac", "CAF", "ALAC_16", channels=(1, 2), time_tolerance_s=0.07),
    plain("FLAC", ".flac", "flac", "FLAC", "PCM_16", channels=(1, 6, 2)),
    plain("FLAC 24-bit", ".flac", "flac", "FLAC", "PCM_24", channels=(1, 2)),
    plain("Ogg", ".ogg .opus", "opus", "OGG", "OPUS", rates=OPUS, channels=(1, 2), level_tolerance=0.06),
    plain("Ogg", ".ogg", "vorbis", "OGG", "VORBIS", channels=(1, 2), time_tolerance_s=0.07, level_tolerance=0.1),
    lossy("MP3", ".mp3", "mp3", "mp3", "mp3", "libmp3lame", STEPS),
    lossy("MP2", ".mp2", "mp3", "mp2", "mp2", "mp2", STEPS[2:]),
    lossy("M4A", ".m4a .mp4 .mov", "mp4", "aac", "mp4", "aac", STEPS),
    lossy("M4A", ".m4a", "mp4", "alac", "mp4", "alac", STEPS),
    lossy(
        "M4A fragmented",
        ".m4a .mp4",
        "mp4",
        "aac",
        "mp4",
        "aac",
        STEPS,
        write={"options": {"movflags": "frag_keyframe+empty_moov"}},
        time_tolerance_s=0.18,
    ),
    lossy("QuickTime", ".mov", "mp4", "pcm_mulaw", "mov", "pcm_mulaw", STEPS),
    lossy("3GP", ".3gp", "mp4", "amr_nb", "3gp", "libopencore_amrnb", NARROWBAND, channels=(1,), level_tolerance=0.2),
    lossy("ADTS", ".aac", "adts", "aac", "adts", "aac", STEPS, time_tolerance_s=0.18),
    lossy("AMR", ".amr", "amr", "amr_nb", "amr", "libopencore_amrnb", NARROWBAND, channels=(1,), level_tolerance=0.2),
    Format(
        "AMR-WB", ".awb .amr", "amr", "amr_wb", write_amr_wb, WIDEBAND, (1,), time_tolerance_s=0.05, level_tolerance=0.2
    ),
    lossy("WebM", ".webm", "webm", "opus", "webm", "libopus", OPUS),
    lossy("Matroska", ".mka .mkv", "matroska", "opus", "matroska", "libopus", OPUS),
    lossy("Matroska", ".mka .mkv", "matroska", "aac", "matroska", "aac", STEPS),
    lossy("Matroska", ".mka .mkv", "matroska", "pcm_s16", "matroska", "pcm_s16le", STEPS),
    lossy("AVI", ".avi", "avi", "pcm_s16", "avi", "pcm_s16le", STEPS),
    lossy("AVI", ".avi", "avi", "pcm_u8", "avi", "pcm_u8", STEPS),
    lossy("AVI", ".avi", "avi", "mp3", "avi", "libmp3lame", STEPS, time_tolerance_s=0.18),
    lossy(
        "WMA", ".wma .wmv .asf", "asf", "wmav2", "asf", "wmav2", STEPS, write={"bit_rate": 64000}, time_tolerance_s=0.18
    ),
]


def wav(
    data: bytes = bytes(8000),
    *,
    tag: int = 1,
    channels: int = 1,
    rate: int = 8000,
    bits: int = 16,
    block_align: int | None = None,
    data_size: int | None = None,
    trailer: bytes = b"",
) -> bytes:
    """Return a WAV file with these header fields, which may be invalid."""
    block_align = max(1, channels * bits // 8) if block_align is None else block_align
    fields = (tag, 2), (channels, 2), (rate, 4), (rate * block_align, 4), (block_align, 2), (bits, 2)
    fmt = b"".join((value % 256**size).to_bytes(size, "little") for value, size in fields)
    chunks = b"fmt " + (16).to_bytes(4, "little") + fmt
    chunks += b"data" + (len(data) if data_size is None else data_size).to_bytes(4, "little") + data + trailer
    return b"RIFF" + (4 + len(chunks)).to_bytes(4, "little") + b"WAVE" + chunks


def formats_table() -> str:
    """Return the table in docs/formats.md."""
    lines = [
        "| file | usual endings | `container` | `codec` | sample rates, kHz | channels |",
        "|---|---|---|---|---|---|",
    ]
    for f in FORMATS:
        rates = ", ".join(f"{rate / 1000:g}" for rate in f.rates)
        channels = ", ".join(map(str, sorted(f.channels)))
        lines.append(f"| {f.name} | {f.suffixes} | `{f.container}` | `{f.codec}` | {rates} | {channels} |")
    return "\n".join(lines)
