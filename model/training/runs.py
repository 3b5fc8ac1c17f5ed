"""A run's folder: the configuration it was begun with, the state after each epoch, and what came of it."""

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
"""What each epoch brought, the first first."""


class RunError(CallmoodError):
    """A run's folder cannot be used as it is; the message names it, and what to do."""


def begin(run: Path, conf: config.Config, clips: Path, resume: bool) -> None:
    """Put the configuration and the manifest `clips` into a run's folder, or see that it was begun with just these.

    Raises
    ------
    RunError
        It holds another run, or this one and `resume` is not given.
    """
    kept_config, kept_manifest = run / "config.toml", run / "manifest.parquet"
    if not kept_config.exists():
        config.write(conf, kept_config)
        if clips.resolve() != kept_manifest.resolve():
            with atomic_write(kept_manifest) as unfinished:
                shutil.copyfile(clips, unfinished)
    elif not resume:
        raise RunError(f"{run} holds a run already; go on with it with --resume, or name another folder")
    elif config.read(kept_config) != conf or _clips(kept_manifest) != _clips(clips):
        raise RunError(f"{run} was begun with another configuration or manifest; name another folder")


def _clips(file: Path) -> list[tuple[str, ...]]:
    """All that matters of a manifest: the corpora may lie elsewhere by now."""
    return [(row.corpus, row.clip, row.speaker, row.emotion, row.split) for row in manifest.read(file)]


def keep(checkpoint: Path, state: Sequence[keras.Variable], history: History) -> None:
    """Write all variables, and the history up to here, into one file."""
    arrays = {f"{i:04}": keras.ops.convert_to_numpy(variable) for i, variable in enumerate(state)}
    with atomic_write(checkpoint.with_suffix(".npz")) as unfinished, unfinished.open("wb") as file:
        np.savez(file, history=np.array(json.dumps(history)), **arrays)


def restore(checkpoint: Path, state: Sequence[keras.Variable]) -> History:
    """Set all variables to what was kept, and return the history; where nothing was, nothing happens."""
    try:
        with np.load(checkpoint.with_suffix(".npz")) as kept:
            for i, variable in enumerate(state):
                variable.assign(kept[f"{i:04}"])
            return list(json.loads(str(kept["history"])))
    except FileNotFoundError:
        return []


def best(history: History) -> dict[str, float]:
    """Return the epoch with the smallest loss on the speakers set aside; the last one where none are."""
    return min(reversed(history), key=lambda epoch: epoch.get("watch_loss", 0))


def epochs_since_best(history: History) -> int:
    """Count the epochs after the best one."""
    return int(history[-1]["epoch"] - best(history)["epoch"]) if history else 0
