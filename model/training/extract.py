"""Compute what training reads, once: `python -m model features --config CONF.toml --manifest M --cache DIR`.

A frozen front, such as Whisper's encoder, hears every clip in every way that the configuration names; where there is no
front, the spectrograms themselves are kept. Stopped half way, the same command goes on after the last speaker.
`model.training.train` does the same for what is not there yet.
"""

from __future__ import annotations

import argparse
import sys
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
from model import config, networks, remote_paths
from model.config import Config, ConfigError
from model.data import manifest
from model.data.corpora import Clip, CorpusError, has_human_speakers
from model.features.dataset import Dataset
from model.features.embedding_cache import Embedder, embeddings
from model.features.frontend import FrozenFrontend, Spectrogram
from model.networks import Network

CACHE = Path("runs/cache")


def chosen(rows: Sequence[manifest.Row], data: config.Data) -> tuple[list[Clip], list[Clip]]:
    """Choose clips to learn from, and those of the speakers set aside.

    Made-up voices are learned from where `data.sample_weights` says how much, and never set aside.

    Raises
    ------
    ConfigError
        There are too few speakers.
    """
    by_speaker = defaultdict(list)
    for clip in (row.as_clip() for row in rows):
        if clip.split in data.train_splits:
            by_speaker[clip.corpus, clip.speaker].append(clip)
    by_chance = sorted(by_speaker, key=lambda speaker: (crc32("/".join(speaker).encode()), speaker))
    people = [speaker for speaker in by_chance if has_human_speakers(speaker[0])][: data.speakers]
    if len(people) <= data.held_out_speakers:
        raise ConfigError(
            f"the manifest has {len(people)} speakers in {' and '.join(data.train_splits)}, of whom data.held_out_speakers "
            f"takes {data.held_out_speakers}: none is left to learn from"
        )
    few = {speaker: spread(clips, data.clips_per_speaker) for speaker, clips in by_speaker.items()}
    watch, learn = people[: data.held_out_speakers], people[data.held_out_speakers :]
    made_up = [
        speaker for speaker in by_chance if not has_human_speakers(speaker[0]) and speaker[0] in data.sample_weights
    ]
    learn += made_up[: data.speakers]
    # The order of clips is part of the shipped model's recipe: synthetic speech first.
    ordered = sorted(learn, key=lambda speaker: (has_human_speakers(speaker[0]), speaker))
    return [clip for name in ordered for clip in few[name]], [clip for name in sorted(watch) for clip in few[name]]


def spread(clips: Sequence[Clip], most: int | None) -> list[Clip]:
    """Take the first clips of each emotion in turn."""
    by_emotion = [[clip for clip in clips if clip.emotion == emotion] for emotion in EMOTIONS]
    in_turn = [clip for round_ in zip_longest(*by_emotion) for clip in round_ if clip]
    return in_turn[:most]


def target(clip: Clip, training: config.Training) -> NDArray[np.float64]:
    """Share of each emotion in what a clip is to be heard as, (6,): acted, heard by listeners, and smoothed."""
    acted = np.array([emotion == clip.emotion for emotion in EMOTIONS], float)
    votes = np.array([(clip.votes or {}).get(emotion, 0) for emotion in EMOTIONS], float)
    share = training.vote_weight if votes.sum() else 0.0
    mixed = (1 - share) * acted + share * votes / max(1.0, votes.sum())
    return (1 - training.label_smoothing) * mixed + training.label_smoothing / len(EMOTIONS)


def embedder(network: Network, config: Config, cache: Path) -> Embedder:
    """Make what computes features."""
    if network.frontend is None:
        return Spectrogram(config.data.frames)
    from model.networks.tflite import frontend_file  # TensorFlow, which a network without a front does not need

    return FrozenFrontend(frontend_file(network.frontend, cache))


def mean_aligned(embedded: NDArray[np.floating[Any]], clips: Sequence[Clip]) -> NDArray[np.floating[Any]]:
    """Move made-up voices to where people's neutral clips are, so that a model learns less of how a synthesizer sounds.

    Parameters
    ----------
    embedded : ndarray of float, shape (m, d)
        Of clips that were heard in one way; spectrograms (m, t, 80) have no such place, and are left as they are.
    clips : sequence of Clip, length m

    Returns
    -------
    ndarray of float, as `embedded`
        The mean of made-up clips is that of people's neutral ones, if there are any.
    """
    made_up = np.array([not has_human_speakers(clip.corpus) for clip in clips])
    neutral = np.array([clip.emotion == "neutral" for clip in clips]) & ~made_up
    if embedded.ndim != 2 or not made_up.any() or not neutral.any():
        return embedded
    there = embedded.copy()
    there[made_up] += embedded[neutral].mean(axis=0) - embedded[made_up].mean(axis=0)
    return there


def listen(embedder: Embedder, clips: Sequence[Clip], config: Config, cache: Path) -> Dataset:
    """Hear clips in every way that the configuration names."""
    known: dict[tuple[str, str], int] = {}
    numbers = np.array([known.setdefault((clip.corpus, clip.speaker), len(known)) for clip in clips], np.intp)
    heard, voices = [], []
    for group, conditions in enumerate(config.data.conditions):
        for condition in conditions:
            if condition.channel == "random_telephone" and config.data.telephone_channel is not None:
                condition = replace(condition, telephone_channel=config.data.telephone_channel)
            features, durations_s = embeddings(embedder, clips, condition, cache)
            heard.append((mean_aligned(features, clips), durations_s))
            voices.append(numbers + group * len(clips))
    return Dataset(
        features=np.concatenate([features for features, _ in heard]),
        durations_s=np.concatenate([durations_s for _, durations_s in heard]),
        labels=np.tile([EMOTIONS.index(clip.emotion) for clip in clips], len(heard)),
        targets=np.tile([target(clip, config.training) for clip in clips], (len(heard), 1)).astype(np.float32),
        baseline_groups=np.concatenate(voices),
        sample_weights=np.tile([config.data.sample_weights.get(clip.corpus, 1.0) for clip in clips], len(heard)).astype(
            np.float32
        ),
    )


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", type=remote_paths.source, required=True, help="see model/configs")
    parser.add_argument("--manifest", type=remote_paths.source, required=True, help="from model.ingest")
    parser.add_argument("--cache", type=remote_paths.kept, default=CACHE)
    args = parser.parse_args()
    try:
        conf = config.read(args.config)
        learn, watch = chosen(manifest.read(args.manifest), conf.data)
        heard = listen(embedder(networks.build(conf), conf, args.cache), learn + watch, conf, args.cache)
    except (ConfigError, CorpusError, OSError) as error:
        sys.exit(f"error: {error}")
    print(f"{len(heard.features)} hearings of {len(learn + watch)} clips in {args.cache}")


if __name__ == "__main__":
    remote_paths.run(main)
