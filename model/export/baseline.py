"""Fit parts of an existing model file again, without training its encoder again: the speaker baseline, or the head."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from callmood.emotion.associated_files import BASELINE
from callmood.emotion.baseline import read_parameters
from callmood.emotion.model import EmotionModel
from callmood.types import EMOTIONS
from model.augmentation.conditions import AcousticCondition
from model.config import Config
from model.data.corpora import Clip
from model.export.export import read_model, write_model
from model.features.embedding_cache import embeddings
from model.training.baseline_fit import fit_baseline

CONDITIONS = (
    AcousticCondition("telephone", "speech"),
    AcousticCondition("random_telephone", "speech", 2),
)
"""tuple of AcousticCondition: the telephone lines of each training speaker."""


def refit(model: EmotionModel, path: Path, clips: Sequence[Clip], conf: Config, out: Path, cache: Path) -> None:
    """Write a model file with the speaker baseline of other clips, and the prior and threshold of a configuration.

    Parameters
    ----------
    model : EmotionModel
        The model of `path`, which embeds the clips.
    path : Path
        The model file.
    clips : sequence of Clip
        Clips of training speakers.
    conf : Config
        Its `serving` sets the prior and the threshold.
    out : Path
        The model file to write. May be `path`.
    cache : Path
        Folder of cached embeddings.
    """
    labels = np.array([EMOTIONS.index(clip.emotion) for clip in clips], np.intp)
    numbers = {speaker: number for number, speaker in enumerate(sorted({(c.corpus, c.speaker) for c in clips}))}
    speakers = np.array([numbers[clip.corpus, clip.speaker] for clip in clips], np.intp)
    parts = [embeddings(model, clips, condition, cache)[0] for condition in CONDITIONS]
    parameters = fit_baseline(
        np.concatenate(parts).astype(np.float32),
        np.tile(labels, len(parts)),
        np.concatenate([speakers + line * len(numbers) for line in range(len(parts))]),
    )
    content, metadata, files = read_model(path)
    write_model(out, content, metadata | _serving(conf), files | {BASELINE: parameters.to_bytes()})


def refit_head(model: EmotionModel, path: Path, clips: Sequence[Clip], conf: Config, out: Path, cache: Path) -> None:
    """Write a model file with a head that was trained again on estimated baselines; see `model.training.head_fit`.

    Parameters are those of `refit`. The speaker baseline stays as it is. The configuration is that of the file.
    """
    from model.networks.tflite_head import read_head, replace_head  # TensorFlow: slow to import
    from model.training.head_fit import fit_head, load_lines

    content, metadata, files = read_model(path)
    dataset = load_lines(model, clips, cache)
    temperatures = (float(metadata["temperature"]), float(metadata["temperature_known"]))
    weights = fit_head(read_head(content), read_parameters(files[BASELINE]), temperatures, dataset, conf)
    write_model(out, replace_head(content, weights), metadata | _serving(conf), files)


def _serving(conf: Config) -> dict[str, Any]:
    """Return the prior and the threshold of a configuration: metadata that need no training."""
    return conf.serving.model_dump(mode="json", include={"prior", "confidence_threshold"})
