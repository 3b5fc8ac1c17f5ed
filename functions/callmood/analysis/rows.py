"""Rows of the warehouse for an analysis, a failure, an erasure, or a release."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Literal

from callmood import __version__
from callmood.config import AnalysisConfig
from callmood.types import EMOTIONS, CallMetadata, JsonRow, ObjectRef, text_sha256

if TYPE_CHECKING:  # the analysis is a heavy import, which some functions do not need
    from callmood.analysis.analyzer import Analysis
    from callmood.analysis.channel import Segment


ErasureReason = Literal["request", "object_deleted", "replaced", "undone"]
ReleaseState = Literal["published", "staged"]


def row_id(*parts: object) -> str:
    """Return the deterministic ID of a row with these parts: 32 hexadecimal digits."""
    return hashlib.sha256("\0".join(map(str, parts)).encode()).hexdigest()[:32]


def segment_fields(segment: Segment) -> JsonRow:
    """Return the columns of a segment that do not depend on its recording.

    Parameters
    ----------
    segment : Segment
        The segment.

    Returns
    -------
    dict
        Channel, role, speaker, time, emotion, probabilities, level, and voice, as in the table `segments`.
    """
    return {
        "channel": segment.channel,
        "role": segment.role,
        "role_confidence": _rounded(segment.role_confidence, 4),
        "speaker": segment.speaker,
        "start_s": round(segment.start_s, 3),
        "end_s": round(segment.end_s, 3),
        "emotion": segment.emotion,
        "confidence": _rounded(segment.confidence, 4),
        **{
            f"p_{emotion}": None if segment.probabilities is None else round(segment.probabilities[i], 4)
            for i, emotion in enumerate(EMOTIONS)
        },
        "level_dbfs": round(segment.level_dbfs, 1),
        "pitch_semitones": _rounded(segment.voice.pitch_semitones, 1),
        "loudness_db": _rounded(segment.voice.loudness_db, 1),
        "rate_ratio": _rounded(segment.voice.rate_ratio, 2),
    }


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)


def analysis_rows(
    analysis: Analysis, config: AnalysisConfig, analyzed_at: datetime, processing_s: float
) -> tuple[list[JsonRow], JsonRow]:
    """Return the rows of one analysis.

    Parameters
    ----------
    analysis : Analysis
        The analysis.
    config : AnalysisConfig
        Its time zone determines the day of the call.
    analyzed_at : datetime
        End time of the analysis, with its time zone.
    processing_s : float
        Duration of the analysis, in seconds.

    Returns
    -------
    tuple of (list of dict, dict)
        Rows of `segments`, and the row of `recordings` that commits them.
    """
    recording, call = analysis.recording, analysis.recording.call
    # Sums of a local time and a duration ignore clock changes.
    started_at = (call.started_at or recording.uploaded_at).astimezone(UTC)
    started_at_source = call.started_at_source if call.started_at else "upload" if recording.ref.bucket else "file"
    shared: JsonRow = {
        "analysis_id": analysis.analysis_id,
        "recording_id": recording.ref.recording_id,
        "call_date": started_at.astimezone(config.zone).date().isoformat(),
        "call_id": call.call_id,
        "queue": call.queue,
        "agent_id": call.agent_id,
        "model_version": analysis.model_version,
        "population_version": analysis.population_version,
        "analyzed_at": analyzed_at.isoformat(),
    }
    segments = [
        {
            **shared,
            "segment_id": row_id(
                analysis.analysis_id, segment.channel, f"{segment.start_s:.3f}", f"{segment.end_s:.3f}"
            ),
            "segment_index": index,
            "started_at": (started_at + timedelta(seconds=segment.start_s)).isoformat(),
            "ended_at": (started_at + timedelta(seconds=segment.end_s)).isoformat(),
            **segment_fields(segment),
            "noise_dbfs": _rounded(segment.noise_dbfs, 1),
            **{f"embedding_proj_{i + 1}": round(number, 3) for i, number in enumerate(segment.embedding_proj)},
        }
        for index, segment in enumerate(analysis.segments)
    ]
    talk = {f"{role}_talk_s": round(seconds, 3) for role, seconds in analysis.talk_s.items()}
    commit = {
        **shared,
        "uri": recording.ref.uri,
        "bucket": recording.ref.bucket,
        "object": recording.ref.name,
        "generation": recording.ref.generation,
        "content_sha256": recording.content_sha256,
        "legs": [
            {"object": leg.ref.name, "generation": leg.ref.generation, "content_sha256": leg.content_sha256}
            for leg in recording.legs
        ],
        "size_bytes": recording.size_bytes,
        "uploaded_at": recording.uploaded_at.isoformat(),
        "started_at": started_at.isoformat(),
        "started_at_source": started_at_source,
        "customer_id": call.customer_id,
        "direction": call.direction,
        "language": call.language,
        "labels": [{"key": key, "value": value} for key, value in call.labels.items()],
        "container": analysis.info.container,
        "codec": analysis.info.codec,
        "sample_rate": analysis.info.sample_rate,
        "channels": analysis.info.channels,
        "channel_roles": list(analysis.roles),
        "duration_s": round(analysis.duration_s, 3),
        **talk,
        "silence_s": round(analysis.silence_s, 3),
        "overlap_s": round(analysis.overlap_s, 3),
        "crosstalk_s": round(analysis.crosstalk_s, 3),
        "segment_count": len(segments),
        "warnings": [*analysis.warnings, *call.warnings],
        "software_version": __version__,
        "processing_s": round(processing_s, 3),
    }
    return segments, commit


def failure_row(
    code: str,
    message: str,
    failed_at: datetime,
    ref: ObjectRef | None = None,
    event_id: str | None = None,
    content_sha256: str | None = None,
    call: CallMetadata | None = None,
) -> JsonRow:
    """Return the row of `failures` for a recording, or for an invalid event without a recording.

    Parameters
    ----------
    code : str
        One of `errors.FAILURE_CODES`.
    message : str
        One sentence for readers of the table.
    failed_at : datetime
        With its time zone.
    ref : ObjectRef, optional
        The recording, if known.
    event_id : str, optional
        Pub/Sub's message ID.
    content_sha256 : str, optional
        SHA-256 of the file, if its content was read.
    call : CallMetadata, optional
        Its IDs of the call and the customer, so that an erasure finds the failure.

    Returns
    -------
    dict
        The ID depends on the recording (without one, on the event) and the code.
    """
    return {
        "failure_id": row_id(ref.recording_id if ref else event_id, code),
        "recording_id": ref.recording_id if ref else None,
        "uri": ref.uri if ref else None,
        "bucket": ref.bucket if ref else None,
        "object": ref.name if ref else None,
        "generation": ref.generation if ref else None,
        "content_sha256": content_sha256,
        "call_id": call.call_id if call else None,
        "customer_id": call.customer_id if call else None,
        "code": code,
        "message": message,
        "event_id": event_id,
        "software_version": __version__,
        "failed_at": failed_at.isoformat(),
    }


def erasure_row(
    recording_id: str,
    reason: ErasureReason,
    erased_at: datetime,
    ref: ObjectRef | None = None,
    content_sha256: str | None = None,
    call_id: str | None = None,
    customer_id: str | None = None,
) -> JsonRow:
    """Return the row of `erasures` that hides a recording in all views.

    Parameters
    ----------
    recording_id : str
        ID of the recording.
    reason : {"request", "object_deleted", "replaced", "undone"}
        A customer requested it, the audio was deleted, a newer generation replaced the recording, or a request was
        undone.
    erased_at : datetime
        With its time zone.
    ref : ObjectRef, optional
        The recording, so that older generations of the object stay hidden after its rows are deleted.
    content_sha256 : str, optional
        SHA-256 of the file, so that a request covers copies under other names.
    call_id, customer_id : str, optional
        IDs of the call and the customer, so that a request covers rows of `call_details` and can be undone. Only their
        hashes are stored.

    Returns
    -------
    dict
        The ID depends on the recording and the reason.
    """
    return {
        "erasure_id": row_id(recording_id, reason),
        "recording_id": recording_id,
        "reason": reason,
        "object_sha256": ref.object_sha256 if ref else None,
        "generation": ref.generation if ref else None,
        "content_sha256": content_sha256,
        "call_id_sha256": text_sha256(call_id) if call_id else None,
        "customer_id_sha256": text_sha256(customer_id) if customer_id else None,
        "erased_at": erased_at.isoformat(),
    }


def release_row(model_version: str, state: ReleaseState, changed_at: datetime) -> JsonRow:
    """Return the row of `releases` that changes the state of a model version.

    Parameters
    ----------
    model_version : str
        The version.
    state : {"published", "staged"}
        Published: its analyses take precedence over those of versions published earlier. Staged: its analyses are used
        only for recordings without another analysis, until it is published.
    changed_at : datetime
        With its time zone.

    Returns
    -------
    dict
        The ID depends on the version, the state, and the time.
    """
    return {
        "release_id": row_id(model_version, state, changed_at.isoformat()),
        "model_version": model_version,
        "state": state,
        "changed_at": changed_at.isoformat(),
    }
