"""The command line: `callmood --help` lists its commands."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from functools import wraps
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from pydantic import SecretStr
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from callmood import __version__
from callmood.errors import AlertError, CallmoodError
from callmood.ops.cost import PRICES
from callmood.settings import Settings, load_settings

if TYPE_CHECKING:
    from callmood.recording import ObjectRef
    from callmood.services.publish import Message
    from callmood.services.webhook import Webhook
    from callmood.warehouse.base import Warehouse

app = typer.Typer(
    name="callmood",
    help="How did your customers feel, second by second? Recordings in, rows of emotion out.",
    epilog="Exit codes: 0 all well; 1 at least one recording failed (see `callmood failures`); "
    "2 wrong use, or an error that stopped the command.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)

# A sentence stays one line, however narrow: a log is searched by line, a path copied whole.
out = Console(soft_wrap=True)
err = Console(stderr=True, soft_wrap=True)

StoreOption = Annotated[
    Path,
    typer.Option("--store", help="The local store, one DuckDB file.", envvar="CALLMOOD_STORE", dir_okay=False),
]
ModelOption = Annotated[
    str | None,
    typer.Option(
        "--model",
        help="Another model, in MODEL_URI's place: a file, or REGISTRY@ALIAS, or REGISTRY@VERSION.",
        show_default=False,
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, one object a line, for scripts.")]
DEFAULT_STORE = Path("callmood.duckdb")


def _settings_with(model: str | None) -> Settings:
    settings = load_settings()
    return settings.model_copy(update={"model_uri": model}) if model else settings


def _example(*lines: str) -> str:
    return "Example:\n\n" + "\n\n".join(f"    {line}" for line in lines)


def _plain_errors(command: Callable[..., None]) -> Callable[..., None]:
    """Say what is wrong in a sentence and leave with code 2; a traceback is for faults of our own."""

    @wraps(command)
    def wrapped(*args: Any, **kwargs: Any) -> None:
        try:
            command(*args, **kwargs)
        except Exception as error:
            if not isinstance(error, CallmoodError) and not _is_clouds(error):
                raise
            err.print(f"[red]error:[/red] {escape(str(error))}", highlight=False)
            raise typer.Exit(2) from None

    return wrapped


def _is_clouds(error: Exception) -> bool:
    """Whether Google's libraries refuse: no credentials, no right, no such thing. Most commands never load them."""
    return type(error).__module__.startswith(("google.auth.", "google.api_core."))


def _jsonable(value: object) -> object:
    return value.isoformat() if isinstance(value, date | datetime) else str(value)


def print_json(rows: Iterable[object]) -> None:
    """Print one JSON object a line."""
    for row in rows:
        print(json.dumps(row, default=_jsonable, ensure_ascii=False), flush=True)  # a pipe reads along


def print_table(rows: Sequence[dict[str, Any]], title: str | None = None) -> None:
    """Print rows as a table, numbers to the right."""
    if not rows:
        out.print("no rows")
        return
    table = Table(title=title, title_justify="left", header_style="bold")
    for name, value in rows[0].items():
        table.add_column(name, justify="right" if isinstance(value, int | float) else "left", overflow="fold")
    for row in rows:
        table.add_row(*("" if v is None else escape(v if isinstance(v, str) else _cell(v)) for v in row.values()))
    out.print(table)


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.3f}".rstrip("0").rstrip(".")
    return str(_jsonable(value))


