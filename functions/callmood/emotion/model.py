"""The emotion model: embed a segment, take a speaker's baseline, classify the segment relative to it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from callmood.emotion.baseline import SpeakerBaseline
from callmood.emotion.log_mel import log_mel
from callmood.errors import ModelError
from callmood.resources import MODEL

RUNTIMES = {"ai-edge-litert": "ai_edge_litert.interpreter", "tflite-runtime": "tflite_runtime.interpreter"}
"""dict of str to str: the runtimes that can run the model, fastest first, and their modules."""


Weight = TypeVar("Weight", float, NDArray[np.float64])


class EmotionModel:
    """A TFLite file with two signatures, `embed` and `classify`, and its facts.

    Safe to share between threads: a lock guards the interpreter.

    Attributes
    ----------
    version : str
        First 12 hexadecimal digits of the file's SHA-256: same version, same answers.
    labels : tuple of str
        Emotions in the order of the probabilities.
    runtime : str
        The TFLite runtime in use, `ai-edge-litert` or `tflite-runtime`.
    prior : dict of str to float
        Share of each emotion that the model expects in the speech of calls; sums to 1.
    confidence_threshold : float
        Probability in [0, 1] under which a segment should be reported as `uncertain`.
    """

    def __init__(self, content: bytes, facts: Mapping[str, Any], runtime: str | None = None) -> None:
        self.version = hashlib.sha256(content).hexdigest()[:12]
        if facts["version"] != self.version:
            raise ModelError(
                f"the model file is version {self.version}, the facts beside it are of {facts['version']}: "
                "one of them is damaged or of another export; copy or export both again"
            )
        self.labels: tuple[str, ...] = tuple(facts["labels"])
        self.prior: dict[str, float] = dict(facts["prior"])
        self.confidence_threshold = float(facts["confidence_threshold"])
        self._temperature_unknown = float(facts["temperature"])
        self._temperature_known = float(facts.get("temperature_known", facts["temperature"]))
        self._shrinkage_s = float(facts["baseline_shrinkage_s"])
        self._max_frames = int(facts["max_frames"])
        self.runtime, interpreter = _interpreter(content, runtime)
        self._embed = interpreter.get_signature_runner("embed")
        self._classify = interpreter.get_signature_runner("classify")
        self._lock = Lock()

    def embed(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Embed one segment.

        Parameters
        ----------
        samples : ndarray of float32, shape (n,)
            Mono audio at 16 kHz in [-1, 1]; 0.02 to 8 s (what is longer is cut).

        Returns
        -------
        ndarray of float32, shape (3072,)
            In units of the training corpus: 0 is its mean, 1 one standard deviation.
        """
        mel = log_mel(samples)[: self._max_frames]
        with self._lock:
            embedding: NDArray[np.float32] = self._embed(mel=mel[None])["embedding"][0]
        return embedding

    def classify(
        self, embeddings: NDArray[np.float32], baseline: SpeakerBaseline, prior: Mapping[str, float] | None = None
    ) -> NDArray[np.float32]:
        """Return the probability of each emotion, for segments of one speaker.

        Logits are divided by a temperature (Guo et al., On calibration of modern neural networks, 2017). It moves from
        the temperature of an unknown speaker to that of a known one in proportion to the speaker weight.

        Parameters
        ----------
        embeddings : ndarray of float32, shape (k, 3072)
            From `embed`.
        baseline : SpeakerBaseline
            Of all segments of the speaker. `unknown_speaker` classifies each segment alone.
        prior : mapping of str to float, optional
            Share of each emotion in the speech at hand. Default: the model's `prior`.

        Returns
        -------
        ndarray of float32, shape (k, 6)
            Calibrated and corrected for the prior. Rows sum to 1; columns are in the order of `labels`.
        """
        if len(embeddings) == 0:
            return np.zeros((0, len(self.labels)), np.float32)
        mean, weight = baseline.shrunk(self._shrinkage_s)
        with self._lock:
            logits: NDArray[np.float32] = self._classify(embedding=embeddings, baseline=mean[None])["logits"]
        divisor = temperature(self._temperature_unknown, self._temperature_known, weight)
        shares = prior or self.prior
        return apply_prior(logits / np.float32(divisor), [shares[label] for label in self.labels])


def temperature(unknown: float, known: float, weight: Weight) -> Weight:
    """Interpolate the temperature by the speaker weight: `unknown` at weight 0, `known` at weight 1."""
    return unknown + weight * (known - unknown)


def apply_prior(logits: NDArray[np.float32], prior: list[float]) -> NDArray[np.float32]:
    """Turn logits of a model trained on balanced classes into probabilities where classes are not.

    By Bayes' rule p(class | x) is proportional to p(x | class) times the class's prior; trained on classes of equal
    size, softmax(logits) is proportional to p(x | class) (Saerens, Latinne and Decaestecker, Neural Computation, 2002).

    Parameters
    ----------
    logits : ndarray of float32, shape (k, c)
    prior : list of float, length c
        Shares, each above 0; scaled to sum to 1.

    Returns
    -------
    ndarray of float32, shape (k, c)
        Rows sum to 1.
    """
    shifted = logits + np.log(np.asarray(prior, np.float32))
    exponents = np.exp(shifted - shifted.max(axis=1, keepdims=True))
    return np.asarray(exponents / exponents.sum(axis=1, keepdims=True), np.float32)


def load_model(path: Path | None = None, runtime: str | None = None) -> EmotionModel:
    """Load a model file and the facts beside it.

    Parameters
    ----------
    path : Path, optional
        A `.tflite` file with a `.json` of the same name beside it; default: the model shipped with callmood.
    runtime : str, optional
        `ai-edge-litert` or `tflite-runtime`; default: the first of them that loads.

    Returns
    -------
    EmotionModel

    Raises
    ------
    ModelError
        A file is missing or damaged, the two do not belong together, or no runtime is installed.
    """
    path = path or MODEL / "emotion.tflite"
    try:
        content, facts = path.read_bytes(), path.with_suffix(".json").read_bytes()
    except OSError as error:
        raise ModelError(f"cannot load the emotion model {path}: {error!r}") from error
    return read_model(content, facts, path, runtime)


def read_model(content: bytes, facts: bytes, where: object, runtime: str | None = None) -> EmotionModel:
    """Make a model of the bytes of its two files.

    Parameters
    ----------
    content, facts : bytes
        Of the `.tflite` file, and of the `.json` beside it.
    where : object
        What an error calls the model.
    runtime : str, optional
        As in `load_model`.

    Raises
    ------
    ModelError
        A file is damaged, the two do not belong together, or no runtime is installed.
    """
    try:
        return EmotionModel(content, json.loads(facts), runtime)
    except (ValueError, KeyError, TypeError, RuntimeError) as error:  # garbled, incomplete, refused
        raise ModelError(f"cannot load the emotion model {where}: {error!r}") from error


def _interpreter(content: bytes, runtime: str | None) -> tuple[str, Any]:
    """Start an interpreter on one thread, on the first runtime that is installed."""
    reasons = []
    for name in [runtime] if runtime else RUNTIMES:
        try:
            module = import_module(RUNTIMES[name])
        except ImportError as error:
            reasons.append(f"{name}: {error}")
        else:
            return name, module.Interpreter(model_content=content, num_threads=1)
    raise ModelError(f"no TFLite runtime loads ({'; '.join(reasons)}); pip install ai-edge-litert")
