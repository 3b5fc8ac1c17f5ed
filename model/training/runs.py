"""The folder of a training run: its configuration and manifest, a checkpoint per epoch, and the results."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np

from callmood.errors import CallmoodError
from model import config
from model.data import manifest
from model.files import atomic_write

History = list[dict[str, float]]
"""Metrics of each epoch, in order."""


class RunError(CallmoodError):
    """A run folder cannot be used. The message names the folder and the remedy."""


def start(run: Path, conf: config.Config, manifest_file: Path, resume: bool) -> None:
    """Copy the configuration and the manifest into a run folder, or check that the folder contains the same ones.

    Raises
    ------
    RunError
        The folder contains another run, or it contains this run and `resume` is False.
    """
    own_config, own_manifest = run / "config.toml", run / "manifest.parquet"
    if not own_config.exists():
        config.write(conf, own_config)
        if manifest_file.resolve() != own_manifest.resolve():
            with atomic_write(own_manifest) as temporary:
                shutil.copyfile(manifest_file, temporary)
    elif not resume:
        raise RunError(f"{run} already contains a run; continue it with --resume, or choose another folder")
    elif config.read(own_config) != conf or not _same_clips(own_manifest, manifest_file):
        raise RunError(f"{run} was started with another configuration or manifest; choose another folder")


def _same_clips(one: Path, other: Path) -> bool:
    return manifest.digest(manifest.read(one)) == manifest.digest(manifest.read(other))


def save_checkpoint(checkpoint: Path, state: Sequence[keras.Variable], history: History) -> None:
    """Write all variables and the history to one file."""
    arrays = {f"{i:04}": keras.ops.convert_to_numpy(variable) for i, variable in enumerate(state)}
    with atomic_write(checkpoint.with_suffix(".npz")) as temporary, temporary.open("wb") as file:
        np.savez(file, history=np.array(json.dumps(history)), **arrays)


def load_checkpoint(checkpoint: Path, state: Sequence[keras.Variable]) -> History:
    """Set all variables from a checkpoint and return its history; without a checkpoint, change nothing."""
    try:
        with np.load(checkpoint.with_suffix(".npz")) as saved:
            for i, variable in enumerate(state):
                variable.assign(saved[f"{i:04}"])
            return list(json.loads(str(saved["history"])))
    except FileNotFoundError:
        return []


def best_epoch(history: History) -> dict[str, float]:
    """Return the epoch with the smallest loss on the held-out speakers, or the last epoch without such speakers."""
    return min(reversed(history), key=lambda epoch: epoch.get("held_out_loss", 0))


def epochs_since_best(history: History) -> int:
    """Count the epochs after the best one."""
    return int(history[-1]["epoch"] - best_epoch(history)["epoch"]) if history else 0