@contextmanager
def progress_bar(total: int | None, what: str) -> Any:
    """A progress bar on standard error; nothing where that is no terminal."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=err, transient=True, disable=not err.is_terminal) as bar:
        task = bar.add_task(what, total=total)
        yield lambda: bar.advance(task)


@app.callback()
def _main(
    version: Annotated[bool, typer.Option("--version", help="Print the version and leave.", is_eager=True)] = False,
) -> None:
    if isinstance(sys.stdout, TextIOWrapper):  # a file's name may hold what the terminal cannot show
        sys.stdout.reconfigure(errors="backslashreplace")
    if version:
        out.print(f"callmood {__version__}", highlight=False)
        raise typer.Exit


@app.command(epilog=_example("callmood analyze recordings/ --store calls.duckdb"))
@_plain_errors
def analyze(
    paths: Annotated[list[Path], typer.Argument(help="Recordings, and folders that hold some.", show_default=False)],
    store: StoreOption = DEFAULT_STORE,
    workers: Annotated[int, typer.Option(min=1, help="Processes; one keeps one core busy.")] = os.cpu_count() or 1,
    force: Annotated[bool, typer.Option("--force", help="Analyze what was analyzed before, too.")] = False,
    model: ModelOption = None,
    as_json: JsonOption = False,
) -> None:
    """Analyze recordings and write their segments to the local store.

    What this version and model have analyzed already is skipped. Exit code 1: a recording failed.
    """
    from callmood.cli.summary import calls_of, print_calls
    from callmood.services.batch import BatchAnalyzer
    from callmood.sources.folder import find_recordings
    from callmood.warehouse.duckdb import DuckDBWarehouse

    settings = _settings_with(model)
    files = list(find_recordings(paths))
    if not files:
        err.print(f"No recordings in {escape(', '.join(map(str, paths)))}.", highlight=False)
        return
    local_store = DuckDBWarehouse(store, settings.time_zone, settings.min_calls_per_group)
    outcomes = []
    with progress_bar(len(files), "Analyzing") as advance:
        for outcome in BatchAnalyzer(local_store, settings, workers).run(files, force=force):
            outcomes.append(outcome)
            advance()
            if as_json:
                print_json([{"path": str(outcome.path), "status": outcome.status, **(outcome.row or {})}])
    failed = [outcome for outcome in outcomes if outcome.status == "failed"]
    if not as_json:
        print_calls(outcomes, calls_of(local_store, [outcome.path for outcome in outcomes]), out)
    raise typer.Exit(1 if failed else 0)


@app.command(
    epilog=_example(
        "callmood watch inbox/ --store calls.duckdb",
        "ALERT_SECRET=… callmood watch inbox/ --alert https://example.com/hook",
    )
)
@_plain_errors
def watch(
    folder: Annotated[
        Path, typer.Argument(help="The folder to watch, with all below it.", exists=True, file_okay=False)
    ],
    store: StoreOption = DEFAULT_STORE,
    alert: Annotated[
        str | None, typer.Option(help="Post a message to this address for every call that needs attention.")
    ] = None,
    model: ModelOption = None,
    as_json: JsonOption = False,
) -> None:
    """Analyze every recording that is dropped into a folder, as the cloud does with a bucket; end with Ctrl-C.

    What lies there already is analyzed first. A file is taken when it has stopped growing. An alert that cannot be
    delivered is an error on the terminal, and the watch goes on.
    """
    from callmood.cli.summary import calls_of, describe
    from callmood.services.batch import BatchAnalyzer
    from callmood.services.publish import call_message
    from callmood.services.webhook import Webhook
    from callmood.sources.watcher import settled_files
    from callmood.warehouse.duckdb import DuckDBWarehouse

    settings = _settings_with(model)
    local_store = DuckDBWarehouse(store, settings.time_zone, settings.min_calls_per_group)
    analyst = BatchAnalyzer(local_store, settings)
    secret = settings.alert_secret
    webhook = Webhook(alert, secret.get_secret_value() if secret else None) if alert else None
    err.print(f"Watching {escape(str(folder))}, rows go to {escape(str(store))}; end with Ctrl-C.", highlight=False)
    for path in settled_files(folder):
        for outcome in analyst.run([path]):
            if outcome.status == "skipped":
                continue
            if as_json:
                print_json([{"path": str(outcome.path), "status": outcome.status, **(outcome.row or {})}])
            else:
                out.print(describe(outcome, calls_of(local_store, [path])), highlight=False)
            if webhook and outcome.status == "analyzed" and outcome.row:
                _alert(webhook, call_message(local_store, outcome.row))


def _alert(webhook: Webhook, message: Message | None) -> None:
    try:
        if message and message["needs_attention"]:
            webhook.post(message["analysis_id"], json.dumps(message).encode())
    except AlertError as error:  # a receiver that is away must not stop the watch
        err.print(f"[red]error:[/red] {escape(str(error))}", highlight=False)


class Format(StrEnum):
    """How a query's rows are printed."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"


