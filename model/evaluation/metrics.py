"""Metrics of a classifier with confidence intervals, and the gaps between groups of speakers.

All metrics are functions of sums over clips (`SufficientStatistics`). A bootstrap over speakers is therefore one matrix
product: the number of draws of each speaker times the speaker's statistics.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from callmood.types import EMOTIONS

BINS = 15
"""int: bins of equal width for the calibration error (Guo et al., 2017)."""

RESAMPLES = 2000
MIN_SPEAKERS = 2
"""int: speakers required for an interval, and for a group in a comparison."""

MIN_CLIPS = 30
"""int: clips required for a group in a comparison."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class SufficientStatistics:
    """Sums over clips. The leading axes, written `...`, are speakers, bootstrap samples, or absent.

    Parameters
    ----------
    confusion : ndarray of float, shape (..., 6, 6)
        Number of clips by true emotion (rows) and predicted emotion (columns).
    calibration : ndarray of float, shape (..., 15, 3)
        For each confidence bin: clips, sum of confidences, correct predictions.
    negative_log_likelihood : ndarray of float, shape (...)
        Sum of -log p(true emotion), in nats.
    """

    confusion: Floats
    calibration: Floats
    negative_log_likelihood: Floats

    def weighted_sum(self, weights: NDArray[Any]) -> SufficientStatistics:
        """Sum over the first axis with weights of shape (..., n)."""
        return SufficientStatistics(**{name: np.tensordot(weights, sums, 1) for name, sums in vars(self).items()})


def statistics_by_speaker(
    labels: NDArray[np.intp], probabilities: NDArray[np.float32], speakers: NDArray[np.intp], weight: float = 1.0
) -> SufficientStatistics:
    """Compute the statistics of each speaker.

    Parameters
    ----------
    labels : ndarray of int, shape (n,)
        True emotions, as indices into `EMOTIONS`.
    probabilities : ndarray of float32, shape (n, 6)
        Rows sum to 1.
    speakers : ndarray of int, shape (n,)
        Numbers from 0 to the number of speakers less 1.
    weight : float
        Weight of a prediction, in clips.

    Returns
    -------
    SufficientStatistics
        The leading axis is speakers.
    """
    count = int(speakers.max()) + 1
    predicted, confidence = probabilities.argmax(axis=1), probabilities.max(axis=1).astype(np.float64)
    confusion = np.zeros((count, len(EMOTIONS), len(EMOTIONS)))
    np.add.at(confusion, (speakers, labels, predicted), 1)
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    calibration = np.zeros((count, BINS, 3))
    np.add.at(calibration, (speakers, bins), np.stack([np.ones_like(confidence), confidence, predicted == labels], 1))
    likelihood = np.maximum(probabilities[np.arange(len(labels)), labels], 1e-12)
    negative_log_likelihood = np.zeros(count)
    np.add.at(negative_log_likelihood, speakers, -np.log(likelihood))
    return SufficientStatistics(weight * confusion, weight * calibration, weight * negative_log_likelihood)


def compute_metrics(statistics: SufficientStatistics) -> dict[str, Floats]:
    """Compute every metric.

    Parameters
    ----------
    statistics : SufficientStatistics

    Returns
    -------
    dict of str to ndarray of float
        With the leading shape of the statistics, in percent: `accuracy`; `uar`, the mean recall of the emotions with
        clips; `confidence`, the mean confidence; `ece`, the expected calibration error. In nats: `log_loss`. With one
        more axis for the six emotions, in percent: `recall`, `precision`, `f1`. Undefined values are nan.
    """
    clips = statistics.confusion.sum(axis=(-2, -1))
    correct = np.diagonal(statistics.confusion, axis1=-2, axis2=-1)
    acted, predicted = statistics.confusion.sum(axis=-1), statistics.confusion.sum(axis=-2)
    has_clips = acted > 0
    recall = _ratio(correct, acted)
    confidence, hits = statistics.calibration[..., 1], statistics.calibration[..., 2]
    return {
        "accuracy": 100 * _ratio(correct.sum(axis=-1), clips),
        "uar": 100 * _ratio(np.nansum(recall, axis=-1), has_clips.sum(axis=-1)),
        "confidence": 100 * _ratio(confidence.sum(axis=-1), clips),
        "ece": 100 * _ratio(np.abs(confidence - hits).sum(axis=-1), clips),
        "log_loss": _ratio(statistics.negative_log_likelihood, clips),
        "recall": 100 * recall,
        # Without clips of an emotion, its precision would be 0 whatever the model does.
        "precision": 100 * _ratio(correct, np.where(has_clips, predicted, 0)),
        "f1": 100 * _ratio(2 * correct, np.where(has_clips, acted + predicted, 0)),
    }


