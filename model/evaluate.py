"""How well a model file tells emotions apart, through the code that serves it: `python -m model.evaluate --data DIR`.

Each speaker stands for a caller: a baseline is made of some of the speaker's clips, then every clip is classified
relative to it, with equal priors, since the corpora are about balanced. Baselines that are drawn are drawn five times.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from callmood.emotion import EmotionModel, load_model
from callmood.recording import EMOTIONS
from callmood.resources import MODEL
from model.baselines import NEUTRAL, counts
from model.corpora import CORPORA, Clip
from model.embed import embeddings
from model.hearing import CHANNELS, Hearing

DRAWS = 5
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


def confusion(
    model: EmotionModel,
    clips: list[Clip],
    embedded: NDArray[np.float32],
    durations_s: NDArray[np.float32],
    baseline: Baseline,
    seed: int = 0,
) -> NDArray[np.float64]:
    """Classify every clip and count clips: (6, 6), rows what was acted, columns what was heard; averaged over draws."""
    rng = np.random.default_rng(seed)
    labels = np.array([EMOTIONS.index(clip.emotion) for clip in clips])
    speakers = np.array([clip.speaker for clip in clips])
    table = np.zeros((len(EMOTIONS), len(EMOTIONS)))
    for speaker in np.unique(speakers):
        mine = np.flatnonzero(speakers == speaker)
        drawn = baseline(labels[mine], rng)
        for chosen in drawn:
            voice = model.baseline(embedded[mine[chosen]], durations_s[mine[chosen]])
            heard = model.classify(embedded[mine], voice, EVEN).argmax(axis=1)
            np.add.at(table, (labels[mine], heard), 1 / len(drawn))
    return table


def report(table: NDArray[np.float64]) -> dict[str, object]:
    """Accuracy, unweighted average recall, and recall of each emotion, in percent."""
    present = table.sum(axis=1) > 0
    recall = 100 * np.diag(table)[present] / table.sum(axis=1)[present]
    names = [emotion for emotion, here in zip(EMOTIONS, present, strict=True) if here]
    return {
        "clips": round(table.sum()),
        "accuracy": round(float(100 * np.trace(table) / table.sum()), 1),
        "uar": round(float(recall.mean()), 1),
        "recall": {name: round(float(r), 1) for name, r in zip(names, recall, strict=True)},
        "confusion": table.round(1).tolist(),
    }


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder that holds the corpus's folder")
    parser.add_argument("--model", type=Path, default=MODEL / "emotion.tflite")
    parser.add_argument("--corpus", choices=CORPORA, default="cremad")
    parser.add_argument("--split", choices=["train", "valid"], default="valid", help="a corpus without splits is valid")
    parser.add_argument("--channel", choices=CHANNELS, default="clean")
    parser.add_argument(
        "--span", choices=["whole", "speech", "crop"], default="whole", help="what is heard of each clip"
    )
    parser.add_argument("--baseline", type=baseline_named, default="neutral:30", help="none, all, or neutral:K")
    parser.add_argument("--cache", type=Path, default=Path("runs/evaluate"))
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()

    model = load_model(args.model)
    clips = [clip for clip in CORPORA[args.corpus](args.data / args.corpus) if clip.split == args.split]
    embedded, durations_s = embeddings(model, clips, Hearing(args.channel, args.span), args.cache)
    found = {"model": model.version, **report(confusion(model, clips, embedded, durations_s, args.baseline))}
    if args.json:
        print(json.dumps(found))
    else:
        print(
            f"accuracy {found['accuracy']} %, UAR {found['uar']} % over {found['clips']} clips; recall {found['recall']}"
        )


if __name__ == "__main__":
    main()
