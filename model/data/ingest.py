"""Read corpora into one manifest.

Labels come from file names and lists, durations from the clips' headers. The manifest is written only if all clips of
all corpora are readable.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import soundfile

from model.data import manifest
from model.data.clip import find_defect, itemized
from model.data.corpora import CORPORA, Clip, CorpusContents, CorpusError, read


def durations(clips: Sequence[Clip]) -> list[float]:
    """Return the durations of clips in seconds, from their headers.

    Raises
    ------
    CorpusError
        Clips cannot be read; the message names them.
    """
    defects = [(clip.path, find_defect(clip.path)) for clip in clips]
    unreadable = [f"{path}: {defect}" for path, defect in defects if defect]
    if unreadable:
        raise CorpusError(f"{len(unreadable)} of {len(clips)} clips cannot be read:{itemized(unreadable)}")
    return [soundfile.info(clip.path).duration for clip in clips]


def summary(corpus: str, contents: CorpusContents) -> str:
    """Return a few lines about the clips that were read and excluded."""
    kind = CORPORA[corpus]
    clips = contents.clips
    lines = [f"{corpus}: {len(clips)} clips of {len({clip.speaker for clip in clips})} speakers"]
    lines += [f"  excluded, {reason}: {count}" for reason, count in sorted(contents.excluded.items())]
    if kind.published_clips and len(clips) + contents.excluded.total() < kind.published_clips:
        lines.append(f"  incomplete: the published corpus has {kind.published_clips} clips")
    if kind.published_clips and not kind.may_ship:
        lines.append(f"  not permitted for a shipped model: see model/cards/{corpus}.md")
    return "\n".join(lines)


def ingest(corpora: Sequence[tuple[str, Path]], out: Path) -> int:
    """Write a manifest of corpora and print a summary of each; return the number of clips.

    Parameters
    ----------
    corpora : sequence of (str, Path)
        Names in `CORPORA` and their folders.
    out : Path
        The manifest, a Parquet file.

    Raises
    ------
    CorpusError
        A corpus or a clip cannot be read.
    """
    rows = []
    for corpus, root in corpora:
        contents = read(corpus, root)
        lengths = durations(contents.clips)
        rows += [manifest.row(clip, duration_s) for clip, duration_s in zip(contents.clips, lengths, strict=True)]
        print(summary(corpus, contents))
    manifest.write(rows, out)
    return len(rows)
