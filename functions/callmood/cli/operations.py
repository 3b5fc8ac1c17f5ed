"""Commands for operators: `doctor`, `looker-links`, `cost`, `capacity`, and `settings`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from callmood.cli.options import DatasetOption, JsonOption, ProjectOption, example
from callmood.cli.output import out, print_json, print_rows, print_table
from callmood.errors import CallmoodError
from callmood.ops.cost import PRICES

commands = typer.Typer()


@commands.command(epilog=example("callmood doctor --project acme"))
def doctor(
    project: ProjectOption,
    name: Annotated[str, typer.Option("--name", help="Name of the deployment: Terraform's `name`.")] = "callmood",
    bucket: Annotated[
        str | None, typer.Option(help="Bucket of the recordings.", show_default="PROJECT-NAME-recordings")
    ] = None,
    dataset: DatasetOption = None,
    model: Annotated[
        str | None,
        typer.Option("--model", help="Also check this model registry: Terraform's `MODEL_URI`.", envvar="MODEL_URI"),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Check a deployment from the bucket to the tables, and print how to fix each problem.

    Exit code 1: at least one check failed.
    """
    from google.cloud.pubsub_v1 import PublisherClient, SubscriberClient
    from google.cloud.storage import Client

    from callmood.ops.doctor import Deployment, run_checks
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
    failed = False
    for result in run_checks(deployment):
        failed |= not result.ok
        if as_json:
            print_json([asdict(result)])
        else:
            status = "[green]ok  [/green]" if result.ok else "[red]fail[/red]"
            fix = f"\n      {escape(result.fix)}" if result.fix else ""
            out.print(f"{status}  {escape(result.message)}{fix}", highlight=False)
    raise typer.Exit(1 if failed else 0)


