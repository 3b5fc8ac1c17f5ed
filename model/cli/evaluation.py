"""Commands that evaluate, simulate, and compare models."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, get_args

import typer

from model.cli.options import (
    EVALUATION_CACHE,
    SHIPPED_MODEL,
    CacheOption,
    CorpusOption,
    ManifestOption,
    ModelOption,
    RootOption,
    choice_option,
    input_argument,
    input_option,
    output_option,
)
from model.files import MODEL_DIR
from model.types import Channel, CorpusName, Crop

if TYPE_CHECKING:
    from model.data.selection import ClipSelection

app = typer.Typer()

SplitOption = Annotated[
    Literal["train", "valid", "test", "all"] | None,
    typer.Option("--split", help="Split of the clips; default: all except train, or train if it is the only split."),
]
AllSplitsOption = Annotated[
    Literal["train", "valid", "test", "all"], typer.Option("--split", help="Split of the clips.")
]
ReportOption = Annotated[Path | None, output_option("--json", help="Write the report to this file.")]
SeedOption = Annotated[int, typer.Option("--seed")]


def _source(manifest: Path | None, corpus: str | None, root: Path | None, split: str | None) -> ClipSelection:
    from model.data.selection import find_clips

    return find_clips(manifest, corpus, root, split)


def _baseline(value: object) -> str:
    from model.evaluation.evaluate import baseline_sampler

    try:
        baseline_sampler(str(value))
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    return str(value)


@app.command("evaluate")
def evaluate(
    model: ModelOption = SHIPPED_MODEL,
    manifest: ManifestOption = None,
    corpus: CorpusOption = None,
    root: RootOption = None,
    split: SplitOption = None,
    baseline: Annotated[
        str,
        typer.Option(
            "--baseline",
            parser=_baseline,
            metavar="NAME",
            help="Clips of the speaker's baseline: none, all, or neutral:K (K random clips, 70 % of them neutral).",
        ),
    ] = "neutral:30",
    channel: Annotated[Channel, typer.Option("--channel", help="Channel of the clips.")] = "clean",
    crop: Annotated[
        Crop, typer.Option("--crop", help="Part of each clip: all, its speech, or 0.6 to 2 s of its speech.")
    ] = "whole",
    cache: CacheOption = EVALUATION_CACHE,
    json: ReportOption = None,
) -> None:
    """Evaluate a model file on clips, through the serving code."""
    from rich.console import Console

    from callmood.emotion.model import load_model
    from model.augmentation.conditions import AcousticCondition
    from model.evaluation.evaluate import evaluate, show
    from model.files import write_json

    loaded = load_model(model)
    report = evaluate(loaded, _source(manifest, corpus, root, split), baseline, AcousticCondition(channel, crop), cache)
    show(report, Console())
    if json:
        write_json(json, report)


@app.command("simulate")
def simulate(
    model: ModelOption = SHIPPED_MODEL,
    manifest: ManifestOption = None,
    corpus: CorpusOption = None,
    root: RootOption = None,
    split: SplitOption = None,
    channel: Annotated[Channel, typer.Option("--channel", help="Channel of the clips.")] = "telephone",
    scenario: Annotated[
        Literal["short", "long", "shares"],
        typer.Option(
            "--scenario",
            help="short: 2 of 40 utterances are angry; long: 2 to 8 of 30 to 60; shares: 0, 10, 25, 50, 75, and 100 % "
            "of 20.",
        ),
    ] = "short",
    emotion: Annotated[
        Literal["anger", "sadness"], typer.Option("--emotion", help="The emotion of the scenario shares.")
    ] = "anger",
    population: Annotated[
        bool,
        typer.Option(
            "--population",
            help="In the scenario shares, calibrate on calls of half of the speakers, and test the other half.",
        ),
    ] = False,
    calls: Annotated[
        int | None, typer.Option("--calls", help="Calls per speaker, 12; in the scenario shares, per share too, 3.")
    ] = None,
    seed: SeedOption = 0,
    json: ReportOption = None,
) -> None:
    """Measure the detection of angry calls, on calls assembled from clips."""
    from rich.console import Console

    from callmood.emotion.model import load_model
    from model.evaluation import composition
    from model.evaluation import simulate as simulation
    from model.files import write_json

    loaded, clips = load_model(model), _source(manifest, corpus, root, split).clips
    if scenario == "shares":
        number = calls or composition.CALLS_PER_SHARE
        report = composition.measure(loaded, clips, emotion, channel, population, number, seed)
        composition.show(report, Console())
    elif population or emotion != "anger":
        raise typer.BadParameter("--population and --emotion need --scenario shares")
    else:
        number = calls or simulation.CALLS_PER_SPEAKER
        report = simulation.simulate(loaded, clips, scenario, channel, number, seed)
        simulation.show(report, Console())
    if json:
        write_json(json, report)


@app.command("channels")
def channels(
    model: ModelOption = SHIPPED_MODEL,
    manifest: ManifestOption = None,
    corpus: CorpusOption = None,
    root: RootOption = None,
    split: SplitOption = None,
    channel: Annotated[Channel, typer.Option("--channel", help="Channel of the clips.")] = "telephone",
    calls: Annotated[int, typer.Option("--calls", help="Calls per speaker.")] = 6,
    seed: SeedOption = 0,
    json: ReportOption = None,
) -> None:
    """Measure calls with one channel and with echoes against the same calls with two channels."""
    from rich.console import Console

    from callmood.emotion.model import load_model
    from model.evaluation.channels import measure, show
    from model.files import write_json

    report = measure(load_model(model), _source(manifest, corpus, root, split).clips, channel, calls, seed)
    show(report, Console())
    if json:
        write_json(json, report)


@app.command("call-flags")
def call_flags(
    model: ModelOption = SHIPPED_MODEL,
    manifest: ManifestOption = None,
    corpus: CorpusOption = None,
    root: RootOption = None,
    split: SplitOption = None,
    utterances: Annotated[int, typer.Option("--utterances", help="Utterances per call.")] = 45,
    neutral: Annotated[float, typer.Option("--neutral", help="Share of neutral utterances outside anger.")] = 0.85,
    angry: Annotated[
        list[float] | None,
        typer.Option("--angry", help="Share of angry utterances in the angry third; repeat. Default: 0.25 0.5 0.8."),
    ] = None,
    calls: Annotated[int, typer.Option("--calls", help="Calls per scenario.")] = 200,
    cache: CacheOption = EVALUATION_CACHE,
) -> None:
    """Measure how often the call flags are correct, on calls assembled from clips."""
    from callmood.emotion.model import load_model
    from model.evaluation.call_flags import CallOptions, measure, show

    loaded = load_model(model)
    clips = _source(manifest, corpus, root, split).clips
    show(measure(loaded, clips, angry or [0.25, 0.5, 0.8], CallOptions(utterances, neutral, calls), cache))


@app.command("drift")
def drift(
    json: Annotated[Path, output_option("--json", help="Write the report to this file.")],
    model: ModelOption = SHIPPED_MODEL,
    manifest: ManifestOption = None,
    corpus: CorpusOption = None,
    root: RootOption = None,
    split: AllSplitsOption = "all",
    other: Annotated[
        str | None,
        choice_option("--other", choices=get_args(CorpusName), help="Corpus of other speakers, as a kind of drift."),
    ] = None,
    other_root: Annotated[Path | None, input_option("--other-root", help="Its folder.")] = None,
    days: Annotated[int, typer.Option("--days", help="Number of days to simulate.")] = 100,
    seed: SeedOption = 0,
) -> None:
    """Measure the detection rate and the false alarm rate of drift monitoring."""
    from callmood.emotion.model import load_model
    from model.evaluation.drift import measure, show
    from model.files import write_json

    if bool(other) != bool(other_root):
        raise typer.BadParameter("--other needs --other-root")
    loaded = load_model(model)
    clips = _source(manifest, corpus, root, split).clips
    others = {other: _source(None, other, other_root, "all").clips} if other else {}
    report = measure(loaded, clips, others, days, seed)
    write_json(json, report)
    show(report)


_DATE = {"formats": ["%Y-%m-%d"], "metavar": "DATE"}


@app.command("reference")
def reference(
    model: ModelOption = SHIPPED_MODEL,
    manifest: ManifestOption = None,
    corpus: CorpusOption = None,
    root: RootOption = None,
    split: AllSplitsOption = "all",
    store: Annotated[
        Path | None, typer.Option("--store", help="Instead of clips: a local store of your own calls.")
    ] = None,
    since: Annotated[
        datetime | None, typer.Option("--since", help="First day of the reference, such as 2026-11-01.", **_DATE)
    ] = None,
    until: Annotated[datetime | None, typer.Option("--until", help="Last day of the reference.", **_DATE)] = None,
    out: Annotated[
        Path | None, output_option("--out", help="The reference; default: MODEL.reference.json beside the model.")
    ] = None,
    seed: SeedOption = 0,
    optional: Annotated[
        bool, typer.Option("--optional", help="If no speech is detected in the clips, write no reference, and succeed.")
    ] = False,
) -> None:
    """Write the reference that callmood monitor compares calls with."""
    from callmood.emotion.model import load_model
    from callmood.errors import CallmoodError
    from callmood.monitoring.drift import Reference
    from model.evaluation.reference import build_reference, reference_from_clips, reference_from_store, write

    out = out or model.with_suffix(".reference.json")
    loaded = load_model(model)
    content: bytes | None
    if store:
        if not store.exists() or not since or not until:
            raise CallmoodError("--store needs an existing store, and the days of the reference: --since and --until")
        content = reference_from_store(store, loaded, since.date(), until.date())
    else:
        content = reference_from_clips(_source(manifest, corpus, root, split).clips, loaded, seed)
        if content is None and not optional:
            content = build_reference([], loaded.version, "")  # raises the error about missing calls
    if content is None:
        print("No reference was written, because no speech is detected in calls assembled from these clips.")
        print("Create one from your own calls with python -m model reference --store to monitor drift.")
        return
    write(content, out)
    print(f"{Reference(content).speakers} speakers in {out}")


@app.command("card")
def card(
    reports: Annotated[
        list[Path] | None, input_argument(help="Reports; default: all in reports/ beside the card.")
    ] = None,
    model: ModelOption = SHIPPED_MODEL,
    out: Annotated[Path, output_option("--out", help="The model card.")] = MODEL_DIR / "MODEL_CARD.md",
    data: Annotated[
        Path | None, typer.Option("--data", help="Folder of corpora: measure missing reports on them first.")
    ] = None,
    cache: Annotated[Path, typer.Option("--cache", help="Folder of cached embeddings.")] = EVALUATION_CACHE,
) -> None:
    """Write a model card and its plots from reports."""
    from model.evaluation.card import write

    folder = out.parent / "reports"
    if data:
        from rich.console import Console

        from callmood.emotion.model import load_model
        from model.evaluation.measure import measure

        measure(load_model(model), data, folder, cache, Console())
    write(model, reports or sorted(folder.glob("*.json")), out)
    print(f"Wrote {out} and its plots.")


@app.command("compare")
def compare(
    runs: Annotated[list[Path], input_argument(help="Folders of models and their reports.", metavar="RUN")],
    out: Annotated[Path, output_option("--out", help="The page, a Markdown file.")],
) -> None:
    """Compare models on one page."""
    from model.evaluation.compare_models import write

    write(runs, out)
    print(f"Wrote {out}.")
