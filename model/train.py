"""Train the emotion model's head on frozen Whisper embeddings: `python -m model.train --data DIR`.

Embed every clip once, clean and through a telephone; then, epoch by epoch, draw each clip a fresh baseline of its
speaker and learn to tell the emotion from what is left when the baseline is taken away. Last, set the temperature on
speakers not trained on.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax
from tqdm import tqdm

from callmood.emotion import load_model
from callmood.recording import EMOTIONS
from model import baselines, corpora
from model.channels import CHANNELS
from model.embed import embeddings
from model.encoder import EMBEDDING, build_encoder
from model.export import facts, scale, write
from model.whisper import encoder_weights

HIDDEN, DROPOUT = 256, 0.5
EPOCHS, BATCH = 15, 128
LEARNING_RATE, WEIGHT_DECAY = 1e-3, 1e-2
MIXUP = 0.3  # Beta(a, a), Zhang et al., 2018
NO_BASELINE = 0.2  # share of clips that are judged alone
MOST_CLIPS = 60  # in a baseline; the number is drawn evenly on a logarithmic scale
SHRINKAGE_CLIPS = 2.0  # the corpus mean counts as this many clips


def relative(
    embedded: NDArray[np.float32], labels: NDArray[np.intp], speakers: NDArray[np.str_], rng: np.random.Generator
) -> NDArray[np.float32]:
    """Take from each embedding (n, 3072) a baseline of its speaker: the clip itself and others, drawn afresh."""
    less_baseline = embedded.copy()
    for speaker in np.unique(speakers):
        mine = np.flatnonzero(speakers == speaker)
        n = len(mine)
        k = np.exp(rng.uniform(0, np.log(MOST_CLIPS), n)).astype(int)
        counts = baselines.counts(labels[mine], baselines.mixes(rng, n), k, rng)  # (n, n): baselines by clips
        counts[np.arange(n), np.arange(n)] += 1
        counts[rng.random(n) < NO_BASELINE] = 0
        total = counts.sum(axis=1, keepdims=True) + SHRINKAGE_CLIPS  # embeddings are centred: the corpus mean adds 0
        less_baseline[mine] -= counts @ embedded[mine] / total
    return less_baseline


def new_head() -> keras.Model:
    """Embedding less baseline (b, 3072) -> logits (b, 6)."""
    return keras.Sequential(
        [
            keras.Input((EMBEDDING,)),
            keras.layers.Dense(HIDDEN, "gelu"),
            keras.layers.Dropout(DROPOUT),
            keras.layers.Dense(len(EMOTIONS)),
        ]
    )


def train_head(
    heard: Sequence[NDArray[np.float32]],
    labels: NDArray[np.intp],
    speakers: NDArray[np.str_],
    epochs: int,
    rng: np.random.Generator,
) -> keras.Model:
    """Train a head on the same clips heard through several channels, each (n, 3072)."""
    head = new_head()
    targets = np.eye(len(EMOTIONS), dtype=np.float32)[np.tile(labels, len(heard))]  # (m, 6), m = channels * n
    m = len(targets)
    rate = keras.optimizers.schedules.CosineDecay(LEARNING_RATE, epochs * -(-m // BATCH))
    head.compile(
        keras.optimizers.AdamW(rate, weight_decay=WEIGHT_DECAY), keras.losses.CategoricalCrossentropy(from_logits=True)
    )
    progress = tqdm(range(epochs), "training the head")
    for _ in progress:
        x = np.concatenate([relative(channel, labels, speakers, rng) for channel in heard])
        one, other = rng.permutation(m), rng.permutation(m)
        share = rng.beta(MIXUP, MIXUP, (m, 1)).astype(np.float32)
        mixed_x = share * x[one] + (1 - share) * x[other]
        mixed_y = share * targets[one] + (1 - share) * targets[other]
        history = head.fit(mixed_x, mixed_y, batch_size=BATCH, shuffle=False, verbose=0)
        progress.set_postfix(loss=f"{history.history['loss'][0]:.3f}")
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

    # The encoder as it will serve, but for scale and head: heads learn on what they will see, int8 rounding included.
    frozen = args.run / "encoder.tflite"
    blank = keras.Sequential([keras.Input((EMBEDDING,)), keras.layers.Dense(len(EMOTIONS), kernel_initializer="zeros")])
    write(frozen, build_encoder(encoder_weights()), scale(np.zeros(EMBEDDING), np.ones(EMBEDDING)), blank, facts(1.0))

    clips = corpora.cremad(args.data / "cremad")
    labels = np.array([EMOTIONS.index(clip.emotion) for clip in clips])
    speakers = np.array([clip.speaker for clip in clips])
    train = np.array([clip.split == "train" for clip in clips])
    heard = [embeddings(load_model(frozen), clips, channel, args.run / "embeddings") for channel in CHANNELS]

    together = np.concatenate([channel[train] for channel in heard])
    mean, deviation = together.mean(axis=0), together.std(axis=0) + 1e-5
    heard = [(channel - mean) / deviation for channel in heard]
    head = train_head([channel[train] for channel in heard], labels[train], speakers[train], args.epochs, rng)

    unseen = np.concatenate([relative(channel[~train], labels[~train], speakers[~train], rng) for channel in heard])
    t = temperature(head.predict(unseen, verbose=0), np.tile(labels[~train], len(heard)))

    head.save(args.run / "head.keras")
    np.savez(args.run / "scale.npz", mean=mean, deviation=deviation)
    (args.run / "facts.json").write_text(json.dumps(facts(t), indent=2))
    print(f"trained on {train.sum()} clips, temperature {t:.2f}. Next: python -m model.export")


if __name__ == "__main__":
    main()
