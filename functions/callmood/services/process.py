"""Process one recording: read it, analyze it, and write its rows; retire the generation that it replaces.

The Cloud Function, the command line, and the watcher all use this module. `process` does everything at once. Batches
call `analyze_recording` in worker processes and `write_result` in the one process that owns the store.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Literal

from callmood.analysis.analyzer import analyze
from callmood.analysis.rows import analysis_rows, erasure_row, failure_row
from callmood.config import AnalysisConfig
from callmood.emotion.model import EmotionModel
from callmood.errors import BadRecording
from callmood.sources.metadata import call_metadata
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
    leg_failures : sequence of dict
        Rows of `failures` of the other leg of a call that failed, so that an erasure finds its audio.
    """

    status: Literal["analyzed", "failed"]
    row: JsonRow
    segments: Sequence[JsonRow] = ()
    leg_failures: Sequence[JsonRow] = ()


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
    recording: Recording | None = None
    try:
        recording = read(ref)
        emotion_model = model()
        started = time.perf_counter()
        analysis = analyze(recording, emotion_model, config)
    except BadRecording as bad:
        others = [(recording, leg) for leg in recording.legs if leg.ref != ref] if recording else []
        return ProcessResult(
            "failed",
            _failure(bad, ref, recording, config, event_id),
            leg_failures=[
                _failure(bad, leg.ref, replace(recording, content_sha256=leg.content_sha256), config, event_id)
                for recording, leg in others
            ],
        )
    segments, row = analysis_rows(analysis, config, datetime.now(UTC), time.perf_counter() - started)
    return ProcessResult("analyzed", row, segments)


def _failure(
    bad: BadRecording, ref: ObjectRef, recording: Recording | None, config: AnalysisConfig, event_id: str | None
) -> JsonRow:
    """Return the row of `failures`, with the IDs of the call and the customer, so that an erasure finds it."""
    content_sha256 = recording.content_sha256 if recording else None
    call = recording.call if recording else call_metadata(ref.name, {}, config)
    return failure_row(bad.code, bad.message, datetime.now(UTC), ref, event_id, content_sha256, call)


def write_result(warehouse: Warehouse, result: ProcessResult) -> None:
    """Write the rows of one recording.

    Parameters
    ----------
    warehouse : Warehouse
        Receives the rows.
    result : ProcessResult
        From `analyze_recording`.
    """
    if result.status == "failed":
        warehouse.append("failures", [result.row, *result.leg_failures])
    else:
        write_analysis(warehouse, result.segments, result.row)


def retire(warehouse: Warehouse, ref: ObjectRef) -> None:
    """Hide a generation that a newer one replaced, whether the newer one is ever analyzed or not.

    Parameters
    ----------
    warehouse : Warehouse
        Receives the row of `erasures`.
    ref : ObjectRef
        The replaced generation. Older generations of the object are hidden, too.
    """
    warehouse.append("erasures", [erasure_row(ref.recording_id, "replaced", datetime.now(UTC), ref)])


def extend_request(warehouse: Warehouse, request: JsonRow, ref: ObjectRef, content_sha256: str | None) -> None:
    """Extend an erasure to a recording with the same content. Undoing the request undoes this, too.

    Parameters
    ----------
    warehouse : Warehouse
        Receives the row of `erasures`.
    request : dict
        Row of `erasures`.
    ref : ObjectRef
        The recording.
    content_sha256 : str or None
        Its content.
    """
    row = erasure_row(ref.recording_id, "request", datetime.now(UTC), ref, content_sha256)
    ids = {name: request[name] for name in ("call_id_sha256", "customer_id_sha256")}
    warehouse.append("erasures", [row | ids])


def process(
    ref: ObjectRef,
    read: Callable[[ObjectRef], Recording],
    model: Callable[[], EmotionModel],
    warehouse: Warehouse,
    config: AnalysisConfig,
    event_id: str | None = None,
) -> ProcessResult:
    """Process one recording from its source to the warehouse; parameters as in the two steps.

    Returns
    -------
    ProcessResult
        The rows, which are now in the warehouse.
    """
    result = analyze_recording(ref, read, model, config, event_id)
    write_result(warehouse, result)
    return result
