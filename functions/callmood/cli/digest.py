"""The command `digest`: the weekly summary for people who do not open the report."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Annotated

import typer

from callmood.cli.environment import open_warehouse, read_report_settings
from callmood.cli.options import DEFAULT_STORE, JsonOption, StoreOption, example
from callmood.cli.output import err, print_json
from callmood.errors import CallmoodError

commands = typer.Typer()

_FIRST_YEAR = 1970  # of earlier weeks, the days that they are compared with may not exist

_LAST_DAY = "SELECT MAX(call_date) AS day FROM recordings_current"


@commands.command(
    epilog=example(
        "callmood digest --store calls.duckdb",
        "callmood digest --dataset PROJECT.callmood_reports --topic projects/PROJECT/topics/callmood-results",
    )
)
def digest(
    store: StoreOption = DEFAULT_STORE,
    dataset: Annotated[
        str | None, typer.Option(help="Read this BigQuery dataset instead of the store: PROJECT.DATASET.")
    ] = None,
    last_day: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d"],
            help="Last day of the week.",
            show_default="the last day with calls in a store, yesterday in a dataset",
        ),
    ] = None,
    topic: Annotated[
        str | None, typer.Option(help="Publish to this results topic: projects/PROJECT/topics/TOPIC.")
    ] = None,
    webhook: Annotated[
        str | None,
        typer.Option(
            help="Post to this URL; ALERT_SECRET signs the message.", envvar="CALLMOOD_DIGEST_WEBHOOK", show_envvar=True
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Summarize a week: number of calls, calls that need review, negativity, and what changed clearly.

    Print the digest, publish it to the results topic, or post it to a webhook.
    """
    from callmood.services.digest import digest_id, digest_message, weekly_digest

    settings = read_report_settings()
    warehouse = open_warehouse(store, dataset)
    yesterday = datetime.now(settings.zone).date() - timedelta(days=1)
    newest = yesterday if dataset else warehouse.query(_LAST_DAY)[0]["day"]
    day = last_day.date() if last_day else newest
    if day is None:
        raise CallmoodError(
            f"store {store} contains no calls; analyze some with: callmood analyze FOLDER --store {store}"
        )
    if day.year < _FIRST_YEAR:
        raise CallmoodError(f"{day} is too early; the last day of a week with calls is in {_FIRST_YEAR} or later")
    summary = weekly_digest(warehouse, day, settings.min_calls_per_group)
    if topic:
        from google.cloud.pubsub_v1 import PublisherClient

        from callmood.services.publish import publish

        publish(PublisherClient(), topic, digest_message(summary))
        err.print(f"Published to {topic}.", highlight=False)
    if webhook:
        from callmood.services.webhook import Webhook
        from callmood.settings import AlertSettings, load_settings

        secret = load_settings(AlertSettings).alert_secret
        sender = Webhook(webhook, secret.get_secret_value() if secret else None)
        sender.post(digest_id(summary), json.dumps(summary).encode())
        err.print("Posted to the webhook.", highlight=False)
    if as_json:
        print_json([summary])
    elif not topic and not webhook:
        print(summary["text"])
