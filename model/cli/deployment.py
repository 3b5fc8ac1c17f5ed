"""Commands that register models, and control which one is in production."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from callmood.models.registry import PRODUCTION, Registry
from model.cli.options import checkpoint_option, input_option, output_option, plain_errors

app = typer.Typer()

RegistryOption = Annotated[str, typer.Option("--registry", help="gs://BUCKET/PREFIX, or a folder.")]
AliasOption = Annotated[str, typer.Option("--alias", help="The alias to change.")]
DatasetOption = Annotated[
    str | None,
    typer.Option(
        "--dataset", metavar="PROJECT.DATASET", help="Warehouse whose reports use this version's analyses from now on."
    ),
]
StoreOption = Annotated[Path | None, typer.Option("--store", help="The same for a local store.")]


@app.command(
    "register",
    epilog="Example: python -m model register --model runs/emotion/emotion.tflite --registry gs://acme-models/callmood "
    "--evaluation runs/emotion/cremad.json",
)
def register(
    model: Annotated[Path, input_option("--model", help="The .tflite file, with its .json beside it.")],
    registry: RegistryOption,
    evaluation: Annotated[
        list[Path] | None, input_option("--evaluation", help="Report of the command evaluate; repeat.")
    ] = None,
    card: Annotated[
        Path | None, input_option("--card", help="Model card; default: MODEL_CARD.md beside the model, if any.")
    ] = None,
    config: Annotated[
        Path | None, input_option("--config", help="Configuration; default: config.toml beside the model, if any.")
    ] = None,
    manifest: Annotated[Path | None, input_option("--manifest", help="Manifest of the training clips.")] = None,
) -> None:
    """Add a model to the registry, with its evaluations and its lineage."""
    from model.deployment.register import register

    models = Registry(registry)
    command = shlex.join(["python", "-m", "model", *sys.argv[1:]])
    version, is_new = register(models, model, evaluation or [], card, config, manifest, command)
    _synchronize(models)
    state = "is registered" if is_new else "was already registered"
    print(f"{version} {state}. Next: python -m model promote {version} --registry {registry} --canary 0.1")


@app.command(
    "calibrate",
    epilog="Example: python -m model calibrate --registry gs://acme-models/callmood --recordings gs://acme-calls "
    "--out calibrated/emotion.tflite",
)
def calibrate(
    registry: RegistryOption,
    recordings: Annotated[
        list[str], typer.Option("--recordings", metavar="URI", help="gs://BUCKET/PREFIX of recordings; repeat.")
    ],
    out: Annotated[Path, output_option("--out", help="The .tflite file; its metadata is written beside it.")],
    calls: Annotated[int, typer.Option("--calls", min=50, help="Recordings to sample at random.")] = 500,
) -> None:
    """Calibrate the production model to the callers of a bucket, as a new version (docs/calibration.md).

    The settings of the analysis, such as CHANNEL_ROLES, come from the environment.
    """
    from callmood.settings import AnalysisSettings, load_settings
    from model.deployment.calibrate import calibrate_production

    settings = load_settings(AnalysisSettings)
    version, population = calibrate_production(Registry(registry), recordings, calls, settings, out)
    print(f"{version}: population {population.version} of {population.calls} calls. Next: python -m model register")


@app.command(
    "promote",
    epilog="Example: python -m model promote f305841e9432 --registry gs://acme-models/callmood --canary 0.1; "
    "later, the same without --canary",
)
def promote(
    version: Annotated[str, typer.Argument(help="12 hexadecimal digits; python -m model versions lists them.")],
    registry: RegistryOption,
    canary: Annotated[
        float | None, typer.Option("--canary", metavar="SHARE", help="Only this share of recordings, such as 0.1.")
    ] = None,
    alias: AliasOption = PRODUCTION,
    dataset: DatasetOption = None,
    store: StoreOption = None,
) -> None:
    """Promote a registered version to production, for all recordings or for a share of them."""
    from model.deployment.promote import describe, open_warehouses, promote, publish_results

    if canary is not None and (store or dataset):
        raise typer.BadParameter(
            "--store and --dataset apply to the promotion for all recordings; omit them with --canary"
        )
    warehouses = open_warehouses(store, dataset)  # before the alias changes, so that a missing store changes nothing
    models = Registry(registry)
    release = promote(models, alias, version, canary)
    publish_results(release.version, warehouses)
    _synchronize(models)
    print(describe(alias, release))


@app.command("rollback", epilog="Example: python -m model rollback --registry gs://acme-models/callmood")
def rollback(
    registry: RegistryOption,
    canary: Annotated[
        str | None,
        typer.Option("--canary", metavar="VERSION", help="Remove only this canary; ignore another one."),
    ] = None,
    alias: AliasOption = PRODUCTION,
    dataset: DatasetOption = None,
    store: StoreOption = None,
) -> None:
    """Remove a canary, or return to the previous version."""
    from model.deployment.promote import describe, open_warehouses, publish_results
    from model.deployment.rollback import rollback

    warehouses = open_warehouses(store, dataset)
    models = Registry(registry)
    release = rollback(models, alias, canary)
    publish_results(release.version, warehouses)
    _synchronize(models)
    print(describe(alias, release))


@app.command("versions", epilog="Example: python -m model versions --registry gs://acme-models/callmood")
def versions(
    registry: RegistryOption,
    json: Annotated[bool, typer.Option("--json", help="Print everything as one JSON object.")] = False,
) -> None:
    """List the versions, releases, and history of a registry."""
    from json import dumps

    from model.deployment.versions import lines, listing

    models = Registry(registry)
    if json:
        print(dumps(listing(models), indent=2))
        return
    for line in lines(models):
        print(line)


@app.command(
    "vertex",
    epilog="Example: python -m model vertex --registry gs://acme-models/callmood --project acme "
    "--location europe-west1 --image europe-west1-docker.pkg.dev/acme/callmood/serve:1 --endpoint callmood; "
    "later, --registry alone updates Vertex AI",
)
def vertex(
    registry: RegistryOption,
    project: Annotated[str | None, typer.Option("--project", help="ID of the project.")] = None,
    location: Annotated[str | None, typer.Option("--location", help="Region, such as europe-west1.")] = None,
    image: Annotated[
        str | None,
        typer.Option("--image", help="Serving image: infra/images/serve.Containerfile in Artifact Registry."),
    ] = None,
    name: Annotated[str | None, typer.Option("--name", help="Name of the model in Vertex AI.")] = None,
    endpoint: Annotated[
        str | None, typer.Option("--endpoint", help="Display name of the endpoint; default: mirror versions only.")
    ] = None,
    machine_type: Annotated[str | None, typer.Option("--machine-type", help="Machine of the endpoint.")] = None,
    api_endpoint: Annotated[
        str | None, typer.Option("--api-endpoint", help="Address of the service; default: the endpoint of the region.")
    ] = None,
) -> None:
    """Mirror a registry to Vertex AI: its versions, and an endpoint with the same canary."""
    from model.deployment.vertex import configure

    models = Registry(registry)
    values = {
        "project": project,
        "location": location,
        "image": image,
        "name": name,
        "endpoint": endpoint,
        "machine_type": machine_type,
        "api_endpoint": api_endpoint,
    }
    configure(models, {name: value for name, value in values.items() if value})
    _synchronize(models)


def _synchronize(models: Registry) -> None:
    from model.deployment.vertex import synchronize

    for change in synchronize(models):
        print(f"Vertex AI: {change}")


@app.command(
    "compare-canary",
    epilog="Example: python -m model compare-canary f305841e9432 --registry gs://acme-models/registry "
    "--results acme.calls",
)
def compare_canary(
    version: Annotated[str, typer.Argument(help="The canary.")],
    registry: RegistryOption,
    results: Annotated[
        str, typer.Option("--results", help="PROJECT.DATASET or a DuckDB file, with the calls that it analyzed.")
    ],
    calls: Annotated[int, typer.Option("--calls", help="Required calls of each version.")] = 30,
    shift: Annotated[float, typer.Option("--shift", help="Limit for the share of speech with another emotion.")] = 0.15,
    unsure: Annotated[float, typer.Option("--unsure", help="Limit for the decrease of the mean confidence.")] = 0.10,
    slower: Annotated[float, typer.Option("--slower", help="Limit for the ratio of processing times.")] = 2.0,
    json: Annotated[Path | None, checkpoint_option("--json", help="Write the comparison to this file.")] = None,
) -> None:
    """Compare a canary with the production model on the calls that each analyzed.

    Exit codes: 0 accepted; 1 rejected, or too few calls; 2 the comparison is not possible.
    """
    with plain_errors(exit_code=2):
        from model.deployment.compare_canary import Limits, compare_canary_in, summary
        from model.files import write_json

        report = compare_canary_in(results, Registry(registry), version, Limits(calls, shift, unsure, slower))
        if json:
            write_json(json, report)
    print(summary(version, report))
    if not report["ok"]:
        raise typer.Exit(1)
