"""Train a head again, relative to baselines as serving estimates them.

The first training of a network uses means of clips as baselines (`model.training.fit`), because the estimate needs a
trained head. This step has three parts:

1. Train heads on parts of the speakers, so that each speaker has a head that does not know the speaker.
2. Estimate baselines of simulated calls with these heads, with and without a population.
3. Train the head relative to these baselines, from its weights.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from itertools import cycle
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from callmood.emotion.baseline import BaselineParameters
from callmood.types import EMOTIONS
from model.augmentation.conditions import AcousticCondition
from model.config import Config
from model.data.corpora import Clip, CorpusError
from model.features.dataset import Dataset
from model.features.embedding_cache import Embedder, embeddings
from model.networks import Network
from model.networks.network import relative_head, scaling_encoder
from model.networks.tflite_head import Weights
from model.training.estimated_baselines import Classifier, sample_estimated_baselines
from model.training.fit import fit

LINES: tuple[tuple[AcousticCondition, ...], ...] = (
    (AcousticCondition("clean", "whole"),),
    (AcousticCondition("clean", "speech"),),
    (AcousticCondition("telephone", "speech"), AcousticCondition("telephone", "random")),
    (AcousticCondition("random_telephone", "speech", 2),),
)
"""tuple of tuples of AcousticCondition: conditions of the training clips. Those of one line form calls together."""

_FOLDS = 3
_FOLD_EPOCHS = 7  # heads of folds only estimate baselines
_EPOCHS = 4
_BATCH = 256
_LEARNING_RATE = 2e-4  # a fifth of that of the first training
_DRAWS = 2  # baselines of each clip, in alternate epochs


def load_lines(embedder: Embedder, clips: Sequence[Clip], cache: Path) -> Dataset:
    """Embed clips on all lines, or read their embeddings from the cache."""
    numbers: dict[tuple[str, str], int] = {}
    speakers = np.array([numbers.setdefault((clip.corpus, clip.speaker), len(numbers)) for clip in clips], np.intp)
    labels = np.array([EMOTIONS.index(clip.emotion) for clip in clips], np.intp)
    parts = [
        (line, *embeddings(embedder, clips, condition, cache))
        for line, conditions in enumerate(LINES)
        for condition in conditions
    ]
    lines = np.repeat(np.array([line for line, _, _ in parts], np.intp), len(clips))
    labels = np.tile(labels, len(parts))
    return Dataset(
        features=np.concatenate([embedded for _, embedded, _ in parts]).astype(np.float32),
        durations_s=np.concatenate([durations_s for _, _, durations_s in parts]),
        labels=labels,
        targets=np.eye(len(EMOTIONS), dtype=np.float32)[labels],
        speakers=np.tile(speakers, len(parts)),
        lines=lines,
        sample_weights=np.ones(len(labels), np.float32),
    )


def fit_head(
    weights: Weights,
    parameters: BaselineParameters,
    temperatures: tuple[float, float],
    dataset: Dataset,
    conf: Config,
) -> Weights:
    """Train a head from `weights`, and return its weights.

    Parameters
    ----------
    weights : list of ndarray
        Kernel and bias of each dense layer; see `model.networks.tflite_head`.
    parameters : BaselineParameters
    temperatures : pair of float
        Without a speaker baseline, and with a complete one.
    dataset : Dataset
        Its features are embeddings.
    conf : Config
        Head, optimization, prior, and seed of the first training.

    Raises
    ------
    CorpusError
        There is only one speaker, of whom no head can be ignorant.
    """
    prior = np.array([conf.serving.prior[emotion] for emotion in EMOTIONS], np.float32)
    folds = min(_FOLDS, int(dataset.speakers.max()) + 1)
    if folds < 2:
        raise CorpusError("baselines.estimated needs at least two training speakers")
    classifiers: dict[int, Classifier] = {}
    for fold in range(folds):
        is_known = dataset.speakers % folds != fold
        conf_of_fold = _optimization(conf, conf.seed + fold, _FOLD_EPOCHS, conf.training.learning_rate)
        trained = Classifier(_train(None, _select(dataset, is_known), None, conf_of_fold), temperatures, prior)
        classifiers |= dict.fromkeys(np.unique(dataset.baseline_groups[~is_known]).tolist(), trained)
    draws = [
        sample_estimated_baselines(
            dataset,
            classifiers,
            parameters,
            conf.baselines.shrinkage_s,
            np.random.default_rng([conf.seed, draw]),
        )
        for draw in range(_DRAWS)
    ]
    return _train(weights, dataset, draws, _optimization(conf, conf.seed, _EPOCHS, _LEARNING_RATE))


def _optimization(conf: Config, seed: int, epochs: int, learning_rate: float) -> Config:
    training = conf.training.model_copy(
        update={"epochs": epochs, "learning_rate": learning_rate, "batch": _BATCH, "patience": None}
    )
    return conf.model_copy(update={"training": training, "seed": seed})


def _select(dataset: Dataset, rows: NDArray[np.bool_]) -> Dataset:
    return Dataset(*(getattr(dataset, name)[rows] for name in Dataset.__dataclass_fields__))


def _train(
    weights: Weights | None, dataset: Dataset, draws: Sequence[NDArray[np.float32]] | None, conf: Config
) -> Weights:
    """Train a head, from `weights` if given, relative to means of clips or to the baselines `draws`."""
    keras.utils.set_random_seed(conf.seed)
    size = dataset.features.shape[1]
    network = Network(None, scaling_encoder(size), relative_head(size, conf.head))  # scales by 1: already embeddings
    if weights:
        network.head.set_weights(weights)
    order = cycle(draws or [])
    draw_baselines = (lambda *_: next(order)) if draws else None
    with tempfile.TemporaryDirectory() as checkpoints:
        fit(network, dataset, None, conf, Path(checkpoints), lambda _: None, draw_baselines)
    return [np.asarray(weight, np.float32) for weight in network.head.get_weights()]
