"""Self-test of a model: test signals, with the output of the model at registration."""

from __future__ import annotations

import io
import zipfile
import zlib

import numpy as np
from numpy.typing import NDArray

from callmood.emotion.model import EmotionModel
from callmood.errors import ModelError
from callmood.types import SAMPLE_RATE

# Runtimes and processors round differently: the two runtimes differ by 0.01 for the shipped model.
TOLERANCE = 0.05

_DURATION_S = 1.5


def make_self_test(model: EmotionModel) -> bytes:
    """Return a file with test signals and the output of the model.

    The file contains the signals too, so that the test does not depend on the code that synthesizes them.

    Parameters
    ----------
    model : EmotionModel
        The model to test later.

    Returns
    -------
    bytes
        A NumPy archive: ``signals``, int16, shape (k, n), and ``probabilities``, float32, shape (k, c).
    """
    signals = (_synthesize_signals() * 32767).astype(np.int16)
    file = io.BytesIO()
    np.savez_compressed(file, signals=signals, probabilities=_classify(model, signals))
    return file.getvalue()


def check_self_test(model: EmotionModel, test: bytes) -> None:
    """Run a self-test with the current software.

    Parameters
    ----------
    model : EmotionModel
        The model.
    test : bytes
        From `make_self_test`.

    Raises
    ------
    ModelError
        The output of the model differs, or the test is damaged.
    """
    try:
        with np.load(io.BytesIO(test), allow_pickle=False) as arrays:
            signals, expected = arrays["signals"], arrays["probabilities"]
    except (ValueError, KeyError, OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise ModelError(f"the self-test of model {model.version} is damaged ({error!r}); register it again") from None
    try:
        probabilities = _classify(model, signals)
    except (ValueError, RuntimeError) as error:  # errors of the runtimes
        raise ModelError(f"model {model.version} does not run on {model.runtime}: {error!r}") from error
    # The comparison is negated so that NaN fails.
    if probabilities.shape != expected.shape or not (np.abs(probabilities - expected) <= TOLERANCE).all():
        same_shape = probabilities.shape == expected.shape
        difference = float(np.abs(probabilities - expected).max()) if same_shape else float("nan")
        raise ModelError(
            f"model {model.version} fails its self-test: its probabilities differ by up to {difference:.2f} from those "
            f"at registration (limit {TOLERANCE}). Use the version of callmood that registered it, or register it "
            "again with this version"
        )


def _classify(model: EmotionModel, signals: NDArray[np.int16]) -> NDArray[np.float32]:
    """Return the probabilities with equal priors, relative to the baseline of all signals, with both signatures."""
    embeddings = np.stack([model.embed(signal.astype(np.float32) / 32768) for signal in signals])
    durations = np.full(len(signals), signals.shape[1] / SAMPLE_RATE, np.float32)
    prior = dict.fromkeys(model.labels, 1.0)
    return model.classify(embeddings, model.estimate_baseline(embeddings, durations, prior=prior), prior)


def _synthesize_signals() -> NDArray[np.float64]:
    """Return three harmonic signals with two formants each, at different pitches and syllable rates, with peak 0.5."""
    t = np.arange(int(_DURATION_S * SAMPLE_RATE)) / SAMPLE_RATE
    signals = []
    for pitch_hz, syllables_hz, formants_hz in ((110, 3, (500, 1500)), (190, 5, (700, 1200)), (280, 4, (300, 2300))):
        phase = 2 * np.pi * np.cumsum(pitch_hz * (1 + 0.1 * np.sin(2 * np.pi * t))) / SAMPLE_RATE
        source = np.zeros_like(t)
        for harmonic in range(1, 20):
            distance_hz = min(abs(harmonic * pitch_hz - formant) for formant in formants_hz)
            source += np.sin(harmonic * phase) / (1 + (distance_hz / 200) ** 2)
        envelope = 0.55 - 0.45 * np.cos(2 * np.pi * syllables_hz * t)
        signals.append(0.5 * envelope * source / np.abs(source).max())
    return np.stack(signals)
