"""The laptop's side of the pipeline: files in, rows in the local store out, on every core."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np

from callmood.analysis.analyzer import analysis_id, analyze
from callmood.analysis.rows import analysis_rows, erasure_row, failure_row
from callmood.emotion.model import EmotionModel
from callmood.errors import BadRecording
from callmood.models.resolver import Models, open_models
from callmood.settings import Settings
from callmood.sources.folder import file_ref, read_file
from callmood.types import SAMPLE_RATE, JsonRow
from callmood.warehouse.base import write_analysis
from callmood.warehouse.duckdb import DuckDBWarehouse


@dataclass(frozen=True)
class Outcome:
    """What became of one file.

    Parameters
    ----------
    path : Path
        The file.
    status : {"analyzed", "failed", "skipped"}
        Skipped: this version and model have analyzed it already, it was erased, or it is gone by now.
    segments : list of dict
        Rows of `segments`.
    row : dict or None
        Row of `recordings`, or of `failures`; None for a skipped file.
    """

    path: Path
    status: Literal["analyzed", "failed", "skipped"]
    segments: Sequence[JsonRow] = ()
    row: JsonRow | None = None


def analyze_file(path: Path, model: EmotionModel, settings: Settings) -> Outcome:
    """Analyze one file; whatever is wrong with it becomes a row of `failures`.

    Parameters
    ----------
    path : Path
        The file.
    model : EmotionModel
        The model.
    settings : Settings
        The settings.

    Returns
    -------
    Outcome
        With rows ready to be written.
    """
    started = time.perf_counter()
    try:
        ref = file_ref(path)
    except FileNotFoundError:
        return Outcome(path, "skipped")
    try:
        analysis = analyze(read_file(path, settings), model, settings)
        segments, commit = analysis_rows(analysis, settings, datetime.now(UTC), time.perf_counter() - started)
    except BadRecording as bad:
        return Outcome(path, "failed", row=failure_row(bad.code, bad.message, datetime.now(UTC), ref))
    except Exception as error:  # a fault of ours must not cost the other recordings
        message = f"callmood failed on this recording ({type(error).__name__}: {error}). Please report it."
        return Outcome(path, "failed", row=failure_row("undeliverable", message, datetime.now(UTC), ref))
    return Outcome(path, "analyzed", segments, commit)


@cache
def _models(model_uri: str | None) -> Models:
    """Load the models, once a process."""
    with _quiet():
        models = open_models(model_uri)
        models.of_recording("").embed(np.zeros(SAMPLE_RATE, np.float32))  # the runtime greets when it first computes
        return models


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the TFLite runtime's greeting off the terminal: it is written by its C++ side, past `sys.stderr`."""
    kept = os.dup(2)
    try:
        with Path(os.devnull).open("w") as nowhere:
            os.dup2(nowhere.fileno(), 2)
            yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def _in_worker(path: Path, settings: Settings) -> Outcome:
    try:
        recording_id = file_ref(path).recording_id
    except FileNotFoundError:
        return Outcome(path, "skipped")
    return analyze_file(path, _models(settings.model_uri).of_recording(recording_id), settings)


def _pool(workers: int) -> ProcessPoolExecutor:
    # One core a worker: numpy's own threads would only take cores from the other workers.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    return ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"))


def analyze_files(paths: Iterable[Path], settings: Settings, workers: int) -> Iterator[Outcome]:
    """Analyze files on several cores.

    Parameters
    ----------
    paths : iterable of Path
        Existing files.
    settings : Settings
        The settings.
    workers : int
        Processes.

    Yields
    ------
    Outcome
        As they are ready. A file whose decoder takes the whole process down costs no other file its analysis.
    """
    left = list(paths)
    if len(left) <= 1 or workers == 1:
        yield from (_in_worker(path, settings) for path in left)
        return
    try:
        with _pool(min(workers, len(left))) as pool:
            jobs = [pool.submit(_in_worker, path, settings) for path in left]
            try:
                for job in as_completed(jobs):
                    outcome = job.result()
                    left.remove(outcome.path)
                    yield outcome
            except BaseException:  # above all Ctrl-C: leaving the pool would wait for every file that is left
                pool.shutdown(cancel_futures=True)
                raise
    except BrokenProcessPool:
        yield from (_alone(path, settings) for path in left)


def _alone(path: Path, settings: Settings) -> Outcome:
    """Analyze in a process of its own, after one has died: only the file that kills it fails."""
    try:
        with _pool(1) as pool:
            return pool.submit(_in_worker, path, settings).result()
    except BrokenProcessPool:
        message = "Reading this recording ends the process that reads it; the file is damaged, or memory ran out."
        return Outcome(path, "failed", row=failure_row("damaged", message, datetime.now(UTC), file_ref(path)))


class BatchAnalyzer:
    """Analyses files into a store, each once.

    Parameters
    ----------
    store : DuckDBWarehouse
        Where rows go.
    settings : Settings
        The settings.
    workers : int
        Processes.
    """

    def __init__(self, store: DuckDBWarehouse, settings: Settings, workers: int = 1) -> None:
        self._store = store
        self._settings = settings
        self._workers = workers
        self._models = _models(settings.model_uri)

    def run(self, paths: Sequence[Path], *, force: bool = False) -> Iterator[Outcome]:
        """Analyze what is new, write its rows, and say what became of each file.

        Parameters
        ----------
        paths : sequence of Path
            Existing files.
        force : bool
            Analyze what was analyzed before, too.

        Yields
        ------
        Outcome
            The skipped ones first.
        """
        done = {row["analysis_id"] for row in self._store.query("SELECT analysis_id FROM recordings")}
        erased = {row["recording_id"] for row in self._store.query("SELECT recording_id FROM erasures")}
        fresh = []
        for path in paths:
            try:
                recording_id = file_ref(path).recording_id
            except FileNotFoundError:
                yield Outcome(path, "skipped")
                continue
            version = self._models.of_recording(recording_id).version
            known = analysis_id(recording_id, version, self._settings) in done and not force
            if known or recording_id in erased:
                yield Outcome(path, "skipped")
            else:
                fresh.append(path)
        for outcome in analyze_files(fresh, self._settings, self._workers):
            self._write(outcome)
            yield outcome

    def _write(self, outcome: Outcome) -> None:
        if outcome.row is None:
            return
        if outcome.status == "failed":
            self._store.append("failures", [outcome.row])
            return
        write_analysis(self._store, outcome.segments, outcome.row)
        older = self._store.query(
            "SELECT DISTINCT recording_id FROM recordings WHERE uri = @uri AND recording_id != @recording_id",
            {"uri": outcome.row["uri"], "recording_id": outcome.row["recording_id"]},
        )
        if older:  # the file was overwritten: what it held before is no call any more
            now = datetime.now(UTC)
            self._store.append("erasures", [erasure_row(row["recording_id"], "replaced", now) for row in older])
