"""How well a model file tells emotions apart, through the code that serves it: `python -m model.evaluate --data DIR`.

Each speaker stands for a caller: a baseline is made of some of the speaker's clips, then every clip is classified
relative to it, with equal priors, since the corpora are about balanced. Baselines that are drawn are drawn five times.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from callmood.emotion import EmotionModel, load_model
from callmood.recording import EMOTIONS
from callmood.resources import MODEL
from model.baselines import NEUTRAL, counts
from model.corpora import CORPORA, Clip, read
from model.embed import embeddings
from model.hearing import CHANNELS, Hearing

DRAWS = 5
DURATIONS_S = (0, 1, 2, 4, 8)
EVEN = dict.fromkeys(EMOTIONS, 1 / len(EMOTIONS))

# (labels of a speaker's clips, rng) -> clips of each baseline to try, as indices
Baseline = Callable[[NDArray[np.intp], np.random.Generator], list[NDArray[np.intp]]]


def baseline_named(name: str) -> Baseline:
    """Baselines by name: `none`, `all` of a speaker's clips, or `neutral:30`: 30 clips drawn, 70 % of them neutral."""
    kind, _, k = name.partition(":")
    if name in ("none", "all"):
        return lambda labels, _: [np.arange(len(labels) if name == "all" else 0)]
    if kind != "neutral" or not k.isdigit():
        raise argparse.ArgumentTypeError(f"{name!r} is no baseline; write none, all, or neutral:30")
    mix = np.where(np.arange(len(EMOTIONS)) == NEUTRAL, 0.70, 0.06)[None].repeat(DRAWS, 0)

    def mostly_neutral(labels: NDArray[np.intp], rng: np.random.Generator) -> list[NDArray[np.intp]]:
        drawn = counts(labels, mix, np.full(DRAWS, int(k)), rng).astype(int)
        return [np.repeat(np.arange(len(labels)), times) for times in drawn]

    return mostly_neutral


def listen(
    model: EmotionModel,
    clips: list[Clip],
    embedded: NDArray[np.float32],
    durations_s: NDArray[np.float32],
    baseline: Baseline,
    seed: int = 0,
) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """Classify every clip against each baseline drawn of its speaker: indices of clips (m,), probabilities (m, 6)."""
    rng = np.random.default_rng(seed)
    labels = np.array([EMOTIONS.index(clip.emotion) for clip in clips])
    speakers = np.array([clip.speaker for clip in clips])
    heard, probabilities = [], []
    for speaker in np.unique(speakers):
        mine = np.flatnonzero(speakers == speaker)
        for chosen in baseline(labels[mine], rng):
            voice = model.baseline(embedded[mine[chosen]], durations_s[mine[chosen]])
            heard.append(mine)
            probabilities.append(model.classify(embedded[mine], voice, EVEN))
    return np.concatenate(heard), np.concatenate(probabilities)


def report(
    labels: NDArray[np.intp], probabilities: NDArray[np.float32], durations_s: NDArray[np.float32]
) -> dict[str, Any]:
    """Accuracy, unweighted average recall (UAR), mean confidence, and how they are spread; all in percent.

    A calibrated model is as confident as it is right, whatever the duration.
    """
    answers, confidence = probabilities.argmax(axis=1), probabilities.max(axis=1)
    right = answers == labels
    confusion = np.zeros((len(EMOTIONS), len(EMOTIONS)))
    np.add.at(confusion, (labels, answers), 1)
    recall = {EMOTIONS[k]: percent(right[labels == k]) for k in np.unique(labels)}
    return {
        "clips": len(labels),
        "accuracy": percent(right),
        "uar": round(float(np.mean(list(recall.values()))), 1),
        "confidence": percent(confidence),
        "recall": recall,
        "by_duration": {
            f"{start:g} to {end:g} s": {
                "clips": int(held.sum()),
                "accuracy": percent(right[held]),
                "confidence": percent(confidence[held]),
            }
            for start, end in pairwise(DURATIONS_S)
            if (held := (durations_s >= start) & (durations_s < end)).any()
        },
        "confusion": (100 * confusion / len(labels)).round(2).tolist(),  # rows: acted; columns: heard
    }


def percent(of: NDArray[Any]) -> float:
    """Mean in percent, to one decimal."""
    return round(100 * float(of.mean()), 1)


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder that holds the corpus's folder")
    parser.add_argument("--model", type=Path, default=MODEL / "emotion.tflite")
    parser.add_argument("--corpus", choices=CORPORA, default="cremad")
    parser.add_argument(
        "--split", choices=["train", "valid", "test"], default="valid", help="a corpus without splits is valid"
    )
    parser.add_argument("--channel", choices=CHANNELS, default="clean")
    parser.add_argument(
        "--span", choices=["whole", "speech", "crop"], default="whole", help="what is heard of each clip"
    )
    parser.add_argument("--baseline", type=baseline_named, default="neutral:30", help="none, all, or neutral:K")
    parser.add_argument("--cache", type=Path, default=Path("runs/evaluate"))
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()

    model = load_model(args.model)
    clips = [clip for clip in read(args.corpus, args.data / args.corpus).clips if clip.split == args.split]
    embedded, durations_s = embeddings(model, clips, Hearing(args.channel, args.span), args.cache)
    heard, probabilities = listen(model, clips, embedded, durations_s, args.baseline)
    labels = np.array([EMOTIONS.index(clips[i].emotion) for i in heard])
    found = {"model": model.version, **report(labels, probabilities, durations_s[heard])}
    if args.json:
        print(json.dumps(found))
    else:
        print("accuracy {accuracy} %, UAR {uar} %, mean confidence {confidence} %".format(**found))
        print("recall, %:", *(f"{emotion} {r}" for emotion, r in found["recall"].items()))
        for span, figures in found["by_duration"].items():
            print(span, "accuracy {accuracy} %, confidence {confidence} % ({clips} clips)".format(**figures))


if __name__ == "__main__":
    main()
