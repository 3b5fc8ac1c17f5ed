"""Commands that publish events for recordings in a bucket: `backfill` and `retry-failures`."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from callmood.cli.environment import create_store, read_settings
from callmood.cli.options import (
    DEFAULT_STORE,
    DEFAULT_TOPIC,
    DatasetOption,
    DryRunOption,
    JsonOption,
    ProjectOption,
    RateOption,
    StoreOption,
    TopicOption,
    example,
)
from callmood.cli.output import out, print_json, print_table, progress_bar
from callmood.errors import CallmoodError

commands = typer.Typer()


@commands.command(
    epilog=example(
        "callmood backfill gs://acme-calls/2026/ --project acme --dry-run",
        "callmood backfill gs://acme-calls --project acme --model gs://acme-models/callmood@f305841e9432",
        "callmood backfill recordings/ --store calls.duckdb --model ./models@production",
    )
)
def backfill(
    uri: Annotated[
        str, typer.Argument(help="gs://BUCKET or gs://BUCKET/PREFIX. With --model also a folder.", show_default=False)
    ],
    project: Annotated[
        str | None, typer.Option("--project", help="Google Cloud project ID.", envvar="GOOGLE_CLOUD_PROJECT")
    ] = None,
    topic: TopicOption = DEFAULT_TOPIC,
    model: Annotated[
        str | None,
        typer.Option("--model", help="Reprocess with REGISTRY@VERSION or REGISTRY@ALIAS.", show_default=False),
    ] = None,
    store: StoreOption = DEFAULT_STORE,
    dataset: DatasetOption = None,
    rate: RateOption = 2.0,
    checkpoint: Annotated[
        Path, typer.Option(help="File that records the progress, to resume a stopped run.", dir_okay=False)
    ] = Path("callmood-backfill.json"),
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Analyze existing recordings of a bucket: publish an event for each recording.

    With --model, reprocess all recordings with that model version. Reports switch to the new results at once, when all
    recordings are processed and the version is in production. Stop with Ctrl-C; repeat the command to resume.
    """
    if not uri.startswith("gs://"):
        if model is None:
            raise CallmoodError(f"{uri!r} is not a Cloud Storage URI; use gs://BUCKET, or run: callmood analyze {uri}")
        _reprocess_folder(Path(uri), model, store, dry_run, as_json)
        return
    if project is None:
        raise CallmoodError("no project; set --project or GOOGLE_CLOUD_PROJECT")
    if model:
        _reprocess_bucket(uri, model, project, topic, dataset or f"{project}.callmood", rate, dry_run, as_json)
        return
    from google.cloud.pubsub_v1 import PublisherClient
    from google.cloud.storage import Client

    from callmood.services.backfill import Checkpoint, publish, stored_objects

    client, path = Client(project=project), PublisherClient.topic_path(project, topic)
    place = Checkpoint(checkpoint, uri, path)
    sizes = [each.size_bytes for each in stored_objects(client, uri, place.last)]
    if not dry_run:
        found = (each.ref for each in stored_objects(client, uri, place.last))
        with place, progress_bar(len(sizes), "Publishing") as advance:
            for ref in publish(PublisherClient(), path, found, rate):
                place.turn_to(ref.name)
                advance()
    if as_json:
        print_json([{"recordings": len(sizes), "bytes": sum(sizes), "published": not dry_run}])
    else:
        done = "would be published" if dry_run else "published"
        out.print(f"{len(sizes):,} recordings ({sum(sizes) / 1e9:,.2f} GB) {done}.", highlight=False)


def _reprocess_folder(folder: Path, model: str, store: Path, dry_run: bool, as_json: bool) -> None:
    """Score files again by a version of the model, into the local store."""
    from callmood.services import reprocess
    from callmood.services.batch import BatchAnalyzer
    from callmood.sources.folder import find_recordings

    registry, version = reprocess.wanted_version(model)
    files = list(find_recordings([folder]))
    failed = 0
    shown = None
    if not dry_run:
        settings = read_settings(f"{registry.uri}@{version}")
        local_store = create_store(store, settings)
        reprocess.hold(local_store, version)
        with progress_bar(len(files), "Scoring") as advance:
            for outcome in BatchAnalyzer(local_store, settings, os.cpu_count() or 1).run(files):
                failed += outcome.status == "failed"
                advance()
        shown = reprocess.show_if_serving(local_store, registry, version)
    _tell_scored(version, len(files), failed, shown, f"--store {store}", as_json)


