"""What people heard, from the CSV file of a labeling set: rows of `annotations`."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path

from callmood.analysis.rows import row_id
from callmood.errors import FeedbackError
from callmood.types import EMOTIONS, JsonRow

LABELS = (*EMOTIONS, "surprise", "boredom")
"""tuple of str: what a label may be; the last two are outside what the model knows."""

SAMPLINGS = ("random", "uncertain", "high_confidence")
_NEEDED = ("recording_id", "call_date", "channel", "start_s", "end_s", "emotion", "sampling")
_LISTED = 5  # faults that are told


def read_labels(path: Path, annotated_at: datetime) -> list[JsonRow]:
    """Read the labels of a set that `python -m model label` made.

    Parameters
    ----------
    path : Path
        ``labels.csv``, or ``clips.csv`` filled in by hand; lines without an emotion are passed over.
    annotated_at : datetime
        Now, with its time zone.

    Returns
    -------
    list of dict
        Rows of `annotations`. The same label by the same person has the same id.

    Raises
    ------
    FeedbackError
        The file is not there, is no such file, or has lines that make no sense, which are named.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            header = file.readline()
            file.seek(0)
            # In many countries Excel puts semicolons between cells.
            reader = csv.DictReader(file, delimiter=";" if header.count(";") > header.count(",") else ",")
            missing = [column for column in _NEEDED if column not in (reader.fieldnames or ())]
            if missing:
                raise FeedbackError(
                    f"{path} has no column {', '.join(missing)}: it is not from a set of python -m model label"
                )
            lines = [(reader.line_num, line) for line in reader if (line["emotion"] or "").strip()]
    except OSError as error:
        raise FeedbackError(f"{path} cannot be read: {error.strerror}") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise FeedbackError(f"{path} is no CSV file in UTF-8: {error}") from None
    rows, wrong = [], []
    for number, line in lines:
        try:
            rows.append(_row(line, annotated_at))
        except (ValueError, TypeError) as error:  # a cell that is no number or date, or is missing
            wrong.append(f"line {number}: {error}")
    if wrong:
        more = f"; and {len(wrong) - _LISTED} more" if len(wrong) > _LISTED else ""
        raise FeedbackError(
            f"{path} has lines that make no sense, so none is taken: {'; '.join(wrong[:_LISTED])}{more}"
        )
    return rows


def _row(line: Mapping[str, str], annotated_at: datetime) -> JsonRow:
    emotion, sampling = line["emotion"].strip().lower(), line["sampling"].strip()
    if emotion not in LABELS:
        raise ValueError(f"emotion {emotion!r} is none of {', '.join(LABELS)}")
    if sampling not in SAMPLINGS:
        raise ValueError(f"sampling {sampling!r} is none of {', '.join(SAMPLINGS)}")
    annotated_by = (line.get("annotated_by") or "").strip() or None
    place = (line["recording_id"], int(line["channel"]), float(line["start_s"]), float(line["end_s"]))
    recording_id, channel, start_s, end_s = place
    return {
        "annotation_id": row_id(*place, annotated_by),
        "recording_id": recording_id,
        "call_date": date.fromisoformat(line["call_date"]).isoformat(),
        "channel": channel,
        "start_s": start_s,
        "end_s": end_s,
        "emotion": emotion,
        "sampling": sampling,
        "annotated_by": annotated_by,
        "annotated_at": annotated_at.isoformat(),
    }
