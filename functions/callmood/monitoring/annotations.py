"""Read people's annotations of segments from a CSV file: rows of `annotations`."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path

from callmood.analysis.rows import row_id
from callmood.errors import AnnotationError
from callmood.types import EMOTIONS, JsonRow

ANNOTATED_EMOTIONS = (*EMOTIONS, "surprise", "boredom")
"""tuple of str: emotions of annotations. The model does not distinguish the last two."""

SAMPLINGS = ("random", "uncertain", "high_confidence")
"""tuple of str: how a segment was sampled for annotation. Only random segments measure accuracy."""

_REQUIRED_COLUMNS = ("recording_id", "call_date", "channel", "start_s", "end_s", "emotion", "sampling")
_MAX_LISTED_ERRORS = 5


def read_annotations(path: Path, annotated_at: datetime) -> list[JsonRow]:
    """Read the annotations of a set that `python -m model label` created.

    Parameters
    ----------
    path : Path
        ``labels.csv``, or ``clips.csv`` with a completed column `emotion`. Lines without an emotion are skipped.
    annotated_at : datetime
        Current time with its time zone.

    Returns
    -------
    list of dict
        Rows of `annotations`. The same segment and annotator have the same ID.

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
            lines = [(reader.line_num, line) for line in reader if (line["emotion"] or "").strip()]
    except OSError as error:
        raise AnnotationError(f"{path} cannot be read: {error.strerror}") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise AnnotationError(f"{path} is not a CSV file in UTF-8: {error}") from None
    rows, errors = [], []
    for number, line in lines:
        try:
            rows.append(_row(line, annotated_at))
        except (ValueError, TypeError) as error:  # TypeError: the line has fewer cells than the header
            errors.append(f"line {number}: {error}")
    if errors:
        more = f"; and {len(errors) - _MAX_LISTED_ERRORS} more" if len(errors) > _MAX_LISTED_ERRORS else ""
        raise AnnotationError(
            f"{path} has invalid lines, and no line was imported: {'; '.join(errors[:_MAX_LISTED_ERRORS])}{more}"
        )
    return rows


def _row(line: Mapping[str, str], annotated_at: datetime) -> JsonRow:
    emotion, sampling = line["emotion"].strip().lower(), line["sampling"].strip()
    if emotion not in ANNOTATED_EMOTIONS:
        raise ValueError(f"unknown emotion {emotion!r}; choose one of {', '.join(ANNOTATED_EMOTIONS)}")
    if sampling not in SAMPLINGS:
        raise ValueError(f"unknown sampling {sampling!r}; choose one of {', '.join(SAMPLINGS)}")
    annotator = (line.get("annotated_by") or "").strip() or None
    segment = (line["recording_id"], int(line["channel"]), float(line["start_s"]), float(line["end_s"]))
    recording_id, channel, start_s, end_s = segment
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
