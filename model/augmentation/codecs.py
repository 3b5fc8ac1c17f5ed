"""Speech codecs of telephone networks and recorders: real encoders at their usual bit rates, and the serving decoder.

libsndfile encodes G.711 and GSM, FFmpeg in PyAV's wheels the others. AMR-WB, EVS, G.729, iLBC, and Speex are absent,
because no wheel on PyPI contains an encoder.
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
        Sample rate of the encoder's input, in Hz.
    bit_rate : int
        In bit/s.
    options : dict of str to str
        Options of FFmpeg's encoder.
    """

    container: str
    encoder: str
    rate: int
    bit_rate: int
    options: dict[str, str] = field(default_factory=dict)


_STEADY = {"application": "voip", "vbr": "off"}

CODECS = {
    # landlines (G.711), DECT (G.726), IP telephones (G.722, G.723.1, Opus), mobile telephones (GSM, AMR)
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
"""dict of str to Codec: the codecs; a name ends with the bit rate in kbit/s."""


def encode(samples: Samples, codec: Codec) -> bytes:
    """Encode 16 kHz speech in [-1, 1], shape (n,); return the file's content."""
    slow = soxr.resample(samples, SAMPLE_RATE, codec.rate).clip(-1, 1)
    file = io.BytesIO()
    if codec.container == "WAV":
        soundfile.write(file, slow, codec.rate, codec.encoder, format=codec.container)
        return file.getvalue()
    with av.open(file, "w", format=codec.container) as output:
        stream = output.add_stream(codec.encoder, rate=codec.rate, layout="mono", options=codec.options)
        assert isinstance(stream, av.AudioStream)
        formats = stream.codec_context.codec.audio_formats
        assert formats, codec.encoder
        stream.bit_rate = codec.bit_rate
        stream.format = formats[0]
        stream.codec_context.open()
        frame = av.AudioFrame.from_ndarray(slow[None], format="flt", layout="mono")
        frame.sample_rate, frame.pts = codec.rate, 0
        size = stream.codec_context.frame_size or codec.rate // 50
        resampler = av.AudioResampler(stream.format, "mono", codec.rate, size)
        for piece in [*resampler.resample(frame), *resampler.resample(None), None]:
            output.mux(stream.encode(piece))
    return file.getvalue()


def decode(content: bytes) -> Samples:
    """Decode a file with the serving decoder; return samples at 16 kHz, shape (n,)."""
    with open_audio(content) as stream:
        return np.concatenate([block[0] for block in stream.blocks()])


def transcode(samples: Samples, codec: Codec) -> Samples:
    """Encode and decode 16 kHz speech; the length does not change."""
    decoded = decode(encode(samples, codec))[: len(samples)]
    return np.pad(decoded, (0, len(samples) - len(decoded)))
