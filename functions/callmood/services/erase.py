"""Erase a call or a customer: hide the results in every view, and delete the audio."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from callmood.analysis.rows import erasure_row, row_id
from callmood.config import AnalysisConfig
from callmood.errors import BadRecording
from callmood.sources.folder import content_sha256
from callmood.sources.legs import leg_names
from callmood.sources.metadata import call_metadata
from callmood.types import JsonRow, ObjectRef, text_sha256
from callmood.warehouse.base import Warehouse

_MATCHES = """
SELECT
  recording_id, uri, bucket, object, generation, content_sha256, call_id, customer_id, started_at AS known_at, legs
FROM recordings
WHERE {column} = @id OR ({column} IS NULL AND call_id IN UNNEST(@call_ids))
"""

_FAILURES = """
SELECT recording_id, uri, bucket, object, generation, content_sha256, call_id, customer_id, failed_at AS known_at
FROM failures
WHERE uri IS NOT NULL AND generation IS NOT NULL
"""

# Other generations of the same objects; and copies, which have the same bytes, so the same voice. A recording with
# another call ID is another call, such as one without speech. The views and plan_files use the same rule.
_RELATED = """
SELECT
  recording_id, uri, bucket, object, generation, content_sha256, call_id, customer_id, started_at AS known_at, legs
FROM recordings
WHERE
  uri IN UNNEST(@uris)
  OR (content_sha256 IN UNNEST(@contents) AND (call_id IS NULL OR call_id IN UNNEST(@call_ids)))
"""

_REQUESTED = """
SELECT recording_id
FROM erasures_current
WHERE
  reason = 'request'
  AND (recording_id IN UNNEST(@recording_ids) OR call_id_sha256 = @id_sha256 OR customer_id_sha256 = @id_sha256)
