"""Compare a canary with the production model.

The two analyze different calls, assigned at random on the same days. Their averages over calls should therefore agree.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from callmood.errors import RegistryError
from callmood.models.registry import PRODUCTION, Registry
from callmood.types import EMOTIONS, JsonRow
from callmood.warehouse.base import Warehouse
from callmood.warehouse.bigquery import BigQueryWarehouse
from model.stores import open_store

# Recordings arrive after the start of the call that dates them. Calls that started earlier are from a backfill, and
# without this limit BigQuery would scan the whole table.
MAX_AGE = timedelta(days=31)

# One row per analysis: its emotions weighted by duration, without duplicate deliveries.
SQL = f"""
SELECT
  r.model_version,
  ANY_VALUE(SAFE_DIVIDE(r.processing_s, r.duration_s)) AS slowness,
  SUM(s.confidence * (s.end_s - s.start_s)) / SUM(s.end_s - s.start_s) AS confidence,
  {", ".join(f"SUM(s.p_{e} * (s.end_s - s.start_s)) / SUM(s.end_s - s.start_s) AS {e}" for e in EMOTIONS)}
FROM (
  SELECT * FROM segments WHERE call_date >= @oldest AND emotion IS NOT NULL
  QUALIFY ROW_NUMBER() OVER (PARTITION BY segment_id ORDER BY analyzed_at DESC) = 1
) AS s
JOIN (
  SELECT * FROM recordings
  WHERE call_date >= @oldest AND analyzed_at >= @since AND model_version IN (@canary, @production)
  QUALIFY ROW_NUMBER() OVER (PARTITION BY analysis_id ORDER BY analyzed_at DESC) = 1
) AS r ON r.analysis_id = s.analysis_id
GROUP BY r.analysis_id, r.model_version
"""  # noqa: S608


@dataclass(frozen=True)
class Limits:
    """The accepted differences between canary and production.

    Parameters
    ----------
    min_calls : int
        Calls of each version that a comparison requires.
    max_shift : float
        Share of the speech with another emotion, in [0, 1]: half the sum of the differences between the mean mixes.
    max_confidence_drop : float
        Decrease of the mean confidence.
    max_slowdown : float
        Ratio of the processing times per second of audio.
    """

    min_calls: int = 30
    max_shift: float = 0.15
    max_confidence_drop: float = 0.10
    max_slowdown: float = 2.0


@dataclass(frozen=True)
class VersionStatistics:
    """Averages over the calls of a version, each call with equal weight."""

    version: str
    calls: int
    mix: dict[str, float]
    confidence: float
    slowness: float


def version_statistics(version: str, rows: Sequence[JsonRow]) -> VersionStatistics:
    """Compute averages over the calls of a version; 0 without calls."""
    own = [row for row in rows if row["model_version"] == version]

    def mean(column: str) -> float:
        return float(np.mean([row[column] for row in own if row[column] is not None] or [0]))

    return VersionStatistics(version, len(own), {e: mean(e) for e in EMOTIONS}, mean("confidence"), mean("slowness"))


def differences(canary: VersionStatistics, production: VersionStatistics, limits: Limits) -> list[str]:
    """Return the reasons to reject a canary; an empty list accepts it."""
    few = [each for each in (canary, production) if each.calls < limits.min_calls]
    if few:
        return [f"{each.version} analyzed {each.calls} calls ({limits.min_calls} required)" for each in few]
    reasons = []
    change = {emotion: canary.mix[emotion] - production.mix[emotion] for emotion in EMOTIONS}
    shift = sum(map(abs, change.values())) / 2
    if shift > limits.max_shift:
        most = max(change, key=lambda emotion: abs(change[emotion]))
        reasons.append(
            f"emotion mix differs on {shift:.0%} of speech (limit {limits.max_shift:.0%}), most in {most}: "
            f"{canary.mix[most]:.0%} instead of {production.mix[most]:.0%}"
        )
    if production.confidence - canary.confidence > limits.max_confidence_drop:
        reasons.append(
            f"mean confidence is {canary.confidence:.2f} instead of {production.confidence:.2f} "
            f"(limit {limits.max_confidence_drop:.2f} lower)"
        )
    if canary.slowness > limits.max_slowdown * production.slowness:
        reasons.append(
            f"processing takes {canary.slowness / production.slowness:.1f} times as long "
            f"(limit {limits.max_slowdown:.1f})"
        )
    return reasons


def compare_canary(
    warehouse: Warehouse, registry: Registry, version: str, limits: Limits, max_age: timedelta | None = None
) -> dict[str, Any]:
    """Compare a canary with the production version, on the calls since the canary started.

    Parameters
    ----------
    warehouse : Warehouse
        The warehouse with the rows of both versions.
    registry : Registry
    version : str
        The canary.
    limits : Limits
    max_age : timedelta, optional
        Exclude calls that started earlier than this before the canary; default: none.

    Returns
    -------
    dict
        ``ok``; the ``reasons`` for a rejection; and the ``statistics`` of both versions. For JSON output.

    Raises
    ------
    RegistryError
        The version is neither the canary nor in production.
    CallmoodError
        The calls cannot be read.
    """
    release = registry.release(PRODUCTION)
    if release.version == version:  # promoted manually, or the step is repeated
        return {"ok": True, "reasons": [], "statistics": []}
    if release.canary != version:
        raise RegistryError(f"{version} is not the canary of {registry.uri}; {PRODUCTION} is {release.version}")
    since = [
        datetime.fromisoformat(change["at"])
        for change in registry.history()
        if change["alias"] == PRODUCTION and change["action"] == "canary" and change["version"] == version
    ][-1]
    parameters: dict[str, object] = {"canary": version, "production": release.version, "since": since}
    parameters["oldest"] = (since - max_age).date() if max_age else date.min
    rows = warehouse.query(SQL, parameters)
    canary, production = version_statistics(version, rows), version_statistics(release.version, rows)
    reasons = differences(canary, production, limits)
    return {"ok": not reasons, "reasons": reasons, "statistics": [asdict(canary), asdict(production)]}


def compare_canary_in(results: str, registry: Registry, version: str, limits: Limits) -> dict[str, Any]:
    """Compare a canary on the calls of a DuckDB file, or of a BigQuery dataset; see `compare_canary`.

    Parameters
    ----------
    results : str
        A path that ends in `.duckdb`, or `PROJECT.DATASET`.
    registry : Registry
    version : str
    limits : Limits

    Raises
    ------
    WarehouseError
        The DuckDB file does not exist.
    """
    if results.endswith(".duckdb"):
        return compare_canary(open_store(Path(results)), registry, version, limits)
    return compare_canary(BigQueryWarehouse(results), registry, version, limits, MAX_AGE)


def summary(version: str, report: dict[str, Any]) -> str:
    """Describe the result in one sentence."""
    if report["ok"]:
        return f"Canary {version} accepted."
    return f"Canary {version} rejected: {'; '.join(report['reasons'])}."
