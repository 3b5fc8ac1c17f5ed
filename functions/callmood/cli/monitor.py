"""Commands that monitor the model: `monitor` and `import-labels`."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from callmood.cli.environment import open_store, open_warehouse
from callmood.cli.options import DEFAULT_STORE, JsonOption, StoreOption, example
from callmood.cli.output import err, out, plural, print_json, print_table
from callmood.errors import CallmoodError
from callmood.names.start_times import EARLIEST

commands = typer.Typer()

_UNCHECKED_DAYS = """
SELECT DISTINCT call_date
FROM call_features
WHERE call_date NOT IN (SELECT call_date FROM drift_checks)
ORDER BY call_date
"""
_DRIFT_COLUMNS = ("call_date", "model_version", "queue", "metric", "test", "statistic", "threshold", "calls")


@commands.command(epilog=example("callmood monitor --store calls.duckdb", "callmood monitor --day 2026-11-20 --json"))
def monitor(
    store: StoreOption = DEFAULT_STORE,
    day: Annotated[
        list[datetime] | None,
        typer.Option(formats=["%Y-%m-%d"], help="Day to check. Can be repeated.", show_default="all unchecked days"),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Check each day of calls for drift from the reference data of the model.

    Write the results to the table drift_checks. Exit code 1: at least one metric has drifted.
    """
    from callmood.monitoring.daily_check import check_day
    from callmood.monitoring.reference import reference_loader
    from callmood.settings import DriftSettings, load_settings

    settings = load_settings(DriftSettings)
    local_store = open_store(store)
    if day and min(day).year < EARLIEST.year:
        raise CallmoodError(f"{min(day).date()} is too early; calls start in {EARLIEST.year} or later")
    days = [each.date() for each in day or ()] or [row["call_date"] for row in local_store.query(_UNCHECKED_DAYS)]
    load_reference = reference_loader(settings.model_uri, settings.reference_uri)
    rows = []
    for each in days:
        checks = check_day(
            local_store,
            each,
            load_reference,
            min_calls_per_group=settings.min_calls_per_group,
            checked_at=datetime.now(UTC),
        )
        if checks:
            local_store.append("drift_checks", checks)
        rows += checks
    drifts = [row for row in rows if row["is_drift"]]
    if as_json:
        print_json(rows)
    else:
        if drifts:
            print_table([{name: row[name] for name in _DRIFT_COLUMNS} for row in drifts], "Drift")
        for row in rows:
            if row["metric"] == "accuracy" and row["call_date"] == days[-1].isoformat():
                out.print(
                    f"Accuracy of model {row['model_version']}: {row['statistic']:.0%} ({row['low']:.0%} to "
                    f"{row['high']:.0%}) on {row['segments']} randomly sampled, labeled segments.",
                    highlight=False,
                )
        out.print(
            f"{plural(len(rows), 'check')} of {plural(len(days), 'day')}, {len(drifts)} with drift.", highlight=False
        )
    raise typer.Exit(1 if drifts else 0)


@commands.command(epilog=example("callmood import-labels labeling/labels.csv --store calls.duckdb"))
def import_labels(
    labels: Annotated[
        Path,
        typer.Argument(help="CSV file of a labeled set or of the report.", show_default=False),
    ],
    store: StoreOption = DEFAULT_STORE,
    dataset: Annotated[
        str | None, typer.Option("--dataset", help="Write to this BigQuery dataset instead of the store.")
    ] = None,
) -> None:
    """Import labels and reviews of people, so that `monitor` can measure the accuracy of the model.

    The file is `labels.csv` of a labeled set, or `callmood-reviews.csv` as exported from the report.
    """
    from callmood.monitoring.annotations import read_annotations

    found = read_annotations(labels, datetime.now(UTC))
    unknown = found.write(open_warehouse(store, dataset))
    reviews = f" and {plural(len(found.reviews), 'review')}" if found.reviews else ""
    err.print(f"{plural(len(found.segments), 'label')}{reviews} imported.", highlight=False)
    if unknown:
        effect = "has no effect" if unknown == 1 else "have no effect"
        reason = "the warehouse does not contain the recording_id"
        err.print(f"{plural(unknown, 'line')} {effect}: {reason}.", highlight=False)