@commands.command(
    epilog=example(
        "callmood looker-links --project acme --dataset callmood_reports",
        "callmood looker-links --project acme --report-id 1a2b3c --page-id overview=p_x1 --page-id agents=p_x2",
    )
)
def looker_links(
    project: ProjectOption,
    dataset: Annotated[str, typer.Option(help="BigQuery dataset of the views.")] = "callmood_reports",
    billing_project: Annotated[
        str | None, typer.Option(help="Project that pays for the queries.", show_default="the project")
    ] = None,
    report_id: Annotated[
        str | None, typer.Option(help="Published template report: the links create copies of it.", show_default="none")
    ] = None,
    page_id: Annotated[
        list[str] | None,
        typer.Option(help="Page of the template, as NAME=ID. Can be repeated.", show_default="the first page"),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Print links that create a Looker Studio report: for the dashboard, for each of its pages, and for each view."""
    from callmood.ops.looker import PAGES, Template, looker_studio_url, report_views

    page_ids = dict(text.partition("=")[::2] for text in page_id or ())
    if unknown := set(page_ids) - set(PAGES):
        raise CallmoodError(f"--page-id: unknown page {min(unknown)}; choose one of {', '.join(PAGES)}")
    if page_ids and not report_id:
        raise CallmoodError("--page-id needs --report-id")

    def url(sources: Iterable[str] | None, page: str | None = None) -> str:
        template = Template(report_id, page_ids.get(page or "")) if report_id else None
        return looker_studio_url(project, dataset, sources, billing_project=billing_project, template=template)

    # A page of a template has the sources of all its pages.
    links = {"dashboard": url(None)} | {
        f"page {page}": url(None if report_id else sources, page) for page, sources in PAGES.items()
    }
    if not report_id:
        links |= {view: url([view]) for view in report_views()}
    if as_json:
        print_json({"name": name, "url": link} for name, link in links.items())
        return
    for name, link in links.items():
        print(f"{name}\n  {link}")


@commands.command(
    epilog=example(
        "callmood cost --hours 1000 --call-minutes 8",
        "callmood cost --calls 1000000 --keep-months 12 --tiles 5000 --store-metrics",
    )
)
def cost(
    hours: Annotated[
        float | None, typer.Option(min=0, help="Hours of calls per month.", show_default="from --calls")
    ] = None,
    calls: Annotated[
        float | None, typer.Option(min=0, help="Calls per month, instead of --hours.", show_default="none")
    ] = None,
    call_minutes: Annotated[float, typer.Option(min=0.1, help="Mean duration of a call in minutes.")] = 6.0,
    keep_months: Annotated[float, typer.Option(min=0, help="Retention of audio and rows in months.")] = 1.0,
    tiles: Annotated[
        float, typer.Option(min=0, help="Tiles of the dashboard that all readers load per month, each over one month.")
    ] = 0.0,
    store_metrics: Annotated[
        bool, typer.Option("--store-metrics", help="With Terraform's store_metrics: tiles do not read segments.")
    ] = False,
    times_real_time: Annotated[
        float, typer.Option(min=1, help="Speed of the analysis in multiples of real time (`./run bench`).")
    ] = 100.0,
    memory: Annotated[float, typer.Option(min=0.1, help="Memory of the function in GiB.")] = 2.0,
    cpus: Annotated[float, typer.Option(min=1, help="CPUs of the function.")] = 1.0,
    prices: Annotated[
        Path, typer.Option(help="JSON file of other prices.", exists=True, show_default="list prices")
    ] = PRICES,
    as_json: JsonOption = False,
) -> None:
    """Estimate the monthly cost in Google Cloud, and compare it with other services."""
    from callmood.ops.cost import FunctionSpec, Workload, estimate, load_prices

    if (hours is None) == (calls is None):
        raise CallmoodError("set either --hours or --calls")
    hours = hours if hours is not None else (calls or 0) * call_minutes / 60
    price_list = load_prices(prices)
    workload = Workload(
        hours=hours, call_minutes=call_minutes, keep_months=keep_months, tiles=tiles, stores_metrics=store_metrics
    )
    function = FunctionSpec(times_real_time=times_real_time, memory_gib=memory, cpus=cpus)
    items = estimate(workload, function, price_list)
    total = sum(item.usd for item in items)
    others = [{"name": other["name"], "usd": other["usd_per_hour"] * hours} for other in price_list["alternatives"]]
    if as_json:
        print_json([{"usd": total, "items": [asdict(item) for item in items], "alternatives": others}])
        return
    print_table([{"item": item.item, "quantity": item.quantity, "USD": f"{item.usd:,.2f}"} for item in items])
    out.print(
        f"[bold]{total:,.2f} USD per month[/bold] for {hours:,g} hours of calls. Other services charge:",
        highlight=False,
    )
    print_table([{"service": other["name"], "USD": f"{other['usd']:,.2f}"} for other in others])
    out.print(f"Prices as of {price_list['as_of']}. {price_list['note']}", highlight=False)


@commands.command(epilog=example("callmood capacity --burst 1000 --max-instances 50"))
def capacity(
    burst: Annotated[int, typer.Option(min=0, help="Number of recordings uploaded at once.")] = 0,
    per_hour: Annotated[float, typer.Option(min=0, help="Recordings per hour, for eight hours.")] = 0.0,
    call_minutes: Annotated[float, typer.Option(min=0.1, help="Mean duration of a call in minutes.")] = 6.0,
    max_instances: Annotated[int, typer.Option(min=1, help="As in Terraform's `analyze`.")] = 20,
    min_instances: Annotated[int, typer.Option(min=0, help="As in Terraform's `analyze`.")] = 0,
    concurrency: Annotated[int, typer.Option(min=1, help="As in Terraform's `analyze`.")] = 1,
    times_real_time: Annotated[
        float, typer.Option(min=1, help="Speed of the analysis in multiples of real time (`./run bench`).")
    ] = 100.0,
    attempts: Annotated[int, typer.Option(min=1, help="Terraform's `max_delivery_attempts`.")] = 20,
    as_json: JsonOption = False,
) -> None:
    """Simulate the delay between upload and results under load, and the number of dead-lettered recordings."""
    from callmood.ops.capacity import Capacity, burst_uploads, simulate, steady_uploads

    if not burst and not per_hour:
        raise CallmoodError("no load; set --burst NUMBER, --per-hour NUMBER, or both")
    uploads = [*burst_uploads(burst, call_minutes * 60)]
    if per_hour:
        uploads += steady_uploads(per_hour, 8, call_minutes * 60)
    result = simulate(
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
        "median_latency_s": round(result.latency_s(0.5), 1),
        "p95_latency_s": round(result.latency_s(0.95), 1),
        "max_latency_s": round(result.latency_s(1.0), 1),
        "dead_lettered": result.dead_lettered,
        "peak_instances": result.peak_instances,
        "busy_hours": round(result.busy_s / 3600, 2),
    }
    print_rows([row], as_json=as_json)


@commands.command(name="settings", epilog=example("callmood settings --json"))
def show_settings(as_json: JsonOption = False) -> None:
    """List every setting: environment variable, current value, and description."""
    from callmood.settings import APPLICATIONS, load_settings

    fields = {name: (kind, field) for kind in APPLICATIONS.values() for name, field in kind.model_fields.items()}
    settings = {kind: load_settings(kind) for kind in APPLICATIONS.values()}
    rows = [
        {"variable": name.upper(), "value": getattr(settings[kind], name), "description": field.description or ""}
        for name, (kind, field) in fields.items()
    ]
    if as_json:
        print_json(rows)
    else:
        texts = [
            {"value": _setting_text(row["value"]), "description": _plain_markdown(row["description"])} for row in rows
        ]
        print_table([row | text for row, text in zip(rows, texts, strict=True)])


def _setting_text(value: object) -> str:
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return "" if value is None else str(value)


def _plain_markdown(text: str) -> str:
    """Return the text of Markdown with code spans and links."""
    return re.sub(r"\[([^\]]+)\]\([^)]+\)", r"\1", text).replace("`", "")
