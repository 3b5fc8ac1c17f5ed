"""Decoding of raw audio streams."""

import io

import numpy as np
import soundfile

from callmood.audio.pcm import PcmDecoder


def test_mulaw_decodes_as_libsndfile_does():
    codes = np.arange(256, dtype=np.uint8).tobytes()
    expected, _ = soundfile.read(
        io.BytesIO(codes), samplerate=8000, channels=1, format="RAW", subtype="ULAW", dtype="float32"
    )
    np.testing.assert_array_equal(PcmDecoder("mulaw", 16_000).decode(codes), expected)
