"""Compare the calls of a day with a reference, metric by metric.

A call is one observation, whatever its number of segments: the segments of a speaker are similar, so tests that treat
them as independent would detect drift on every day. docs/decisions/0014-drift.md explains the thresholds.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import fdtri, kolmogi

from callmood.emotion.projection import PROJECTIONS
from callmood.errors import ModelError
from callmood.types import EMOTIONS, JsonRow

MEAN_METRICS = (
    *("level_dbfs", "noise_db", "segment_s", "confidence"),
    *(f"embedding_proj_{i + 1}" for i in range(PROJECTIONS)),
)
"""tuple of str: columns of the view `call_features` with one mean per call, compared by the Kolmogorov-Smirnov test."""

COUNT_METRICS = {
    "emotions": (*(f"n_{emotion}" for emotion in EMOTIONS), "n_uncertain"),
    "confidences": tuple(f"n_confidence_{i + 1}" for i in range(5)),
    "levels": tuple(f"n_level_{i + 1}" for i in range(5)),
    "durations": tuple(f"n_duration_{i + 1}" for i in range(4)),
}
"""dict of str to tuple of str: columns that count segments of a call by category, compared by the population stability
index."""

FALSE_ALARM_RATE = 0.005
"""float: probability of any drift on a day that has the distribution of the reference, over all tests of the day."""

MIN_KS_THRESHOLD, MIN_PSI_THRESHOLD = 0.25, 0.25
"""float: smallest thresholds for any number of calls. A distance of 0.25 is a shift by two thirds of a standard
deviation; an index of 0.25 is a major shift by the rule of thumb (Siddiqi, Credit Risk Scorecards, 2006)."""


class Reference:
    """Calls on which the model is known to work: rows of `call_features`, by column.

    Parameters
    ----------
    content : bytes
        JSON, as `python -m model reference` writes it.

    Attributes
    ----------
    id : str
        First 12 hexadecimal digits of the content's SHA-256.
    model_version : str
        Model version that analyzed the calls.
    source : str
        Description of the calls.
    speakers : int
        Number of speakers: the number of independent observations.
    means : dict of str to ndarray of float, shape (calls,)
        Sorted values of all calls, by name in `MEAN_METRICS`.
    counts : dict of str to ndarray of float, shape (speakers, categories)
        Number of segments of each speaker and category, by name in `COUNT_METRICS`.

    Raises
    ------
    ModelError
        The content is not a reference.
    """

    def __init__(self, content: bytes) -> None:
        self.id = hashlib.sha256(content).hexdigest()[:12]
        try:
            columns = json.loads(content)
            self.model_version: str = columns["model_version"]
            self.source: str = columns["source"]
            speaker = np.array(columns["speaker"])
            self.means: dict[str, NDArray[np.float64]] = {
                name: np.sort(np.array(columns[name], np.float64)) for name in MEAN_METRICS
            }
            counts: dict[str, NDArray[np.float64]] = {
                name: np.array(columns[name], np.float64) for name in COUNT_METRICS
            }
        except (ValueError, KeyError, TypeError) as error:
            raise ModelError(f"Invalid reference: {error!r}. Create one with python -m model reference.") from None
        speakers = np.unique(speaker)
        self.speakers = len(speakers)
        self.counts: dict[str, NDArray[np.float64]] = {
            name: np.stack([values[speaker == one].sum(axis=0) for one in speakers]) for name, values in counts.items()
        }


@dataclass(frozen=True)
class DriftStatistic:
    """The distance of a group of calls from the reference in one metric.

    Parameters
    ----------
    metric : str
        Name in `MEAN_METRICS` or `COUNT_METRICS`.
    test : {"ks", "psi"}
        Kolmogorov-Smirnov distance or population stability index.
    statistic : float
        Distance or index; 0 for equal distributions.
    threshold : float
        Threshold for this number of calls.
    """

    metric: str
    test: Literal["ks", "psi"]
    statistic: float
    threshold: float

    @property
    def is_drift(self) -> bool:
        """Whether the statistic exceeds its threshold."""
        return self.statistic > self.threshold


def compare(calls: Sequence[JsonRow], reference: Reference, tests: int) -> list[DriftStatistic]:
    """Compare a group of calls with a reference.

    Parameters
    ----------
    calls : sequence of dict
        Rows of the view `call_features`, at least one.
    reference : Reference
        Reference of the model version that analyzed the calls.
    tests : int
        Number of tests of the day, over all groups: `FALSE_ALARM_RATE` is divided by it (Bonferroni).

    Returns
    -------
    list of DriftStatistic
        One per metric that the calls have. Rows of older versions lack some.
    """
    level = FALSE_ALARM_RATE / tests
    statistics = []
    for name in MEAN_METRICS:
        values = np.array([call[name] for call in calls if call[name] is not None], np.float64)
        if len(values):
            distance = ks_distance(values, reference.means[name])
            threshold = max(MIN_KS_THRESHOLD, ks_threshold(len(values), reference.speakers, level))
            statistics.append(DriftStatistic(name, "ks", distance, threshold))
    for name, columns in COUNT_METRICS.items():
        counts = np.array([[call[column] for column in columns] for call in calls], np.float64)
        index, threshold = population_stability(counts, reference.counts[name], level)
        statistics.append(DriftStatistic(name, "psi", index, max(MIN_PSI_THRESHOLD, threshold)))
    return statistics


def ks_distance(values: NDArray[np.float64], reference: NDArray[np.float64]) -> float:
    """Return the largest distance between two empirical distribution functions, 0 to 1.

    Parameters
    ----------
    values : ndarray of float, shape (n,)
    reference : ndarray of float, shape (m,)
        Sorted.

    Examples
    --------
    >>> ks_distance(np.array([1.0, 2.0]), np.array([3.0, 4.0]))
    1.0
    """
    values = np.sort(values)
    points = np.concatenate([values, reference])
    cdf = np.searchsorted(values, points, "right") / len(values)
    reference_cdf = np.searchsorted(reference, points, "right") / len(reference)
    return float(np.abs(cdf - reference_cdf).max())


def ks_threshold(n: int, m: int, level: float) -> float:
    """Return the distance that samples of n and m values of one distribution exceed with probability `level`.

    Kolmogorov's limiting distribution with Stephens's correction for small samples (Journal of the Royal Statistical
    Society B, 1970).
    """
    root = np.sqrt(n * m / (n + m))
    return float(kolmogi(level) / (root + 0.12 + 0.11 / root))


def population_stability(
    counts: NDArray[np.float64], reference: NDArray[np.float64], level: float
) -> tuple[float, float]:
    """Return the population stability index of two clustered samples, and its threshold.

    The index is the sum over categories of (p - q) ln(p / q). Between samples of n and m from one distribution, it is
    approximately chi-squared with categories - 1 degrees of freedom times 1/n + 1/m (Yurdakul and Naranjo, Journal of
    Risk Model Validation, 2020); n and m are effective sample sizes. These are estimated from few clusters, so an F
    distribution replaces the chi-squared distribution (Thomas and Rao, Journal of the American Statistical
    Association, 1987).

    Parameters
    ----------
    counts : ndarray of float, shape (calls, categories)
        Number of segments by call and category.
    reference : ndarray of float, shape (speakers, categories)
        Number of segments by speaker and category.
    level : float
        Probability that samples of one distribution exceed the threshold.

    Returns
    -------
    index, threshold : float
        Not negative.
    """
    p, n = _smoothed_shares(counts)
    q, m = _smoothed_shares(reference)
    index = float(np.sum((p - q) * np.log(p / q)))
    freedom, clusters = len(p) - 1, min(len(counts), len(reference))
    quantile = fdtri(freedom, max(clusters - 1, 1), 1 - level)
    return index, float(freedom * quantile * (1 / n + 1 / m))


def _smoothed_shares(counts: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    """Return the share of each category, above 0, and the effective sample size.

    The effective sample size is the number of segments divided by the design effect, averaged over categories (Rao and
    Scott, Journal of the American Statistical Association, 1981). The variance of a share is that of a ratio of sums
    over clusters.
    """
    clusters, categories = counts.shape
    sizes = counts.sum(axis=1)
    total = float(sizes.sum())
    shares = counts.sum(axis=0) / total
    residuals = counts - shares * sizes[:, None]
    variance = float(np.square(residuals).sum()) / total**2 * clusters / max(clusters - 1, 1)
    multinomial_variance = float((shares * (1 - shares)).sum())
    effective_size = min(total, multinomial_variance / variance) if variance > 0 else float(clusters)
    effective_size = max(effective_size, 1.0)
    # Jeffreys's prior: half a segment more in each category.
    return (shares * effective_size + 0.5) / (effective_size + 0.5 * categories), effective_size
