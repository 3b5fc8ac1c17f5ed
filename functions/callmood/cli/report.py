"""Commands for the report pages: `report` and `serve`."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from callmood.cli.environment import create_store, open_warehouse, read_report_settings
from callmood.cli.options import DEFAULT_STORE, StoreOption, example
from callmood.cli.output import err, plural, progress_bar
from callmood.cli.server import bind_port, run_server
from callmood.errors import CallmoodError

commands = typer.Typer()

# BigQuery bills every day that a report reads.
_DATASET_DAYS = timedelta(days=31)


@commands.command(
    epilog=example("callmood report report/ --store calls.duckdb", "callmood report report/ --dataset PROJECT.callmood")
)
def report(
    folder: Annotated[
        Path, typer.Argument(help="Output folder: new, or an earlier report.", file_okay=False, show_default=False)
    ],
    store: StoreOption = DEFAULT_STORE,
    dataset: Annotated[
        str | None, typer.Option(help="Read this BigQuery dataset instead of the store: PROJECT.DATASET.")
    ] = None,
    since: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d"],
            help="First day of the report.",
            show_default="all days of a store, the last 31 days of a dataset",
        ),
    ] = None,
    until: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="Last day of the report.", show_default="the last day with calls"),
    ] = None,
    with_audio: Annotated[
        bool, typer.Option("--with-audio", help="Include short clips of the worst moments, to copy or mail the folder.")
    ] = False,
    sign_urls: Annotated[
        int | None,
        typer.Option(min=1, max=168, help="Link recordings in buckets with signed URLs that expire after N hours."),
    ] = None,
) -> None:
    """Build the report: a folder of pages that opens in a browser without a network.

    Link local recordings in place. Copy recordings that browsers cannot play as MP3.
    """
    from callmood.report.build import AudioOptions, Period, build_report

    settings = read_report_settings()
    warehouse = open_warehouse(store, dataset)
    recent = datetime.now(settings.zone).date() - _DATASET_DAYS
    first = since.date() if since else recent if dataset else date.min
    period = Period(first, until.date() if until else date.max)
    if period.first > period.last:
        raise CallmoodError(f"--since {period.first} is after --until {period.last}")
    with progress_bar(None, "Building the report") as progress:
        calls = build_report(
            warehouse,
            folder,
            store=dataset or str(store),
            zone=settings.zone,
            min_calls_per_group=settings.min_calls_per_group,
            period=period,
            audio=AudioOptions(_url_signer(sign_urls) if sign_urls else None, with_clips=with_audio),
            progress=progress.update,
        )
    err.print(f"{plural(calls, 'call')}. Open in a browser:", highlight=False)
    print((folder / "index.html").absolute())


def _url_signer(hours: int) -> Callable[[str, str], str]:
    """Return a function that signs the URL of an object, given its bucket and name."""
    from google.auth.exceptions import DefaultCredentialsError
    from google.cloud.storage import Client

    from callmood.sources.gcs import signed_url

    try:
        client = Client()
    except (DefaultCredentialsError, OSError) as error:  # OSError: no project is configured
        raise CallmoodError(f"--sign-urls needs Google Cloud credentials: {error}") from None
    return lambda bucket, name: signed_url(client, bucket, name, hours)


@commands.command(epilog=example("callmood serve --store calls.duckdb"))
def serve(
    store: StoreOption = DEFAULT_STORE,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port on 127.0.0.1.")] = 8321,
) -> None:
    """Serve the report on this machine, with new calls as `callmood watch` adds them. Stop with Ctrl-C.

    Accept connections from this machine only.
    """
    from tempfile import TemporaryDirectory
    from threading import Thread

    from callmood.report.serve import StoreReport, make_app

    settings = read_report_settings()
    with bind_port(port) as listener, TemporaryDirectory() as audio_cache:
        store_report = StoreReport(
            # The browser and other requests need the other processors.
            create_store(store, settings, threads=max(1, (os.cpu_count() or 1) // 2)),
            store=str(store),
            zone=settings.zone,
            min_calls_per_group=settings.min_calls_per_group,
            audio_cache=Path(audio_cache),
        )
        Thread(target=store_report.warm_up, daemon=True).start()
        run_server(make_app(store_report), listener, store_report.stop)
