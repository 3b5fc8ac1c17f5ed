"""Commands that publish events for recordings in a bucket: `backfill` and `retry-failures`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from callmood.cli.calibrate import calibrated_settings
from callmood.cli.environment import create_store, read_settings, store_files
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

if TYPE_CHECKING:
    from callmood.types import ObjectRef

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
    max_backlog: Annotated[
        int, typer.Option(min=1, help="Pause while more events than this wait for the functions.")
    ] = 1000,
    checkpoint: Annotated[
        Path, typer.Option(help="File that records the progress, to resume a stopped run.", dir_okay=False)
    ] = Path("callmood-backfill.json"),
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Analyze existing recordings of a bucket: publish an event for each recording.

    With --model, reprocess all recordings with that model version. Reports switch to the new results at once, when all
    recordings are processed and the version is in production. Exit code 1: a recording failed.

    First show the duration, and the cost of the analysis. Stop with Ctrl-C; repeat the command to resume.
    """
    if not uri.startswith("gs://"):
        if model is None:
            raise CallmoodError(f"{uri!r} is not a Cloud Storage URI; use gs://BUCKET, or run: callmood analyze {uri}")
        _reprocess_folder(Path(uri), model, store, dry_run, as_json)
        return
    if project is None:
        raise CallmoodError("no project; set --project or GOOGLE_CLOUD_PROJECT")
    if model:
        _reprocess_bucket(
            uri, model, project, topic, dataset or f"{project}.callmood", rate, max_backlog, dry_run, as_json
        )
        return
    from google.cloud.pubsub_v1 import PublisherClient
    from google.cloud.storage import Client

    from callmood.ops.cost import backfill_usd
    from callmood.services.backfill import Checkpoint, list_recordings, publish_events

    client, topic_path = Client(project=project), PublisherClient.topic_path(project, topic)
    progress = Checkpoint(checkpoint, uri, topic_path)
    count = total_bytes = 0
    for recording in list_recordings(client, uri, progress.last_name):
        count, total_bytes = count + 1, total_bytes + recording.size_bytes
    hours, usd = count / rate / 3600, backfill_usd(count, total_bytes)
    size, speed = f"{total_bytes / 1e9:,.2f} GB", f"{hours:,.1f} h at {rate:g} per second"
    text = f"{count:,} recordings ({size}), {speed}, about {usd:,.2f} USD"
    if not dry_run:
        if not as_json:
            out.print(f"{text}.", highlight=False)
        listed = (recording.ref for recording in list_recordings(client, uri, progress.last_name))
        refs = _paced(listed, project, topic, max_backlog)
        with progress, progress_bar(count, "Publishing") as advance:
            for ref in publish_events(PublisherClient(), topic_path, refs, rate):
                progress.advance(ref.name)
                advance()
    if as_json:
        report = {"recordings": count, "bytes": total_bytes, "hours": hours, "usd": usd, "published": not dry_run}
        print_json([report])
    else:
        out.print(f"{text} would be published." if dry_run else f"{count:,} recordings published.", highlight=False)


def _paced(refs: Iterator[ObjectRef], project: str, topic: str, max_backlog: int) -> Iterator[ObjectRef]:
    """Pause while too many events of a deployment wait. The Pub/Sub emulator has no metrics."""
    if "PUBSUB_EMULATOR_HOST" in os.environ:
        return refs
    from google.cloud.monitoring_v3 import MetricServiceClient

    from callmood.services.backfill import pause_at_backlog, waiting_events

    metrics, subscription = MetricServiceClient(), f"{topic.removesuffix('-recordings')}-analyze"
    return pause_at_backlog(refs, lambda: waiting_events(metrics, project, subscription), max_backlog)


def _reprocess_folder(folder: Path, model: str, store: Path, dry_run: bool, as_json: bool) -> None:
    """Reprocess local files with a model version, and write the results to the local store."""
    from callmood.services import reprocess
    from callmood.services.batch import BatchAnalyzer
    from callmood.sources.folder import find_recordings

    registry, version = reprocess.resolve_version(model)
    files = [file for file in find_recordings([folder]) if file not in store_files(store)]
    failed, workers = 0, os.cpu_count() or 1
    published = None
    if not dry_run:
        settings = read_settings(f"{registry.uri}@{version}")
        local_store = create_store(store, settings)
        settings = calibrated_settings(settings, store, files, workers)
        reprocess.stage_version(local_store, version)
        with progress_bar(len(files), "Analyzing") as advance:
            for result in BatchAnalyzer(local_store, settings, settings.model_uri, workers).run(files):
                failed += result.status == "failed"
                advance()
        published = reprocess.publish_if_in_production(local_store, registry, version)
    _report_reprocessing(registry.uri, version, len(files), failed, published, f"--store {store}", as_json)


