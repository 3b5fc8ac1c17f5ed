"""Erase a call or a customer: hide the results in every view, and delete the audio."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from callmood.analysis.rows import erasure_row
from callmood.types import ObjectRef
from callmood.warehouse.base import Warehouse

# A duplicate without metadata has the same bytes, so it contains the same voice.
_FIND = """
WITH matches AS (SELECT recording_id, content_sha256 FROM recordings WHERE {column} = @id)
SELECT
  r.recording_id,
  ANY_VALUE(r.bucket) AS bucket,
  ANY_VALUE(r.object) AS object,
  ANY_VALUE(r.generation) AS generation,
  MIN(r.started_at) AS started_at,
  COUNTIF(e.recording_id IS NOT NULL) > 0 AS already_erased
FROM recordings AS r
LEFT JOIN erasures AS e ON e.recording_id = r.recording_id AND e.reason = 'request'
WHERE r.recording_id IN (SELECT recording_id FROM matches)
  OR (r.{column} IS NULL AND r.content_sha256 IN (SELECT content_sha256 FROM matches))
GROUP BY r.recording_id
ORDER BY started_at, r.recording_id
"""


@dataclass(frozen=True)
class ErasureCandidate:
    """A recording that matches an erasure request.

    Parameters
    ----------
    ref : ObjectRef
        Its audio.
    started_at : datetime
        Start of the call.
    already_erased : bool
        Whether an earlier request hid its results.
    """

    ref: ObjectRef
    started_at: datetime
    already_erased: bool


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


def find_recordings(
    warehouse: Warehouse, *, call_id: str | None = None, customer_id: str | None = None
) -> list[ErasureCandidate]:
    """Return the recordings of a call or a customer, with their duplicates that have no call ID or customer ID.

    Parameters
    ----------
    warehouse : Warehouse
        BigQuery or the local store.
    call_id, customer_id : str
        Exactly one of them.

    Returns
    -------
    list of ErasureCandidate
        Every analyzed generation, sorted by start.

    Raises
    ------
    ValueError
        Both IDs are set, or neither.
    """
    if (call_id is None) == (customer_id is None):
        raise ValueError("set either call_id or customer_id")
    column = "customer_id" if call_id is None else "call_id"
    rows = warehouse.query(_FIND.format(column=column), {"id": call_id or customer_id})
    return [
        ErasureCandidate(
            ObjectRef(row["bucket"], row["object"], row["generation"]), row["started_at"], row["already_erased"]
        )
        for row in rows
    ]


def erase_recordings(
    warehouse: Warehouse, candidates: Sequence[ErasureCandidate], delete_object: Callable[[ObjectRef], bool]
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

    Yields
    ------
    ErasureResult
        One per recording. An error with one recording does not stop the others.
    """
    now = datetime.now(UTC)
    rows = [erasure_row(each.ref.recording_id, "request", now) for each in candidates if not each.already_erased]
    if rows:
        warehouse.append("erasures", rows)
    for each in candidates:
        delete = delete_object if each.ref.bucket else delete_file
        try:
            yield ErasureResult(each.ref, audio_deleted=delete(each.ref))
        except Exception as error:  # an error with one recording must not stop the others
            yield ErasureResult(each.ref, audio_deleted=False, error=str(error))


def delete_file(ref: ObjectRef) -> bool:
    """Delete a local file, unless it changed since its analysis: then it is another recording.

    Parameters
    ----------
    ref : ObjectRef
        With an empty bucket.

    Returns
    -------
    bool
        False if the analyzed file does not exist any more.
    """
    path = Path(ref.name)
    try:
        if path.stat().st_mtime_ns != ref.generation:
            return False
        path.unlink()
    except FileNotFoundError:
        return False
    return True
