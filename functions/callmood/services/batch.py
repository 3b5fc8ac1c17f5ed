"""Process files into a local store, on every core and each once."""

from __future__ import annotations

import multiprocessing
import os
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

from callmood.analysis.analyzer import analysis_id
from callmood.analysis.rows import failure_row
from callmood.config import AnalysisConfig
from callmood.models.resolver import ModelProvider, open_models
from callmood.services.process import ProcessResult, analyze_recording, write_result
from callmood.sources.folder import file_ref, read_file
from callmood.types import SAMPLE_RATE, JsonRow, ObjectRef
from callmood.warehouse.base import Warehouse


@dataclass(frozen=True)
class FileResult:
    """The result of one file.

    Parameters
    ----------
    path : Path
        The file.
    status : {"analyzed", "failed", "skipped"}
        Skipped: it already has results of this analysis and model version, it was erased, or it no longer exists.
    segments : sequence of dict
        Rows of `segments`.
    row : dict or None
        Row of `recordings` or `failures`; None for a skipped file.
    """

    path: Path
    status: Literal["analyzed", "failed", "skipped"]
    segments: Sequence[JsonRow] = ()
    row: JsonRow | None = None


def analyze_file(path: Path, models: ModelProvider, config: AnalysisConfig) -> FileResult:
    """Analyze one file; any error becomes a row of `failures`.

    Parameters
    ----------
    path : Path
        The file.
    models : ModelProvider
        Selects the model by recording.
    config : AnalysisConfig
        Values that determine the rows.

    Returns
    -------
    FileResult
        With rows to write.
    """
    try:
        ref = file_ref(path)
    except FileNotFoundError:
        return FileResult(path, "skipped")
    try:
        result = analyze_recording(
            ref, lambda _: read_file(path, config), lambda: models.for_recording(ref.recording_id), config
        )
    except Exception as error:  # an unexpected error must not affect other recordings
        message = f"Unexpected error in callmood ({type(error).__name__}: {error}). Please report it."
        return FileResult(path, "failed", row=failure_row("undeliverable", message, datetime.now(UTC), ref))
    return FileResult(path, result.status, result.segments, result.row)


@cache
def _models(model_uri: str | None) -> ModelProvider:
    """Load the models once per process."""
    with _silent_stderr():
        models = open_models(model_uri)
        models.for_recording("").embed(np.zeros(SAMPLE_RATE, np.float32))  # the runtime prints on its first inference
        return models


@contextmanager
def _silent_stderr() -> Iterator[None]:
    """Suppress the TFLite runtime's start message, which its C++ code writes past `sys.stderr`."""
    saved = os.dup(2)
    try:
        with Path(os.devnull).open("w") as devnull:
            os.dup2(devnull.fileno(), 2)
            yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)


def _in_worker(path: Path, model_uri: str | None, config: AnalysisConfig) -> FileResult:
    return analyze_file(path, _models(model_uri), config)


def _pool(workers: int) -> ProcessPoolExecutor:
    # Numpy's own threads would only take cores from the other workers.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    return ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"))


def analyze_files(
    paths: Iterable[Path], config: AnalysisConfig, model_uri: str | None = None, workers: int = 1
) -> Iterator[FileResult]:
    """Analyze files on several cores.

    Parameters
    ----------
    paths : iterable of Path
        Existing files.
    config : AnalysisConfig
        Values that determine the rows.
    model_uri : str, optional
        As in `open_models`.
    workers : int
        Number of processes.

    Yields
    ------
    FileResult
        In order of completion. A file that kills the process that decodes it does not affect other files.
    """
    remaining = list(paths)
    if len(remaining) <= 1 or workers == 1:
        yield from (_in_worker(path, model_uri, config) for path in remaining)
        return
    try:
        with _pool(min(workers, len(remaining))) as pool:
            jobs = [pool.submit(_in_worker, path, model_uri, config) for path in remaining]
            try:
                for job in as_completed(jobs):
                    result = job.result()
                    remaining.remove(result.path)
                    yield result
            except BaseException:  # on Ctrl-C, leaving the pool would wait for every remaining file
                pool.shutdown(cancel_futures=True)
                raise
    except BrokenProcessPool:
        yield from (_in_own_process(path, model_uri, config) for path in remaining)


def _in_own_process(path: Path, model_uri: str | None, config: AnalysisConfig) -> FileResult:
    """Analyze a file in a process of its own, after a worker died: only the file that kills it fails."""
    try:
        with _pool(1) as pool:
            return pool.submit(_in_worker, path, model_uri, config).result()
    except BrokenProcessPool:
        message = "The process that read this recording died. The file is damaged, or memory ran out."
        return FileResult(path, "failed", row=failure_row("damaged", message, datetime.now(UTC), file_ref(path)))


class BatchAnalyzer:
    """Process files into a store, each once.

    Parameters
    ----------
    store : Warehouse
        Receives the rows.
    config : AnalysisConfig
        Values that determine the rows.
    model_uri : str, optional
        As in `open_models`.
    workers : int
        Number of processes.
    """

    def __init__(
        self, store: Warehouse, config: AnalysisConfig, model_uri: str | None = None, workers: int = 1
    ) -> None:
        self._store = store
        self._config = config
        self._model_uri = model_uri
        self._workers = workers
        self._models = _models(model_uri)

    def run(self, paths: Sequence[Path], *, force: bool = False) -> Iterator[FileResult]:
        """Analyze new files and write their rows.

        Parameters
        ----------
        paths : sequence of Path
            Existing files.
        force : bool
            Re-analyze recordings that already have results.

        Yields
        ------
        FileResult
            Skipped files first.
        """
        refs: dict[Path, ObjectRef] = {}
        for path in paths:
            try:
                refs[path] = file_ref(path)
            except FileNotFoundError:
                yield FileResult(path, "skipped")
        skipped = self._skipped(refs, force)
        yield from (FileResult(path, "skipped") for path in skipped)
        new = [path for path in refs if path not in skipped]
        for result in analyze_files(new, self._config, self._model_uri, self._workers):
            self._write(result)
            yield result

    def _skipped(self, refs: dict[Path, ObjectRef], force: bool) -> set[Path]:
        """Return the files that were erased or, without `force`, that already have results."""
        recording_ids = {path: ref.recording_id for path, ref in refs.items()}
        parameters = {"recording_ids": list(recording_ids.values())}
        erased = self._store.query(
            "SELECT recording_id FROM erasures WHERE recording_id IN UNNEST(@recording_ids)", parameters
        )
        done = self._store.query(
            "SELECT analysis_id FROM recordings WHERE recording_id IN UNNEST(@recording_ids)", parameters
        )
        erased_ids, done_ids = {row["recording_id"] for row in erased}, {row["analysis_id"] for row in done}

        def is_done(recording_id: str) -> bool:
            version = self._models.for_recording(recording_id).version
            return analysis_id(recording_id, version, self._config) in done_ids

        return {
            path
            for path, recording_id in recording_ids.items()
            if recording_id in erased_ids or (not force and is_done(recording_id))
        }

    def _write(self, result: FileResult) -> None:
        if result.status == "skipped" or result.row is None:
            return
        older = self._store.query(
            "SELECT DISTINCT recording_id FROM recordings WHERE uri = @uri AND recording_id != @recording_id",
            {"uri": result.row["uri"], "recording_id": result.row["recording_id"]},
        )
        replaced = [row["recording_id"] for row in older]
        write_result(self._store, ProcessResult(result.status, result.row, result.segments), replaced)
