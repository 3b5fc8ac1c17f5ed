"""Readers of corpora with a CSV file of one row per clip: company calls, prepared corpora, and synthetic speech."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import get_args
from zlib import crc32

from callmood.types import EMOTIONS
from model.data.clip import Clip, CorpusError, itemized
from model.types import Split

OTHER_EMOTIONS = ("surprise", "boredom")
SPLITS = get_args(Split)
SEXES = ("female", "male")
VALID_DIVISOR = 5  # one in five speakers is "valid" if a company's list has no splits

Row = Mapping[str, str]


def prepared(root: Path, corpus: str, language: str) -> Iterator[Clip]:
    """Read a folder with `clips.csv` (clip, speaker, emotion, ...) and `audio/CLIP.opus`."""
    rows = list(_rows(root / "clips.csv", ("clip", "speaker", "emotion")))
    yield from _clips(
        [(line, {"split": "valid", **row, "path": f"audio/{row['clip']}.opus"}, row["clip"]) for line, row in rows],
        root / "clips.csv",
        corpus,
        language,
    )


def company(root: Path) -> Iterator[Clip]:
    """Read a company's own labeled calls: a CSV file, or a folder with one named `clips.csv`.

    The columns `path` (absolute, or relative to the CSV file), `speaker`, and `emotion` are required; `split`,
    `language`, `sex`, `age`, `race`, and `votes_EMOTION` are optional; others are ignored. Without splits, one in five
    speakers is "valid" and the others "train"; the choice is deterministic. The corpus gets the file's name.
    """
    file = root / "clips.csv" if root.is_dir() else root
    rows = list(_rows(file, ("path", "speaker", "emotion")))
    valid = _held_out({row["speaker"] for _, row in rows})
    numbered = [
        (line, {"split": "valid" if row["speaker"] in valid else "train", **row}, row["path"]) for line, row in rows
    ]
    yield from _clips(numbered, file, root.stem, "")


def synthetic(root: Path) -> Iterator[Clip]:
    """Read synthetic speech of `model.tts.synthesize`: `clips.csv` and `audio/` with WAV files."""
    file = root / "clips.csv"
    numbered = [
        (line, row, Path(row["path"]).stem) for line, row in _rows(file, ("path", "speaker", "emotion", "split"))
    ]
    yield from _clips(numbered, file, "synthetic", "")


def _rows(file: Path, needed: tuple[str, ...]) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield rows with their line numbers; cells are stripped, and empty optional ones removed.

    Excel writes a byte order mark and, in many countries, semicolons between cells.
    """
    try:
        with file.open(newline="", encoding="utf-8-sig") as lines:
            header = lines.readline()
            lines.seek(0)
            reader = csv.DictReader(lines, delimiter=";" if header.count(";") > header.count(",") else ",")
            missing = [column for column in needed if column not in (reader.fieldnames or ())]
            if missing:
                raise CorpusError(f"{file} lacks the column {', '.join(missing)}; required: {', '.join(needed)}")
            for row in reader:
                cells = {column: (cell or "").strip() for column, cell in row.items() if isinstance(column, str)}
                yield reader.line_num, {column: cell for column, cell in cells.items() if cell or column in needed}
    except FileNotFoundError:
        raise CorpusError(f"{file} does not exist") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise CorpusError(f"{file} is not a CSV file in UTF-8: {error}") from None


def _held_out(speakers: set[str]) -> set[str]:
    if len(speakers) < 2:
        return set()
    shuffled = sorted(speakers, key=lambda speaker: (crc32(speaker.encode()), speaker))
    return set(shuffled[: max(1, len(speakers) // VALID_DIVISOR)])


def _clips(numbered: Sequence[tuple[int, Row, str]], file: Path, corpus: str, language: str) -> list[Clip]:
    clips, invalid = [], []
    for line, row, name in numbered:
        try:
            clips.append(_clip(row, name, file.parent, corpus, language))
        except ValueError as error:
            invalid.append(f"line {line}: {error}")
    if invalid:
        raise CorpusError(f"{file} has {len(invalid)} invalid lines:{itemized(invalid, 10)}")
    return clips


def _clip(row: Row, name: str, folder: Path, corpus: str, language: str) -> Clip:
    empty = [column for column in ("path", "speaker", "emotion") if not row[column]]
    if empty:
        raise ValueError(f"{', '.join(empty)} is empty")
    votes = {emotion: _count(row, f"votes_{emotion}") for emotion in EMOTIONS if f"votes_{emotion}" in row}
    return Clip(
        path=folder / row["path"],
        corpus=corpus,
        speaker=row["speaker"],
        emotion=_one_of(row, "emotion", EMOTIONS + OTHER_EMOTIONS),
        split=_one_of(row, "split", SPLITS),
        name=name,
        language=row.get("language", language),
        sex=_one_of(row, "sex", SEXES) if "sex" in row else None,
        age=_count(row, "age") if "age" in row else None,
        race=row.get("race"),
        votes={emotion: votes.get(emotion, 0) for emotion in EMOTIONS} if votes else None,
    )


def _one_of(row: Row, column: str, known: tuple[str, ...]) -> str:
    cell = row[column].lower()
    if cell not in known:
        raise ValueError(f"{column} {row[column]!r} is not one of {', '.join(known)}")
    return cell


def _count(row: Row, column: str) -> int:
    if not row[column].isdecimal():
        raise ValueError(f"{column} {row[column]!r} is not a whole number")
    return int(row[column])
