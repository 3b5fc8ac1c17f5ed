"""Train the emotion model's head on frozen Whisper embeddings: `python -m model.train --data DIR`.

Embed every clip once, clean and through a telephone; then, epoch by epoch, draw each clip a fresh baseline of its
speaker and learn to tell the emotion from what is left when the baseline is taken away. Last, set the temperature on
speakers not trained on.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray
from rich.progress import track
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from callmood.emotion import EmotionModel, load_model
from callmood.recording import EMOTIONS
from model import baselines, corpora
from model.corpora import Clip
from model.embed import embeddings
from model.encoder import EMBEDDING, build_encoder
from model.export import BASELINE_SHRINKAGE_S, facts, scale, write
from model.hearing import Hearing
from model.whisper import encoder_weights

# Clips that are heard together give one another baselines: a call has segments of every length, in one channel.
ROOMS = [[Hearing("clean", "whole")], [Hearing("telephone", "whole")]]
ROOMS += [[Hearing("clean", "speech"), Hearing("clean", "crop")]]
ROOMS += [[Hearing("telephone", "speech"), Hearing("telephone", "crop")]]
HIDDEN, DROPOUT, INPUT_DROPOUT = 256, 0.5, 0.3
EPOCHS, BATCH = 15, 128
LEARNING_RATE, WEIGHT_DECAY = 1e-3, 1e-2
MIXUP = 0.3  # Beta(a, a), Zhang et al., 2018
NO_BASELINE = 0.2  # share of clips that are judged alone
MOST_CLIPS = 60  # in a baseline; the number is drawn evenly on a logarithmic scale


@dataclass(frozen=True)
class Room:
    """Clips that are heard together.

    Parameters
    ----------
    embedded : ndarray of float32, shape (n, 3072)
    durations_s : ndarray of float32, shape (n,)
    labels : ndarray of int, shape (n,)
        Index into `EMOTIONS`.
    speakers, splits : ndarray of str, shape (n,)
    """

    embedded: NDArray[np.float32]
    durations_s: NDArray[np.float32]
    labels: NDArray[np.intp]
    speakers: NDArray[np.str_]
    splits: NDArray[np.str_]

    def split(self, name: str) -> Room:
        """Return the clips of one split."""
        return Room(**{field: array[self.splits == name] for field, array in vars(self).items()})


def listen(model: EmotionModel, clips: Sequence[Clip], hearings: Sequence[Hearing], cache: Path) -> Room:
    """Embed clips in each of several ways."""
    heard = [embeddings(model, clips, hearing, cache) for hearing in hearings]
    return Room(
        embedded=np.concatenate([embedded for embedded, _ in heard]),
        durations_s=np.concatenate([durations_s for _, durations_s in heard]),
        labels=np.tile([EMOTIONS.index(clip.emotion) for clip in clips], len(heard)),
        speakers=np.tile([clip.speaker for clip in clips], len(heard)),
        splits=np.tile([clip.split for clip in clips], len(heard)),
    )


def relative(room: Room, rng: np.random.Generator) -> NDArray[np.float32]:
    """Take a baseline of its speaker, the clip itself and others drawn afresh, from each embedding: (n, 3072)."""
    less_baseline = room.embedded.copy()
    for speaker in np.unique(room.speakers):
        mine = np.flatnonzero(room.speakers == speaker)
        n = len(mine)
        k = np.exp(rng.uniform(0, np.log(MOST_CLIPS), n)).astype(int)
        counts = baselines.counts(room.labels[mine], baselines.mixes(rng, n), k, rng)  # (n, n): baselines by clips
        counts[np.arange(n), np.arange(n)] += 1
        counts[rng.random(n) < NO_BASELINE] = 0
        seconds = counts * room.durations_s[mine]
        # As `EmotionModel.baseline`: the corpus mean, 0, counts as some seconds more.
        total = seconds.sum(axis=1, keepdims=True) + np.float32(BASELINE_SHRINKAGE_S)
        less_baseline[mine] -= seconds @ room.embedded[mine] / total
    return less_baseline


def new_head() -> keras.Model:
    """Embedding less baseline (b, 3072) -> logits (b, 6)."""
    return keras.Sequential(
        [
            keras.Input((EMBEDDING,)),
            keras.layers.Dropout(INPUT_DROPOUT),
            keras.layers.Dense(HIDDEN, "gelu"),
            keras.layers.Dropout(DROPOUT),
            keras.layers.Dense(len(EMOTIONS)),
        ]
    )


def train_head(rooms: Sequence[Room], epochs: int, rng: np.random.Generator) -> keras.Model:
    """Train a head on the clips of all rooms, m together."""
    head = new_head()
    targets = np.eye(len(EMOTIONS), dtype=np.float32)[np.concatenate([room.labels for room in rooms])]  # (m, 6)
    m = len(targets)
    rate = keras.optimizers.schedules.CosineDecay(LEARNING_RATE, epochs * -(-m // BATCH))
    head.compile(
        keras.optimizers.AdamW(rate, weight_decay=WEIGHT_DECAY), keras.losses.CategoricalCrossentropy(from_logits=True)
    )
    for _ in track(range(epochs), "training the head"):
        x = np.concatenate([relative(room, rng) for room in rooms])  # (m, 3072)
        one, other = rng.permutation(m), rng.permutation(m)
        share = rng.beta(MIXUP, MIXUP, (m, 1)).astype(np.float32)
        mixed_x = share * x[one] + (1 - share) * x[other]
        mixed_y = share * targets[one] + (1 - share) * targets[other]
        head.fit(mixed_x, mixed_y, batch_size=BATCH, shuffle=False, verbose=0)
    return head


def temperature(logits: NDArray[np.float32], labels: NDArray[np.intp]) -> float:
    """Divisor of the logits that makes the labels likeliest (Guo et al., 2017)."""

    def surprise(t: float) -> float:
        return float(-log_softmax(logits / t, axis=1)[np.arange(len(labels)), labels].mean())

    return float(minimize_scalar(surprise, bounds=(0.2, 5.0), method="bounded").x)


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder that holds cremad/")
    parser.add_argument(
        "--run", type=Path, default=Path("runs/emotion"), help="where embeddings and the trained head go"
    )
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    keras.utils.set_random_seed(args.seed)
    rng = np.random.default_rng(args.seed)

    # The encoder as it will serve, but for scale and head: the head learns on what it will see, int8 rounding included.
    frozen = args.run / "encoder.tflite"
    blank = keras.Sequential([keras.Input((EMBEDDING,)), keras.layers.Dense(len(EMOTIONS), kernel_initializer="zeros")])
    write(frozen, build_encoder(encoder_weights()), scale(np.zeros(EMBEDDING), np.ones(EMBEDDING)), blank, facts(1.0))

    clips = corpora.read("cremad", args.data / "cremad").clips
    rooms = [listen(load_model(frozen), clips, hearings, args.run / "embeddings") for hearings in ROOMS]
    seen = np.concatenate([room.split("train").embedded for room in rooms])
    mean, deviation = seen.mean(axis=0), seen.std(axis=0) + np.float32(1e-5)
    rooms = [replace(room, embedded=(room.embedded - mean) / deviation) for room in rooms]

    head = train_head([room.split("train") for room in rooms], args.epochs, rng)
    valid = [room.split("valid") for room in rooms]
    logits = head.predict(np.concatenate([relative(room, rng) for room in valid]), verbose=0)
    t = temperature(logits, np.concatenate([room.labels for room in valid]))

    head.save(args.run / "head.keras")
    np.savez(args.run / "scale.npz", mean=mean, deviation=deviation)
    (args.run / "facts.json").write_text(json.dumps(facts(t), indent=2))
    print(f"temperature {t:.2f}. Next: python -m model.export")


if __name__ == "__main__":
    main()
