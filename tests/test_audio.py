"""Recordings as recorders write them: decoded to the right sound."""

import numpy as np
import pytest
from audio_files import END_S, FORMATS, LENGTH_S, ONSET_S, Format, tone_levels, tone_pitches

from callmood.audio import SAMPLE_RATE, AudioInfo, open_audio


def hear(audio) -> tuple[np.ndarray, list[str]]:
    with open_audio(audio) as stream:
        sound = np.concatenate(list(stream.blocks()), axis=1)
        return sound, stream.warnings


CASES = [
    pytest.param(f, rate, channels, id=f"{f}-{rate}Hz-{channels}ch")
    for f in FORMATS
    for rate in f.rates
    for channels in f.channels
    if channels <= 2 or rate == f.rates[0]  # many channels are slow to write
]


@pytest.mark.parametrize(("kind", "rate", "channels"), CASES)
def test_every_format_gives_every_channel_its_own_sound_at_its_own_time(kind: Format, rate: int, channels: int):
    with open_audio(kind.example(rate, channels)) as stream:
        sound = np.concatenate(list(stream.blocks()), axis=1)

    assert stream.info == AudioInfo(kind.container, kind.codec, kind.stated_rate(rate), channels)
    assert stream.warnings == []
    assert sound.dtype == np.float32
    assert sound.shape == (channels, pytest.approx(LENGTH_S * SAMPLE_RATE, abs=kind.slack_s * SAMPLE_RATE))
    tone = sound[:, round(0.7 * SAMPLE_RATE) : round(1.3 * SAMPLE_RATE)]
    pitches = np.abs(np.fft.rfft(tone)).argmax(axis=1) / 0.6
    assert pitches == pytest.approx(tone_pitches(channels), abs=1)
    assert tone.std(axis=1) * 2**0.5 == pytest.approx(tone_levels(channels), rel=kind.level_slack)
    for channel in sound:
        audible = np.flatnonzero(np.abs(channel) > 0.12) / SAMPLE_RATE
        assert audible[[0, -1]] == pytest.approx([ONSET_S, END_S], abs=kind.slack_s + 0.001)
