"""The manifest: one Parquet file with a row for each clip of one or more corpora."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from pathlib import Path

import duckdb

from callmood.types import EMOTIONS
from model import remote_paths
from model.data.corpora import Clip, CorpusError
from model.files import replacing

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
"""dict of str to str: the manifest's columns, and their types in DuckDB's words."""


@dataclass(frozen=True)
class Row:
    """A clip in the manifest; the fields are `Clip`'s, in the order of `COLUMNS`, `path` is absolute.

    In the file, the path of a clip from Cloud Storage is its address, so that another machine finds it too.
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
        """Return the clip that the row describes."""
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
    """Describe a clip."""
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


def write(rows: Sequence[Row], path: Path) -> None:
    """Write a manifest; a file that is there is replaced, and only once all rows are written.

    Raises
    ------
    CorpusError
        A clip's name comes twice in one corpus.
    OSError
        The file cannot be written.
    """
    columns = ", ".join(f"{name} {kind}" for name, kind in COLUMNS.items())
    with replacing(path) as unfinished, duckdb.connect() as memory:
        memory.execute(f"CREATE TABLE manifest ({columns}, PRIMARY KEY (corpus, clip))")
        try:
            values = [astuple(replace(row, path=remote_paths.address(Path(row.path)))) for row in rows]
            memory.executemany("INSERT INTO manifest VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", values)
            memory.table("manifest").write_parquet(str(unfinished))
        except duckdb.ConstraintException as error:
            raise CorpusError(f"two clips of one corpus have one name: {error}") from None
        except duckdb.IOException as error:
            raise OSError(f"{path} cannot be written: {error}") from None


def read(path: Path) -> list[Row]:
    """Read a manifest, and fetch those of its clips that lie in Cloud Storage.

    Raises
    ------
    CorpusError
        It is not there, or is no manifest.
    model.remote_paths.RemotePathError
        Its clips cannot be fetched.
    """
    if not path.is_file():
        raise CorpusError(f"{path} is not there; python -m model ingest makes it")
    try:
        with duckdb.connect() as memory:
            rows = [Row(*values) for values in memory.read_parquet(str(path)).select(*COLUMNS).fetchall()]
    except duckdb.Error as error:
        raise CorpusError(f"{path} is no manifest: {error}") from None
    remote = {row.path.rpartition("/")[0] for row in rows if row.path.startswith(remote_paths.SCHEME)}
    if remote:
        remote_paths.fetch(sorted(remote))
    return [replace(row, path=str(remote_paths.local(row.path))) for row in rows]
