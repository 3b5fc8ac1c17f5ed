"""A model's self-test: a few sounds, and what the model said of them when it was registered."""

from __future__ import annotations

import io
import zipfile
import zlib

import numpy as np
from numpy.typing import NDArray

from callmood.emotion.baseline import estimate_baseline
from callmood.emotion.model import EmotionModel
from callmood.errors import ModelError
from callmood.types import SAMPLE_RATE

# The two runtimes round differently, as do processors: on the shipped model they differ by 0.01 here.
TOLERANCE = 0.05

_SECONDS = 1.5


def make_self_test(model: EmotionModel) -> bytes:
    """Sounds with the model's answers, as the bytes of a file.

    The sounds are kept with the answers: the test must not change when the code that makes sounds does.

    Parameters
    ----------
    model : EmotionModel
        What is to be tested later.

    Returns
    -------
    bytes
        A NumPy archive: ``sounds``, int16, shape (k, n), and ``probabilities``, float32, shape (k, c).
    """
    sounds = (_sounds() * 32767).astype(np.int16)
    file = io.BytesIO()
    np.savez_compressed(file, sounds=sounds, probabilities=_answers(model, sounds))
    return file.getvalue()


def check_self_test(model: EmotionModel, test: bytes) -> None:
    """Ask the model again.

    Parameters
    ----------
    model : EmotionModel
        The model, as it is now, in the software as it is now.
    test : bytes
        From `make_self_test`.

    Raises
    ------
    ModelError
        Its answers are others, or the test is damaged.
    """
    try:
        with np.load(io.BytesIO(test), allow_pickle=False) as kept:
            sounds, expected = kept["sounds"], kept["probabilities"]
    except (ValueError, KeyError, OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise ModelError(f"the self-test of model {model.version} is damaged ({error!r}); register it again") from None
    try:
        answers = _answers(model, sounds)
    except (ValueError, RuntimeError) as error:  # as the runtimes refuse what they cannot compute
        raise ModelError(f"model {model.version} does not run on {model.runtime}: {error!r}") from error
    # Written so that NaN fails.
    if answers.shape != expected.shape or not (np.abs(answers - expected) <= TOLERANCE).all():
        off = float(np.abs(answers - expected).max()) if answers.shape == expected.shape else float("nan")
        raise ModelError(
            f"model {model.version} fails its self-test: of the same sounds it says other things than when it was "
            f"registered (by up to {off:.2f}; {TOLERANCE} is allowed). Go back to the callmood that it was registered "
            "with, or register it again with this one"
        )


def _answers(model: EmotionModel, sounds: NDArray[np.int16]) -> NDArray[np.float32]:
    """Probabilities with equal priors, relative to the sounds' own baseline: both signatures take part."""
    embeddings = np.stack([model.embed(sound.astype(np.float32) / 32768) for sound in sounds])
    durations = np.full(len(sounds), sounds.shape[1] / SAMPLE_RATE, np.float32)
    return model.classify(embeddings, estimate_baseline(embeddings, durations), dict.fromkeys(model.labels, 1.0))


def _sounds() -> NDArray[np.float64]:
    """Three buzzes with two formants each, as vowels have, at different pitches and rates of speaking; peaks of 0.5."""
    t = np.arange(int(_SECONDS * SAMPLE_RATE)) / SAMPLE_RATE
    sounds = []
    for pitch_hz, syllables_hz, formants_hz in ((110, 3, (500, 1500)), (190, 5, (700, 1200)), (280, 4, (300, 2300))):
        phase = 2 * np.pi * np.cumsum(pitch_hz * (1 + 0.1 * np.sin(2 * np.pi * t))) / SAMPLE_RATE
        buzz = np.zeros_like(t)
        for harmonic in range(1, 20):
            nearness = min(abs(harmonic * pitch_hz - formant) for formant in formants_hz)
            buzz += np.sin(harmonic * phase) / (1 + (nearness / 200) ** 2)
        loudness = 0.55 - 0.45 * np.cos(2 * np.pi * syllables_hz * t)
        sounds.append(0.5 * loudness * buzz / np.abs(buzz).max())
    return np.stack(sounds)
