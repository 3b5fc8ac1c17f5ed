"""The emotion model: embed a segment, and classify it relative to the baseline of its speaker."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from callmood.emotion.associated_files import BASELINE, POPULATION, SPEAKERS, read_files
from callmood.emotion.baseline import BaselineEstimator, SpeakerBaseline, read_parameters, unknown_speaker
from callmood.emotion.log_mel import log_mel
from callmood.emotion.population import Population, read_population
from callmood.errors import ModelError
from callmood.resources import MODEL

RUNTIMES = {"ai-edge-litert": "ai_edge_litert.interpreter", "tflite-runtime": "tflite_runtime.interpreter"}
"""dict of str to str: module of each supported runtime, fastest first."""

Weight = TypeVar("Weight", float, NDArray[np.float64])

_ROUNDS = 4  # of expectation maximization; more rounds change no probability by more than 0.01


class EmotionModel:
    """A TFLite model with the signatures `embed` and `classify`, and its metadata.

    Safe to share between threads: a lock guards the interpreter.

    Parameters
    ----------
    content : bytes
        The `.tflite` file.
    metadata : mapping
        The `.json` file beside it.
    runtime : str, optional
        As in `load_model`.

    Attributes
    ----------
    version : str
        First 12 hexadecimal digits of the SHA-256 of the file.
    labels : tuple of str
        Emotions in the order of the probabilities.
    runtime : str
        The TFLite runtime in use: `ai-edge-litert` or `tflite-runtime`.
    prior : dict of str to float
        Expected share of each emotion in the speech of calls. The shares sum to 1.
    confidence_threshold : float
        Probability in [0, 1] below which a segment is `uncertain`.
    base_version : str
        The version before calibration, which a population names. The same as `version` for a model without one.
    population : Population or None
        The population of callers that the model is calibrated with.
    encoder : str or None
        Pre-trained weights of the encoder, which fine-tuning can have changed. None: trained from scratch.
    speakers : bytes or None
        The packed discriminant of speakers.
    """

    def __init__(self, content: bytes, metadata: Mapping[str, Any], runtime: str | None = None) -> None:
        self.version = hashlib.sha256(content).hexdigest()[:12]
        if metadata["version"] != self.version:
            raise ModelError(
                f"the model file has version {self.version}, its metadata has version {metadata['version']}. One of "
                "them is damaged or from another export; copy or export both again"
            )
        self.labels: tuple[str, ...] = tuple(metadata["labels"])
        self.prior: dict[str, float] = dict(metadata["prior"])
        self.confidence_threshold = float(metadata["confidence_threshold"])
        self._temperature_unknown = float(metadata["temperature"])
        self._temperature_known = float(metadata.get("temperature_known", metadata["temperature"]))
        self._shrinkage_s = float(metadata["baseline_shrinkage_s"])
        self._max_frames = int(metadata["max_frames"])
        self.encoder: str | None = metadata.get("encoder_weights")
        files = read_files(content)
        self.speakers = files.get(SPEAKERS)
        self._parameters = read_parameters(files[BASELINE])
        self.base_version = str(metadata.get("calibrated_from", self.version))
        self.population: Population | None = None
        self._estimator = BaselineEstimator(self._parameters, self._shrinkage_s, None)
        self.runtime, interpreter = _interpreter(content, runtime)
        self._embed = interpreter.get_signature_runner("embed")
        self._classify = interpreter.get_signature_runner("classify")
        self._lock = Lock()
        if POPULATION in files:
            self._use(read_population(files[POPULATION], "in the model file"))

    @property
    def population_version(self) -> str | None:
        """Return the version of the population that the model is calibrated with; None without one."""
        return self.population.version if self.population else None

    @property
    def state_version(self) -> str:
        """Return the version of model and population together. A `SpeakerBaseline` is valid for one such version."""
        return f"{self.version}+{self.population_version}" if self.population else self.version

    def calibrated(self, population: Population | None) -> EmotionModel:
        """Return the model with another population; itself for None. Both share the interpreter.

        Parameters
        ----------
        population : Population or None
            From calls that this model embedded.

        Raises
        ------
        ModelError
            Another model embedded the calls.
        """
        if population is None:
            return self
        model = copy.copy(self)
        model._use(population)
        return model

    def _use(self, population: Population) -> None:
        if population.model_version != self.base_version:
            raise ModelError(
                f"population {population.version} belongs to model {population.model_version}, but the model is "
                f"{self.base_version}; run callmood calibrate with this model, and set POPULATION_URI to the new file"
            )
        self.population = population
        self._estimator = BaselineEstimator(self._parameters, self._shrinkage_s, population)

    def embed(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Embed one segment.

        Parameters
        ----------
        samples : ndarray of float32, shape (n,)
            Mono audio at 16 kHz in [-1, 1], 0.02 to 8 s. Longer audio is truncated.

        Returns
        -------
        ndarray of float32, shape (3072,)
            In units of the training corpus: 0 is its mean, 1 is one standard deviation.
        """
        mel = log_mel(samples)[: self._max_frames]
        with self._lock:
            embedding: NDArray[np.float32] = self._embed(mel=mel[None])["embedding"][0]
        return embedding

    def estimate_baseline(
        self,
        embeddings: NDArray[np.float32],
        durations_s: NDArray[np.float32],
        earlier: SpeakerBaseline | None = None,
        prior: Mapping[str, float] | None = None,
    ) -> SpeakerBaseline:
        """Estimate the baseline of a speaker.

        Alternately classify the segments relative to the baseline, and estimate the baseline from the segments and
        their probabilities (`BaselineEstimator`). Statistics of earlier segments stay as they were (incremental
        expectation maximization: Neal and Hinton, 1998).

        Parameters
        ----------
        embeddings : ndarray of float32, shape (k, 3072)
            From `embed`. k may be 0.
        durations_s : ndarray of float32, shape (k,)
            Duration of each segment, in seconds.
        earlier : SpeakerBaseline, optional
            Of the speaker's segments in earlier chunks of the call, or earlier in the stream.
        prior : mapping of str to float, optional
            As in `classify`.

        Returns
        -------
        SpeakerBaseline
            Of all segments, for `classify`, and to continue with.
        """
        earlier = earlier or unknown_speaker(embeddings.shape[1], len(self.labels))
        baseline = earlier
        if len(embeddings):
            for _ in range(_ROUNDS):
                probabilities = self.classify(embeddings, baseline, prior)
                weights_s = self._estimator.weights(durations_s, probabilities)
                baseline = earlier.update(embeddings, weights_s, probabilities)
        return baseline

    def classify(
        self,
        embeddings: NDArray[np.float32],
        baseline: SpeakerBaseline | None = None,
        prior: Mapping[str, float] | None = None,
    ) -> NDArray[np.float32]:
        """Return the probability of each emotion, for segments of one speaker.

        Logits are divided by a temperature (Guo et al., On calibration of modern neural networks, 2017). It moves from
        the temperature of an unknown speaker to that of a known one in proportion to the speaker weight.

        Parameters
        ----------
        embeddings : ndarray of float32, shape (k, 3072)
            From `embed`.
        baseline : SpeakerBaseline, optional
            Of all segments of the speaker, from `estimate_baseline`. Default: classify each segment alone.
        prior : mapping of str to float, optional
            Share of each emotion in the speech at hand. Default: the model's `prior`.

        Returns
        -------
        ndarray of float32, shape (k, 6)
            Calibrated and corrected for the prior. Rows sum to 1; columns are in the order of `labels`.
        """
        if len(embeddings) == 0:
            return np.zeros((0, len(self.labels)), np.float32)
        mean, weight = self._estimator.locate(baseline or unknown_speaker(embeddings.shape[1], len(self.labels)))
        with self._lock:
            logits: NDArray[np.float32] = self._classify(embedding=embeddings, baseline=mean[None])["logits"]
        divisor = temperature(self._temperature_unknown, self._temperature_known, weight)
        shares = prior or self.prior
        return apply_prior(logits / np.float32(divisor), [shares[label] for label in self.labels])


