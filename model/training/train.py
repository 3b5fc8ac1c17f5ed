"""Train a model.

The features of all clips are computed once (`model.training.extract`). Then training has two parts:

1. Train encoder and head relative to means of clips (`model.training.fit`).
2. With `baselines.estimated`, train the head again relative to baselines as serving estimates them
   (`model.training.head_fit`), because the estimate needs a trained head.

The run folder contains config.toml, manifest.parquet, checkpoints/, history.json, model.keras, and metadata.json. A
resumed run gives the same result as an uninterrupted one.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import keras

from callmood.emotion.associated_files import BASELINE
from model import networks
from model.config import Config
from model.data import manifest
from model.files import atomic_write, write_json
from model.networks import Network
from model.training import runs
from model.training.baseline_fit import fit_baseline
from model.training.extract import create_embedder, load_dataset, select_clips
from model.training.fit import fit
from model.training.head_fit import fit_head
from model.training.model_metadata import build_metadata
from model.training.tracking import experiment_log


def train(conf: Config, rows: list[manifest.Row], run: Path, cache: Path, log_address: str | None = None) -> Network:
    """Train a configuration on the clips of a manifest, write the results to the folder `run`, and return the network.

    Parameters
    ----------
    conf : Config
    rows : list of Row
    run : Path
    cache : Path
        Folder of cached features.
    log_address : str, optional
        Experiment log; see `model.training.tracking`.
    """
    keras.utils.set_random_seed(conf.seed)
    keras.config.set_dtype_policy(conf.training.precision)
    network = networks.build(conf)
    training_clips, held_out_clips = select_clips(rows, conf.data)
    embedder = create_embedder(network, conf, cache)
    training = load_dataset(embedder, training_clips, conf, cache)
    held_out = load_dataset(embedder, held_out_clips, conf, cache) if held_out_clips else None
    network.adapt(training)
    with experiment_log(log_address, run, conf) as log:
        history = fit(network, training, held_out, conf, run / "checkpoints", log)

    best = runs.best_epoch(history)
    temperatures = conf.serving.temperatures or (best["temperature"], best["temperature_known"])
    write_json(run / "history.json", history)
    embedded = replace(training, features=network.embed(training))
    baseline = fit_baseline(embedded.features, training.labels, training.baseline_groups)
    if conf.baselines.estimated:
        network.head.set_weights(fit_head(network.head.get_weights(), baseline, temperatures, embedded, conf))
    with atomic_write(run / "model.keras") as temporary:
        network.trainable_model().save(temporary)
    with atomic_write(run / BASELINE) as temporary:
        temporary.write_bytes(baseline.to_bytes())
    write_json(run / "metadata.json", build_metadata(conf, training_clips, temperatures, network.size))
    return network