def bootstrap(by_speaker: SufficientStatistics, seed: int = 0) -> dict[str, Floats]:
    """Resample the speakers 2000 times with replacement, and compute every metric of each resample.

    Parameters
    ----------
    by_speaker : SufficientStatistics
        The leading axis is speakers.
    seed : int

    Returns
    -------
    dict of str to ndarray of float, shape (2000,) or (2000, 6)
    """
    speakers = len(by_speaker.negative_log_likelihood)
    draws = np.random.default_rng(seed).multinomial(speakers, np.full(speakers, 1 / speakers), RESAMPLES)
    return compute_metrics(by_speaker.weighted_sum(draws))


def interval(values: Floats) -> Floats:
    """Compute the 95 % percentile interval (Efron) over the first axis: shape (2, ...), nan without values."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "All-NaN")
        bounds: Floats = np.nanquantile(values, [0.025, 0.975], axis=0)
    return bounds


def intervals_over_speakers(
    speakers: Sequence[str], metrics: Callable[[NDArray[np.intp]], Mapping[str, float]]
) -> dict[str, Floats]:
    """Compute the 95 % bootstrap interval of each metric of calls: speakers are resampled with all of their calls.

    Parameters
    ----------
    speakers : sequence of str, length n
        The speaker of each call.
    metrics : callable
        Returns the metrics of calls by their indices.
    """
    names, numbers = np.unique(speakers, return_inverse=True)
    by_speaker = [np.flatnonzero(numbers == k) for k in range(len(names))]
    draws = np.random.default_rng(0).integers(len(names), size=(RESAMPLES, len(names)))
    resampled = [metrics(np.concatenate([by_speaker[k] for k in draw])) for draw in draws]
    return {name: interval(np.array([sample[name] for sample in resampled])) for name in resampled[0]}


@dataclass(frozen=True)
class Predictions:
    """A model's predictions of clips.

    Parameters
    ----------
    labels : ndarray of int, shape (n,)
        True emotions, as indices into `EMOTIONS`.
    probabilities : ndarray of float32, shape (n, 6)
    speakers : ndarray of str, shape (n,)
        Names that are unique across corpora.
    groups : dict of str to ndarray of str, shape (n,)
        For each attribute (sex, age, ...), the group of each prediction; empty if unknown.
    weight : float
        Weight of a prediction in clips, such as 0.5 if each clip was predicted twice.
    """

    labels: NDArray[np.intp]
    probabilities: NDArray[np.float32]
    speakers: NDArray[np.str_]
    groups: dict[str, NDArray[np.str_]]
    weight: float = 1.0

    def by_speaker(self, selected: NDArray[np.bool_] | slice = slice(None)) -> SufficientStatistics:
        """Compute the statistics of all or of the selected predictions, by speaker."""
        _, numbers = np.unique(self.speakers[selected], return_inverse=True)
        return statistics_by_speaker(self.labels[selected], self.probabilities[selected], numbers, self.weight)


def concatenate(parts: Sequence[Predictions]) -> Predictions:
    """Concatenate the predictions of several models for different clips; all have the same weight."""
    return Predictions(
        labels=np.concatenate([part.labels for part in parts]),
        probabilities=np.concatenate([part.probabilities for part in parts]),
        speakers=np.concatenate([part.speakers for part in parts]),
        groups={
            attribute: np.concatenate([part.groups.get(attribute, np.full(len(part.labels), "")) for part in parts])
            for attribute in dict.fromkeys(attribute for part in parts for attribute in part.groups)
        },
        weight=parts[0].weight,
    )


def assess(predictions: Predictions) -> dict[str, Any]:
    """Compute all metrics for a JSON report, in percent and percentage points except the log loss.

    Parameters
    ----------
    predictions : Predictions

    Returns
    -------
    dict
        `clips`, `speakers`, `accuracy`, `uar`, `confidence`, `ece`, `log_loss`; their 95 % `intervals` over speakers;
        `emotions`, by name, with recall, precision, F1, and their intervals; `confusion`, in clips, with a row per
        acted and a column per predicted emotion; `calibration`, with a row per confidence bin that has clips; `groups`,
        by attribute, from `compare_groups`.
    """
    by_speaker = predictions.by_speaker()
    total = _total(by_speaker)
    return {
        **_summary(by_speaker),
        "confusion": np.round(total.confusion, 2).tolist(),
        "calibration": [
            {
                "from": _rounded(100 * k / BINS),
                "to": _rounded(100 * (k + 1) / BINS),
                "clips": _rounded(clips),
                "confidence": _rounded(100 * confidence / clips),
                "accuracy": _rounded(100 * hits / clips),
            }
            for k, (clips, confidence, hits) in enumerate(total.calibration)
            if clips
        ],
        "groups": {attribute: compare_groups(predictions, attribute) for attribute in predictions.groups},
    }


def compare_groups(predictions: Predictions, attribute: str) -> dict[str, Any]:
    """Compare groups of speakers.

    Parameters
    ----------
    predictions : Predictions
    attribute : str
        One of `predictions.groups`.

    Returns
    -------
    dict
        `groups`: the metrics of each group by name, as in `assess`. `gaps`: for `accuracy`, `uar`, and the recall of
        each emotion by name, the difference between the best and the worst group in points, its interval, and the two
        groups. Only groups of at least two speakers and thirty clips are compared.
    """
    named = predictions.groups[attribute]
    statistics = {str(name): predictions.by_speaker(named == name) for name in np.unique(named) if name}
    large = [
        name
        for name, by_speaker in statistics.items()
        if len(by_speaker.negative_log_likelihood) >= MIN_SPEAKERS and by_speaker.confusion.sum() >= MIN_CLIPS - 0.5
    ]
    values = {name: _comparable(compute_metrics(_total(statistics[name]))) for name in large}
    # The groups are resampled independently.
    draws = {name: _comparable(bootstrap(statistics[name], seed)) for seed, name in enumerate(large)}
    gaps = {}
    for metric in ("accuracy", "uar", *EMOTIONS):
        ranked = sorted(
            (name for name in large if np.isfinite(values[name][metric])), key=lambda name: values[name][metric]
        )
        if len(ranked) >= 2:
            worst, best = ranked[0], ranked[-1]
            gaps[metric] = {
                "points": _rounded(values[best][metric] - values[worst][metric]),
                "interval": _bounds(draws[best][metric] - draws[worst][metric]),
                "best": best,
                "worst": worst,
            }
    return {"groups": {name: _summary(by_speaker) for name, by_speaker in statistics.items()}, "gaps": gaps}


def _comparable(metrics: dict[str, Floats]) -> dict[str, Floats]:
    recall = {emotion: metrics["recall"][..., k] for k, emotion in enumerate(EMOTIONS)}
    return {"accuracy": metrics["accuracy"], "uar": metrics["uar"], **recall}


def _summary(by_speaker: SufficientStatistics) -> dict[str, Any]:
    total = _total(by_speaker)
    metrics = compute_metrics(total)
    speakers = len(by_speaker.negative_log_likelihood)
    draws = bootstrap(by_speaker) if speakers >= MIN_SPEAKERS else {}
    scalars = [name for name, value in metrics.items() if not value.ndim]
    per_emotion = [name for name, value in metrics.items() if value.ndim]
    acted = total.confusion.sum(axis=1)
    return {
        "clips": round(float(acted.sum())),
        "speakers": speakers,
        **{name: _rounded(metrics[name]) for name in scalars},
        "intervals": {name: _bounds(draws[name]) for name in scalars if draws},
        "emotions": {
            emotion: {
                "clips": round(float(acted[k])),
                **{name: _rounded(metrics[name][k]) for name in per_emotion},
                "intervals": {name: _bounds(draws[name][:, k]) for name in per_emotion if draws},
            }
            for k, emotion in enumerate(EMOTIONS)
            if acted[k]
        },
    }


def _total(by_speaker: SufficientStatistics) -> SufficientStatistics:
    return by_speaker.weighted_sum(np.ones(len(by_speaker.negative_log_likelihood)))


def _ratio(part: Floats, whole: NDArray[Any]) -> Floats:
    return np.divide(part, whole, out=np.full(np.shape(part), np.nan), where=np.asarray(whole) > 0)


def _bounds(values: Floats) -> list[float | None]:
    return [_rounded(bound) for bound in interval(values)]


def _rounded(value: Any) -> float | None:
    return round(float(value), 4) if np.isfinite(value) else None


def auc(scores: Sequence[float] | Floats, positive: Sequence[bool] | NDArray[np.bool_]) -> float:
    """Compute the area under the ROC curve.

    Parameters
    ----------
    scores : sequence of float, length n
    positive : sequence of bool, length n

    Returns
    -------
    float
        Probability, 0 to 1, that a positive has a higher score than a negative; ties count half. nan without a
        positive or without a negative.
    """
    values, is_positive = np.asarray(scores, float), np.asarray(positive, bool)
    differences = values[is_positive][:, None] - values[~is_positive]
    return float((np.sign(differences).mean() + 1) / 2) if differences.size else float("nan")


def recall_at(
    scores: Sequence[float] | Floats, positive: Sequence[bool] | NDArray[np.bool_], false_positive_rate: float
) -> float:
    """Compute the recall at the lowest threshold within a false positive rate.

    Parameters
    ----------
    scores : sequence of float, length n
    positive : sequence of bool, length n
    false_positive_rate : float
        Largest share of the negatives above the threshold, 0 to 1.

    Returns
    -------
    float
        0 to 1; nan without a positive or without a negative.
    """
    values, is_positive = np.asarray(scores, float), np.asarray(positive, bool)
    negatives = np.sort(values[~is_positive])[::-1]
    if not len(negatives) or not is_positive.any():
        return float("nan")
    allowed = int(false_positive_rate * len(negatives))
    # The threshold is the first negative that must not be above it.
    return float((values[is_positive] > negatives[min(allowed, len(negatives) - 1)]).mean())
