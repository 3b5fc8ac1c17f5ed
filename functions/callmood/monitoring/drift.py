"""Have calls changed since the model learned? One day's calls against a reference, figure by figure.

A call is one observation, however many segments it has: segments of one voice are alike, and tests that took them for
independent would see drift in every day. docs/decisions/0014-drift.md says how the limits were chosen, and what they find.
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

MEANS = ("level_dbfs", "noise_db", "segment_s", "confidence", *(f"embedding_proj_{i + 1}" for i in range(PROJECTIONS)))
"""tuple of str: columns of the view `call_features` with one number a call; compared by Kolmogorov and Smirnov's test."""

COUNTS = {
    "emotions": (*(f"n_{emotion}" for emotion in EMOTIONS), "n_uncertain"),
    "confidences": tuple(f"n_confidence_{i + 1}" for i in range(5)),
    "levels": tuple(f"n_level_{i + 1}" for i in range(5)),
    "durations": tuple(f"n_duration_{i + 1}" for i in range(4)),
}
"""dict of str to tuple of str: columns that count a call's segments by kind; compared by population stability index."""

FALSE_ALARMS = 0.005
"""float: chance that a day like the reference has any drift at all, over all its tests."""

SMALLEST_KS, SMALLEST_PSI = 0.25, 0.25
"""float: what is below is no drift, however many calls show it. A KS distance of 0.25 is a shift by two thirds of a
standard deviation; an index of 0.25 is a major shift by the rule of thumb (Siddiqi, Credit Risk Scorecards, 2006)."""


class Reference:
    """Calls that the model knows how to judge: rows of `call_features`, a column each.

    Parameters
    ----------
    content : bytes
        JSON, as `python -m model reference` writes it.

    Attributes
    ----------
    id : str
        First 12 hexadecimal digits of the content's SHA-256.
    model_version : str
        The model whose figures these are.
    made_of : str
        What the calls were, in words.
    voices : int
        How many speakers there are: what the calls count for, where several are of one.
    means : dict of str to ndarray of float, shape (calls,)
        Every call's number, sorted; by `MEANS`.
    counts : dict of str to ndarray of float, shape (voices, kinds)
        How many segments of each kind every voice has; by `COUNTS`.

    Raises
    ------
    ModelError
        The content is no reference.
    """

    def __init__(self, content: bytes) -> None:
        self.id = hashlib.sha256(content).hexdigest()[:12]
        try:
            facts = json.loads(content)
            self.model_version: str = facts["model_version"]
            self.made_of: str = facts["made_of"]
            voice = np.array(facts["voice"])
            self.means: dict[str, NDArray[np.float64]] = {
                name: np.sort(np.array(facts[name], np.float64)) for name in MEANS
            }
            counts: dict[str, NDArray[np.float64]] = {name: np.array(facts[name], np.float64) for name in COUNTS}
        except (ValueError, KeyError, TypeError) as error:
            raise ModelError(f"this is no reference: {error!r}; make one: python -m model reference") from None
        self.voices = len(np.unique(voice))
        self.counts: dict[str, NDArray[np.float64]] = {
            name: np.stack([table[voice == one].sum(axis=0) for one in np.unique(voice)])
            for name, table in counts.items()
        }


@dataclass(frozen=True)
class Finding:
    """One figure of a group of calls, compared.

    Parameters
    ----------
    metric : str
        One of `MEANS` or `COUNTS`.
    test : {"ks", "psi"}
        How.
    statistic : float
        Distance from the reference, 0 for none.
    threshold : float
        What counts as drift, for so many calls.
    """

    metric: str
    test: Literal["ks", "psi"]
    statistic: float
    threshold: float

    @property
    def is_drift(self) -> bool:
        """Whether the distance is larger than chance and habit explain."""
        return self.statistic > self.threshold


