"""Speech codecs of telephone lines and recorders: real encoders at their real bit rates; the decoder that serves.

FFmpeg in PyAV's wheels encodes most of them, libsndfile G.711 and GSM. AMR-WB, EVS, G.729, iLBC and Speex are absent:
no wheel on PyPI has an encoder of theirs.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, field

import av
import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from callmood.audio.stream import open_audio
from callmood.types import SAMPLE_RATE

Samples = NDArray[np.float32]


@dataclass(frozen=True)
class Codec:
    """A codec at one bit rate.

    Parameters
    ----------
    container : str
        libsndfile's format or FFmpeg's muxer.
    encoder : str
        libsndfile's subtype or FFmpeg's encoder.
    rate : int
        Sample rate that it is given, in Hz.
    bit_rate : int
        In bit/s.
    options : dict of str to str
        FFmpeg's options.
    """

    container: str
    encoder: str
    rate: int
    bit_rate: int
    options: dict[str, str] = field(default_factory=dict)


_STEADY = {"application": "voip", "vbr": "off"}

CODECS = {
    # lines: landlines (G.711), DECT (G.726), IP telephones (G.722, G.723.1, Opus), mobile telephones (GSM, AMR)
    "mu_law": Codec("WAV", "ULAW", 8_000, 64_000),
    "a_law": Codec("WAV", "ALAW", 8_000, 64_000),
    "g726_32": Codec("wav", "g726", 8_000, 32_000),
    "g723_6": Codec("wav", "g723_1", 8_000, 6_300),
    "g722_64": Codec("wav", "g722", 16_000, 64_000),
    "gsm_13": Codec("WAV", "GSM610", 8_000, 13_000),
    "amr_4": Codec("amr", "libopencore_amrnb", 8_000, 4_750),
    "amr_7": Codec("amr", "libopencore_amrnb", 8_000, 7_950),
    "amr_12": Codec("amr", "libopencore_amrnb", 8_000, 12_200),
    "opus_8": Codec("ogg", "libopus", 8_000, 8_000, _STEADY),
    "opus_12": Codec("ogg", "libopus", 12_000, 12_000, _STEADY),
    "opus_24": Codec("ogg", "libopus", 16_000, 24_000, _STEADY),
    # recorders
    "mp3_8": Codec("mp3", "libmp3lame", 8_000, 8_000),
    "mp3_16": Codec("mp3", "libmp3lame", 8_000, 16_000),
    "mp3_32": Codec("mp3", "libmp3lame", 16_000, 32_000),
}
"""dict of str to Codec: each by its name and about its kbit/s."""


def encode(samples: Samples, codec: Codec) -> bytes:
    """Encode 16 kHz speech in [-1, 1], shape (n,), as a file."""
    slow = soxr.resample(samples, SAMPLE_RATE, codec.rate).clip(-1, 1)
    file = io.BytesIO()
    if codec.container == "WAV":
        soundfile.write(file, slow, codec.rate, codec.encoder, format=codec.container)
        return file.getvalue()
    with av.open(file, "w", format=codec.container) as output:
        stream = output.add_stream(codec.encoder, rate=codec.rate, layout="mono", options=codec.options)
        stream.bit_rate = codec.bit_rate
        stream.format = stream.codec_context.codec.audio_formats[0]
        stream.codec_context.open()
        frame = av.AudioFrame.from_ndarray(slow[None], format="flt", layout="mono")
        frame.sample_rate, frame.pts = codec.rate, 0
        size = stream.codec_context.frame_size or codec.rate // 50
        resampler = av.AudioResampler(stream.format, "mono", codec.rate, size)
        for piece in [*resampler.resample(frame), *resampler.resample(None), None]:
            output.mux(stream.encode(piece))
    return file.getvalue()


def decode(content: bytes) -> Samples:
    """Decode a file as serving does: 16 kHz, shape (n,)."""
    with open_audio(content) as stream:
        return np.concatenate([block[0] for block in stream.blocks()])


def through(samples: Samples, codec: Codec) -> Samples:
    """Encode and decode 16 kHz speech; the length stays, whatever the codec adds at its end."""
    heard = decode(encode(samples, codec))[: len(samples)]
    return np.pad(heard, (0, len(samples) - len(heard)))
