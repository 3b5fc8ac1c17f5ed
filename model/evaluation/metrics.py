"""What a classifier's answers are worth: every figure with its interval, and the gaps between groups of speakers.

All figures are functions of sums (`Tally`) that add up over clips. So a bootstrap over speakers is one matrix product:
how often each speaker was drawn, times what each speaker adds.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from callmood.types import EMOTIONS

BINS = 15
"""int: bins of confidence, of equal width, in the calibration error (Guo et al., 2017)."""

RESAMPLES = 2000
FEWEST_SPEAKERS = 2
"""int: speakers that an interval needs, and a group that is to be compared with another."""

FEWEST_CLIPS = 30
"""int: clips that such a group needs."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Tally:
    """Sums over clips; the leading axes, written `...`, are speakers, bootstrap samples, or none.

    Parameters
    ----------
    confusion : ndarray of float, shape (..., 6, 6)
        Clips by true emotion (rows) and answer (columns).
    calibration : ndarray of float, shape (..., 15, 3)
        For each bin of confidence: clips, sum of confidences, right answers.
    surprise : ndarray of float, shape (...)
        Sum of -log p(true emotion), in nats.
    """

    confusion: Floats
    calibration: Floats
    surprise: Floats

    def drawn(self, times: NDArray[Any]) -> Tally:
        """Sum over the first axis, each entry counted as often as `times`, shape (..., n), says."""
        return Tally(**{name: np.tensordot(times, sums, 1) for name, sums in vars(self).items()})


def tally(
    labels: NDArray[np.intp], probabilities: NDArray[np.float32], speakers: NDArray[np.intp], weight: float = 1.0
) -> Tally:
    """Add up what each speaker's clips give.

    Parameters
    ----------
    labels : ndarray of int, shape (n,)
        True emotions, as indices into `EMOTIONS`.
    probabilities : ndarray of float32, shape (n, 6)
        Rows sum to 1.
    speakers : ndarray of int, shape (n,)
        From 0 to one less than there are speakers.
    weight : float
        What one answer counts for, in clips.

    Returns
    -------
    Tally
        The leading axis is speakers.
    """
    many = int(speakers.max()) + 1
    answers, confidence = probabilities.argmax(axis=1), probabilities.max(axis=1).astype(np.float64)
    confusion = np.zeros((many, len(EMOTIONS), len(EMOTIONS)))
    np.add.at(confusion, (speakers, labels, answers), 1)
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    calibration = np.zeros((many, BINS, 3))
    np.add.at(calibration, (speakers, bins), np.stack([np.ones_like(confidence), confidence, answers == labels], 1))
    surprise = np.zeros(many)
    np.add.at(surprise, speakers, -np.log(np.maximum(probabilities[np.arange(len(labels)), labels], 1e-12)))
    return Tally(weight * confusion, weight * calibration, weight * surprise)


def figures(of: Tally) -> dict[str, Floats]:
    """Compute every figure.

    Parameters
    ----------
    of : Tally

    Returns
    -------
    dict of str to ndarray of float
        Of the tally's leading shape, in percent: `accuracy`; `uar`, the mean recall of the emotions that are there;
        `confidence`, its mean; `ece`, the expected calibration error. In nats: `log_loss`. With an axis more, of the
        six emotions, in percent: `recall`, `precision`, `f1`. What no clip tells is nan.
    """
    clips = of.confusion.sum(axis=(-2, -1))
    right = np.diagonal(of.confusion, axis1=-2, axis2=-1)
    acted, heard = of.confusion.sum(axis=-1), of.confusion.sum(axis=-2)
    there = acted > 0
    recall = _share(right, acted)
    sure, hits = of.calibration[..., 1], of.calibration[..., 2]
    return {
        "accuracy": 100 * _share(right.sum(axis=-1), clips),
        "uar": 100 * _share(np.nansum(recall, axis=-1), there.sum(axis=-1)),
        "confidence": 100 * _share(sure.sum(axis=-1), clips),
        "ece": 100 * _share(np.abs(sure - hits).sum(axis=-1), clips),
        "log_loss": _share(of.surprise, clips),
        "recall": 100 * recall,
        # Where an emotion is never acted, to hear it is wrong, but says nothing of how well it is told.
        "precision": 100 * np.where(there, _share(right, heard), np.nan),
        "f1": 100 * np.where(there, _share(2 * right, acted + heard), np.nan),
    }