@app.command(epilog=_example('callmood query "SELECT emotion, COUNT(*) AS n FROM segments_current GROUP BY emotion"'))
@_plain_errors
def query(
    sql: Annotated[str, typer.Argument(help="BigQuery SQL, one statement.", show_default=False)],
    store: StoreOption = DEFAULT_STORE,
    fmt: Annotated[Format, typer.Option("--format", help="How rows are printed.")] = Format.TABLE,
    as_json: JsonOption = False,
) -> None:
    """Ask the local store in BigQuery's SQL; tables and views are named as in the cloud."""
    import pandas as pd

    from callmood.warehouse.duckdb import DuckDBWarehouse

    rows = open_store(DuckDBWarehouse, store).query(sql)
    if as_json or fmt is Format.JSON:
        print_json(rows)
    elif fmt is Format.CSV:
        pd.DataFrame(rows).to_csv(sys.stdout, index=False)
    else:
        print_table(rows)


class FileFormat(StrEnum):
    """How rows are written to a file."""

    CSV = "csv"
    PARQUET = "parquet"


@app.command(epilog=_example("callmood export calls calls.csv", "callmood export worst_moments out --format parquet"))
@_plain_errors
def export(
    view: Annotated[str, typer.Argument(help="A view or table, such as calls.", show_default=False)],
    path: Annotated[Path, typer.Argument(metavar="OUT", help="The file.", dir_okay=False, show_default=False)],
    fmt: Annotated[
        FileFormat | None, typer.Option("--format", help="Default: as the file's name ends.", show_default=False)
    ] = None,
    store: StoreOption = DEFAULT_STORE,
) -> None:
    """Write all rows of a view into a CSV or Parquet file, which is replaced where it exists."""
    from callmood.warehouse.duckdb import DuckDBWarehouse

    ending = path.suffix[1:].lower()
    if fmt is None and ending not in list(FileFormat):
        raise CallmoodError(f"say how to write {path}: --format csv or --format parquet")
    count = open_store(DuckDBWarehouse, store).export(view, path, (fmt or FileFormat(ending)).value)
    err.print(f"{count} rows in {escape(str(path))}", highlight=False)


@app.command(epilog=_example("callmood failures --json"))
@_plain_errors
def failures(store: StoreOption = DEFAULT_STORE, as_json: JsonOption = False) -> None:
    """List the recordings that could not be analyzed, each with the reason."""
    from callmood.warehouse.duckdb import DuckDBWarehouse

    rows = open_store(DuckDBWarehouse, store).query(
        "SELECT failed_at, code, message, uri FROM failures_current ORDER BY failed_at DESC"
    )
    if as_json:
        print_json(rows)
    elif rows:
        print_table(rows)
    else:
        out.print("No failures.")


