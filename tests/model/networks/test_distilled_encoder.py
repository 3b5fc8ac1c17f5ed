"""The distilled encoder computes Whisper's embedding from half as many frames."""

import numpy as np
import pytest

pytest.importorskip("keras", reason="needs the extra train: pip install -e '.[train,test]'")

import soundfile
import soxr
from command_line import EXAMPLES

from callmood.emotion.log_mel import log_mel
from callmood.emotion.model import load_model
from callmood.types import SAMPLE_RATE
from model.networks.distilled_encoder import build_distilled_encoder
from model.networks.whisper_encoder import EMBEDDING, build_encoder
from model.networks.whisper_weights import encoder_weights


@pytest.fixture(scope="module")
def encoder():
    return build_distilled_encoder()


@pytest.fixture(scope="module")
def clips():
    """Two seconds of speech from eight places of an example call, at 16 kHz."""
    samples, rate = soundfile.read(EXAMPLES[0], dtype="float32")
    speech = soxr.resample(samples[:, 1], rate, SAMPLE_RATE)
    parts = speech[: len(speech) // 32000 * 32000].reshape(-1, 32000)
    return list(parts[np.argsort(-np.square(parts).sum(axis=1))[:8]])


def embed(encoder, mel):
    return np.asarray(encoder([mel[None], np.ones((1, len(mel)), np.float32)]))[0]


@pytest.mark.parametrize("frames", [1, 2, 3, 60, 61, 62, 63, 799, 800])
def test_every_length_gives_a_finite_embedding(encoder, frames):
    mel = np.random.default_rng(frames).normal(0, 1, (frames, 80)).astype(np.float32)
    assert embed(encoder, mel).shape == (EMBEDDING,)
    assert np.isfinite(embed(encoder, mel)).all()


def test_embedding_equals_that_of_whisper_nearly(encoder, clips):
    whisper = build_encoder(encoder_weights())
    mels = [log_mel(clip) for clip in clips]
    expected, actual = (np.stack([embed(one, mel) for mel in mels]) for one in (whisper, encoder))
    correlation = [np.corrcoef(one, other)[0, 1] for one, other in zip(actual, expected, strict=True)]
    assert min(correlation) > 0.98


def test_shipped_file_contains_this_encoder(encoder, clips):
    model = load_model()
    embedded = np.stack([model.embed(clip) for clip in clips])
    own = np.stack([embed(encoder, log_mel(clip)) for clip in clips])
    for values, expected in zip(embedded.T[::97], own.T[::97], strict=True):  # the file scales each value
        assert np.corrcoef(values, expected)[0, 1] > 0.98
