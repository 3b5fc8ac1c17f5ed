"""Process files into a local store, on every core and each once."""

from __future__ import annotations

import os
import time
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np

from callmood.analysis.analyzer import analysis_id
from callmood.analysis.rows import failure_row
from callmood.config import AnalysisConfig
from callmood.errors import BadRecording
from callmood.models.resolver import ModelProvider, open_models
from callmood.services.details import with_known_start
from callmood.services.local_files import FileContent, FilePlan, plan_files
from callmood.services.process import ProcessResult, analyze_recording, extend_request, retire, write_result
from callmood.services.workers import WorkerPool
from callmood.sources.folder import call_legs, content_sha256, file_ref, file_state, read_file, read_legs
from callmood.sources.legs import joined_sha256, without_other_leg
from callmood.sources.metadata import call_metadata
from callmood.types import SAMPLE_RATE, JsonRow, ObjectRef, Recording
from callmood.warehouse.claims import Claims
from callmood.warehouse.duckdb import DuckDBWarehouse

_FOLDERS = """
SELECT object, MAX(generation) AS generation
FROM failures
WHERE code = 'forbidden' AND bucket = @bucket
GROUP BY object
"""

# A file that changes during each of these analyses is still being written.
_MAX_ATTEMPTS = 3
_POLL_INTERVAL_S = 0.5


@dataclass(frozen=True)
class FileResult:
    """The result of one file.

    Parameters
    ----------
    path : Path
        The file.
    status : {"analyzed", "failed", "skipped", "joined"}
        Skipped: it already has results of this analysis and model version, it was erased, or it no longer exists.
        Joined: it is a leg of a call, and the result of the other leg is that of the call.
    segments : sequence of dict
        Rows of `segments`.
    row : dict or None
        Row of `recordings` or `failures`; None for a skipped file.
    is_stable : bool
        Whether the file did not change during the analysis.
    leg_failures : sequence of dict
        As in `ProcessResult`.
    """

    path: Path
    status: Literal["analyzed", "failed", "skipped", "joined"]
    segments: Sequence[JsonRow] = ()
    row: JsonRow | None = None
    is_stable: bool = True
    leg_failures: Sequence[JsonRow] = ()


@dataclass(frozen=True)
class FileJob:
    """A file to analyze.

    Parameters
    ----------
    path : Path
        The file.
    ref : ObjectRef
        Its path and the generation of its content.
    content_sha256 : str or None
        Its content; None for any.
    legs : tuple of Path
        Both files of a call with one file per party.
    other_leg : ObjectRef or None
        Reference to the second of them.
    """

    path: Path
    ref: ObjectRef
    content_sha256: str | None = None
    legs: tuple[Path, ...] = ()
    other_leg: ObjectRef | None = None

    @property
    def paths(self) -> tuple[Path, ...]:
        """Return all files of the call."""
        return self.legs or (self.path,)

    def read(self, config: AnalysisConfig) -> Recording:
        """Read the recording; parameters and errors as of `folder.read_file`."""
        if self.legs and self.other_leg:
            return read_legs(self.legs, (self.ref, self.other_leg), config)
        recording = read_file(self.path, config, self.ref)
        return without_other_leg(recording) if call_legs(self.path, config) else recording


def analyze_file(path: Path, models: ModelProvider, config: AnalysisConfig) -> FileResult:
    """Analyze one file; parameters and result as of `analyze_job`."""
    return analyze_job(FileJob(path, file_ref(path)), models, config)


