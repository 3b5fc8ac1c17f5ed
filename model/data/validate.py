"""Check what a model is to learn from: `python -m model validate manifest.parquet --json OUT`.

Every clip is decoded once. `CHECKS` says what is looked for and what it means. Exit code 0: in order, or warnings only;
1: there are errors; 2: there is nothing to check, or no way to. `--allow CHECK` makes a warning of an error that is
known and wanted: calls are mostly neutral.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track

from callmood.types import EMOTIONS
from model.data.clip import some, what_ails
from model.data.corpora import of_people
from model.data.manifest import Row

SILENT_DBFS = -60.0  # the loudest 20 ms of a silent clip are quieter
FULL_SCALE, PLATEAU, CLIPPED_SHARE = 0.999, 3, 0.01  # more than 1 % of samples in rows of 3 or more at full scale
LOWEST_RATE = 8_000  # Hz; a telephone's
CLASS_RATIO = 10  # in a split of a corpus, the commonest emotion to the rarest
SPEAKER_RATIO = 10  # in a corpus, the speaker with the most clips to the median one

CHECKS = {
    "unreadable": ("error", "the clip is not there, is no audio, or has samples that are no numbers"),
    "silent": ("error", f"nothing in the clip is louder than {SILENT_DBFS:g} dBFS"),
    "clipped": ("error", f"more than {CLIPPED_SHARE:.0%} of the samples are cut off at full scale"),
    "conflicting_duplicate": ("error", "the same sound has two emotions"),
    "duplicate": ("warning", "the same sound is there twice, with one emotion"),
    "speaker_in_two_splits": ("error", "a speaker is in two splits, so results would be too good"),
    "class_imbalance": ("error", f"an emotion is absent, or {CLASS_RATIO} times rarer than another, in a split"),
    "speaker_imbalance": ("error", f"a speaker has over {SPEAKER_RATIO} times as many clips as the median speaker"),
    "sample_rate": ("error", f"a clip's rate is below {LOWEST_RATE} Hz, or is not that of most of its corpus"),
}
"""dict of str to (str, str): each check's name, whether it fails ("error") or only warns, and what it finds."""


@dataclass(frozen=True)
class Finding:
    """Something that a check found.

    Parameters
    ----------
    check : str
        A name in `CHECKS`.
    message : str
    clips : list of str
        Paths of the clips it is about; empty where it is about a whole split.
    """

    check: str
    message: str
    clips: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Sound:
    """What is kept of a clip once it was decoded."""

    row: Row
    sample_rate: int
    digest: bytes
    peak_frame_dbfs: float
    clipped_share: float


def listen(row: Row) -> Sound | Finding:
    """Decode a clip and measure it."""
    try:
        if why := what_ails(Path(row.path)):
            return Finding("unreadable", why, [row.path])
        samples, rate = soundfile.read(row.path, dtype="float32", always_2d=True)
    except (soundfile.SoundFileError, OSError) as error:
        return Finding("unreadable", str(error), [row.path])
    if not np.isfinite(samples).all():
        return Finding("unreadable", "it has samples that are no numbers", [row.path])
    return Sound(row, rate, hashlib.sha256(samples.tobytes()).digest(), _loudest(samples, rate), _clipped(samples))


