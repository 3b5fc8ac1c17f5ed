"""Process one recording: read it, analyze it, write its rows, and retire the generation that it replaces.

The Cloud Function, the command line, and the watcher all use this module. `process` does everything at once. Batches
call `analyze_recording` in worker processes and `write_result` in the one process that owns the store.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from callmood.analysis.analyzer import analyze
from callmood.analysis.rows import analysis_rows, erasure_row, failure_row
from callmood.config import AnalysisConfig
from callmood.emotion.model import EmotionModel
from callmood.errors import BadRecording
from callmood.types import JsonRow, ObjectRef, Recording
from callmood.warehouse.base import Warehouse, write_analysis


@dataclass(frozen=True)
class ProcessResult:
    """The rows of one recording.

    Parameters
    ----------
    status : {"analyzed", "failed"}
        Failed: the recording can never be analyzed.
    row : dict
        Row of `recordings`, or of `failures`.
    segments : sequence of dict
        Rows of `segments`; empty for a failure.
    """

    status: Literal["analyzed", "failed"]
    row: JsonRow
    segments: Sequence[JsonRow] = ()


def analyze_recording(
    ref: ObjectRef,
    read: Callable[[ObjectRef], Recording],
    model: Callable[[], EmotionModel],
    config: AnalysisConfig,
    event_id: str | None = None,
) -> ProcessResult:
    """Read and analyze one recording.

    Parameters
    ----------
    ref : ObjectRef
        The recording.
    read : callable
        The source: returns the recording of a reference, or raises BadRecording.
    model : callable
        Returns the model that analyzes this recording. It is called after `read`.
    config : AnalysisConfig
        Values that determine the rows.
    event_id : str, optional
        Pub/Sub's message ID, for a row of `failures`.

    Returns
    -------
    ProcessResult
        Rows to write. Bad input yields a row of `failures`; any other error is raised.
    """
    try:
        recording = read(ref)
        emotion_model = model()
        started = time.perf_counter()
        analysis = analyze(recording, emotion_model, config)
    except BadRecording as bad:
        return ProcessResult("failed", failure_row(bad.code, bad.message, datetime.now(UTC), ref, event_id))
    segments, row = analysis_rows(analysis, config, datetime.now(UTC), time.perf_counter() - started)
    return ProcessResult("analyzed", row, segments)


def write_result(warehouse: Warehouse, result: ProcessResult, replaced: Iterable[str] = ()) -> None:
    """Write the rows of one recording.

    Parameters
    ----------
    warehouse : Warehouse
        Receives the rows.
    result : ProcessResult
        From `analyze_recording`.
    replaced : iterable of str
        IDs of older generations of the same object. An analyzed generation retires them; a failed one does not.
    """
    if result.status == "failed":
        warehouse.append("failures", [result.row])
        return
    write_analysis(warehouse, result.segments, result.row)
    now = datetime.now(UTC)
    erasures = [erasure_row(recording_id, "replaced", now) for recording_id in replaced]
    if erasures:
        warehouse.append("erasures", erasures)


def process(
    ref: ObjectRef,
    read: Callable[[ObjectRef], Recording],
    model: Callable[[], EmotionModel],
    warehouse: Warehouse,
    config: AnalysisConfig,
    *,
    replaced: Iterable[str] = (),
    event_id: str | None = None,
) -> ProcessResult:
    """Process one recording from its source to the warehouse; parameters as in the two steps.

    Returns
    -------
    ProcessResult
        The rows, which are now in the warehouse.
    """
    result = analyze_recording(ref, read, model, config, event_id)
    write_result(warehouse, result, replaced)
    return result
