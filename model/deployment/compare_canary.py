"""Compare what a canary said of calls with what the serving model said: `python -m model compare-canary VERSION …`.

The two judge different calls, drawn by chance from the same days, so their averages over calls should agree. Exit code
0: they do, and the canary may serve; 1: they do not, or there are too few calls to tell; 2: no way to find out.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np

from callmood.errors import CallmoodError, RegistryError
from callmood.models.registry import PRODUCTION, Registry
from callmood.types import EMOTIONS, JsonRow
from callmood.warehouse.base import Warehouse
from callmood.warehouse.bigquery import BigQueryWarehouse
from callmood.warehouse.duckdb import DuckDBWarehouse
from model import remote_paths
from model.deployment.register import FAULTS
from model.files import atomic_write

# Calls are dated by when they began, and recordings arrive later. BigQuery is not asked for older ones, which come from
# a backfill: it would read, and charge for, the whole table.
LATEST = timedelta(days=31)

# One row for each analysis: what was heard in its judged speech, by duration, however often its rows were written.
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
  WHERE call_date >= @oldest AND analyzed_at >= @since AND model_version IN (@canary, @serving)
  QUALIFY ROW_NUMBER() OVER (PARTITION BY analysis_id ORDER BY analyzed_at DESC) = 1
) AS r ON r.analysis_id = s.analysis_id
GROUP BY r.analysis_id, r.model_version
"""  # noqa: S608


@dataclass(frozen=True)
class Limits:
    """What a canary may differ by.

    Parameters
    ----------
    calls : int
        Calls of either version from which on they can be compared.
    shift : float
        Share of the speech that may sound otherwise, in [0, 1]: half the sum of differences between mean mixes.
    unsure : float
        By how much mean confidence may fall.
    slower : float
        How many times as long a second of audio may take.
    """

    calls: int = 30
    shift: float = 0.15
    unsure: float = 0.10
    slower: float = 2.0


@dataclass(frozen=True)
class Heard:
    """What a version said of its calls, each call counting once."""

    version: str
    calls: int
    mix: dict[str, float]
    confidence: float
    slowness: float


def heard(version: str, rows: Sequence[JsonRow]) -> Heard:
    """Average over the calls of one version; 0 where there are none."""
    mine = [row for row in rows if row["model_version"] == version]

    def mean(column: str) -> float:
        return float(np.mean([row[column] for row in mine if row[column] is not None] or [0]))

    return Heard(version, len(mine), {e: mean(e) for e in EMOTIONS}, mean("confidence"), mean("slowness"))


def differences(canary: Heard, serving: Heard, limits: Limits) -> list[str]:
    """Tell why a canary must not serve, a sentence each; an empty list where it may."""
    few = [each for each in (canary, serving) if each.calls < limits.calls]
    if few:
        return [f"{each.version} judged {each.calls} calls, {limits.calls} are needed to compare" for each in few]
    found = []
    apart = {emotion: canary.mix[emotion] - serving.mix[emotion] for emotion in EMOTIONS}
    shift = sum(map(abs, apart.values())) / 2
    if shift > limits.shift:
        most = max(apart, key=lambda emotion: abs(apart[emotion]))
        found.append(
            f"{shift:.0%} of the speech sounds otherwise to it, at most {limits.shift:.0%} may: "
            f"{most} {canary.mix[most]:.0%} in place of {serving.mix[most]:.0%}"
        )
    if serving.confidence - canary.confidence > limits.unsure:
        found.append(f"it is less sure: {canary.confidence:.2f} in place of {serving.confidence:.2f}")
    if canary.slowness > limits.slower * serving.slowness:
        found.append(f"it takes {canary.slowness / serving.slowness:.1f} times as long")
    return found


def watch(
    warehouse: Warehouse, registry: Registry, version: str, limits: Limits, latest: timedelta | None = None
) -> dict[str, object]:
    """Compare a canary with the version that serves, since it became one.

    Parameters
    ----------
    warehouse : Warehouse
        Where both write their rows.
    registry : Registry
        Says which version serves.
    version : str
        The canary.
    limits : Limits
        What it may differ by.
    latest : timedelta, optional
        How long before that a call may have begun; default: any time.

    Returns
    -------
    dict
        ``ok``, ``why`` not, and what each ``heard``; JSON-able.

    Raises
    ------
    RegistryError
        The version is neither the canary nor what serves.
    CallmoodError
        The calls cannot be read.
    """
    release = registry.release(PRODUCTION)
    if release.version == version:  # promoted by hand, or the step is run again
        return {"ok": True, "why": [], "heard": []}
    if release.canary != version:
        raise RegistryError(f"{version} is no canary of {registry.uri}: {PRODUCTION} is {release.version}")
    since = [
        datetime.fromisoformat(change["at"])
        for change in registry.history()
        if change["alias"] == PRODUCTION and change["what"] == "canary" and change["version"] == version
    ][-1]
    parameters: dict[str, object] = {"canary": version, "serving": release.version, "since": since}
    parameters["oldest"] = (since - latest).date() if latest else date.min
    rows = warehouse.query(SQL, parameters)
    canary, serving = heard(version, rows), heard(release.version, rows)
    why = differences(canary, serving, limits)
    return {"ok": not why, "why": why, "heard": [asdict(canary), asdict(serving)]}


def main() -> None:
    """Run from the command line."""
    usual = Limits()
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        epilog="example: python -m model compare-canary f305841e9432 --registry gs://acme-models/registry --results acme.calls",
    )
    parser.add_argument("version", help="the canary")
    parser.add_argument("--registry", required=True, help="gs://BUCKET/PREFIX, or a folder")
    parser.add_argument("--results", required=True, help="PROJECT.DATASET, or a DuckDB file, with the calls it judged")
    parser.add_argument("--calls", type=int, default=usual.calls, help="needed of either; default: %(default)s")
    parser.add_argument("--shift", type=float, default=usual.shift, help="share of speech that may sound otherwise")
    parser.add_argument("--unsure", type=float, default=usual.unsure, help="by how much confidence may fall")
    parser.add_argument("--slower", type=float, default=usual.slower, help="times as long that it may take")
    parser.add_argument("--json", type=remote_paths.kept, help="where the whole comparison goes")
    args = parser.parse_args()
    try:
        local = args.results.endswith(".duckdb")
        warehouse: Warehouse = DuckDBWarehouse(Path(args.results)) if local else BigQueryWarehouse(args.results)
        limits = Limits(args.calls, args.shift, args.unsure, args.slower)
        found = watch(warehouse, Registry(args.registry), args.version, limits, None if local else LATEST)
        if args.json:
            with atomic_write(args.json) as unfinished:
                unfinished.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    except (*FAULTS, CallmoodError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    print(f"{args.version} may serve." if found["ok"] else f"{args.version} must not serve: {'; '.join(found['why'])}")
    sys.exit(0 if found["ok"] else 1)


if __name__ == "__main__":
    remote_paths.run(main)