def compare(calls: Sequence[JsonRow], reference: Reference, tests: int) -> list[Finding]:
    """Compare a group of calls with a reference.

    Parameters
    ----------
    calls : sequence of dict
        Rows of the view `call_features`, at least one.
    reference : Reference
        Of the same model.
    tests : int
        Figures that are compared on the day, over all groups: each gets its share of `FALSE_ALARMS` (Bonferroni).

    Returns
    -------
    list of Finding
        One for each figure that the calls have: older rows lack some.
    """
    level = FALSE_ALARMS / tests
    findings = []
    for name in MEANS:
        values = np.array([call[name] for call in calls if call[name] is not None], np.float64)
        if len(values):
            distance = ks_distance(values, reference.means[name])
            findings.append(
                Finding(name, "ks", distance, max(SMALLEST_KS, ks_limit(len(values), reference.voices, level)))
            )
    for name, columns in COUNTS.items():
        counts = np.array([[call[column] for column in columns] for call in calls], np.float64)
        index, limit = stability(counts, reference.counts[name], level)
        findings.append(Finding(name, "psi", index, max(SMALLEST_PSI, limit)))
    return findings


def ks_distance(values: NDArray[np.float64], known: NDArray[np.float64]) -> float:
    """Largest distance between two empirical distributions, 0 to 1.

    Parameters
    ----------
    values : ndarray of float, shape (n,)
    known : ndarray of float, shape (m,)
        Sorted.

    Examples
    --------
    >>> ks_distance(np.array([1.0, 2.0]), np.array([3.0, 4.0]))
    1.0
    """
    values = np.sort(values)
    at = np.concatenate([values, known])
    share = np.searchsorted(values, at, "right") / len(values)
    known_share = np.searchsorted(known, at, "right") / len(known)
    return float(np.abs(share - known_share).max())


def ks_limit(n: int, m: int, level: float) -> float:
    """Distance that n and m values of one distribution exceed with probability `level`.

    Kolmogorov's limiting distribution with Stephens's correction for small samples (Journal of the Royal Statistical
    Society B, 1970).
    """
    root = np.sqrt(n * m / (n + m))
    return float(kolmogi(level) / (root + 0.12 + 0.11 / root))


def stability(counts: NDArray[np.float64], known: NDArray[np.float64], level: float) -> tuple[float, float]:
    """Population stability index of two sets of clusters, and what it exceeds by chance.

    The index is the sum over kinds of (p - q) ln(p / q). Between samples of n and m from one distribution it is
    nearly chi-squared with kinds - 1 degrees of freedom times 1/n + 1/m (Yurdakul and Naranjo, Journal of Risk Model
    Validation, 2020); n and m are what clustered segments are worth. Since that is only estimated, from few clusters
    ill, an F distribution takes the chi-squared's place (Thomas and Rao, Journal of the American Statistical
    Association, 1987).

    Parameters
    ----------
    counts : ndarray of float, shape (calls, kinds)
        Segments of each kind.
    known : ndarray of float, shape (voices, kinds)
    level : float
        Probability.

    Returns
    -------
    index, limit : float
        Not negative.
    """
    p, n = _shares(counts)
    q, m = _shares(known)
    index = float(np.sum((p - q) * np.log(p / q)))
    freedom, clusters = len(p) - 1, min(len(counts), len(known))
    quantile = fdtri(freedom, max(clusters - 1, 1), 1 - level)
    return index, float(freedom * quantile * (1 / n + 1 / m))


def _shares(counts: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    """Shares of kinds, none of them 0, and the number of independent segments that would vary as much.

    That number is the segments' over their design effect, averaged over kinds (Rao and Scott, Journal of the American
    Statistical Association, 1981); the shares' variance is that of a ratio of sums over clusters.
    """
    clusters, kinds = counts.shape
    sizes = counts.sum(axis=1)
    total = float(sizes.sum())
    shares = counts.sum(axis=0) / total
    residuals = counts - shares * sizes[:, None]
    variance = float(np.square(residuals).sum()) / total**2 * clusters / max(clusters - 1, 1)
    spread = float((shares * (1 - shares)).sum())
    worth = min(total, spread / variance) if variance > 0 else float(clusters)
    worth = max(worth, 1.0)
    return (shares * worth + 0.5) / (worth + 0.5 * kinds), worth  # half a segment more of each kind: Jeffreys's prior
