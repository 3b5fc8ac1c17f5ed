"""Emotional speech corpora in their publishers' layouts, with one set of emotion names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from callmood.types import EMOTIONS
from model.data import published, table
from model.data.clip import Clip, CorpusError, itemized, load

__all__ = ["CORPORA", "Clip", "Corpus", "CorpusContents", "CorpusError", "has_human_speakers", "load", "read"]


@dataclass(frozen=True)
class Corpus:
    """A kind of corpus.

    Parameters
    ----------
    read_clips : callable
        Reader: folder -> every clip, of any emotion.
    title : str
        Name in reports.
    license : str
    published_clips : int, optional
        Number of clips in the published version; None if it varies.
    may_ship : bool
        Whether the license permits training of a shipped model; see `model/cards/`.
    human_speech : bool
        Whether people speak. Synthetic speech is for training only, never for evaluation, tuning, or early stopping.
    """

    read_clips: Callable[[Path], Iterator[Clip]]
    title: str
    license: str
    published_clips: int | None
    may_ship: bool
    human_speech: bool = True


CORPORA = {
    "cremad": Corpus(published.cremad, "CREMA-D", "Open Database License 1.0", 7442, may_ship=True),
    "emodb": Corpus(published.emodb, "EMO-DB", "CC0 1.0 by some accounts, CC BY 4.0 by others", 535, may_ship=True),
    "ravdess": Corpus(published.ravdess, "RAVDESS", "CC BY-NC-SA 4.0", 1440, may_ship=False),
    "savee": Corpus(published.savee, "SAVEE", "for research only", 480, may_ship=False),
    "tess": Corpus(published.tess, "TESS", "CC BY-NC-ND 4.0", 2800, may_ship=False),
    "synthetic": Corpus(
        table.synthetic, "synthetic calm speech", "Apache License 2.0", None, may_ship=True, human_speech=False
    ),
    "csv": Corpus(table.company, "a company's own calls", "its own", None, may_ship=False),
}
"""dict of str to Corpus: the corpora by name; `csv` is a list of a company's own calls."""


def has_human_speakers(corpus: str) -> bool:
    """Return whether people speak in a corpus; unknown names are company corpora."""
    return corpus not in CORPORA or CORPORA[corpus].human_speech


@dataclass(frozen=True)
class CorpusContents:
    """The clips of the six emotions, and the number of excluded clips of each other kind."""

    clips: list[Clip]
    excluded: Counter[str]


def read(corpus: str, root: Path) -> CorpusContents:
    """Read a corpus's labels and find its clips, without opening them.

    Parameters
    ----------
    corpus : str
        A name in `CORPORA`.
    root : Path
        The folder in the publisher's layout; for "csv", the list or its folder.

    Raises
    ------
    CorpusError
        The folder does not exist, a company's list has the name of another corpus, or a clip is missing, empty,
        duplicated, or of another corpus.
    """
    if not root.exists():
        raise CorpusError(f"{root} does not exist")
    if corpus == "csv" and root.stem in CORPORA.keys() - {"csv"}:
        raise CorpusError(f"{root}: the corpus gets the name of the list, and {root.stem} is taken; rename the list")
    found = list(CORPORA[corpus].read_clips(root))
    if not found:
        raise CorpusError(f"{root} contains no clips; the layout of {corpus} is: {CORPORA[corpus].read_clips.__doc__}")
    first = {clip.name: clip for clip in reversed(found)}
    duplicates = [f"{first[clip.name].path} and {clip.path}" for clip in found if clip is not first[clip.name]]
    if duplicates:
        raise CorpusError(f"{len(duplicates)} clips are duplicates; keep one of each:{itemized(duplicates)}")
    absent = [clip.path for clip in found if not clip.path.is_file()]
    if absent:
        raise CorpusError(f"{len(absent)} of {len(found)} clips of {root} are missing:{itemized(absent)}")
    empty = [clip.path for clip in found if not clip.path.stat().st_size]
    if empty:
        raise CorpusError(
            f"{len(empty)} of {len(found)} clips of {root} are empty; download them again:{itemized(empty)}"
        )
    return CorpusContents(
        clips=[clip for clip in found if clip.emotion in EMOTIONS],
        excluded=Counter(clip.emotion for clip in found if clip.emotion not in EMOTIONS),
    )