def temperature(unknown: float, known: float, weight: Weight) -> Weight:
    """Interpolate the temperature by the speaker weight: `unknown` at weight 0, `known` at weight 1."""
    return unknown + weight * (known - unknown)


def apply_prior(logits: NDArray[np.float32], prior: list[float]) -> NDArray[np.float32]:
    """Convert logits of a model trained on balanced classes to probabilities under a prior.

    By Bayes' rule, p(class | x) is proportional to p(x | class) times the prior of the class. If the training classes
    are balanced, softmax(logits) is proportional to p(x | class) (Saerens, Latinne and Decaestecker, Neural
    Computation, 2002).

    Parameters
    ----------
    logits : ndarray of float32, shape (k, c)
    prior : list of float, length c
        Shares above 0. They need not sum to 1.

    Returns
    -------
    ndarray of float32, shape (k, c)
        Rows sum to 1.
    """
    shifted = logits + np.log(np.asarray(prior, np.float32))
    exponents = np.exp(shifted - shifted.max(axis=1, keepdims=True))
    return np.asarray(exponents / exponents.sum(axis=1, keepdims=True), np.float32)


def load_model(path: Path | None = None, runtime: str | None = None) -> EmotionModel:
    """Load a model file and its metadata.

    Parameters
    ----------
    path : Path, optional
        A `.tflite` file, with a `.json` file of the same name beside it. Default: the shipped model.
    runtime : str, optional
        `ai-edge-litert` or `tflite-runtime`. Default: the first one that is installed.

    Returns
    -------
    EmotionModel

    Raises
    ------
    ModelError
        A file is missing or damaged, their versions differ, or no runtime is installed.
    """
    path = path or MODEL / "emotion.tflite"
    try:
        content, metadata = path.read_bytes(), path.with_suffix(".json").read_bytes()
    except OSError as error:
        raise ModelError(f"cannot load the emotion model {path}: {error!r}") from error
    return read_model(content, metadata, path, runtime)


def read_model(content: bytes, metadata: bytes, where: object, runtime: str | None = None) -> EmotionModel:
    """Load a model from the bytes of its two files.

    Parameters
    ----------
    content, metadata : bytes
        The `.tflite` file and the `.json` file.
    where : object
        Name of the model in errors.
    runtime : str, optional
        As in `load_model`.

    Raises
    ------
    ModelError
        A file is damaged, their versions differ, or no runtime is installed.
    """
    try:
        return EmotionModel(content, json.loads(metadata), runtime)
    except (ValueError, KeyError, TypeError, RuntimeError) as error:  # invalid, incomplete, or rejected by the runtime
        raise ModelError(f"cannot load the emotion model {where}: {error!r}") from error


def _interpreter(content: bytes, runtime: str | None) -> tuple[str, Any]:
    """Create an interpreter with one thread, on the first runtime that is installed."""
    reasons = []
    for name in [runtime] if runtime else RUNTIMES:
        try:
            module = import_module(RUNTIMES[name])
        except ImportError as error:
            reasons.append(f"{name}: {error}")
        else:
            return name, module.Interpreter(model_content=content, num_threads=1)
    raise ModelError(f"no TFLite runtime could be loaded ({'; '.join(reasons)}); run pip install ai-edge-litert")