def _reprocess_bucket(
    uri: str, model: str, project: str, topic: str, dataset: str, rate: float, dry_run: bool, as_json: bool
) -> None:
    """Have the functions score a bucket's recordings again by a version of the model, and wait for the rows."""
    from google.cloud.pubsub_v1 import PublisherClient
    from google.cloud.storage import Client

    from callmood.services import reprocess
    from callmood.services.backfill import publish, stored_objects
    from callmood.warehouse.bigquery import BigQueryWarehouse, connect

    registry, version = reprocess.wanted_version(model)
    refs = [each.ref for each in stored_objects(Client(project=project), uri)]
    shown, failed = None, 0
    if not dry_run:
        warehouse, began = BigQueryWarehouse(dataset, connect(project)), datetime.now(UTC)
        reprocess.hold(warehouse, version)
        done = reprocess.scored(warehouse, version, began)
        fresh = [ref for ref in refs if ref.recording_id not in done]
        with progress_bar(len(fresh), "Publishing") as advance:
            for _ in publish(PublisherClient(), PublisherClient.topic_path(project, topic), fresh, rate, version):
                advance()
        before = len(fresh)
        with progress_bar(len(fresh), "Scoring") as advance:
            for left in reprocess.wait(warehouse, version, began, {ref.recording_id for ref in fresh}):
                for _ in range(before - left):
                    advance()
                before = left
        failed = len({ref.recording_id for ref in fresh} - reprocess.scored(warehouse, version, datetime.now(UTC)))
        shown = reprocess.show_if_serving(warehouse, registry, version)
    _tell_scored(version, len(refs), failed, shown, f"--dataset {dataset}", as_json)


def _tell_scored(version: str, recordings: int, failed: int, shown: bool | None, where: str, as_json: bool) -> None:
    """Say what was scored again, and whether reports show it (None where it was not done), and leave."""
    if as_json:
        print_json([{"model_version": version, "recordings": recordings, "failed": failed, "shown": shown}])
    elif shown is None:
        out.print(f"{recordings:,} recordings would be scored again by {version}.", highlight=False)
    else:
        told = "reports show it now" if shown else f"reports show it once it is promoted (model.promote … {where})"
        out.print(f"{recordings - failed:,} recordings are scored by {version}; {told}.", highlight=False)
        if failed:
            out.print(f"{failed:,} failed and keep the scores they had: see the table failures.", highlight=False)
    raise typer.Exit(1 if failed else 0)


@commands.command(epilog=example("callmood retry-failures --project acme --code undeliverable --days 7"))
def retry_failures(
    project: ProjectOption,
    topic: TopicOption = DEFAULT_TOPIC,
    dataset: DatasetOption = None,
    code: Annotated[
        list[str] | None, typer.Option(help="Failure code to retry (docs/failures.md). Can be repeated.")
    ] = None,
    days: Annotated[float, typer.Option(min=0, help="Maximum age of the failures in days.")] = 30.0,
    rate: RateOption = 2.0,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Reprocess failed recordings after fixing the cause: publish an event for each recording.

    Without --code, retry recordings that were dead-lettered, and recordings that the function could not read.
    """
    from google.cloud.pubsub_v1 import PublisherClient

    from callmood.errors import FAILURE_CODES
    from callmood.services.backfill import failures as failed
    from callmood.services.backfill import publish
    from callmood.warehouse.bigquery import BigQueryWarehouse, connect

    codes = code or ["undeliverable", "forbidden"]
    if unknown := sorted(set(codes) - set(FAILURE_CODES)):
        raise CallmoodError(f"unknown failure code: {', '.join(unknown)}; use one of {', '.join(FAILURE_CODES)}")
    warehouse = BigQueryWarehouse(dataset or f"{project}.callmood", connect(project))
    found = failed(warehouse, codes, datetime.now(UTC) - timedelta(days=days))
    if not dry_run:
        path = PublisherClient.topic_path(project, topic)
        with progress_bar(len(found), "Publishing") as advance:
            for _ in publish(PublisherClient(), path, (each.ref for each in found), rate):
                advance()
    rows = [{"uri": each.ref.uri, "code": each.code, "failed_at": each.failed_at} for each in found]
    if as_json:
        print_json([row | {"published": not dry_run} for row in rows])
    elif rows:
        print_table(rows, "Would be published" if dry_run else "Published")
    else:
        out.print("No matching failures.")
