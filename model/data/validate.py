"""Check the clips of a manifest before training.

Every clip is decoded once. An allowed check is reported as a warning, for example the class imbalance of calls, which
are mostly neutral.
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
from model.data.clip import find_defect, itemized
from model.data.corpora import has_human_speakers
from model.data.manifest import Row

SILENT_DBFS = -60.0  # upper bound of the loudest 20 ms of a silent clip
FULL_SCALE, PLATEAU, CLIPPED_RATIO = 0.999, 3, 0.01  # over 1 % of samples in runs of 3 or more at full scale
MIN_SAMPLE_RATE = 8_000  # Hz, that of telephones
CLASS_RATIO = 10  # most frequent to least frequent emotion of a corpus's split
SPEAKER_RATIO = 10  # a speaker's clips to the median speaker's

CHECKS = {
    "unreadable": ("error", "the clip is missing, is not audio, or contains NaN or infinite samples"),
    "silent": ("error", f"the clip never exceeds {SILENT_DBFS:g} dBFS"),
    "clipped": ("error", f"more than {CLIPPED_RATIO:.0%} of the samples are clipped at full scale"),
    "conflicting_duplicate": ("error", "two clips have the same audio and different emotions"),
    "duplicate": ("warning", "two clips have the same audio and the same emotion"),
    "speaker_in_two_splits": ("error", "a speaker is in two splits, which makes results too optimistic"),
    "class_imbalance": ("error", f"an emotion is missing in a split, or {CLASS_RATIO} times rarer than another"),
    "speaker_imbalance": ("error", f"a speaker has over {SPEAKER_RATIO} times as many clips as the median speaker"),
    "sample_rate": ("error", f"a clip's sample rate is below {MIN_SAMPLE_RATE} Hz or differs from most of its corpus"),
}
"""dict of str to (str, str): level ("error" or "warning") and meaning of each check."""


@dataclass(frozen=True)
class Finding:
    """A finding of a check.

    Parameters
    ----------
    check : str
        A name in `CHECKS`.
    message : str
    clips : list of str
        Paths of the affected clips; empty for a whole split.
    """

    check: str
    message: str
    clips: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Measurement:
    """Measurements of a decoded clip."""

    row: Row
    sample_rate: int
    digest: bytes
    peak_frame_dbfs: float
    clipped_ratio: float


def measure(row: Row) -> Measurement | Finding:
    """Decode and measure a clip."""
    try:
        if defect := find_defect(Path(row.path)):
            return Finding("unreadable", defect, [row.path])
        samples, rate = soundfile.read(row.path, dtype="float32", always_2d=True)
    except (soundfile.SoundFileError, OSError) as error:
        return Finding("unreadable", str(error), [row.path])
    if not np.isfinite(samples).all():
        return Finding("unreadable", "NaN or infinite samples", [row.path])
    return Measurement(
        row, rate, hashlib.sha256(samples.tobytes()).digest(), _loudest(samples, rate), _clipped(samples)
    )


def _loudest(samples: NDArray[np.float32], rate: int) -> float:
    """Return the level of the loudest 20 ms, in dBFS; -200 for digital silence."""
    n = max(1, rate // 50)
    power = np.square(samples).mean(axis=1)
    frames = np.add.reduceat(power, np.arange(0, len(power), n)) / n if len(power) else np.zeros(1)
    return float(10 * np.log10(frames.max() + 1e-20))


def _clipped(samples: NDArray[np.float32]) -> float:
    """Return the ratio of samples in runs at full scale."""
    full = np.abs(samples).max(axis=1, initial=0) >= FULL_SCALE
    edges = np.flatnonzero(np.diff(np.concatenate([[False], full, [False]])))
    lengths = edges[1::2] - edges[::2]
    return float(lengths[lengths >= PLATEAU].sum() / max(1, len(full)))


def check_audio(measurements: Sequence[Measurement]) -> Iterator[Finding]:
    """Find silent and clipped clips, unusual sample rates, and duplicates."""
    rates: dict[str, Counter[int]] = defaultdict(Counter)
    same: dict[bytes, list[Row]] = defaultdict(list)
    for measurement in measurements:
        rates[measurement.row.corpus][measurement.sample_rate] += 1
        same[measurement.digest].append(measurement.row)
    for measurement in measurements:
        path = measurement.row.path
        if measurement.peak_frame_dbfs <= SILENT_DBFS:
            yield Finding("silent", f"the loudest 20 ms have {measurement.peak_frame_dbfs:.0f} dBFS", [path])
        if measurement.clipped_ratio > CLIPPED_RATIO:
            yield Finding("clipped", f"{measurement.clipped_ratio:.1%} of the samples are clipped", [path])
        usual = rates[measurement.row.corpus].most_common(1)[0][0]
        if measurement.sample_rate < MIN_SAMPLE_RATE or measurement.sample_rate != usual:
            yield Finding(
                "sample_rate", f"{measurement.sample_rate} Hz; most of {measurement.row.corpus} has {usual} Hz", [path]
            )
    for rows in same.values():
        emotions = sorted({row.emotion for row in rows})
        if len(rows) > 1:
            check = "conflicting_duplicate" if len(emotions) > 1 else "duplicate"
            yield Finding(check, f"the same audio, labeled {' and '.join(emotions)}", [row.path for row in rows])


def check_balance(rows: Sequence[Row]) -> Iterator[Finding]:
    """Find speakers in two splits, and imbalanced emotions or speakers."""
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
        least = min(EMOTIONS, key=lambda emotion: counts[emotion])
        most = max(EMOTIONS, key=lambda emotion: counts[emotion])
        if has_human_speakers(corpus) and counts[most] >= CLASS_RATIO * counts[least]:
            message = f"{corpus}, {split}: {counts[most]} of {most}, {counts[least]} of {least}"
            yield Finding("class_imbalance", message)
    for corpus, counts in speakers.items():
        median = float(np.median(list(counts.values())))
        for speaker, count in counts.items():
            if count > SPEAKER_RATIO * median:
                yield Finding(
                    "speaker_imbalance", f"{corpus}: {speaker} has {count} clips, the median speaker {median:g}"
                )


def validate(rows: Sequence[Row]) -> list[Finding]:
    """Check all clips of a manifest; return findings in the order of `CHECKS`."""
    results = [measure(row) for row in track(rows, "decoding", console=Console(stderr=True))]
    findings = [result for result in results if isinstance(result, Finding)]
    findings += check_audio([result for result in results if isinstance(result, Measurement)])
    findings += check_balance(rows)
    return sorted(findings, key=lambda finding: list(CHECKS).index(finding.check))


def report(rows: Sequence[Row], findings: Sequence[Finding], allowed: Sequence[str] = ()) -> dict[str, Any]:
    """Return the report: the clips, the findings, and whether the manifest is valid."""
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
            print(f"{found['level']}: {check}, {found['found']}: {found['meaning']}{itemized(lines)}")
    print(f"{report['clips']} clips, {report['hours']} h: {'valid' if report['ok'] else 'invalid'}")