@app.command(epilog=_example("callmood erase --customer-id c204 --dry-run", "callmood erase --call-id 1001"))
@_plain_errors
def erase(
    call_id: Annotated[str | None, typer.Option("--call-id", help="Forget this call.")] = None,
    customer_id: Annotated[str | None, typer.Option("--customer-id", help="Forget all calls of this customer.")] = None,
    store: StoreOption = DEFAULT_STORE,
    dataset: Annotated[
        str | None, typer.Option("--dataset", help="Erase in this BigQuery dataset, not in the local store.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go, and leave it.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Forget a call or a customer: results vanish from every view, and the audio is deleted.

    Exit code 1: some audio could not be deleted; its results are hidden all the same. It does no harm to ask again.
    """
    from callmood.services.erase import find, forget

    if (call_id is None) == (customer_id is None):
        raise CallmoodError("give either --call-id or --customer-id")
    warehouse, delete_object = _where_to_erase(store, dataset)
    found = find(warehouse, call_id=call_id, customer_id=customer_id)
    if dry_run:
        rows = [{"uri": f.ref.uri, "started_at": f.started_at, "hidden_already": f.hidden} for f in found]
    else:
        done = list(forget(warehouse, found, delete_object))
        rows = [{"uri": f.ref.uri, "audio_deleted": f.deleted, "error": f.error} for f in done]
    if as_json:
        print_json(rows)
    else:
        print_table(rows)
    raise typer.Exit(1 if any(row.get("error") for row in rows) else 0)


def _where_to_erase(store: Path, dataset: str | None) -> tuple[Warehouse, Callable[[ObjectRef], bool]]:
    if dataset is None:
        from callmood.warehouse.duckdb import DuckDBWarehouse

        def no_bucket(ref: ObjectRef) -> bool:
            raise CallmoodError(f"{ref.uri} lies in a bucket; name its dataset: callmood erase … --dataset DATASET")

        return open_store(DuckDBWarehouse, store), no_bucket
    from google.cloud.storage import Client

    from callmood.sources import gcs
    from callmood.warehouse.bigquery import BigQueryWarehouse

    client = Client()
    return BigQueryWarehouse(dataset), lambda ref: gcs.delete(client, ref)


@app.command(
    epilog=_example(
        "callmood report report/ --store calls.duckdb", "callmood report report/ --dataset PROJECT.callmood"
    )
)
@_plain_errors
def report(
    folder: Annotated[
        Path,
        typer.Argument(help="Where it goes: a new folder, or an earlier report.", file_okay=False, show_default=False),
    ],
    store: StoreOption = DEFAULT_STORE,
    dataset: Annotated[
        str | None, typer.Option(help="Read this BigQuery dataset, not a store: PROJECT.DATASET.")
    ] = None,
    sign_urls: Annotated[
        int | None,
        typer.Option(
            min=1, max=168, help="Link recordings in buckets by signed addresses that play for so many hours."
        ),
    ] = None,
) -> None:
    """Build the page: a folder that opens from the disk, with no network, and shows where calls go wrong.

    Recordings on this machine are linked where they lie; those that no browser plays are copied as MP3.
    """
    from callmood.report.build import build_report
    from callmood.warehouse.duckdb import DuckDBWarehouse

    settings = load_settings()
    warehouse: Warehouse
    if dataset:
        from callmood.warehouse.bigquery import BigQueryWarehouse

        warehouse = BigQueryWarehouse(dataset)
    else:
        warehouse = open_store(DuckDBWarehouse, store)
    with progress_bar(None, "Building") as advance:
        calls = build_report(
            warehouse,
            folder,
            store=dataset or str(store),
            zone=settings.zone,
            min_calls_per_group=settings.min_calls_per_group,
            sign=_signer(sign_urls) if sign_urls else None,
            advance=advance,
        )
    err.print(f"{calls} calls, open in a browser:", highlight=False)
    print((folder / "index.html").absolute())


def _signer(hours: int) -> Callable[[str, str], str]:
    from google.auth.exceptions import DefaultCredentialsError
    from google.cloud.storage import Client

    from callmood.sources.gcs import signed_url

    try:
        client = Client()
    except (DefaultCredentialsError, OSError) as error:  # OSError: there is no project
        raise CallmoodError(f"--sign-urls needs credentials for Google Cloud: {error}") from None
    return lambda bucket, name: signed_url(client, bucket, name, hours)


@app.command(epilog=_example("callmood serve --store calls.duckdb"))
@_plain_errors
def serve(
    store: StoreOption = DEFAULT_STORE,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port on 127.0.0.1.")] = 8321,
) -> None:
    """Show the page over the live store: it fills while `callmood watch` adds calls. End with Ctrl-C.

    Only this machine can open it.
    """
    from tempfile import TemporaryDirectory

    import uvicorn

    from callmood.report.serve import LivePages, make_app
    from callmood.warehouse.duckdb import DuckDBWarehouse

    settings = load_settings()
    with TemporaryDirectory() as copies:
        live_store = DuckDBWarehouse(store, settings.time_zone, settings.min_calls_per_group)
        pages = LivePages(
            live_store,
            store=str(store),
            zone=settings.zone,
            min_calls_per_group=settings.min_calls_per_group,
            copies=Path(copies),
        )
        err.print(f"Open http://127.0.0.1:{port} in a browser; end with Ctrl-C.", highlight=False)
        uvicorn.run(make_app(pages), host="127.0.0.1", port=port, log_level="warning")


@app.command(epilog=_example("callmood realtime", "callmood realtime --port 9000"))
@_plain_errors
def realtime(
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port on 127.0.0.1.")] = 8322,
) -> None:
    """Judge a voice while it speaks: a page with a microphone, and the server behind it. End with Ctrl-C.

    Only this machine can open it. `python -m callmood.realtime` is the same server for a container.
    """
    import secrets

    import uvicorn

    from callmood.models.resolver import open_models
    from callmood.realtime.app import make_app
    from callmood.realtime.auth import Access
    from callmood.realtime.scoring import Scorer
    from callmood.settings import ScoreSettings

    settings = load_settings(ScoreSettings)
    if settings.session_key is None:
        settings = settings.model_copy(update={"session_key": SecretStr(secrets.token_urlsafe(32))})
    service = make_app(Scorer(open_models(settings.model_uri), settings), Access(settings), ("127.0.0.1", "localhost"))
    err.print(f"Open http://127.0.0.1:{port} in a browser; end with Ctrl-C.", highlight=False)
    uvicorn.run(service, host="127.0.0.1", port=port, log_level="warning")


@app.command(name="settings", epilog=_example("callmood settings --json"))
@_plain_errors
def show_settings(as_json: JsonOption = False) -> None:
    """List every setting: its environment variable, its value now, and what it does."""
    settings = load_settings()
    rows = [
        {"variable": name.upper(), "value": getattr(settings, name), "description": field.description}
        for name, field in Settings.model_fields.items()
    ]
    if as_json:
        print_json(rows)
    else:
        print_table([{**row, "value": _setting_text(row["value"])} for row in rows])


def _setting_text(value: object) -> str:
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return "" if value is None else str(value)


ProjectOption = Annotated[
    str, typer.Option("--project", help="Id of the Google Cloud project.", envvar="GOOGLE_CLOUD_PROJECT")
]
TopicOption = Annotated[
    str, typer.Option("--topic", help="The topic that is told of recordings (`terraform output topic`).")
]
DatasetOption = Annotated[
    str | None, typer.Option("--dataset", help="The tables, as `project.dataset`.", show_default="PROJECT.callmood")
]
RateOption = Annotated[
    float, typer.Option(min=0.01, help="Most events a second: more than the functions can take is given up.")
]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")]
DEFAULT_TOPIC = "callmood-recordings"


@app.command(
    epilog=_example(
        "callmood backfill gs://acme-calls/2026/ --project acme --dry-run",
        "callmood backfill gs://acme-calls --project acme --model gs://acme-models/callmood@f305841e9432",
        "callmood backfill recordings/ --store calls.duckdb --model ./models@production",
    )
)
@_plain_errors
def backfill(
    uri: Annotated[
        str,
        typer.Argument(help="gs://BUCKET, or gs://BUCKET/PREFIX; with --model also a folder.", show_default=False),
    ],
    project: Annotated[
        str | None, typer.Option("--project", help="Id of the Google Cloud project.", envvar="GOOGLE_CLOUD_PROJECT")
    ] = None,
    topic: TopicOption = DEFAULT_TOPIC,
    model: Annotated[
        str | None,
        typer.Option("--model", help="Score again by REGISTRY@VERSION, or REGISTRY@ALIAS.", show_default=False),
    ] = None,
    store: StoreOption = DEFAULT_STORE,
    dataset: DatasetOption = None,
    rate: RateOption = 2.0,
    bookmark: Annotated[
        Path, typer.Option(help="Keeps the place, so that a stopped run goes on from there.", dir_okay=False)
    ] = Path("callmood-backfill.json"),
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Have the recordings analyzed that lay in a bucket before callmood did: an event is published for each.

    With --model, have all of them scored again by a version of the model; reports change at once, when all are scored
    and the version is in production. Stop it with Ctrl-C; the same command goes on from there.
    """
    if not uri.startswith("gs://"):
        if model is None:
            raise CallmoodError(
                f"{uri!r} is no address in Cloud Storage; write gs://BUCKET, or: callmood analyze {uri}"
            )
        _score_folder(Path(uri), model, store, dry_run, as_json)
        return
    if project is None:
        raise CallmoodError("name the project: --project, or GOOGLE_CLOUD_PROJECT")
    if model:
        _score_bucket(uri, model, project, topic, dataset or f"{project}.callmood", rate, dry_run, as_json)
        return
    from google.cloud.pubsub_v1 import PublisherClient
    from google.cloud.storage import Client

    from callmood.services.backfill import Checkpoint, publish, stored_objects

    client, path = Client(project=project), PublisherClient.topic_path(project, topic)
    place = Checkpoint(bookmark, uri, path)
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


def _score_folder(folder: Path, model: str, store: Path, dry_run: bool, as_json: bool) -> None:
    """Score files again by a version of the model, into the local store."""
    from callmood.services import reprocess
    from callmood.services.batch import BatchAnalyzer
    from callmood.sources.folder import find_recordings
    from callmood.warehouse.duckdb import DuckDBWarehouse

    registry, version = reprocess.wanted_version(model)
    files = list(find_recordings([folder]))
    failed = 0
    shown = None
    if not dry_run:
        settings = _settings_with(f"{registry.uri}@{version}")
        local_store = DuckDBWarehouse(store, settings.time_zone, settings.min_calls_per_group)
        reprocess.hold(local_store, version)
        with progress_bar(len(files), "Scoring") as advance:
            for outcome in BatchAnalyzer(local_store, settings, os.cpu_count() or 1).run(files):
                failed += outcome.status == "failed"
                advance()
        shown = reprocess.show_if_serving(local_store, registry, version)
    _tell_scored(version, len(files), failed, shown, f"--store {store}", as_json)


def _score_bucket(
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


@app.command(epilog=_example("callmood retry-failures --project acme --code undeliverable --days 7"))
@_plain_errors
def retry_failures(
    project: ProjectOption,
    topic: TopicOption = DEFAULT_TOPIC,
    dataset: DatasetOption = None,
    code: Annotated[
        list[str] | None, typer.Option(help="Which failures (docs/failures.md); repeat it for more.")
    ] = None,
    days: Annotated[float, typer.Option(min=0, help="How far back.")] = 30.0,
    rate: RateOption = 2.0,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Have recordings analyzed again that failed, once the cause is mended.

    Without --code: those given up after every attempt, and those that the function was not allowed to read.
    """
    from google.cloud.pubsub_v1 import PublisherClient

    from callmood.errors import FAILURE_CODES
    from callmood.services.backfill import failures as failed
    from callmood.services.backfill import publish
    from callmood.warehouse.bigquery import BigQueryWarehouse, connect

    codes = code or ["undeliverable", "forbidden"]
    if unknown := sorted(set(codes) - set(FAILURE_CODES)):
        raise CallmoodError(f"no such failure: {', '.join(unknown)}; there are {', '.join(FAILURE_CODES)}")
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
        out.print("No such failures.")


@app.command(epilog=_example("callmood doctor --project acme"))
@_plain_errors
def doctor(
    project: ProjectOption,
    name: Annotated[str, typer.Option("--name", help="Name of the deployment, as Terraform was told.")] = "callmood",
    bucket: Annotated[
        str | None, typer.Option(help="The recordings' bucket.", show_default="PROJECT-NAME-recordings")
    ] = None,
    dataset: DatasetOption = None,
    model: Annotated[
        str | None,
        typer.Option(
            "--model", help="Look at the model registry, too: MODEL_URI, as Terraform was told.", envvar="MODEL_URI"
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Look at a deployment from outside, and say what is wrong with it and how to mend it.

    Exit code 1: something is wrong.
    """
    from google.cloud.pubsub_v1 import PublisherClient, SubscriberClient
    from google.cloud.storage import Client

    from callmood.ops.doctor import Deployment, examine
    from callmood.warehouse.bigquery import connect

    deployment = Deployment(
        project=project,
        name=name,
        bucket=bucket or f"{project}-{name}-recordings",
        dataset=dataset or f"{project}.callmood",
        storage=Client(project=project),
        publisher=PublisherClient(),
        subscriber=SubscriberClient(),
        bigquery=connect(project),
        model=model,
    )
    findings = []
    for finding in examine(deployment):
        findings.append(finding)
        if as_json:
            print_json([asdict(finding)])
        else:
            mark = "[green]well[/green]" if finding.well else "[red]ill [/red]"
            remedy = f"\n      {escape(finding.remedy)}" if finding.remedy else ""
            out.print(f"{mark}  {escape(finding.found)}{remedy}", highlight=False)
    raise typer.Exit(0 if all(finding.well for finding in findings) else 1)


@app.command(epilog=_example("callmood monitor --store calls.duckdb", "callmood monitor --day 2026-11-20 --json"))
@_plain_errors
def monitor(
    store: StoreOption = DEFAULT_STORE,
    day: Annotated[
        list[datetime] | None,
        typer.Option(
            formats=["%Y-%m-%d"], help="Check this day; repeat it for more.", show_default="days never checked"
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Compare days of calls with what the model knows, and tell what has changed.

    What is found goes into the table drift_checks. Exit code 1: calls have drifted.
    """
    from callmood.monitoring.daily_check import check_day
    from callmood.monitoring.reference import references
    from callmood.warehouse.duckdb import DuckDBWarehouse

    settings = load_settings()
    local_store = open_store(DuckDBWarehouse, store)
    unchecked = (
        "SELECT DISTINCT call_date FROM call_features WHERE call_date NOT IN (SELECT call_date FROM drift_checks)"
        " ORDER BY call_date"
    )
    days = [each.date() for each in day or ()] or [row["call_date"] for row in local_store.query(unchecked)]
    reference_of = references(settings)
    rows = []
    for each in days:
        found = check_day(
            local_store,
            each,
            reference_of,
            min_calls_per_group=settings.min_calls_per_group,
            checked_at=datetime.now(UTC),
        )
        if found:
            local_store.append("drift_checks", found)
        rows += found
    drifts = [row for row in rows if row["is_drift"]]
    if as_json:
        print_json(rows)
    else:
        names = ("call_date", "model_version", "queue", "figure", "test", "statistic", "threshold", "calls")
        if drifts:
            print_table([{name: row[name] for name in names} for row in drifts], "Drift")
        right = [row for row in rows if row["figure"] == "accuracy" and row["call_date"] == days[-1].isoformat()]
        for row in right:
            of = f"{row['segments']} segments drawn by chance and labeled"
            said = f"{row['statistic']:.0%} ({row['low']:.0%} to {row['high']:.0%})"
            out.print(f"Model {row['model_version']} was right on {said} of {of}.", highlight=False)
        out.print(f"{len(rows)} checks of {len(days)} days, {len(drifts)} with drift.", highlight=False)
    raise typer.Exit(1 if drifts else 0)


@app.command(epilog=_example("callmood import-labels labeling/labels.csv --store calls.duckdb"))
@_plain_errors
def import_labels(
    labels: Annotated[
        Path,
        typer.Argument(help="The CSV file of a set that was labeled (docs/your-own-calls.md).", show_default=False),
    ],
    store: StoreOption = DEFAULT_STORE,
    dataset: Annotated[
        str | None, typer.Option("--dataset", help="Write to this BigQuery dataset, not to the local store.")
    ] = None,
) -> None:
    """Take over what people heard, so that one sees how often the model is right."""
    from callmood.monitoring.annotations import read_labels
    from callmood.warehouse.duckdb import DuckDBWarehouse

    rows = read_labels(labels, datetime.now(UTC))
    warehouse: Warehouse
    if dataset:
        from callmood.warehouse.bigquery import BigQueryWarehouse

        warehouse = BigQueryWarehouse(dataset)
    else:
        warehouse = open_store(DuckDBWarehouse, store)
    if rows:
        warehouse.append("annotations", rows)
    err.print(f"{len(rows)} labels taken over.", highlight=False)


@app.command(epilog=_example("callmood looker-links --project acme --dataset callmood_reports"))
@_plain_errors
def looker_links(
    project: ProjectOption,
    dataset: Annotated[str, typer.Option(help="Dataset of the reports.")] = "callmood_reports",
    billing_project: Annotated[
        str | None, typer.Option(help="Project that pays for queries.", show_default="the project")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Print links that open Looker Studio on the reports: one with all views as data sources, one for each."""
    from callmood.ops.looker import looker_studio_url, report_views

    links = {"all": looker_studio_url(project, dataset, billing_project=billing_project)} | {
        view: looker_studio_url(project, dataset, [view], billing_project=billing_project) for view in report_views()
    }
    if as_json:
        print_json({"view": view, "url": url} for view, url in links.items())
        return
    for view, url in links.items():
        print(f"{view}\n  {url}")


@app.command(epilog=_example("callmood cost --hours 1000 --call-minutes 8"))
@_plain_errors
def cost(
    hours: Annotated[float, typer.Option(min=0, help="Hours of calls a month.")],
    call_minutes: Annotated[float, typer.Option(min=0.1, help="Length of a call.")] = 6.0,
    keep_months: Annotated[float, typer.Option(min=0, help="How long audio and rows are kept.")] = 1.0,
    times_real_time: Annotated[float, typer.Option(min=1, help="Speed of the analysis (`./run bench`).")] = 100.0,
    memory: Annotated[float, typer.Option(min=0.1, help="GiB of memory of the function.")] = 2.0,
    cpus: Annotated[float, typer.Option(min=1, help="CPUs of the function.")] = 1.0,
    prices: Annotated[
        Path, typer.Option(help="A file with other prices.", exists=True, show_default="list prices")
    ] = PRICES,
    as_json: JsonOption = False,
) -> None:
    """Reckon what a month of calls costs in Google Cloud, and what others charge for the same hours."""
    from callmood.ops.cost import Load, Machine, bill, load_prices

    known = load_prices(prices)
    load = Load(hours=hours, call_minutes=call_minutes, keep_months=keep_months)
    items = bill(load, Machine(times_real_time=times_real_time, memory_gib=memory, cpus=cpus), known)
    total = sum(item.usd for item in items)
    others = [{"name": other["name"], "usd": other["usd_per_hour"] * hours} for other in known["alternatives"]]
    if as_json:
        print_json([{"usd": total, "items": [asdict(item) for item in items], "alternatives": others}])
        return
    print_table([{"what": item.what, "how much": item.amount, "USD": f"{item.usd:,.2f}"} for item in items])
    out.print(f"[bold]{total:,.2f} USD a month[/bold] for {hours:,g} hours of calls; others charge:", highlight=False)
    print_table([{"service": other["name"], "USD": f"{other['usd']:,.2f}"} for other in others])
    out.print(f"Prices of {known['known_on']}. {known['note']}", highlight=False)


@app.command(epilog=_example("callmood capacity --burst 1000 --max-instances 50"))
@_plain_errors
def capacity(
    burst: Annotated[int, typer.Option(min=0, help="Recordings uploaded at once.")] = 0,
    per_hour: Annotated[float, typer.Option(min=0, help="Recordings an hour, for eight hours.")] = 0.0,
    call_minutes: Annotated[float, typer.Option(min=0.1, help="Mean length of a call.")] = 6.0,
    max_instances: Annotated[int, typer.Option(min=1, help="As in Terraform's `analyze`.")] = 20,
    min_instances: Annotated[int, typer.Option(min=0, help="As in Terraform's `analyze`.")] = 0,
    concurrency: Annotated[int, typer.Option(min=1, help="As in Terraform's `analyze`.")] = 1,
    times_real_time: Annotated[float, typer.Option(min=1, help="Speed of the analysis (`./run bench`).")] = 100.0,
    attempts: Annotated[int, typer.Option(min=1, help="As Terraform's `max_delivery_attempts`.")] = 5,
    as_json: JsonOption = False,
) -> None:
    """Simulate how long recordings wait for their rows when many come, and whether any are given up."""
    from callmood.ops.capacity import Capacity, simulate, steady
    from callmood.ops.capacity import burst as at_once

    if not burst and not per_hour:
        raise CallmoodError("say what comes: --burst NUMBER, --per-hour NUMBER, or both")
    uploads = [*at_once(burst, call_minutes * 60)]
    if per_hour:
        uploads += steady(per_hour, 8, call_minutes * 60)
    outcome = simulate(
        uploads,
        Capacity(
            max_instances=max_instances,
            min_instances=min_instances,
            concurrency=concurrency,
            times_real_time=times_real_time,
            max_delivery_attempts=attempts,
        ),
    )
    row = {
        "recordings": len(uploads),
        "half_within_s": round(outcome.lag_s(0.5), 1),
        "95_percent_within_s": round(outcome.lag_s(0.95), 1),
        "all_within_s": round(outcome.lag_s(1.0), 1),
        "given_up": outcome.given_up,
        "instances": outcome.peak_instances,
        "busy_hours": round(outcome.busy_s / 3600, 2),
    }
    if as_json:
        print_json([row])
    else:
        print_table([row])


def open_store(store_class: Any, path: Path) -> Any:
    """Open a store that must exist: asking an empty new one would answer nothing and leave a file behind.

    Raises
    ------
    CallmoodError
        There is no such store.
    """
    if not path.exists():
        raise CallmoodError(f"there is no store {path}; make one: callmood analyze FOLDER --store {path}")
    settings = load_settings()
    return store_class(path, settings.time_zone, settings.min_calls_per_group)


if __name__ == "__main__":
    app()
