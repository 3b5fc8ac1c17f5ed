"""The right to be forgotten: a call's or a customer's recordings are hidden, and their audio deleted."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from callmood.analysis.rows import erasure_row
from callmood.recording import ObjectRef
from callmood.warehouse.base import Warehouse

# A copy that nobody's id is known of, but whose bytes are the same, is a recording of the same voice.
_FIND = """
WITH asked AS (SELECT recording_id, content_sha256 FROM recordings WHERE {column} = @id)
SELECT
  r.recording_id,
  ANY_VALUE(r.bucket) AS bucket,
  ANY_VALUE(r.object) AS object,
  ANY_VALUE(r.generation) AS generation,
  MIN(r.started_at) AS started_at,
  COUNTIF(e.recording_id IS NOT NULL) > 0 AS hidden
FROM recordings AS r
LEFT JOIN erasures AS e ON e.recording_id = r.recording_id AND e.reason = 'request'
WHERE r.recording_id IN (SELECT recording_id FROM asked)
  OR (r.{column} IS NULL AND r.content_sha256 IN (SELECT content_sha256 FROM asked))
GROUP BY r.recording_id
ORDER BY started_at, r.recording_id
"""


@dataclass(frozen=True)
class Found:
    """A recording that is to be forgotten.

    Parameters
    ----------
    ref : ObjectRef
        Its audio.
    started_at : datetime
        When its call began.
    hidden : bool
        Its results were hidden on an earlier request.
    """

    ref: ObjectRef
    started_at: datetime
    hidden: bool


@dataclass(frozen=True)
class Forgotten:
    """What became of a recording that was to be forgotten: no view shows it any more.

    Parameters
    ----------
    ref : ObjectRef
        Its audio.
    deleted : bool
        The audio was deleted now; else it was gone before, or could not be.
    error : str or None
        Why the audio is still there; ask again when that is mended.
    """

    ref: ObjectRef
    deleted: bool
    error: str | None = None


def find(warehouse: Warehouse, *, call_id: str | None = None, customer_id: str | None = None) -> list[Found]:
    """Recordings of one call, or of one customer's calls, with copies of the same bytes that name no call or customer.

    Parameters
    ----------
    warehouse : Warehouse
        BigQuery or the local store.
    call_id, customer_id : str
        One of them.

    Returns
    -------
    list of Found
        Every generation that was ever analyzed, by start.

    Raises
    ------
    ValueError
        Both ids are given, or none.
    """
    if (call_id is None) == (customer_id is None):
        raise ValueError("give a call_id or a customer_id")
    column = "customer_id" if call_id is None else "call_id"
    rows = warehouse.query(_FIND.format(column=column), {"id": call_id or customer_id})
    return [
        Found(ObjectRef(row["bucket"], row["object"], row["generation"]), row["started_at"], row["hidden"])
        for row in rows
    ]


def forget(
    warehouse: Warehouse, found: Sequence[Found], delete_object: Callable[[ObjectRef], bool]
) -> Iterator[Forgotten]:
    """Hide recordings at once, then delete their audio; to be asked again does no harm.

    Parameters
    ----------
    warehouse : Warehouse
        Gets a row of `erasures` for each that is not hidden yet.
    found : sequence of Found
        From `find`.
    delete_object : callable
        Deletes audio in a bucket, and says whether it was there: `gcs.delete` with its client.

    Yields
    ------
    Forgotten
        One a recording; an error of one keeps no other from being deleted.
    """
    now = datetime.now(UTC)
    fresh = [erasure_row(each.ref.recording_id, "request", now) for each in found if not each.hidden]
    if fresh:
        warehouse.append("erasures", fresh)
    for each in found:
        delete = delete_object if each.ref.bucket else delete_file
        try:
            yield Forgotten(each.ref, deleted=delete(each.ref))
        except Exception as error:  # whatever it is, the others are to be deleted all the same
            yield Forgotten(each.ref, deleted=False, error=str(error))


def delete_file(ref: ObjectRef) -> bool:
    """Delete a local file, unless it was changed since it was analyzed: it is another recording then.

    Parameters
    ----------
    ref : ObjectRef
        Of an empty bucket.

    Returns
    -------
    bool
        False where the file of then is gone.
    """
    path = Path(ref.name)
    try:
        if path.stat().st_mtime_ns != ref.generation:
            return False
        path.unlink()
    except FileNotFoundError:
        return False
    return True