def resampled(of: Tally, seed: int = 0) -> dict[str, Floats]:
    """Draw the speakers 2000 times, with replacement, and compute every figure of each draw.

    Parameters
    ----------
    of : Tally
        The leading axis is speakers.
    seed : int

    Returns
    -------
    dict of str to ndarray of float, shape (2000,) or (2000, 6)
    """
    speakers = len(of.surprise)
    draws = np.random.default_rng(seed).multinomial(speakers, np.full(speakers, 1 / speakers), RESAMPLES)
    return figures(of.drawn(draws))


def interval(values: Floats) -> Floats:
    """Where 95 % of the values lie along the first axis (Efron's percentile interval): (2, ...); nan where none is."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "All-NaN")
        return np.nanquantile(values, [0.025, 0.975], axis=0)


@dataclass(frozen=True)
class Answers:
    """A model's answers to clips.

    Parameters
    ----------
    labels : ndarray of int, shape (n,)
        True emotions, as indices into `EMOTIONS`.
    probabilities : ndarray of float32, shape (n, 6)
    speakers : ndarray of str, shape (n,)
        Names that are unique over all corpora.
    groups : dict of str to ndarray of str, shape (n,)
        By attribute (sex, age, ...): each answer's group, empty where it is not known.
    weight : float
        Of an answer in clips: a half where each clip was asked twice.
    """

    labels: NDArray[np.intp]
    probabilities: NDArray[np.float32]
    speakers: NDArray[np.str_]
    groups: dict[str, NDArray[np.str_]]
    weight: float = 1.0

    def tally(self, chosen: NDArray[np.bool_] | slice = slice(None)) -> Tally:
        """Add up all answers, or those chosen, by speaker."""
        _, numbers = np.unique(self.speakers[chosen], return_inverse=True)
        return tally(self.labels[chosen], self.probabilities[chosen], numbers, self.weight)


def together(parts: Sequence[Answers]) -> Answers:
    """Put answers of several models together, each to clips of its own; all were given with the same weight."""
    return Answers(
        labels=np.concatenate([part.labels for part in parts]),
        probabilities=np.concatenate([part.probabilities for part in parts]),
        speakers=np.concatenate([part.speakers for part in parts]),
        groups={
            attribute: np.concatenate([part.groups.get(attribute, np.full(len(part.labels), "")) for part in parts])
            for attribute in dict.fromkeys(attribute for part in parts for attribute in part.groups)
        },
        weight=parts[0].weight,
    )


def assess(answers: Answers) -> dict[str, Any]:
    """Work out everything that the answers tell, ready for JSON; percent and points, but for the log loss.

    Parameters
    ----------
    answers : Answers

    Returns
    -------
    dict
        `clips`, `speakers`, `accuracy`, `uar`, `confidence`, `ece`, `log_loss`; their `intervals` of 95 %, by speaker;
        `emotions`, by name, with recall, precision, F1 and their intervals; `confusion`, in clips, a row an acted
        emotion, a column one heard; `calibration`, a row for each bin of confidence that has clips; `groups`, by
        attribute, as `compare` gives them.
    """
    by_speaker = answers.tally()
    whole = _total(by_speaker)
    return {
        **_summary(by_speaker),
        "confusion": np.round(whole.confusion, 2).tolist(),
        "calibration": [
            {
                "from": _rounded(100 * k / BINS),
                "to": _rounded(100 * (k + 1) / BINS),
                "clips": _rounded(clips),
                "confidence": _rounded(100 * sure / clips),
                "accuracy": _rounded(100 * hits / clips),
            }
            for k, (clips, sure, hits) in enumerate(whole.calibration)
            if clips
        ],
        "groups": {attribute: compare(answers, attribute) for attribute in answers.groups},
    }


def compare(answers: Answers, attribute: str) -> dict[str, Any]:
    """Hold groups of speakers against each other.

    Parameters
    ----------
    answers : Answers
    attribute : str
        One of `answers.groups`.

    Returns
    -------
    dict
        `groups`: each by name, as in `assess`. `gaps`: for `accuracy`, `uar` and each emotion's recall, by name, how
        many points lie between the best and the worst group, which these two are, and the interval of their difference.
        Only groups of two speakers and thirty clips or more are held against each other.
    """
    named = answers.groups[attribute]
    tallies = {str(name): answers.tally(named == name) for name in np.unique(named) if name}
    large = [
        name
        for name, of in tallies.items()
        if len(of.surprise) >= FEWEST_SPEAKERS and of.confusion.sum() >= FEWEST_CLIPS - 0.5
    ]
    found = {name: _comparable(figures(_total(tallies[name]))) for name in large}
    # Groups are drawn apart from one another, each with chance of its own.
    draws = {name: _comparable(resampled(tallies[name], seed)) for seed, name in enumerate(large)}
    gaps = {}
    for figure in ("accuracy", "uar", *EMOTIONS):
        ranked = sorted(
            (name for name in large if np.isfinite(found[name][figure])), key=lambda name: found[name][figure]
        )
        if len(ranked) >= 2:
            worst, best = ranked[0], ranked[-1]
            gaps[figure] = {
                "points": _rounded(found[best][figure] - found[worst][figure]),
                "interval": _bounds(draws[best][figure] - draws[worst][figure]),
                "best": best,
                "worst": worst,
            }
    return {"groups": {name: _summary(by_speaker) for name, by_speaker in tallies.items()}, "gaps": gaps}


def _comparable(of: dict[str, Floats]) -> dict[str, Floats]:
    recall = {emotion: of["recall"][..., k] for k, emotion in enumerate(EMOTIONS)}
    return {"accuracy": of["accuracy"], "uar": of["uar"], **recall}


def _summary(by_speaker: Tally) -> dict[str, Any]:
    whole = _total(by_speaker)
    found = figures(whole)
    spread = resampled(by_speaker) if len(by_speaker.surprise) >= FEWEST_SPEAKERS else {}
    plain = [name for name, value in found.items() if not value.ndim]
    by_emotion = [name for name, value in found.items() if value.ndim]
    acted = whole.confusion.sum(axis=1)
    return {
        "clips": round(float(acted.sum())),
        "speakers": len(by_speaker.surprise),
        **{name: _rounded(found[name]) for name in plain},
        "intervals": {name: _bounds(spread[name]) for name in plain if spread},
        "emotions": {
            emotion: {
                "clips": round(float(acted[k])),
                **{name: _rounded(found[name][k]) for name in by_emotion},
                "intervals": {name: _bounds(spread[name][:, k]) for name in by_emotion if spread},
            }
            for k, emotion in enumerate(EMOTIONS)
            if acted[k]
        },
    }


def _total(by_speaker: Tally) -> Tally:
    return by_speaker.drawn(np.ones(len(by_speaker.surprise)))


def _share(part: Floats, whole: NDArray[Any]) -> Floats:
    return np.divide(part, whole, out=np.full(np.shape(part), np.nan), where=np.asarray(whole) > 0)


def _bounds(values: Floats) -> list[float | None]:
    return [_rounded(bound) for bound in interval(values)]


def _rounded(value: Any) -> float | None:
    return round(float(value), 4) if np.isfinite(value) else None


def auc(scores: Sequence[float] | Floats, positive: Sequence[bool] | NDArray[np.bool_]) -> float:
    """Area under the ROC curve: how often a positive scores above a negative, ties counting half.

    Parameters
    ----------
    scores : sequence of float, length n
    positive : sequence of bool, length n

    Returns
    -------
    float
        0 to 1; nan without a positive or without a negative.
    """
    values, is_positive = np.asarray(scores, float), np.asarray(positive, bool)
    above = values[is_positive][:, None] - values[~is_positive]
    return float((np.sign(above).mean() + 1) / 2) if above.size else float("nan")


def recall_at(scores: Sequence[float] | Floats, positive: Sequence[bool] | NDArray[np.bool_], false: float) -> float:
    """Share of positives found by the lowest threshold at which at most a share `false` of the negatives is too.

    Parameters
    ----------
    scores : sequence of float, length n
    positive : sequence of bool, length n
    false : float
        False alarms allowed, 0 to 1.

    Returns
    -------
    float
        0 to 1; nan without a positive or without a negative.
    """
    values, is_positive = np.asarray(scores, float), np.asarray(positive, bool)
    negatives = np.sort(values[~is_positive])[::-1]
    if not len(negatives) or not is_positive.any():
        return float("nan")
    allowed = int(false * len(negatives))
    # What scores above the first negative that must not be found is found.
    return float((values[is_positive] > negatives[min(allowed, len(negatives) - 1)]).mean())
