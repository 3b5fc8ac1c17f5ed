"""Read people's annotations of segments and reviews of calls: rows of `annotations` and `reviews`."""

from __future__ import annotations

import csv
import math
import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from callmood.analysis.rows import row_id
from callmood.errors import AnnotationError
from callmood.types import EMOTIONS, JsonRow
from callmood.warehouse.base import Warehouse

ANNOTATED_EMOTIONS = (*EMOTIONS, "surprise", "boredom")
"""tuple of str: emotions of annotations. The model does not distinguish the last two."""

SET_SAMPLINGS = ("random", "uncertain", "high_confidence")
"""tuple of str: how `python -m model label` samples segments. Only random segments measure accuracy."""

SAMPLINGS = (*SET_SAMPLINGS, "report")
"""tuple of str: how a segment was sampled for annotation; ``report``: a person selected it in the report."""

VERDICTS = ("reviewed", "agree", "not_worth_it")
"""tuple of str: verdicts of a person who listened to a call."""

_MAX_NOTE_CHARS = 5000

_REQUIRED_COLUMNS = ("recording_id", "call_date", "channel", "start_s", "end_s", "emotion", "sampling")
_MAX_LISTED_ERRORS = 5

_DAYS = "SELECT DISTINCT recording_id, call_date FROM recordings WHERE recording_id IN UNNEST(@recording_ids)"


@dataclass(frozen=True)
class Annotations:
    """Contents of a file of annotations.

    Parameters
    ----------
    segments : list of dict
        Rows of `annotations`.
    reviews : list of dict
        Rows of `reviews`.
    """

    segments: list[JsonRow]
    reviews: list[JsonRow]

    def write(self, warehouse: Warehouse) -> int:
        """Append the rows, under each day that their recordings have in the warehouse.

        Details can move a call to another day after a person received it.

        Parameters
        ----------
        warehouse : Warehouse
            Warehouse with the tables.

        Returns
        -------
        int
            Number of rows whose recording is not in the warehouse.
        """
        known_days: defaultdict[str, list[str]] = defaultdict(list)
        recording_ids = sorted({row["recording_id"] for row in (*self.segments, *self.reviews)})
        for known in warehouse.query(_DAYS, {"recording_ids": recording_ids}) if recording_ids else []:
            known_days[known["recording_id"]].append(known["call_date"].isoformat())
        for table, rows in (("annotations", self.segments), ("reviews", self.reviews)):
            dated = [
                {**row, "call_date": day}
                for row in rows
                for day in known_days.get(row["recording_id"], [row["call_date"]])
            ]
            if dated:
                warehouse.append(table, dated)
        return sum(row["recording_id"] not in known_days for row in (*self.segments, *self.reviews))