def _loudest(samples: NDArray[np.float32], rate: int) -> float:
    """Level of the loudest 20 ms, in dBFS; -200 where there is nothing."""
    n = max(1, rate // 50)
    power = np.square(samples).mean(axis=1)
    frames = np.add.reduceat(power, np.arange(0, len(power), n)) / n if len(power) else np.zeros(1)
    return float(10 * np.log10(frames.max() + 1e-20))


def _clipped(samples: NDArray[np.float32]) -> float:
    """Share of samples that lie in a plateau at full scale."""
    full = np.abs(samples).max(axis=1, initial=0) >= FULL_SCALE
    edges = np.flatnonzero(np.diff(np.concatenate([[False], full, [False]])))
    lengths = edges[1::2] - edges[::2]
    return float(lengths[lengths >= PLATEAU].sum() / max(1, len(full)))


def check_sounds(sounds: Sequence[Sound]) -> Iterator[Finding]:
    """Find silent and clipped clips, odd sample rates, and the same sound twice."""
    rates: dict[str, Counter[int]] = defaultdict(Counter)
    same: dict[bytes, list[Row]] = defaultdict(list)
    for sound in sounds:
        rates[sound.row.corpus][sound.sample_rate] += 1
        same[sound.digest].append(sound.row)
    for sound in sounds:
        path = sound.row.path
        if sound.peak_frame_dbfs <= SILENT_DBFS:
            yield Finding("silent", f"its loudest 20 ms are at {sound.peak_frame_dbfs:.0f} dBFS", [path])
        if sound.clipped_share > CLIPPED_SHARE:
            yield Finding("clipped", f"{sound.clipped_share:.1%} of its samples are cut off", [path])
        usual = rates[sound.row.corpus].most_common(1)[0][0]
        if sound.sample_rate < LOWEST_RATE or sound.sample_rate != usual:
            yield Finding("sample_rate", f"{sound.sample_rate} Hz; most of {sound.row.corpus} has {usual} Hz", [path])
    for rows in same.values():
        emotions = sorted({row.emotion for row in rows})
        if len(rows) > 1:
            check = "conflicting_duplicate" if len(emotions) > 1 else "duplicate"
            yield Finding(check, f"one sound, {' and '.join(emotions)}", [row.path for row in rows])


def check_balance(rows: Sequence[Row]) -> Iterator[Finding]:
    """Find speakers in two splits, and emotions or speakers that outweigh others."""
    splits: dict[tuple[str, str], set[str]] = defaultdict(set)
    emotions: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    speakers: dict[str, Counter[str]] = defaultdict(Counter)
    for row in rows:
        splits[row.corpus, row.speaker].add(row.split)
        emotions[row.corpus, row.split][row.emotion] += 1
        speakers[row.corpus][row.speaker] += 1
    for (corpus, speaker), found in splits.items():
        if len(found) > 1:
            paths = [row.path for row in rows if (row.corpus, row.speaker) == (corpus, speaker)]
            yield Finding("speaker_in_two_splits", f"{corpus}: {speaker} is in {' and '.join(sorted(found))}", paths)
    for (corpus, split), counts in emotions.items():
        rarest = min(EMOTIONS, key=lambda emotion: counts[emotion])
        commonest = max(EMOTIONS, key=lambda emotion: counts[emotion])
        if of_people(corpus) and counts[commonest] >= CLASS_RATIO * counts[rarest]:
            message = f"{corpus}, {split}: {counts[commonest]} of {commonest}, {counts[rarest]} of {rarest}"
            yield Finding("class_imbalance", message)
    for corpus, counts in speakers.items():
        median = float(np.median(list(counts.values())))
        for speaker, count in counts.items():
            if count > SPEAKER_RATIO * median:
                yield Finding("speaker_imbalance", f"{corpus}: {speaker} has {count} clips, the median is {median:g}")


def validate(rows: Sequence[Row]) -> list[Finding]:
    """Check all clips of a manifest, in the order of `CHECKS`."""
    heard = [listen(row) for row in track(rows, "decoding", console=Console(stderr=True))]
    findings = [found for found in heard if isinstance(found, Finding)]
    findings += check_sounds([found for found in heard if isinstance(found, Sound)])
    findings += check_balance(rows)
    return sorted(findings, key=lambda finding: list(CHECKS).index(finding.check))


def report(rows: Sequence[Row], findings: Sequence[Finding], allowed: Sequence[str] = ()) -> dict[str, Any]:
    """Sum up: what was checked, what was found, and whether it is in order."""
    counts = Counter(finding.check for finding in findings)
    level = {check: "warning" if check in allowed else level for check, (level, _) in CHECKS.items()}
    return {
        "ok": not any(level[check] == "error" for check in counts),
        "clips": len(rows),
        "hours": round(sum(row.duration_s for row in rows) / 3600, 2),
        "speakers": len({(row.corpus, row.speaker) for row in rows}),
        "corpora": dict(Counter(row.corpus for row in rows)),
        "emotions": dict(Counter(row.emotion for row in rows)),
        "checks": {
            check: {"level": level[check], "meaning": meaning, "found": counts[check]}
            for check, (_, meaning) in CHECKS.items()
        },
        "findings": [{"level": level[finding.check], **asdict(finding)} for finding in findings],
    }


def show(report: Mapping[str, Any]) -> None:
    """Print the checks that found something, and the result."""
    for check, found in report["checks"].items():
        if found["found"]:
            lines = [": ".join([*f["clips"][:2], f["message"]]) for f in report["findings"] if f["check"] == check]
            print(f"{found['level']}: {check}, {found['found']}: {found['meaning']}{some(lines)}")
    print(f"{report['clips']} clips, {report['hours']} h: {'in order' if report['ok'] else 'not in order'}")