def _reprocess_bucket(
    uri: str,
    model: str,
    project: str,
    topic: str,
    dataset: str,
    rate: float,
    max_backlog: int,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Publish events that request a model version, and wait until the functions have processed them."""
    from google.cloud.pubsub_v1 import PublisherClient
    from google.cloud.storage import Client

    from callmood.services import reprocess
    from callmood.services.backfill import list_recordings, publish_events
    from callmood.warehouse.bigquery import BigQueryWarehouse, connect

    registry, version = reprocess.resolve_version(model)
    refs = [recording.ref for recording in list_recordings(Client(project=project), uri)]
    published, failed = None, 0
    if not dry_run:
        warehouse, started_at = BigQueryWarehouse(dataset, connect(project)), datetime.now(UTC)
        reprocess.stage_version(warehouse, version)
        completed = reprocess.completed_recordings(warehouse, version, started_at)
        pending = [ref for ref in refs if ref.recording_id not in completed]
        pending_ids = {ref.recording_id for ref in pending}
        topic_path = PublisherClient.topic_path(project, topic)
        with progress_bar(len(pending), "Publishing") as advance:
            paced = _paced(iter(pending), project, topic, max_backlog)
            for _ in publish_events(PublisherClient(), topic_path, paced, rate, version):
                advance()
        before = len(pending)
        with progress_bar(len(pending), "Analyzing") as advance:
            for remaining in reprocess.wait_until_completed(warehouse, version, started_at, pending_ids):
                for _ in range(before - remaining):
                    advance()
                before = remaining
        failed = len(pending_ids - reprocess.completed_recordings(warehouse, version, datetime.now(UTC)))
        published = reprocess.publish_if_in_production(warehouse, registry, version)
    _report_reprocessing(registry.uri, version, len(refs), failed, published, f"--dataset {dataset}", as_json)


def _report_reprocessing(
    registry: str, version: str, recordings: int, failed: int, published: bool | None, warehouse: str, as_json: bool
) -> None:
    """Print the result of reprocessing and exit. `published` is None for a dry run."""
    if as_json:
        print_json([{"model_version": version, "recordings": recordings, "failed": failed, "published": published}])
    elif published is None:
        out.print(f"{recordings:,} recordings would be reprocessed with {version}.", highlight=False)
    else:
        out.print(f"{recordings - failed:,} recordings reprocessed with {version}.", highlight=False)
        if failed:
            out.print(
                f"{failed:,} recordings failed and keep their previous results; see the table failures", highlight=False
            )
        if published:
            out.print("Reports now show the new results.", highlight=False)
        else:
            out.print(
                "Reports show the new results after promotion: "
                f"python -m model promote {version} --registry {registry} {warehouse}",
                highlight=False,
            )
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
    from callmood.services.backfill import find_failures, publish_events
    from callmood.warehouse.bigquery import BigQueryWarehouse, connect

    codes = code or ["undeliverable", "forbidden"]
    if unknown := sorted(set(codes) - set(FAILURE_CODES)):
        raise CallmoodError(f"unknown failure code: {', '.join(unknown)}; use one of {', '.join(FAILURE_CODES)}")
    warehouse = BigQueryWarehouse(dataset or f"{project}.callmood", connect(project))
    failed = find_failures(warehouse, codes, datetime.now(UTC) - timedelta(days=days))
    if not dry_run:
        topic_path = PublisherClient.topic_path(project, topic)
        with progress_bar(len(failed), "Publishing") as advance:
            for _ in publish_events(PublisherClient(), topic_path, (each.ref for each in failed), rate):
                advance()
    rows = [{"uri": each.ref.uri, "code": each.code, "failed_at": each.failed_at} for each in failed]
    if as_json:
        print_json([row | {"published": not dry_run} for row in rows])
    elif rows:
        print_table(rows, "Would be published" if dry_run else "Published")
    else:
        out.print("No matching failures.")
