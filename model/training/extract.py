"""Compute and cache the features that training reads.

A frozen frontend, such as Whisper's encoder, processes every clip under every acoustic condition of the configuration.
Without a frontend, the features are the spectrograms. Features are cached per speaker, so an interrupted run continues
with the next speaker.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from itertools import zip_longest
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from callmood.types import EMOTIONS
from model import config, networks
from model.config import Config, ConfigError
from model.data import manifest
from model.data.corpora import Clip, has_human_speakers
from model.features.dataset import Dataset
from model.features.embedding_cache import Embedder, embeddings
from model.features.frontend import FrozenFrontend, Spectrogram
from model.networks import Network


def select_clips(rows: Sequence[manifest.Row], data: config.Data) -> tuple[list[Clip], list[Clip]]:
    """Select the clips to train on, and the clips of the held-out speakers.

    Synthetic speech is used for training only if `data.sample_weights` names its corpus, and it is never held out.

    Raises
    ------
    ConfigError
        The manifest has too few speakers.
    """
    by_speaker = defaultdict(list)
    for clip in (row.as_clip() for row in rows):
        if clip.split in data.train_splits:
            by_speaker[clip.corpus, clip.speaker].append(clip)
    shuffled = sorted(by_speaker, key=lambda speaker: (crc32("/".join(speaker).encode()), speaker))
    people = [speaker for speaker in shuffled if has_human_speakers(speaker[0])][: data.speakers]
    if len(people) <= data.held_out_speakers:
        raise ConfigError(
            f"no speaker remains for training: the manifest has {len(people)} speakers in "
            f"{' and '.join(data.train_splits)}, and data.held_out_speakers holds out {data.held_out_speakers}"
        )
    limited = {speaker: interleave_emotions(clips, data.clips_per_speaker) for speaker, clips in by_speaker.items()}
    held_out, training = people[: data.held_out_speakers], people[data.held_out_speakers :]
    synthetic = [
        speaker for speaker in shuffled if not has_human_speakers(speaker[0]) and speaker[0] in data.sample_weights
    ]
    training += synthetic[: data.speakers]
    # The order of clips is part of the shipped model's recipe: synthetic speech first.
    ordered = sorted(training, key=lambda speaker: (has_human_speakers(speaker[0]), speaker))
    return (
        [clip for speaker in ordered for clip in limited[speaker]],
        [clip for speaker in sorted(held_out) for clip in limited[speaker]],
    )


def interleave_emotions(clips: Sequence[Clip], limit: int | None) -> list[Clip]:
    """Take the first clip of each emotion, then the second of each, and so on, up to a limit."""
    by_emotion = [[clip for clip in clips if clip.emotion == emotion] for emotion in EMOTIONS]
    interleaved = [clip for round_ in zip_longest(*by_emotion) for clip in round_ if clip]
    return interleaved[:limit]


def target_distribution(clip: Clip, training: config.Training) -> NDArray[np.float64]:
    """Compute the training target of a clip, (6,): the acted emotion, the listeners' votes, and label smoothing."""
    acted = np.array([emotion == clip.emotion for emotion in EMOTIONS], float)
    votes = np.array([(clip.votes or {}).get(emotion, 0) for emotion in EMOTIONS], float)
    share = training.vote_weight if votes.sum() else 0.0
    mixed = (1 - share) * acted + share * votes / max(1.0, votes.sum())
    target: NDArray[np.float64] = (1 - training.label_smoothing) * mixed + training.label_smoothing / len(EMOTIONS)
    return target


def create_embedder(network: Network, config: Config, cache: Path) -> Embedder:
    """Create the object that computes the features of a network."""
    if network.frontend is None:
        return Spectrogram(config.data.frames)
    from model.networks.tflite import frontend_file  # TensorFlow: not needed without a frontend

    return FrozenFrontend(frontend_file(network.frontend, cache))


def mean_aligned(embedded: NDArray[np.floating[Any]], clips: Sequence[Clip]) -> NDArray[np.floating[Any]]:
    """Shift embeddings of synthetic speech to the mean of people's neutral speech.

    A model then learns less about the sound of a synthesizer.

    Parameters
    ----------
    embedded : ndarray of float, shape (m, d)
        Embeddings under one acoustic condition. Spectrograms (m, t, 80) are returned unchanged.
    clips : sequence of Clip, length m

    Returns
    -------
    ndarray of float, same shape as `embedded`
        The mean of the synthetic clips equals the mean of people's neutral clips, if there are any.
    """
    synthetic = np.array([not has_human_speakers(clip.corpus) for clip in clips])
    neutral = np.array([clip.emotion == "neutral" for clip in clips]) & ~synthetic
    if embedded.ndim != 2 or not synthetic.any() or not neutral.any():
        return embedded
    aligned = embedded.copy()
    aligned[synthetic] += embedded[neutral].mean(axis=0) - embedded[synthetic].mean(axis=0)
    return aligned


def load_dataset(embedder: Embedder, clips: Sequence[Clip], config: Config, cache: Path) -> Dataset:
    """Compute, or read from the cache, the features of clips under every condition of the configuration."""
    known: dict[tuple[str, str], int] = {}
    numbers = np.array([known.setdefault((clip.corpus, clip.speaker), len(known)) for clip in clips], np.intp)
    parts, lines = [], []
    for line, conditions in enumerate(config.data.conditions):
        for condition in conditions:
            if condition.channel == "random_telephone" and config.data.telephone_channel is not None:
                condition = replace(condition, telephone_channel=config.data.telephone_channel)
            features, durations_s = embeddings(embedder, clips, condition, cache)
            parts.append((mean_aligned(features, clips), durations_s))
            lines.append(line)
    return Dataset(
        features=np.concatenate([features for features, _ in parts]),
        durations_s=np.concatenate([durations_s for _, durations_s in parts]),
        labels=np.tile([EMOTIONS.index(clip.emotion) for clip in clips], len(parts)),
        targets=np.tile([target_distribution(clip, config.training) for clip in clips], (len(parts), 1)).astype(
            np.float32
        ),
        speakers=np.tile(numbers, len(parts)),
        lines=np.repeat(np.array(lines, np.intp), len(clips)),
        sample_weights=np.tile([config.data.sample_weights.get(clip.corpus, 1.0) for clip in clips], len(parts)).astype(
            np.float32
        ),
    )


def compute_features(conf: Config, rows: Sequence[manifest.Row], cache: Path) -> tuple[int, int]:
    """Compute the features that training on a manifest reads, and return the numbers of feature arrays and clips."""
    training, held_out = select_clips(rows, conf.data)
    dataset = load_dataset(create_embedder(networks.build(conf), conf, cache), training + held_out, conf, cache)
    return len(dataset.features), len(training + held_out)
