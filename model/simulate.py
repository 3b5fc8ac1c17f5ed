"""Calls put together from a corpus's unseen speakers, and what is heard of them: `python -m model.simulate --data DIR`.

A call is utterances of one speaker through a telephone, mostly neutral, of every length; in every other call two in a
row are angry. Each candidate for a baseline is judged by three figures: how surprised it is by the true emotions (log
loss), how often it is right, and how well the angriest two neighbours tell calls with anger from calls without (area
under the curve).
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from callmood.emotion import EmotionModel, load_model
from callmood.recording import EMOTIONS
from callmood.resources import MODEL
from model.baselines import NEUTRAL
from model.corpora import CORPORA, read
from model.embed import embeddings
from model.hearing import Hearing

ANGER = EMOTIONS.index("anger")

# (embeddings (k, d), durations in seconds (k,), shrinkage in seconds) -> baseline (d,)
Baseline = Callable[[NDArray[np.float32], NDArray[np.float32], float], NDArray[np.float32]]


def mean(embedded: NDArray[np.float32], durations_s: NDArray[np.float32], shrinkage_s: float) -> NDArray[np.float32]:
    """Mean weighted by duration: what is shipped."""
    return durations_s @ embedded / np.float32(durations_s.sum() + shrinkage_s)


def trimmed(embedded: NDArray[np.float32], durations_s: NDArray[np.float32], shrinkage_s: float) -> NDArray[np.float32]:
    """Mean of the four fifths that lie nearest to it, three times over."""
    centre = mean(embedded, durations_s, 0)
    for _ in range(3):
        distance = np.linalg.norm(embedded - centre, axis=1)
        near = distance <= np.quantile(distance, 0.8)
        centre = mean(embedded[near], durations_s[near], 0)
    return _shrunk(centre, durations_s, shrinkage_s)


def geometric_median(
    embedded: NDArray[np.float32], durations_s: NDArray[np.float32], shrinkage_s: float
) -> NDArray[np.float32]:
    """Point with the least distance to all, weighted by duration (Weiszfeld's iteration)."""
    centre = mean(embedded, durations_s, 0)
    for _ in range(10):
        weights = durations_s / np.maximum(np.linalg.norm(embedded - centre, axis=1), 1e-3)
        centre = mean(embedded, weights, 0)
    return _shrunk(centre, durations_s, shrinkage_s)


def median(embedded: NDArray[np.float32], durations_s: NDArray[np.float32], shrinkage_s: float) -> NDArray[np.float32]:
    """Median of each dimension."""
    return _shrunk(np.median(embedded, axis=0), durations_s, shrinkage_s)


def nothing(embedded: NDArray[np.float32], _: NDArray[np.float32], __: float) -> NDArray[np.float32]:
    """No baseline: each segment is judged alone."""
    return np.zeros(embedded.shape[1], np.float32)


def _shrunk(centre: NDArray[np.float32], durations_s: NDArray[np.float32], shrinkage_s: float) -> NDArray[np.float32]:
    heard = durations_s.sum()
    return np.asarray(centre * heard / (heard + shrinkage_s), np.float32)


BASELINES: list[Baseline] = [mean, trimmed, geometric_median, median, nothing]


@dataclass(frozen=True)
class Call:
    """k utterances of one speaker: embeddings (k, 3072), durations and emotions (k,); whether two of them are angry."""

    embedded: NDArray[np.float32]
    durations_s: NDArray[np.float32]
    labels: NDArray[np.intp]
    angry: bool


def simulate(
    embedded: NDArray[np.float32],
    durations_s: NDArray[np.float32],
    labels: NDArray[np.intp],
    segments: int,
    neutral: float,
    rng: np.random.Generator,
) -> Call:
    """Put a call together from one speaker's clips; what is not neutral is any emotion but anger."""
    calm = [emotion for emotion in np.unique(labels) if emotion != ANGER]
    emotions = np.where(rng.random(segments) < neutral, NEUTRAL, rng.choice(calm, segments))
    angry = bool(rng.random() < 0.5)
    if angry:
        first = rng.integers(segments - 1)
        emotions[first : first + 2] = ANGER
    clips = np.array([rng.choice(np.flatnonzero(labels == emotion)) for emotion in emotions])
    return Call(embedded[clips], durations_s[clips], emotions, angry)


def judge(model: EmotionModel, calls: list[Call], baseline: Baseline, shrinkage_s: float) -> tuple[float, float, float]:
    """Log loss, accuracy in percent, and the area under the curve."""
    losses, hits, angriest = [], [], []
    for call in calls:
        p = model.classify(call.embedded, baseline(call.embedded, call.durations_s, shrinkage_s))
        losses.append(-np.log(p[np.arange(len(p)), call.labels]).mean())
        hits.append((p.argmax(axis=1) == call.labels).mean())
        angriest.append((p[:-1, ANGER] + p[1:, ANGER]).max())
    scores, angry = np.array(angriest), np.array([call.angry for call in calls])
    higher = scores[angry][:, None] > scores[~angry]
    return float(np.mean(losses)), float(100 * np.mean(hits)), float(higher.mean())


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder that holds the corpus's folder")
    parser.add_argument("--model", type=Path, default=MODEL / "emotion.tflite")
    parser.add_argument("--corpus", choices=CORPORA, default="cremad")
    parser.add_argument("--segments", type=int, nargs="+", default=[3, 12, 40], help="utterances in a call")
    parser.add_argument("--neutral", type=float, default=0.8, help="share of neutral utterances")
    parser.add_argument("--shrinkage", type=float, nargs="+", default=[5.0], help="seconds of corpus mean in it")
    parser.add_argument("--calls", type=int, default=25, help="calls of each speaker")
    parser.add_argument("--cache", type=Path, default=Path("runs/evaluate"))
    args = parser.parse_args()

    model = load_model(args.model)
    clips = [clip for clip in read(args.corpus, args.data / args.corpus).clips if clip.split == "valid"]
    heard = [embeddings(model, clips, Hearing("telephone", span), args.cache) for span in ("speech", "crop")]
    embedded, durations_s = (np.concatenate(parts) for parts in zip(*heard, strict=True))
    labels = np.tile([EMOTIONS.index(clip.emotion) for clip in clips], len(heard))
    speakers = np.tile([clip.speaker for clip in clips], len(heard))

    print(f"{'segments':>8} {'baseline':>16} {'shrinkage s':>11} {'log loss':>8} {'accuracy %':>10} {'anger AUC':>9}")
    for segments in args.segments:
        rng = np.random.default_rng(segments)
        calls = [
            simulate(embedded[mine], durations_s[mine], labels[mine], segments, args.neutral, rng)
            for mine in (speakers == speaker for speaker in np.unique(speakers))
            for _ in range(args.calls)
        ]
        for baseline in BASELINES:
            for shrinkage_s in args.shrinkage:
                loss, accuracy, auc = judge(model, calls, baseline, shrinkage_s)
                print(f"{segments:8} {baseline.__name__:>16} {shrinkage_s:11} {loss:8.3f} {accuracy:10.1f} {auc:9.3f}")


if __name__ == "__main__":
    main()
