"""Select the clips that a command measures, from a manifest or from a corpus."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from callmood.types import EMOTIONS
from model.data import manifest
from model.data.corpora import Clip, CorpusError, has_human_speakers, read
from model.data.ingest import durations
from model.data.table import SPLITS


@dataclass(frozen=True)
class Source:
    """The clips that were asked for, and where they come from.

    Parameters
    ----------
    clips : list of Clip
        At least one; their headers have been read.
    splits : tuple of str
        Those of `clips`.
    left_out : dict of str to int
        Clips of other emotions.
    """

    clips: list[Clip]
    splits: tuple[str, ...]
    left_out: dict[str, int]


def source(manifest_file: Path | None, corpus: str | None, root: Path | None, split: str | None) -> Source:
    """Select human clips of a manifest or a corpus.

    Raises
    ------
    CorpusError
        The options are ambiguous, no clip matches, or clips cannot be read.
    """
    left_out: Counter[str] = Counter()
    if manifest_file and not corpus and not root:
        clips = [row.as_clip() for row in manifest.read(manifest_file)]
    elif corpus and root and not manifest_file:
        contents = read(corpus, root)
        clips, left_out = contents.clips, contents.excluded
    else:
        raise CorpusError("say which clips: either --manifest FILE, or --corpus NAME and --root DIR")
    if not clips:
        raise CorpusError(f"no clip has one of the six emotions: {', '.join(EMOTIONS)}")
    clips = [clip for clip in clips if has_human_speakers(clip.corpus)]
    if not clips:
        raise CorpusError("no clip is of a person: made-up voices are learned from, and nothing is measured on them")
    if split is None:
        split = "not train" if any(clip.split != "train" for clip in clips) else "train"
    wanted = {"all": set(SPLITS), "not train": {"valid", "test"}}.get(split, {split})
    chosen = [clip for clip in clips if clip.split in wanted]
    if not chosen:
        there = Counter(clip.split for clip in clips)
        raise CorpusError(
            f"no clip is {split}; there are " + ", ".join(f"{n} {name}" for name, n in sorted(there.items()))
        )
    durations(chosen)  # reads every header, and names those that cannot be read
    return Source(chosen, tuple(sorted({clip.split for clip in chosen})), dict(left_out))
