"""The emotion model: embed a segment, take a speaker's baseline, classify the segment relative to it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from callmood.emotion.log_mel import log_mel
from callmood.errors import ModelError
from callmood.resources import MODEL

RUNTIMES = {"ai-edge-litert": "ai_edge_litert.interpreter", "tflite-runtime": "tflite_runtime.interpreter"}
"""dict of str to str: the runtimes that can run the model, fastest first, and their modules."""


Known = TypeVar("Known", float, NDArray[np.float64])


@dataclass(frozen=True)
class Baseline:
    """What a voice sounds like over all that was heard of it.

    Parameters
    ----------
    mean : ndarray of float32, shape (d,)
        Of its segments' embeddings; the corpus mean, 0, where none was heard.
    known : float
        How much of that is the voice and not the corpus mean, in [0, 1): 0 where nothing was heard.
    """

    mean: NDArray[np.float32]
    known: float


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
        self._temperature = float(facts["temperature"])
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

    def baseline(self, embeddings: NDArray[np.float32], durations_s: NDArray[np.float32]) -> Baseline:
        """Baseline of one voice: what it sounds like on average over its segments.

        A mean weighted by duration, shrunk toward the corpus mean as if some seconds of it had been heard too: with few
        segments it would otherwise explain away the very emotion that is looked for.

        Parameters
        ----------
        embeddings : ndarray of float32, shape (k, 3072)
            All segments of one channel; k may be 0.
        durations_s : ndarray of float32, shape (k,)
            Their durations in seconds.

        Returns
        -------
        Baseline
        """
        weights = np.asarray(durations_s, np.float32)
        seconds = float(weights.sum())
        total = max(seconds + self._shrinkage_s, 1e-6)  # a model may do without shrinkage
        return Baseline(weights @ embeddings / np.float32(total), seconds / total)

    def classify(
        self, embeddings: NDArray[np.float32], baseline: Baseline, prior: Mapping[str, float] | None = None
    ) -> NDArray[np.float32]:
        """Probability of each emotion, for segments of one voice.

        The better a voice is known, the more an answer can be relied on: the temperature that logits are divided by
        (Guo et al., On calibration of modern neural networks, 2017) goes from one for a segment judged alone to another
        for a voice that is known well, in proportion to `Baseline.known` (docs/decisions/0005-speaker-baseline.md).

        Parameters
        ----------
        embeddings : ndarray of float32, shape (k, 3072)
            From `embed`.
        baseline : Baseline
            From `baseline`; of no segments, to judge each segment alone.
        prior : mapping of str to float, optional
            Share of each emotion in the speech at hand; default: the model's `prior`.

        Returns
        -------
        ndarray of float32, shape (k, 6)
            Calibrated and corrected for the prior; rows sum to 1, columns as in `labels`.
        """
        if len(embeddings) == 0:
            return np.zeros((0, len(self.labels)), np.float32)
        with self._lock:
            logits: NDArray[np.float32] = self._classify(embedding=embeddings, baseline=baseline.mean[None])["logits"]
        divisor = temperature(self._temperature, self._temperature_known, baseline.known)
        shares = prior or self.prior
        return apply_prior(logits / np.float32(divisor), [shares[label] for label in self.labels])


def temperature(alone: float, voiced: float, known: Known) -> Known:
    """What to divide logits by: `alone` where nothing is known of a voice, `voiced` where all is (`Baseline.known`)."""
    return alone + known * (voiced - alone)


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
