"""The manifest: a Parquet file with one row per clip of one or more corpora."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from pathlib import Path

import duckdb

from callmood.types import EMOTIONS
from model import remote_paths
from model.data.corpora import Clip, CorpusError
from model.files import atomic_write

COLUMNS = {
    "clip": "VARCHAR NOT NULL",
    "path": "VARCHAR NOT NULL",
    "speaker": "VARCHAR NOT NULL",
    "emotion": "VARCHAR NOT NULL",
    "corpus": "VARCHAR NOT NULL",
    "language": "VARCHAR",
    "duration_s": "DOUBLE NOT NULL",
    "split": "VARCHAR NOT NULL",
    "sex": "VARCHAR",
    "age": "INTEGER",
    "race": "VARCHAR",
    "votes": f"STRUCT({', '.join(f'{emotion} INTEGER' for emotion in EMOTIONS)})",
}
"""dict of str to str: columns of the manifest and their DuckDB types."""


@dataclass(frozen=True)
class Row:
    """A clip in the manifest: the fields of `Clip` in the order of `COLUMNS`, with an absolute path.

    The file contains the addresses of clips in Cloud Storage, so that other machines can read them.
    """

    clip: str
    path: str
    speaker: str
    emotion: str
    corpus: str
    language: str | None
    duration_s: float
    split: str
    sex: str | None
    age: int | None
    race: str | None
    votes: Mapping[str, int] | None

    def as_clip(self) -> Clip:
        """Return the row as a clip."""
        return Clip(
            path=Path(self.path),
            corpus=self.corpus,
            speaker=self.speaker,
            emotion=self.emotion,
            split=self.split,
            name=self.clip,
            language=self.language or "",
            sex=self.sex,
            age=self.age,
            race=self.race,
            votes=self.votes,
        )


def row(clip: Clip, duration_s: float) -> Row:
    """Return a clip's row."""
    return Row(
        clip=clip.name,
        path=str(clip.path.resolve()),
        speaker=clip.speaker,
        emotion=clip.emotion,
        corpus=clip.corpus,
        language=clip.language or None,
        duration_s=duration_s,
        split=clip.split,
        sex=clip.sex,
        age=clip.age,
        race=clip.race,
        votes=clip.votes,
    )


def digest(rows: Sequence[Row]) -> str:
    """Return a hash of the clips, 8 hexadecimal digits. Paths are excluded, because the corpora may have moved."""
    clips = [(row.corpus, row.clip, row.speaker, row.emotion, row.split) for row in rows]
    return hashlib.sha256(repr(clips).encode()).hexdigest()[:8]


def write(rows: Sequence[Row], path: Path) -> None:
    """Write a manifest atomically.

    Raises
    ------
    CorpusError
        Two clips of a corpus have the same name.
    OSError
        The file cannot be written.
    """
    columns = ", ".join(f"{name} {kind}" for name, kind in COLUMNS.items())
    with atomic_write(path) as unfinished, duckdb.connect() as memory:
        memory.execute(f"CREATE TABLE manifest ({columns}, PRIMARY KEY (corpus, clip))")
        try:
            values = [astuple(replace(row, path=remote_paths.address(Path(row.path)))) for row in rows]
            memory.executemany("INSERT INTO manifest VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", values)
            memory.table("manifest").write_parquet(str(unfinished))
        except duckdb.ConstraintException as error:
            raise CorpusError(f"two clips of a corpus have the same name: {error}") from None
        except duckdb.IOException as error:
            raise OSError(f"{path} cannot be written: {error}") from None


def read(path: Path) -> list[Row]:
    """Read a manifest, and download its clips from Cloud Storage.

    Raises
    ------
    CorpusError
        The file does not exist or is not a manifest.
    model.remote_paths.RemotePathError
        Clips cannot be downloaded.
    """
    if not path.is_file():
        raise CorpusError(f"{path} does not exist; create it with python -m model ingest")
    try:
        with duckdb.connect() as memory:
            rows = [Row(*values) for values in memory.read_parquet(str(path)).select(*COLUMNS).fetchall()]
    except duckdb.Error as error:
        raise CorpusError(f"{path} is not a manifest: {error}") from None
    remote = {row.path.rpartition("/")[0] for row in rows if row.path.startswith(remote_paths.SCHEME)}
    if remote:
        remote_paths.fetch(sorted(remote))
    return [replace(row, path=str(remote_paths.local(row.path))) for row in rows]
