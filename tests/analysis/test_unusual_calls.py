"""Calls that no telephone system intends: each has a result, in bounded time."""

import io
import time
from datetime import UTC, datetime

import numpy as np
import pytest
import soundfile
from recordings import example

from callmood.analysis.analyzer import analyze
from callmood.config import AnalysisConfig
from callmood.emotion.model import load_model
from callmood.speech.diarization import separate, shipped_speaker_space
from callmood.types import ObjectRef, Recording

RATE = 8000


@pytest.fixture(scope="module")
def model():
    return load_model()


def analyzed(samples, model):
    file = io.BytesIO()
    soundfile.write(file, samples, RATE, format="WAV", subtype="ULAW")
    content = file.getvalue()
    return analyze(
        Recording(ObjectRef("", "a.wav", 1), content, len(content), "0" * 64, datetime.now(UTC)),
        model,
        AnalysisConfig(),
    )


def party(call_id, channel):
    return soundfile.read(example(call_id), always_2d=True)[0][:, channel]


@pytest.mark.parametrize("channels", [1, 2])
def test_one_long_tone_is_not_speech(model, channels):
    tone = 0.3 * np.sin(2 * np.pi * 425 * np.arange(300 * RATE) / RATE)
    result = analyzed(np.stack([tone] * channels, axis=1), model)
    assert result.segments == ()
    assert "no_speech" in result.warnings


def test_one_voice_on_both_sides_of_one_channel_has_no_roles(model):
    voice = party(1001, 0)
    result = analyzed(voice + np.roll(voice, len(voice) // 2), model)
    assert result.segments
    assert {segment.role for segment in result.segments} == {"unknown"}
    assert all(segment.emotion is None for segment in result.segments)


def test_voice_that_changes_at_a_transfer_stays_the_party_of_its_channel(model):
    other = np.concatenate([party(1002, 0)[: 60 * RATE], party(1003, 0)[: 60 * RATE]])
    customer = np.concatenate([party(1002, 1)[: 60 * RATE], party(1003, 1)[: 60 * RATE]])
    result = analyzed(np.stack([other, customer], axis=1), model)
    assert result.roles == ("agent", "customer")
    assert {segment.role for segment in result.segments} == {"agent", "customer"}
    mixed = analyzed(other + customer, model)
    assert mixed.segments


def test_sixty_speakers_in_one_channel_take_bounded_time():
    space, generator = shipped_speaker_space(), np.random.default_rng(1)
    voices = generator.normal(size=(60, len(space._mean)))
    embeddings = (np.repeat(voices, 60, axis=0) + 0.1 * generator.normal(size=(3600, len(space._mean)))).astype(
        np.float32
    )
    started = time.process_time()
    found = separate(space, embeddings, np.full(3600, 3.0))
    assert time.process_time() - started < 3
    assert len(found.labels) == 3600
    assert 1 <= found.speakers <= 8
