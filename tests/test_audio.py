"""Recordings as recorders write them: decoded to the right sound."""

import io

import numpy as np
import pytest
import soundfile

from callmood.audio import open_audio
from callmood.errors import BadRecording


def two_tones(rate: int, seconds: float = 2.0) -> np.ndarray:
    t = np.arange(round(rate * seconds)) / rate
    return np.stack([0.5 * np.sin(2 * np.pi * 440 * t), 0.25 * np.sin(2 * np.pi * 1000 * t)], axis=1)


@pytest.mark.parametrize("rate", [8000, 16000, 44100, 48000])
@pytest.mark.parametrize(
    ("container", "codec"),
    [("WAV", "PCM_16"), ("WAV", "ULAW"), ("FLAC", "PCM_16"), ("OGG", "VORBIS"), ("MP3", "MPEG_LAYER_III")],
)
def test_each_channel_sounds_as_it_was_recorded(container, codec, rate):
    file = io.BytesIO()
    soundfile.write(file, two_tones(rate), rate, format=container, subtype=codec)
    with open_audio(file.getvalue()) as stream:
        sound = np.concatenate(list(stream.blocks(0.7)), axis=1)
    assert stream.warnings == []
    assert sound.dtype == np.float32
    assert sound.shape == (2, pytest.approx(32000, abs=300 if container in ("MP3", "OGG") else 2))
    middle = sound[:, 8000:24000]
    assert np.abs(np.fft.rfft(middle)).argmax(axis=1) == pytest.approx([440, 1000], abs=1)
    assert np.sqrt((middle**2).mean(axis=1)) == pytest.approx([0.5 / 2**0.5, 0.25 / 2**0.5], rel=0.1)


def test_an_empty_file_is_refused():
    with pytest.raises(BadRecording) as refused:
        open_audio(b"")
    assert refused.value.code == "empty_file"