def read_annotations(path: Path, annotated_at: datetime) -> Annotations:
    """Read the annotations of a set that `python -m model label` created, or the reviews that the report exported.

    Parameters
    ----------
    path : Path
        ``labels.csv``, ``clips.csv`` with a completed column `emotion`, or ``callmood-reviews.csv``. Lines without an
        emotion are reviews if they have a verdict or a note. Otherwise they are skipped.
    annotated_at : datetime
        Current time with its time zone.

    Returns
    -------
    Annotations
        The same segment and annotator have the same ID.

    Raises
    ------
    AnnotationError
        The file cannot be read, is not such a file, or has invalid lines, which the message lists.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            header = file.readline()
            file.seek(0)
            # In many locales, Excel separates cells by semicolons.
            reader = csv.DictReader(file, delimiter=";" if header.count(";") > header.count(",") else ",")
            missing = [column for column in _REQUIRED_COLUMNS if column not in (reader.fieldnames or ())]
            if missing:
                raise AnnotationError(
                    f"{path} lacks the columns {', '.join(missing)}. "
                    "Create a file with these columns: python -m model label"
                )
            lines = [(reader.line_num, line) for line in reader]
    except OSError as error:
        raise AnnotationError(f"{path} cannot be read: {error.strerror}") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise AnnotationError(f"{path} is not a CSV file in UTF-8: {error}") from None
    found, errors = Annotations([], []), []
    for number, line in lines:
        try:
            if (line["emotion"] or "").strip():
                found.segments.append(annotation_row(line, annotated_at))
            elif (line.get("verdict") or "").strip() or (line.get("note") or "").strip():
                found.reviews.append(review_row(line, annotated_at))
        except (ValueError, TypeError) as error:  # TypeError: the line has fewer cells than the header
            errors.append(f"line {number}: {error}")
    if errors:
        more = f"; and {len(errors) - _MAX_LISTED_ERRORS} more" if len(errors) > _MAX_LISTED_ERRORS else ""
        raise AnnotationError(
            f"{path} has invalid lines, and no line was imported: {'; '.join(errors[:_MAX_LISTED_ERRORS])}{more}"
        )
    return found


def review_row(line: Mapping[str, str], reviewed_at: datetime) -> JsonRow:
    """Return the row of `reviews` of one review.

    Parameters
    ----------
    line : mapping of str to str
        ``recording_id``, ``call_date``, ``verdict``, and optionally ``note`` and ``annotated_by``.
    reviewed_at : datetime
        Current time with its time zone.

    Raises
    ------
    ValueError
        A value is invalid.
    """
    verdict = (line.get("verdict") or "").strip() or None
    # The export of the report puts an apostrophe before a note that a spreadsheet would execute.
    note = re.sub(r"^'(?=[=+@-])", "", (line.get("note") or "").strip()) or None
    if verdict is not None and verdict not in VERDICTS:
        raise ValueError(f"unknown verdict {verdict!r}; choose one of {', '.join(VERDICTS)}")
    if note is not None and len(note) > _MAX_NOTE_CHARS:
        raise ValueError(f"the note has {len(note)} characters; at most {_MAX_NOTE_CHARS} are possible")
    reviewer = (line.get("annotated_by") or "").strip() or None
    recording_id = _recording_id(line)
    return {
        "review_id": row_id(recording_id, reviewer, reviewed_at.isoformat()),
        "recording_id": recording_id,
        "call_date": date.fromisoformat(line["call_date"]).isoformat(),
        "verdict": verdict,
        "note": note,
        "reviewed_by": reviewer,
        "reviewed_at": reviewed_at.isoformat(),
    }


def annotation_row(line: Mapping[str, str], annotated_at: datetime) -> JsonRow:
    """Return the row of `annotations` of one annotated segment.

    Parameters
    ----------
    line : mapping of str to str
        The columns of ``labels.csv``.
    annotated_at : datetime
        Current time with its time zone.

    Raises
    ------
    ValueError
        A value is invalid.
    """
    emotion, sampling = line["emotion"].strip().lower(), (line["sampling"] or "").strip()
    if emotion not in ANNOTATED_EMOTIONS:
        raise ValueError(f"unknown emotion {emotion!r}; choose one of {', '.join(ANNOTATED_EMOTIONS)}")
    if sampling not in SAMPLINGS:
        raise ValueError(f"unknown sampling {sampling!r}; choose one of {', '.join(SAMPLINGS)}")
    annotator = (line.get("annotated_by") or "").strip() or None
    segment = (_recording_id(line), int(line["channel"]), float(line["start_s"]), float(line["end_s"]))
    recording_id, channel, start_s, end_s = segment
    if not 0 <= start_s < end_s < math.inf:
        raise ValueError(f"{start_s:g} s to {end_s:g} s is not a segment; the end must be after the start")
    return {
        "annotation_id": row_id(*segment, annotator),
        "recording_id": recording_id,
        "call_date": date.fromisoformat(line["call_date"]).isoformat(),
        "channel": channel,
        "start_s": start_s,
        "end_s": end_s,
        "emotion": emotion,
        "sampling": sampling,
        "annotated_by": annotator,
        "annotated_at": annotated_at.isoformat(),
    }


def _recording_id(line: Mapping[str, str]) -> str:
    if not (line["recording_id"] or "").strip():
        raise ValueError("the recording_id is empty")
    return line["recording_id"]
