"""The population of callers: robust statistics of the calls of a deployment, without any voice in them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from callmood.errors import ModelError

Embedding = NDArray[np.float32]

MIN_CALLS = 50
"""int: minimum number of calls of a population; with fewer, one unusual caller changes the result."""

_FORMAT = 1
_DIGITS = 4  # of the mean, in standard deviations of the training corpus


@dataclass(frozen=True)
class Population:
    """Location and spread of the call-level embeddings of a deployment.

    Parameters
    ----------
    model_version : str
        Version of the emotion model that embedded the calls. No other model can use them.
    calls : int
        Number of calls.
    mean : ndarray of float32, shape (d,)
        Coordinate-wise median, over calls, of the mean embedding of the caller.
    deviation : ndarray of float32, shape (d,)
        Robust standard deviation of the same: 1.4826 times the median absolute deviation. For reports on drift; the
        baseline does not use it.
    """

    model_version: str
    calls: int
    mean: Embedding
    deviation: Embedding

    @property
    def version(self) -> str:
        """Return the first 12 hexadecimal digits of the SHA-256 of the file."""
        return hashlib.sha256(self.to_json()).hexdigest()[:12]

    def to_json(self) -> bytes:
        """Return the content of the file `population.json`."""
        content = {
            "format": _FORMAT,
            "model_version": self.model_version,
            "calls": self.calls,
            "mean": [round(float(x), _DIGITS) for x in self.mean],
            "deviation": [round(float(x), _DIGITS) for x in self.deviation],
        }
        return (json.dumps(content) + "\n").encode()


def read_population(content: bytes, where: object) -> Population:
    """Read a population.

    Parameters
    ----------
    content : bytes
        From `Population.to_json`.
    where : object
        Name of the file in errors.

    Raises
    ------
    ModelError
        The file is damaged or from another version of the software.
    """
    try:
        fields: dict[str, Any] = json.loads(content)
        if fields["format"] != _FORMAT:
            raise ValueError(f"format {fields['format']!r}")
        mean, deviation = (np.array(fields[name], np.float32) for name in ("mean", "deviation"))
        if mean.ndim != 1 or mean.shape != deviation.shape or not np.isfinite(mean).all():
            raise ValueError("its vectors are invalid")
        return Population(str(fields["model_version"]), int(fields["calls"]), mean, deviation)
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(f"cannot read the population {where}: {error!r}; create it with callmood calibrate") from None


def estimate_population(model_version: str, call_means: Sequence[Embedding]) -> Population:
    """Return the population of calls.

    Medians ignore unusual calls: one call in ten may be wholly angry.

    Parameters
    ----------
    model_version : str
        Version of the model that embedded the calls.
    call_means : sequence of ndarray of float32, shape (d,)
        Mean embedding of the caller, for each call.

    Raises
    ------
    ModelError
        There are fewer than `MIN_CALLS` calls.
    """
    if len(call_means) < MIN_CALLS:
        raise ModelError(
            f"{len(call_means)} calls with speech of a caller are too few to calibrate; at least {MIN_CALLS} are needed"
        )
    stacked = np.stack(call_means)
    mean = np.median(stacked, axis=0)
    deviation = 1.4826 * np.median(np.abs(stacked - mean), axis=0)
    rounded = (np.round(mean, _DIGITS).astype(np.float32), np.round(deviation, _DIGITS).astype(np.float32))
    return Population(model_version, len(call_means), *rounded)
