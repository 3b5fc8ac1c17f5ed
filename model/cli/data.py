"""Commands that read, check, label, and synthesize clips."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated, get_args

import typer

from model.cli.options import (
    checkpoint_option,
    choice_option,
    input_argument,
    input_option,
    output_option,
    plain_errors,
)
from model.types import CorpusName

app = typer.Typer()

EPOCH = datetime(1970, 1, 1)


@app.command("ingest")
def ingest(
    corpus: Annotated[
        list[str], choice_option("--corpus", choices=get_args(CorpusName), help="Corpus to read; repeat.")
    ],
    root: Annotated[list[Path], input_option("--root", help="Its folder; for csv, the folder or the file.")],
    out: Annotated[Path, output_option("--out", help="The manifest, a Parquet file.")],
) -> None:
    """Read corpora into one manifest."""
    from model.data.ingest import ingest

    if len(corpus) != len(root):
        raise typer.BadParameter("each --corpus needs a --root")
    clips = ingest(list(zip(corpus, root, strict=True)), out)
    print(f"{clips} clips in {out}. Next: python -m model validate {out}")


@app.command("validate")
def validate(
    manifest: Annotated[Path, input_argument(metavar="MANIFEST")],
    json: Annotated[Path | None, checkpoint_option("--json", help="Write the full report to this file.")] = None,
    allow: Annotated[
        list[str] | None, typer.Option("--allow", metavar="CHECK", help="Report this check as a warning; repeat.")
    ] = None,
) -> None:
    """Check the clips of a manifest before training.

    Exit codes: 0 no errors; 1 a check failed; 2 the manifest cannot be read.
    """
    with plain_errors(exit_code=2):
        from model.data import manifest as manifests
        from model.data import validate
        from model.data.corpora import CorpusError
        from model.files import write_json

        allowed = allow or []
        if unknown := set(allowed) - validate.CHECKS.keys():
            raise typer.BadParameter(f"{', '.join(unknown)} is not one of {', '.join(validate.CHECKS)}")
        rows = manifests.read(manifest)
        if not rows:
            raise CorpusError(f"{manifest} has no clips")
        report = validate.report(rows, validate.validate(rows), allowed)
        if json:
            write_json(json, report)
    validate.show(report)
    if not report["ok"]:
        raise typer.Exit(1)


@app.command("label")
def label(
    out: Annotated[Path, typer.Option("--out", help="A new folder for the clips and the page.")],
    store: Annotated[Path | None, typer.Option("--store", help="The local store of the calls.")] = None,
    dataset: Annotated[
        str | None, typer.Option("--dataset", metavar="PROJECT.DATASET", help="Or their BigQuery dataset.")
    ] = None,
    count: Annotated[int, typer.Option("--count", help="Number of clips; 120 take about a quarter of an hour.")] = 120,
    random: Annotated[
        float, typer.Option("--random", min=0, max=1, help="Ratio drawn at random, to measure accuracy on.")
    ] = 0.4,
    since: Annotated[
        datetime,
        typer.Option(
            "--since",
            formats=["%Y-%m-%d"],
            metavar="DATE",
            help="First day of calls, such as 2026-11-01.",
            show_default=False,
        ),
    ] = EPOCH,
    seed: Annotated[int, typer.Option("--seed")] = 0,
) -> None:
    """Sample clips of your own calls for labeling."""
    from callmood.settings import LocalSettings, load_settings
    from model.data.labeling import label, open_warehouse

    source = store or dataset
    if source is None or (store and dataset):
        raise typer.BadParameter("use either --store or --dataset")
    settings = load_settings(LocalSettings)
    warehouse = open_warehouse(source, settings.time_zone, settings.min_calls_per_group)
    label(warehouse, out, settings, since.date(), count, random, seed)


@app.command("synthesize")
def synthesize(
    voices: Annotated[Path, input_option("--voices", help="npm's archive kokoro-js-1.2.1.tgz.")],
    out: Annotated[Path, typer.Option("--out", help="Folder for the corpus, named synthetic.")],
    speakers: Annotated[int, typer.Option("--speakers", min=1, help="Number of voices.")] = 84,
    clips: Annotated[int, typer.Option("--clips", min=1, max=1000, help="Clips of each voice.")] = 16,
    processes: Annotated[int, typer.Option("--processes", min=1, help="Voices to synthesize in parallel.")] = 1,
) -> None:
    """Synthesize the corpus of calm speech."""
    from model.tts.synthesize import synthesize

    synthesize(voices, out, speakers, clips, processes)
    print(f"{speakers * clips} clips in {out}. Next: python -m model ingest --corpus synthetic …")
