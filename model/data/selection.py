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
class ClipSelection:
    """Clips of human speech for a measurement.

    Parameters
    ----------
    clips : list of Clip
        At least one; their headers are readable.
    splits : tuple of str
        Splits of the clips.
    excluded : dict of str to int
        Number of clips of each other kind.
    """

    clips: list[Clip]
    splits: tuple[str, ...]
    excluded: dict[str, int]


def find_clips(manifest_file: Path | None, corpus: str | None, root: Path | None, split: str | None) -> ClipSelection:
    """Select clips of human speech from a manifest or a corpus.

    Parameters
    ----------
    manifest_file : Path, optional
        A manifest; or else a corpus and its folder.
    corpus : str, optional
    root : Path, optional
    split : str, optional
        "train", "valid", "test", or "all". Default: all clips outside "train", or all if there are no others.

    Raises
    ------
    CorpusError
        The options are ambiguous, no clip matches, or clips cannot be read.
    """
    excluded: Counter[str] = Counter()
    if manifest_file and not corpus and not root:
        clips = [row.as_clip() for row in manifest.read(manifest_file)]
    elif corpus and root and not manifest_file:
        contents = read(corpus, root)
        clips, excluded = contents.clips, contents.excluded
    else:
        raise CorpusError("use either --manifest FILE, or --corpus NAME and --root DIR")
    if not clips:
        raise CorpusError(f"no clip has one of the six emotions: {', '.join(EMOTIONS)}")
    clips = [clip for clip in clips if has_human_speakers(clip.corpus)]
    if not clips:
        raise CorpusError("no clip contains human speech; synthetic speech is for training only")
    if split is None:
        split = "not train" if any(clip.split != "train" for clip in clips) else "train"
    wanted = {"all": set(SPLITS), "not train": {"valid", "test"}}.get(split, {split})
    selected = [clip for clip in clips if clip.split in wanted]
    if not selected:
        counts = Counter(clip.split for clip in clips)
        raise CorpusError(
            f"no clip is in split {split}; there are " + ", ".join(f"{n} {name}" for name, n in sorted(counts.items()))
        )
    durations(selected)  # reports unreadable clips
    return ClipSelection(selected, tuple(sorted({clip.split for clip in selected})), dict(excluded))
