"""Commands that compute features, and train, tune, and cross-validate models."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, get_args

import typer

from model.cli.options import (
    EVALUATION_CACHE,
    FEATURE_CACHE,
    SHIPPED_MODEL,
    checkpoint_option,
    choice_option,
    input_option,
    output_option,
)
from model.files import MODEL_DIR
from model.types import CorpusName

app = typer.Typer()

ConfigOption = Annotated[Path, input_option("--config", help="Configuration; see model/configs.")]
ManifestOption = Annotated[Path, input_option("--manifest", help="Manifest from the command ingest.")]
CacheOption = Annotated[Path, checkpoint_option("--cache", help="Folder of cached features.")]


@app.command("features")
def features(config: ConfigOption, manifest: ManifestOption, cache: CacheOption = FEATURE_CACHE) -> None:
    """Compute and cache the features that training reads.

    The command train computes missing features too.
    """
    from model import config as configurations
    from model.data import manifest as manifests
    from model.training.extract import compute_features

    arrays, clips = compute_features(configurations.read(config), manifests.read(manifest), cache)
    print(f"{arrays} feature arrays of {clips} clips in {cache}")


@app.command("train")
def train(
    config: ConfigOption,
    manifest: ManifestOption,
    run: Annotated[Path, checkpoint_option("--run", help="Folder for the results.")],
    cache: CacheOption = FEATURE_CACHE,
    resume: Annotated[bool, typer.Option("--resume", help="Continue the run in RUN, if there is one.")] = False,
    log: Annotated[
        str | None,
        typer.Option(
            "--log",
            metavar="ADDRESS",
            envvar="EXPERIMENT_LOG",
            help="Log each epoch to MLflow (sqlite:///runs/mlflow.db) or Vertex AI "
            "(vertex://PROJECT/LOCATION/EXPERIMENT).",
        ),
    ] = None,
) -> None:
    """Train a model."""
    from model import config as configurations
    from model.data import manifest as manifests
    from model.training import runs
    from model.training.train import train

    conf, rows = configurations.read(config), manifests.read(manifest)
    runs.start(run, conf, manifest, resume)
    train(conf, rows, run, cache, log)
    print(f"Next: python -m model export --run {run} --out {run / 'emotion.tflite'}")


@app.command("distill")
def distill(
    corpus: Annotated[
        str, choice_option("--corpus", choices=get_args(CorpusName), help="Name of a corpus; labels are not used.")
    ],
    root: Annotated[Path, input_option("--root", help="Its folder. Only speakers of the split train are used.")],
    out: Annotated[Path, output_option("--out", help="The NumPy archive.")],
    minutes: Annotated[float, typer.Option("--minutes", min=0.01, help="Duration of the training.")] = 6.0,
    device: Annotated[str, typer.Option("--device", help="PyTorch's device: cuda or cpu.")] = "cuda",
) -> None:
    """Distill Whisper's encoder into a faster one, on a GPU; needs PyTorch."""
    from model.data.selection import find_clips
    from model.networks.whisper_weights import encoder_weights
    from model.training.distillation import distill, speaker_streams, write_weights

    streams = speaker_streams(find_clips(None, corpus, root, "train").clips)
    write_weights(out, distill(streams, encoder_weights(), minutes, device))
    print(f"Wrote {out}.")


@app.command("tune")
def tune(
    config: Annotated[Path, input_option("--config", help="Configuration to tune; see model/configs.")],
    space: Annotated[Path, input_option("--space", help="Search space; see model/spaces.")],
    manifest: ManifestOption,
    study: Annotated[Path, checkpoint_option("--study", help="The study, an SQLite file.")],
    cache: CacheOption = FEATURE_CACHE,
    trials: Annotated[
        int | None, typer.Option("--trials", help="Total number of trials; default: that of the search space.")
    ] = None,
) -> None:
    """Try configurations, and keep the best one.

    The results are beside the study: the best configuration (.toml), all trials (.json), and plots (.svg).
    """
    from model import config as configurations
    from model.data import manifest as manifests
    from model.training import search_space
    from model.training.tune import tune, write_results

    base, rows = configurations.read(config), manifests.read(manifest)
    search = search_space.read(space, base)
    for line in write_results(tune(base, search, rows, study, cache, trials or search.trials), search, base, study):
        print(line)


@app.command("crossvalidate")
def crossvalidate(
    config: ConfigOption,
    manifest: Annotated[Path, input_option("--manifest", help="Manifest; all its splits are used.")],
    run: Annotated[Path, checkpoint_option("--run", help="Folder with a folder for each fold.")],
    json: Annotated[Path, output_option("--json", help="Write the summary to this file.")],
    by: Annotated[
        Literal["speaker", "corpus", "text"],
        typer.Option("--by", help="Hold out speakers, corpora, or speakers and sentences."),
    ] = "speaker",
    folds: Annotated[int, typer.Option("--folds", help="Number of folds; ignored with --by corpus.")] = 5,
    cache: CacheOption = FEATURE_CACHE,
) -> None:
    """Train and test a configuration several times, each time on other speakers."""
    from rich.console import Console

    from model import config as configurations
    from model.data import manifest as manifests
    from model.evaluation.crossvalidate import crossvalidate, show
    from model.files import write_json

    report = crossvalidate(configurations.read(config), manifests.read(manifest), by, folds, run, cache)
    show(report, Console())
    write_json(json, report)


@app.command("speakers")
def speakers(
    corpus: Annotated[
        str, choice_option("--corpus", choices=get_args(CorpusName), help="Name of a corpus with many speakers.")
    ],
    root: Annotated[Path, input_option("--root", help="Its folder. Only speakers of the split train are used.")],
    model: Annotated[Path, input_option("--model", help="The .tflite file that embeds the clips.")] = SHIPPED_MODEL,
    cache: CacheOption = EVALUATION_CACHE,
    out: Annotated[
        Path, output_option("--out", help="The NumPy archive, or a .tflite file: the model with the packed archive.")
    ] = MODEL_DIR / "speakers.npz",
) -> None:
    """Fit the discriminant that separates the speakers of one channel.

    The shipped archive is for the encoder of the shipped model. A model with another encoder needs its own, packed into
    its file: otherwise the roles in its calls of one channel are unknown.
    """
    from callmood.emotion.associated_files import SPEAKERS
    from callmood.emotion.model import load_model
    from model.data.selection import find_clips
    from model.export.export import read_model, write_model
    from model.files import atomic_write
    from model.training.speakers import fit_speaker_space

    clips = find_clips(None, corpus, root, "train").clips
    space = fit_speaker_space(load_model(model), clips, cache)
    if out.suffix == ".tflite":
        content, metadata, files = read_model(model)
        write_model(out, content, metadata, files | {SPEAKERS: space.to_bytes()})
    else:
        with atomic_write(out) as unfinished:
            unfinished.write_bytes(space.to_bytes())
    print(f"{out}: slope {space.slope:.2f}, weights {space.weights.round(2)}")