def analyze_job(job: FileJob, models: ModelProvider, config: AnalysisConfig) -> FileResult:
    """Analyze one file, or both files of a call; any error becomes a row of `failures`.

    Parameters
    ----------
    job : FileJob
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
    path, ref = job.path, job.ref
    before = [_state(each) for each in job.paths]
    try:
        result = analyze_recording(
            ref, lambda _: job.read(config), lambda: models.for_recording(ref.recording_id), config
        )
    except Exception as error:  # an unexpected error must not affect other recordings
        return FileResult(path, "failed", row=_undeliverable(path, ref, error, config))
    read, content = result.row["content_sha256"], job.content_sha256
    is_unchanged = [_state(each) for each in job.paths] == before
    is_stable = is_unchanged and (content is None or read is None or read == content)
    return FileResult(path, result.status, result.segments, result.row, is_stable, result.leg_failures)


def _state(path: Path) -> tuple[int, ...] | None:
    try:
        return file_state(path)
    except OSError:
        return None


def _size(path: Path) -> int:
    state = _state(path)
    return state[0] if state else 0


def _undeliverable(path: Path, ref: ObjectRef, error: Exception, config: AnalysisConfig) -> JsonRow:
    message = f"Unexpected error in callmood ({type(error).__name__}: {error}). Please report it."
    return _failure_row("undeliverable", message, path, ref, config)


def _failure_row(
    code: str, message: str, path: Path, ref: ObjectRef, config: AnalysisConfig, content: str | None = None
) -> JsonRow:
    call = call_metadata(path.absolute().as_posix(), {}, config)
    return failure_row(code, message, datetime.now(UTC), ref, content_sha256=content, call=call)


@cache
def load_models(model_uri: str | None, population_uri: str | None) -> ModelProvider:
    """Load the models once per process.

    Parameters
    ----------
    model_uri, population_uri : str or None
        As in `open_models`.
    """
    with _silent_stderr():
        models = open_models(model_uri, population_uri=population_uri)
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


def _in_worker(job: FileJob, model_uri: str | None, config: AnalysisConfig) -> FileResult:
    return analyze_job(job, load_models(model_uri, config.population_uri), config)


class _Inline(Executor):
    """Run each job in this process when it is submitted."""

    def submit(self, function: Callable[..., Any], /, *arguments: Any, **keywords: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result(function(*arguments, **keywords))
        return future

    def stop(self) -> None:
        """Do nothing: no job is in progress."""


class _Workers:
    """Run jobs in processes; a file that kills its process does not affect other files.

    Parameters
    ----------
    workers : int
        Number of processes; 1 uses this process.
    model_uri : str or None
        As in `open_models`.
    config : AnalysisConfig
        Values that determine the rows.
    """

    def __init__(self, workers: int, model_uri: str | None, config: AnalysisConfig) -> None:
        self._workers, self._model_uri, self._config = workers, model_uri, config
        self._executor: WorkerPool | _Inline | None = None
        self._jobs: dict[Future[FileResult], FileJob] = {}

    @property
    def count(self) -> int:
        """Number of unfinished jobs."""
        return len(self._jobs)

    def submit(self, job: FileJob) -> None:
        """Start a job as soon as a process is free."""
        if self._executor is None:
            self._executor = WorkerPool(self._workers) if self._workers > 1 else _Inline()
        try:
            future = self._executor.submit(_in_worker, job, self._model_uri, self._config)
        except BrokenProcessPool as broken:
            future = Future()
            future.set_exception(broken)
        self._jobs[future] = job

    def finished(self) -> list[tuple[FileJob, FileResult]]:
        """Wait until a job has finished, and return the finished jobs."""
        done, _ = wait(self._jobs, return_when=FIRST_COMPLETED)
        if not any(isinstance(future.exception(), BrokenProcessPool) for future in done):
            return [(self._jobs.pop(future), future.result()) for future in done]
        # All jobs of a broken pool fail. Only the file that kills its process fails again in a process of its own.
        jobs, self._jobs = list(self._jobs.values()), {}
        self._shut_down()
        return [(job, _in_own_process(job, self._model_uri, self._config)) for job in jobs]

    def stop(self) -> None:
        """End all processes, with their jobs."""
        self._jobs = {}
        self._shut_down()

    def _shut_down(self) -> None:
        executor, self._executor = self._executor, None
        if executor is not None:
            executor.stop()


def _in_own_process(job: FileJob, model_uri: str | None, config: AnalysisConfig) -> FileResult:
    """Analyze a file in a process of its own, after a worker died: only the file that kills it fails."""
    try:
        with WorkerPool(1) as pool:
            return pool.submit(_in_worker, job, model_uri, config).result()
    except BrokenProcessPool:
        message = "The process that read this recording died. The file is damaged, or memory ran out."
        row = _failure_row("damaged", message, job.path, job.ref, config, job.content_sha256)
        return FileResult(job.path, "failed", row=row)


class BatchAnalyzer:
    """Process files into a store, each once. Several analyzers can share the store and its work.

    Parameters
    ----------
    store : DuckDBWarehouse
        Receives the rows.
    config : AnalysisConfig
        Values that determine the rows.
    model_uri : str, optional
        As in `open_models`.
    workers : int
        Number of processes.
    on_wait : callable
        Receives the number of remaining files when all of them are being processed by other runs.
    """

    def __init__(
        self,
        store: DuckDBWarehouse,
        config: AnalysisConfig,
        model_uri: str | None = None,
        workers: int = 1,
        on_wait: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._store = store
        self._config = config
        self._model_uri = model_uri
        self._worker_count = workers
        self._models = load_models(model_uri, config.population_uri)
        self._claims = Claims(store)
        self._on_wait = on_wait
        self._legs: dict[Path, tuple[Path, Path]] = {}  # of the current run, by the first leg

    def run(self, paths: Sequence[Path], *, force: bool = False) -> Generator[FileResult, None, None]:
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
            One per file.
        """
        legs = {path: found for path in paths if (found := self._both_legs(path))}
        for path in [path for path, (first, _) in legs.items() if path != first]:
            yield FileResult(path, "joined")
        self._legs = {first: (first, second) for first, second in legs.values()}
        paths = list(dict.fromkeys(legs[path][0] if path in legs else path for path in paths))
        # A single file does not justify the start of a process.
        workers = _Workers(self._worker_count if len(paths) > 1 else 1, self._model_uri, self._config)
        waiting, busy = deque(paths), list[Path]()
        plans: dict[Path, FilePlan] = {}
        attempts: Counter[Path] = Counter()
        waits = 0
        try:
            while waiting or busy or workers.count:
                if not waiting and busy and not workers.count:
                    if waits == 0:
                        self._on_wait(len(busy))
                    waits += 1
                    time.sleep(_POLL_INTERVAL_S)
                    waiting.extend(busy)
                    busy.clear()
                while waiting and workers.count < 2 * self._worker_count:
                    group = [waiting.popleft() for _ in range(min(len(waiting), 4 * self._worker_count))]
                    results, jobs = self._start(group, plans, busy, force=force)
                    yield from results
                    for job in jobs:
                        workers.submit(job)
                if not workers.count:
                    continue
                for job, result in workers.finished():
                    attempts[job.path] += 1
                    if not result.is_stable and attempts[job.path] < _MAX_ATTEMPTS:
                        self._claims.release([job.ref.object_sha256])
                        waiting.append(job.path)
                        continue
                    yield self._write(job, result, plans[job.path])
        finally:
            workers.stop()
            self._claims.release_all()

    def _both_legs(self, path: Path) -> tuple[Path, Path] | None:
        """Return both files of the call of a leg, if both exist and neither is empty."""
        legs = call_legs(path, self._config)
        # Path.is_file raises an error in an unreadable folder.
        return legs if legs and all(os.path.isfile(leg) and _size(leg) > 0 for leg in legs) else None  # noqa: PTH113

    def retire_readable_folders(self) -> None:
        """Hide failures of folders that are readable now. A folder has no analysis that replaces its failure."""
        for row in self._store.query(_FOLDERS, {"bucket": ""}):
            path = Path(row["object"])
            if os.path.isdir(path) and os.access(path, os.R_OK | os.X_OK):  # noqa: PTH112 - it may be unreadable
                ref = file_ref(path, row["generation"])
                [plan] = plan_files(self._store, {path: FileContent(None)}, self._analysis_id).values()
                if plan.ref == ref:  # not hidden yet
                    retire(self._store, ref)

    def _start(
        self, paths: Sequence[Path], plans: dict[Path, FilePlan], busy: list[Path], *, force: bool
    ) -> tuple[list[FileResult], list[FileJob]]:
        """Claim files and plan them. Return the results of files without an analysis, and the jobs of the others."""
        keys = {path: file_ref(path).object_sha256 for path in paths}
        contents, errors = _contents(paths, self._legs, self._config)
        with self._store.session():  # another run must not plan the same files in between
            mine = self._claims.take(keys.values())
            busy.extend(path for path in paths if keys[path] not in mine)
            claimed = {path: content for path, content in contents.items() if keys[path] in mine}
            planned = plan_files(self._store, claimed, self._analysis_id, force=force)
            plans.update(planned)
            results = [
                FileResult(path, "skipped")
                for path, plan in planned.items()
                if plan.action != "analyze" or (path in errors and errors[path].code == "gone")
            ]
            failed = [
                FileResult(path, "failed", row=self._failure(bad, path, planned[path].ref))
                for path, bad in errors.items()
                if path in planned and bad.code != "gone"
            ]
            for result in failed:
                self._store.append("failures", [result.row or {}])
            results += failed
            self._claims.release(keys[result.path] for result in results)
        finished = {result.path for result in results}
        jobs = [
            FileJob(path, plan.ref, contents[path].sha256, self._legs.get(path, ()), plan.other_leg)
            for path, plan in planned.items()
            if path not in finished
        ]
        return results, jobs

    def _failure(self, bad: BadRecording, path: Path, ref: ObjectRef) -> JsonRow:
        return _failure_row(bad.code, bad.message, path, ref, self._config)

    def _analysis_id(self, recording_id: str, is_joined: bool) -> str:
        model = self._models.for_recording(recording_id)
        return analysis_id(recording_id, model.version, self._config, model.population_version, is_joined=is_joined)

    def _write(self, job: FileJob, result: FileResult, plan: FilePlan) -> FileResult:
        """Write the rows of a file, retire the recordings that it replaces, and end its claim, all at once."""
        if not result.is_stable:
            message = "The file changed while it was read. Analyze it again when it is complete."
            row = _failure_row("gone", message, job.path, job.ref, self._config, job.content_sha256)
            result = FileResult(job.path, "failed", row=row)
        with self._store.session():
            if plan.covering is not None and result.status == "analyzed" and result.segments:
                extend_request(self._store, plan.covering, job.ref, job.content_sha256)
                result = FileResult(job.path, "skipped")
            if result.row is not None and result.status == "analyzed":
                segments, row = with_known_start(self._store, result.segments, result.row, self._config.zone)
                result = replace(result, segments=segments, row=row)
            if result.row is not None and result.status in ("analyzed", "failed"):
                write_result(
                    self._store, ProcessResult(result.status, result.row, result.segments, result.leg_failures)
                )
            if plan.replaces is not None:
                retire(self._store, plan.replaces)
            if result.status == "analyzed":
                for old in plan.moved_from:
                    retire(self._store, old)
            self._claims.release([job.ref.object_sha256])
        return result


def _contents(
    paths: Iterable[Path], legs: Mapping[Path, tuple[Path, Path]], config: AnalysisConfig
) -> tuple[Mapping[Path, FileContent], Mapping[Path, BadRecording]]:
    """Return the content of each file, and the errors of files that cannot be read."""
    contents: dict[Path, FileContent] = {}
    errors: dict[Path, BadRecording] = {}

    def read(path: Path) -> FileContent | BadRecording:
        try:
            own = content_sha256(path)
            call_id = call_metadata(path.absolute().as_posix(), {}, config).call_id
            if path not in legs:
                return FileContent(own, call_id=call_id)
            other = content_sha256(legs[path][1])
            return FileContent(joined_sha256([own, other]), (legs[path][1], other), call_id)
        except BadRecording as bad:
            return bad

    with ThreadPoolExecutor(4) as threads:
        for path, content in zip(paths, threads.map(read, paths), strict=True):
            if isinstance(content, BadRecording):
                contents[path], errors[path] = FileContent(None), content
            else:
                contents[path] = content
    return contents, errors
