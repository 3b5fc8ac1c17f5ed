"""Commands that export models, and check exported files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from model.cli.options import (
    EVALUATION_CACHE,
    SHIPPED_MODEL,
    CacheOption,
    CorpusOption,
    ManifestOption,
    ModelOption,
    RootOption,
    checkpoint_option,
    input_argument,
    input_option,
    output_option,
)
from model.files import MODEL_DIR
from model.types import Runtime

app = typer.Typer()

GATES = MODEL_DIR / "gates.toml"


@app.command("export")
def export(
    run: Annotated[Path, checkpoint_option("--run", help="Folder of a training run.")],
    out: Annotated[Path, output_option("--out", help="The .tflite file; its metadata is written beside it.")],
    gates: Annotated[
        Path,
        input_option(
            "--gates",
            help="The gates. Only a shipped model (OUT) must pass all of them, with the reports in RUN.",
        ),
    ] = GATES,
    float32: Annotated[
        bool, typer.Option("--float", help="Keep float32 weights, to measure the cost of quantization; no gates.")
    ] = False,
) -> None:
    """Write the TFLite file of a training run, and its metadata."""
    from model.export.export import export, export_float

    if float32:
        export_float(run, out)
    else:
        export(run, out, gates)
    print(f"Wrote {out} ({out.stat().st_size / 1e6:.1f} MB) and {out.with_suffix('.json').name}.")


@app.command("export-detector")
def export_detector(
    wheel: Annotated[Path, typer.Argument(help="silero_vad-….whl, from: pip download --no-deps silero-vad==6.2.3")],
    output: Annotated[Path, typer.Option("--output", help="The NumPy archive.")] = MODEL_DIR / "speech.npz",
) -> None:
    """Write the weights of the speech detector from Silero VAD's published network."""
    from model.export.silero import export_detector

    export_detector(wheel, output)
    print(f"{output}: {output.stat().st_size} bytes")


@app.command("fit-baseline")
def fit_baseline(
    manifest: ManifestOption = None,
    corpus: CorpusOption = None,
    root: RootOption = None,
    model: ModelOption = SHIPPED_MODEL,
    config: Annotated[
        Path, input_option("--config", help="Its serving table sets the prior and the threshold.")
    ] = MODEL_DIR / "configs/shipped.toml",
    out: Annotated[Path, output_option("--out", help="The file to write; may be the same.")] = SHIPPED_MODEL,
    cache: CacheOption = EVALUATION_CACHE,
) -> None:
    """Fit the speaker baseline of a model file on training speakers; the network stays as it is."""
    from callmood.emotion.model import load_model
    from model import config as configurations
    from model.data.selection import find_clips
    from model.export.baseline import refit

    clips = find_clips(manifest, corpus, root, "train").clips
    refit(load_model(model), model, clips, configurations.read(config), out, cache)
    print(f"Wrote {out}, version {load_model(out).version}.")


@app.command("fit-head")
def fit_head(
    manifest: ManifestOption = None,
    corpus: CorpusOption = None,
    root: RootOption = None,
    model: ModelOption = SHIPPED_MODEL,
    config: Annotated[Path, input_option("--config", help="Configuration of its training.")] = MODEL_DIR
    / "configs/shipped.toml",
    out: Annotated[Path, output_option("--out", help="The file to write; may be the same.")] = SHIPPED_MODEL,
    cache: CacheOption = EVALUATION_CACHE,
) -> None:
    """Train the head of a model file again, relative to baselines as calls have them; the encoder stays as it is."""
    from callmood.emotion.model import load_model
    from model import config as configurations
    from model.data.selection import find_clips
    from model.export.baseline import refit_head

    clips = find_clips(manifest, corpus, root, "train").clips
    refit_head(load_model(model), model, clips, configurations.read(config), out, cache)
    print(f"Wrote {out}, version {load_model(out).version}.")


@app.command("parity")
def parity(
    model: Annotated[Path, typer.Option("--model", help="The .tflite file.")],
    manifest: Annotated[Path, typer.Option("--manifest", help="Manifest from the command ingest.")],
    runtime: Annotated[Runtime, typer.Option("--runtime", help="TFLite runtime.")],
) -> None:
    """Print the probabilities that a model file predicts on one runtime, as JSON."""
    from json import dumps

    from model.export.parity import predict

    print(dumps(predict(model, manifest, runtime).tolist()))


@app.command("speed")
def speed(
    model: Annotated[Path, input_option("--model", help="The .tflite file.")],
    reference: Annotated[Path, input_option("--reference", help="The file to compare with.")] = SHIPPED_MODEL,
    json: Annotated[Path | None, output_option("--json", help="Write the report to this file.")] = None,
) -> None:
    """Measure the processing time of a model file, relative to another file."""
    from model.export import speed
    from model.files import write_json

    report = speed.report(model, reference)
    if json:
        write_json(json, report)
    print("{milliseconds} ms for 3 s, {ratio} times the reference ({reference_milliseconds} ms).".format(**report))


@app.command("gates")
def gates(
    reports: Annotated[list[Path], input_argument(help="Reports of evaluate, simulate, speed, and others.")],
    gates: Annotated[Path, input_option("--gates", help="The gates, a TOML file.")] = GATES,
) -> None:
    """Check whether a model passes the gates.

    Exit codes: 0 no gate failed; 1 a gate failed.
    """
    from model.export.gates import check, failed, read, read_reports

    results = check(read(gates), read_reports(reports))
    for result in results:
        print(result)
    if failures := failed(results):
        typer.echo(f"{len(failures)} of {len(results)} gates failed", err=True)
        raise typer.Exit(1)
