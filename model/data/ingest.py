"""Read corpora into one manifest: `python -m model ingest --corpus NAME --root DIR --out manifest.parquet`.

Several corpora go into one manifest as several pairs of `--corpus` and `--root`. Labels come from names and lists; of
each clip only the header is read, for its duration. Nothing is written unless every clip of every corpus is in order.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import soundfile

from model.data import manifest
from model.data.clip import some, what_ails
from model.data.corpora import CORPORA, Clip, CorpusError, Reading, read


def durations(clips: Sequence[Clip]) -> list[float]:
    """Durations of clips in seconds, from their headers.

    Raises
    ------
    CorpusError
        Some cannot be read; the message names them.
    """
    ailing = [(clip.path, what_ails(clip.path)) for clip in clips]
    unreadable = [f"{path}: {why}" for path, why in ailing if why]
    if unreadable:
        raise CorpusError(f"{len(unreadable)} of {len(clips)} clips cannot be read:{some(unreadable)}")
    return [soundfile.info(clip.path).duration for clip in clips]


def summary(corpus: str, reading: Reading) -> str:
    """Tell what was read and what was not, in a few lines."""
    kind = CORPORA[corpus]
    clips = reading.clips
    lines = [f"{corpus}: {len(clips)} clips of {len({clip.speaker for clip in clips})} speakers"]
    lines += [f"  left out, {reason}: {count}" for reason, count in sorted(reading.left_out.items())]
    if kind.published and len(clips) + reading.left_out.total() < kind.published:
        lines.append(f"  its publisher hands out {kind.published}: this is a part of it")
    if kind.published and not kind.may_ship:
        lines.append(f"  not for a model that is shipped: see model/cards/{corpus}.md")
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
        reading = read(corpus, root)
        lengths = durations(reading.clips)
        rows += [manifest.row(clip, duration_s) for clip, duration_s in zip(reading.clips, lengths, strict=True)]
        print(summary(corpus, reading))
    manifest.write(rows, out)
    return len(rows)