"""

# The details that count, as in the view recordings_current: an earlier row can name another customer.
_DETAILS = """
SELECT call_id
FROM (
  SELECT call_id, customer_id
  FROM call_details
  WHERE TRUE
  QUALIFY ROW_NUMBER() OVER (PARTITION BY call_id ORDER BY loaded_at DESC, detail_id) = 1
)
WHERE {column} = @id
ORDER BY call_id
"""


@dataclass(frozen=True)
class ErasureCandidate:
    """A recording that matches an erasure request.

    Parameters
    ----------
    ref : ObjectRef
        Its audio.
    started_at : datetime
        Start of the call; for a recording that failed, the time of the failure.
    already_erased : bool
        Whether an earlier request hid its results.
    content_sha256 : str or None
        Its content; None if it was never read.
    call_id : str or None
        ID of its call.
    file_sha256 : str or None
        Content of the file; differs from `content_sha256` for a call with one file per party.
    target_of_other_call : Path or None
        The file that a local file links to, if its name has another call ID. It is not deleted.
    """

    ref: ObjectRef
    started_at: datetime
    already_erased: bool
    content_sha256: str | None = None
    call_id: str | None = None
    file_sha256: str | None = None
    target_of_other_call: Path | None = None


@dataclass(frozen=True)
class ErasureResult:
    """The result for one recording; its results are hidden in every case.

    Parameters
    ----------
    ref : ObjectRef
        Its audio.
    audio_deleted : bool
        Whether this request deleted the audio. False if the audio did not exist, or could not be deleted.
    error : str or None
        Why the audio still exists. Repeat the request after fixing the cause.
    """

    ref: ObjectRef
    audio_deleted: bool
    error: str | None = None


def _column(call_id: str | None, customer_id: str | None) -> tuple[str, str]:
    if (call_id is None) == (customer_id is None):
        raise ValueError("set either call_id or customer_id")
    return ("call_id", call_id) if call_id is not None else ("customer_id", customer_id or "")


def find_recordings(
    warehouse: Warehouse,
    *,
    call_id: str | None = None,
    customer_id: str | None = None,
    config: AnalysisConfig | None = None,
) -> list[ErasureCandidate]:
    """Return the recordings of a call or a customer: analyzed and failed ones, all their generations, and duplicates.

    Parameters
    ----------
    warehouse : Warehouse
        BigQuery or the local store.
    call_id, customer_id : str
        Exactly one of them.
    config : AnalysisConfig, optional
        Pattern that reads the names of recordings that failed; default: the default pattern.

    Returns
    -------
    list of ErasureCandidate
        Every known generation, sorted by start.

    Raises
    ------
    ValueError
        Both IDs are set, or neither.
    """
    column, value = _column(call_id, customer_id)
    failures = [row | _ids(row, config or AnalysisConfig()) for row in warehouse.query(_FAILURES)]
    detailed = find_details(warehouse, call_id=call_id, customer_id=customer_id)
    matches = [
        *warehouse.query(_MATCHES.format(column=column), {"id": value, "call_ids": detailed}),
        *(row for row in failures if row[column] == value or (row[column] is None and row["call_id"] in detailed)),
    ]
    uris, call_ids = _distinct(matches, "uri"), _distinct(matches, "call_id")
    contents = _distinct(matches, "content_sha256")
    contents += _distinct((leg for row in matches for leg in row.get("legs") or []), "content_sha256")
    related = warehouse.query(_RELATED, {"uris": uris, "contents": contents, "call_ids": call_ids})
    related += [
        row
        for row in failures
        if row["uri"] in uris or (row["content_sha256"] in contents and row["call_id"] in (None, *call_ids))
    ]
    rows = {row["recording_id"]: row for row in [*related, *matches]}
    for row in list(rows.values()):
        for leg in _other_legs(row):
            rows.setdefault(leg["recording_id"], leg)
    found = warehouse.query(_REQUESTED, {"recording_ids": list(rows), "id_sha256": text_sha256(value)})
    requested = {row["recording_id"] for row in found}
    candidates = [
        ErasureCandidate(
            ObjectRef(row["bucket"], row["object"], row["generation"]),
            row["known_at"],
            row["recording_id"] in requested,
            row["content_sha256"],
            row["call_id"] or call_id,  # a copy without a call ID is one of this call, also for --undo
            _file_sha256(row, config or AnalysisConfig()),
            _target_of_other_call(row, call_ids, config or AnalysisConfig()),
        )
        for row in rows.values()
    ]
    return sorted(candidates, key=lambda each: (each.started_at, each.ref.recording_id))


def _ids(row: JsonRow, config: AnalysisConfig) -> JsonRow:
    """Return the IDs of a recording that failed, also those in its name: its row may be older than the columns."""
    named = call_metadata(row["object"], {}, config)
    return {column: row[column] or getattr(named, column) for column in ("call_id", "customer_id")}


def _other_legs(row: JsonRow) -> list[JsonRow]:
    """Return rows of the other file of a call with one file per party."""
    others = []
    for leg in row.get("legs") or []:
        if leg["object"] != row["object"]:
            ref = ObjectRef(row["bucket"], leg["object"], leg["generation"])
            identity = {
                "recording_id": ref.recording_id,
                "uri": ref.uri,
                "object": ref.name,
                "generation": ref.generation,
            }
            others.append({**row, **identity, "content_sha256": leg["content_sha256"], "legs": []})
    return others


def _file_sha256(row: JsonRow, config: AnalysisConfig) -> str | None:
    """Return the content of the object of a row, which can be one of the legs of a call with one file per party.

    None for a leg that failed: the failure of a call states the content of both legs.
    """
    if "legs" not in row and leg_names(row["object"], config):
        return None
    own: list[str] = [leg["content_sha256"] for leg in row.get("legs") or [] if leg["object"] == row["object"]]
    return own[0] if own else row["content_sha256"]


def _target_of_other_call(row: JsonRow, call_ids: list[str], config: AnalysisConfig) -> Path | None:
    """Return the target of a local file that is a link, if the name of the target has none of these call IDs."""
    if row["bucket"] or not os.path.islink(row["object"]):  # noqa: PTH114 - it may be in an unreadable folder
        return None
    target = Path(os.path.realpath(row["object"]))
    return None if call_metadata(target.as_posix(), {}, config).call_id in (None, *call_ids) else target


def _distinct(rows: Iterable[JsonRow], column: str) -> list[str]:
    return sorted({row[column] for row in rows if row[column]})


def find_details(warehouse: Warehouse, *, call_id: str | None = None, customer_id: str | None = None) -> list[str]:
    """Return the IDs of calls with rows in `call_details`; parameters as in `find_recordings`."""
    column, value = _column(call_id, customer_id)
    return [row["call_id"] for row in warehouse.query(_DETAILS.format(column=column), {"id": value})]


def find_requests(warehouse: Warehouse, *, call_id: str | None = None, customer_id: str | None = None) -> list[str]:
    """Return the IDs of recordings that a request for this call or customer erased; parameters as in `find_recordings`.

    It finds them also after their rows were deleted.
    """
    _, value = _column(call_id, customer_id)
    rows = warehouse.query(_REQUESTED, {"recording_ids": [], "id_sha256": text_sha256(value)})
    return [row["recording_id"] for row in rows]


def erase_recordings(
    warehouse: Warehouse,
    candidates: Sequence[ErasureCandidate],
    delete_object: Callable[[ObjectRef], bool],
    details: Iterable[str] = (),
    customer_id: str | None = None,
) -> Iterator[ErasureResult]:
    """Hide the results of recordings at once, then delete their audio. The operation is idempotent.

    Parameters
    ----------
    warehouse : Warehouse
        Receives a row of `erasures` for each recording that has none yet.
    candidates : sequence of ErasureCandidate
        From `find_recordings`.
    delete_object : callable
        Deletes an object in a bucket and returns whether it existed, such as `gcs.delete` with its client.
    details : iterable of str
        From `find_details`: IDs of calls whose details are hidden, too.
    customer_id : str, optional
        ID of the request, so that it can be undone.

    Yields
    ------
    ErasureResult
        One per recording. An error with one recording does not stop the others.
    """
    now = datetime.now(UTC)
    new = [each for each in candidates if not each.already_erased]
    rows = [
        erasure_row(each.ref.recording_id, "request", now, each.ref, each.content_sha256, each.call_id, customer_id)
        for each in new
    ]
    # The recording of a call with one file per party states the content of both; a copy of one file is covered, too.
    rows += [
        erasure_row(
            row_id("leg", each.ref.recording_id), "request", now, None, each.file_sha256, each.call_id, customer_id
        )
        for each in new
        if each.file_sha256 not in (None, each.content_sha256)
    ]
    covered = {each.call_id for each in candidates}
    rows += [
        erasure_row(row_id("call", each), "request", now, call_id=each, customer_id=customer_id)
        for each in details
        if each not in covered
    ]
    if rows:
        warehouse.append("erasures", rows)
    for each in candidates:
        try:
            if each.target_of_other_call:
                message = (
                    f"The file is a link to {each.target_of_other_call}, whose name has another call ID. "
                    "If it is the same call, delete both."
                )
                yield ErasureResult(each.ref, audio_deleted=False, error=message)
            elif each.ref.bucket:
                yield ErasureResult(each.ref, audio_deleted=delete_object(each.ref))
            else:
                yield ErasureResult(each.ref, audio_deleted=delete_file(each.ref, each.file_sha256))
        except Exception as error:  # an error with one recording must not stop the others
            yield ErasureResult(each.ref, audio_deleted=False, error=str(error))


def undo_requests(warehouse: Warehouse, recording_ids: Sequence[str]) -> None:
    """Undo requests: the recordings can be analyzed again. Rows and audio that were deleted do not return.

    Parameters
    ----------
    warehouse : Warehouse
        Receives the rows of `erasures`.
    recording_ids : sequence of str
        From `find_requests`.
    """
    now = datetime.now(UTC)
    if recording_ids:
        warehouse.append("erasures", [erasure_row(each, "undone", now) for each in recording_ids])


def delete_file(ref: ObjectRef, content: str | None) -> bool:
    """Delete a local file, and the file that it links to, unless the content changed: then it is another recording.

    Parameters
    ----------
    ref : ObjectRef
        With an empty bucket.
    content : str or None
        SHA-256 of the recording; None if it was never read.

    Returns
    -------
    bool
        False if the file does not exist any more, or has another content. A link to a missing file stays: its target
        can be on a drive that is not mounted now.

    Raises
    ------
    OSError
        The audio cannot be deleted.
    """
    path = Path(ref.name)
    if not path.is_file() and not path.exists():
        return False
    if path.is_file() and content is not None:
        try:
            if content_sha256(path) != content:
                return False
        except BadRecording as bad:
            if bad.code == "gone":
                return False
            raise OSError(bad.message) from None
    path.resolve().unlink()  # first, so that a repeated request finds the audio if this fails
    path.unlink(missing_ok=True)
    return True
