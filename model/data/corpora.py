"""Emotional speech corpora, read as their publishers lay them out, with one name for each emotion."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from callmood.types import EMOTIONS
from model.data import published, table
from model.data.clip import Clip, CorpusError, load, some

__all__ = ["CORPORA", "Clip", "Corpus", "CorpusError", "Reading", "load", "of_people", "read"]


@dataclass(frozen=True)
class Corpus:
    """A kind of corpus.

    Parameters
    ----------
    clips : callable
        Its reader: folder -> every clip, of any emotion.
    title : str
        Its name in print.
    license : str
    published : int, optional
        How many clips its publisher hands out; None where that is not fixed.
    may_ship : bool
        Whether its license lets a model that is shipped learn from it; see `model/cards/`.
    people : bool
        Whether people speak in it. From made-up voices a model can learn; nothing is tested, tuned or stopped by them.
    """

    clips: Callable[[Path], Iterator[Clip]]
    title: str
    license: str
    published: int | None
    may_ship: bool
    people: bool = True


CORPORA = {
    "cremad": Corpus(published.cremad, "CREMA-D", "Open Database License 1.0", 7442, may_ship=True),
    "emodb": Corpus(published.emodb, "EMO-DB", "CC0 1.0 by some accounts, CC BY 4.0 by others", 535, may_ship=True),
    "ravdess": Corpus(published.ravdess, "RAVDESS", "CC BY-NC-SA 4.0", 1440, may_ship=False),
    "savee": Corpus(published.savee, "SAVEE", "for research only", 480, may_ship=False),
    "tess": Corpus(published.tess, "TESS", "CC BY-NC-ND 4.0", 2800, may_ship=False),
    "calm": Corpus(table.calm, "calm made-up voices", "Apache License 2.0", None, may_ship=True, people=False),
    "csv": Corpus(
        table.company, "a company's own calls", "its own", None, may_ship=False
    ),  # a company's own calls are its own model's
}
"""dict of str to Corpus: every kind by name."""


def of_people(corpus: str) -> bool:
    """Whether people speak in a corpus of that name; a company's own may have any name."""
    return corpus not in CORPORA or CORPORA[corpus].people


@dataclass(frozen=True)
class Reading:
    """The clips of the six emotions; and of each other kind, how many were left out."""

    clips: list[Clip]
    left_out: Counter[str]


def read(corpus: str, root: Path) -> Reading:
    """Read a corpus's labels and find its clips, none of which is opened.

    Parameters
    ----------
    corpus : str
        A name in `CORPORA`.
    root : Path
        Its folder as its publisher hands it out; for "csv" the list itself or its folder.

    Raises
    ------
    CorpusError
        It is not there, a company's own is named like another corpus, or something in it is missing, empty, there
        twice, or not what its name says.
    """
    if not root.exists():
        raise CorpusError(f"{root} is not there")
    if corpus == "csv" and root.stem in CORPORA.keys() - {"csv"}:
        raise CorpusError(f"{root} is a list of your own, which goes by its name: name it otherwise than {root.stem}")
    found = list(CORPORA[corpus].clips(root))
    if not found:
        raise CorpusError(f"there is no clip in {root}; {corpus} is laid out so: {CORPORA[corpus].clips.__doc__}")
    first = {clip.name: clip for clip in reversed(found)}
    twice = [f"{first[clip.name].path} and {clip.path}" for clip in found if clip is not first[clip.name]]
    if twice:
        raise CorpusError(f"{len(twice)} clips are there twice; keep one of each:{some(twice)}")
    absent = [clip.path for clip in found if not clip.path.is_file()]
    if absent:
        raise CorpusError(f"{len(absent)} of {len(found)} clips of {root} are missing:{some(absent)}")
    empty = [clip.path for clip in found if not clip.path.stat().st_size]
    if empty:
        raise CorpusError(f"{len(empty)} of {len(found)} clips of {root} are empty; fetch them anew:{some(empty)}")
    return Reading(
        clips=[clip for clip in found if clip.emotion in EMOTIONS],
        left_out=Counter(clip.emotion for clip in found if clip.emotion not in EMOTIONS),
    )
