"""Calibrate the emotion model to the callers of a deployment: sample calls, embed them, keep only the aggregate."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import as_completed
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from callmood.analysis.analyzer import Analysis, analyze
from callmood.config import AnalysisConfig
from callmood.emotion.baseline import Embedding
from callmood.emotion.model import EmotionModel
from callmood.emotion.population import Population, estimate_population
from callmood.errors import BadRecording
from callmood.services.batch import load_models
from callmood.services.workers import WorkerPool
from callmood.sources.folder import file_ref, read_file
from callmood.types import Recording

if TYPE_CHECKING:
    from google.cloud.storage import Client

DEFAULT_CALLS = 500
"""int: number of calls to sample. The median of 500 calls is known to 6 % of their standard deviation."""

MIN_SPEECH_S = 2.0
"""float: seconds of a caller's neutral speech that a call needs to count (`SpeakerBaseline.speech_s`)."""

_SEED = 0  # the same recordings give the same sample

T = TypeVar("T")


def sample(items: Iterable[T], size: int) -> list[T]:
    """Return a random sample in one pass (reservoir sampling); the same items in the same order give the same sample.

    Parameters
    ----------
    items : iterable
        May be larger than memory.
    size : int
        Maximum number of items to return.
    """
    rng = random.Random(_SEED)  # noqa: S311 - not a secret
    kept: list[T] = []
    for index, item in enumerate(items):
        if index < size:
            kept.append(item)
        elif (position := rng.randrange(index + 1)) < size:
            kept[position] = item
    return kept


def caller_means(analysis: Analysis) -> list[Embedding]:
    """Return the mean embedding of each caller of an analysis, (d,) each, for callers with enough speech."""
    return [
        baseline.embedding
        for channel, baseline in analysis.baselines.items()
        if analysis.roles[channel] != "agent" and baseline.speech_s >= MIN_SPEECH_S
    ]


def embed_callers(recording: Recording, model: EmotionModel, config: AnalysisConfig) -> list[Embedding]:
    """Analyze a recording and return its `caller_means`; empty if it can never be analyzed."""
    try:
        return caller_means(analyze(recording, model, config))
    except BadRecording:
        return []


def calibrate(
    model: EmotionModel,
    means: Iterable[Sequence[Embedding]],
    advance: Callable[[], None] = lambda: None,
) -> Population:
    """Return the population of calls.

    Parameters
    ----------
    model : EmotionModel
        The model that embedded the calls.
    means : iterable of sequence of ndarray of float32, shape (d,)
        The `caller_means` of each recording.
    advance : callable
        Called after each recording.

    Raises
    ------
    ModelError
        Too few recordings contain speech of a caller.
    """
    collected: list[Embedding] = []
    for each in means:
        collected += each
        advance()
    return estimate_population(model.base_version, collected)


def embed_files(
    paths: Sequence[Path], config: AnalysisConfig, model_uri: str | None, workers: int
) -> Iterator[Sequence[Embedding]]:
    """Yield the `caller_means` of files, in order of completion. Damaged files yield none."""
    embed = partial(_embed_file, model_uri=model_uri, config=config)
    if workers == 1:
        yield from map(embed, paths)
        return
    remaining = list(paths)
    while remaining:
        with WorkerPool(workers) as pool:
            jobs = {pool.submit(embed, path): path for path in remaining}
            try:
                for job in as_completed(jobs):
                    means = job.result()
                    remaining.remove(jobs[job])
                    yield means
            except BrokenProcessPool:  # one of the first unfinished files killed its process: do without them
                skipped, remaining = remaining[:workers], remaining[workers:]
                yield from ([] for _ in skipped)


def _embed_file(path: Path, model_uri: str | None, config: AnalysisConfig) -> list[Embedding]:
    try:
        recording = read_file(path, config)
        model = load_models(model_uri, None).for_recording(file_ref(path).recording_id)
    except (BadRecording, OSError):
        return []
    return embed_callers(recording, model, config)


def embed_objects(
    client: Client, uris: Sequence[str], size: int, model: EmotionModel, config: AnalysisConfig
) -> Iterator[Sequence[Embedding]]:
    """Yield the `caller_means` of a random sample of the recordings in buckets.

    Parameters
    ----------
    client : Client
        May list and read the buckets.
    uris : sequence of str
        ``gs://bucket/prefix``.
    size : int
        Maximum number of recordings.
    model : EmotionModel
        Embeds the segments.
    config : AnalysisConfig
        Roles and limits.

    Raises
    ------
    CloudError
        A bucket does not exist, or listing it is not permitted.
    """
    from callmood.services.backfill import list_recordings
    from callmood.sources.gcs import fetch

    stored = sample((one for uri in uris for one in list_recordings(client, uri)), size)
    for one in stored:
        try:
            recording = fetch(client, one.ref, config)
        except BadRecording:
            yield []
        else:
            yield embed_callers(recording, model, config)
