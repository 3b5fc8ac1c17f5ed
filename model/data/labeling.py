"""Sample clips of a company's own calls for labeling.

The output folder contains the clips, `clips.csv`, and a page to label them in. `python -m model ingest --corpus csv`
reads the labels that the page saves. docs/your-own-calls.md describes the steps.
"""

from __future__ import annotations

import csv
import hashlib
import shutil
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from itertools import zip_longest
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from callmood.audio.stream import open_audio
from callmood.config import AnalysisConfig
from callmood.errors import BadRecording, CallmoodError
from callmood.monitoring.annotations import SET_SAMPLINGS
from callmood.report.templates import render_script
from callmood.sources.folder import read_file
from callmood.types import EMOTIONS, SAMPLE_RATE, JsonRow, ObjectRef, Recording
from callmood.warehouse.base import Warehouse
from callmood.warehouse.duckdb import DuckDBWarehouse, require_store

PAGE = Path(__file__).parent / "label_page"
COLUMNS = (
    *("path", "speaker", "emotion", "language", "annotated_by"),
    *("sampling", "segment_id", "recording_id", "call_date", "channel", "start_s", "end_s", "model_version"),
)
"""tuple of str: columns of `clips.csv`; `model.data.ingest` requires the first three."""

_CANDIDATES = """
SELECT
  s.segment_id, s.recording_id, s.call_date, s.channel, s.start_s, s.end_s, s.model_version,
  s.p_anger, s.p_disgust, s.p_fear, s.p_happiness, s.p_neutral, s.p_sadness,
  r.bucket, r.object, r.generation, r.content_sha256, r.customer_id, r.language
FROM segments_current AS s
JOIN recordings_current AS r ON r.call_date = s.call_date AND r.recording_id = s.recording_id
WHERE s.is_customer AND s.p_anger IS NOT NULL AND s.call_date >= @since AND r.call_date >= @since
ORDER BY s.segment_id
"""


def candidates(warehouse: Warehouse, since: date) -> list[JsonRow]:
    """Return the customers' segments with an emotion, in calls since a day."""
    return warehouse.query(_CANDIDATES, {"since": since})


def sample(
    rows: Sequence[JsonRow], count: int, random_ratio: float, rng: np.random.Generator
) -> list[tuple[JsonRow, str]]:
    """Sample segments to label.

    Parameters
    ----------
    rows : sequence of dict
        Result of `candidates`.
    count : int
        Number of segments; all if there are fewer.
    random_ratio : float
        Ratio of random segments, 0 to 1, which give an unbiased estimate of accuracy. Half of the others have the
        smallest margin between the two most probable emotions (Scheffer, Decomain and Wrobel, 2001), and are the most
        useful for training. Half have the highest confidence, from each emotion in turn, and show whether people agree
        with the model. Both take one segment of every call before a second one.
    rng : numpy.random.Generator

    Returns
    -------
    list of (dict, str)
        Each row once, with its sampling, in random order.
    """
    count = min(count, len(rows))
    shuffled = rng.permutation(len(rows))
    at_random, rest = np.split(shuffled, [round(count * random_ratio)])
    p = np.array([[row[f"p_{emotion}"] for emotion in EMOTIONS] for row in rows], np.float64).reshape(-1, len(EMOTIONS))
    ranked = np.sort(p, axis=1)
    margin, confidence, emotion = ranked[:, -1] - ranked[:, -2], ranked[:, -1], p.argmax(axis=1)

    by_margin = _one_per_call_first(rest[np.argsort(margin[rest], kind="stable")], rows)
    uncertain = by_margin[: (count - len(at_random) + 1) // 2]
    left = np.setdiff1d(rest, uncertain, assume_unique=True)
    by_confidence = left[np.argsort(-confidence[left], kind="stable")]
    by_emotion = [
        _one_per_call_first(by_confidence[emotion[by_confidence] == one], rows) for one in range(len(EMOTIONS))
    ]
    in_turn = [int(i) for turn in zip_longest(*by_emotion) for i in turn if i is not None]
    high_confidence = in_turn[: count - len(at_random) - len(uncertain)]

    sampled = [
        (rows[i], kind)
        for kind, group in zip(SET_SAMPLINGS, (at_random, uncertain, high_confidence), strict=True)
        for i in group
    ]
    return [sampled[i] for i in rng.permutation(len(sampled))]


def _one_per_call_first(order: Iterable[int], rows: Sequence[JsonRow]) -> list[int]:
    """Move the first segment of every call before the second of any, and so on; otherwise keep the order."""
    taken: dict[str, int] = defaultdict(int)
    turns = []
    for i in order:
        call = rows[i]["recording_id"]
        turns.append((taken[call], int(i)))
        taken[call] += 1
    return [i for _, i in sorted(turns, key=lambda turn: turn[0])]


def extract_segments(audio: Path | bytes, segments: Sequence[tuple[int, float, float]]) -> list[NDArray[np.float32]]:
    """Return segments (channel, start, and end in seconds) of a recording: each (n,), 16 kHz.

    Raises
    ------
    BadRecording
        The recording cannot be decoded.
    """
    clips = [
        np.zeros(round(end_s * SAMPLE_RATE) - round(start_s * SAMPLE_RATE), np.float32)
        for _, start_s, end_s in segments
    ]
    at = 0
    with open_audio(audio) as stream:
        for block in stream.blocks():
            for clip, (channel, start_s, _) in zip(clips, segments, strict=True):
                first = round(start_s * SAMPLE_RATE)
                begin, end = max(first, at), min(first + len(clip), at + block.shape[1])
                if begin < end:
                    clip[begin - first : end - first] = block[channel, begin - at : end - at]
            at += block.shape[1]
    return clips


def fetch(row: JsonRow, config: AnalysisConfig) -> Recording:
    """Read the recording of a segment in the analyzed version.

    Raises
    ------
    BadRecording
        The recording was deleted or replaced.
    """
    ref = ObjectRef(row["bucket"], row["object"], row["generation"])
    if ref.bucket:
        from google.cloud.storage import Client

        from callmood.sources import gcs

        return gcs.fetch(Client(), ref, config)
    recording = read_file(Path(ref.name), config, ref)
    if recording.content_sha256 != row["content_sha256"]:
        raise BadRecording("gone", "The file was replaced since it was analyzed.")
    return recording


def _speaker(row: JsonRow) -> str:
    """Return a pseudonym of the speaker, the same in all calls of a customer."""
    voice = row["customer_id"] or f"{row['recording_id']}\0{row['channel']}"
    return hashlib.sha256(voice.encode()).hexdigest()[:12]


def write_set(
    sampled: Sequence[tuple[JsonRow, str]], out: Path, config: AnalysisConfig
) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """Write clips, `clips.csv`, and the page into a folder, atomically.

    Parameters
    ----------
    sampled : sequence of (dict, str)
        Result of `sample`.
    out : Path
        A folder that does not exist or is empty.
    config : AnalysisConfig
        With the size limit.

    Returns
    -------
    rows : list of dict
        Rows of `clips.csv`.
    skipped : dict of str to str
        Recordings that cannot be read any more, and the reasons.

    Raises
    ------
    CallmoodError
        The folder is not empty, or no recording can be read.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise CallmoodError(f"{out} already exists and may contain labels; name a new folder")
    by_recording: dict[str, list[int]] = defaultdict(list)
    for i, (row, _) in enumerate(sampled):
        by_recording[row["recording_id"]].append(i)
    skipped, written = {}, {}
    with _atomic_folder(out) as folder:
        (folder / "clips").mkdir()
        for indices in by_recording.values():
            first = sampled[indices[0]][0]
            segments = [(row["channel"], row["start_s"], row["end_s"]) for row, _ in (sampled[i] for i in indices)]
            try:
                clips = extract_segments(fetch(first, config).audio, segments)
            except BadRecording as bad:
                skipped[first["object"]] = bad.message
                continue
            for i, clip in zip(indices, clips, strict=True):
                row, kind = sampled[i]
                written[i] = _csv_row(row, kind, i)
                soundfile.write(folder / written[i]["path"], clip, SAMPLE_RATE, "PCM_16")
        rows = [written[i] for i in sorted(written)]
        if not rows:
            reason = next(iter(skipped.values()))
            raise CallmoodError(f"none of the {len(by_recording)} recordings can be read: {reason}")
        _write_page(folder, rows)
    return rows, skipped


def _csv_row(row: JsonRow, kind: str, number: int) -> dict[str, Any]:
    known = {name: row[name] for name in COLUMNS if name in row}
    return {
        **dict.fromkeys(COLUMNS, ""),
        **known,
        "path": f"clips/{number + 1:04d}.wav",
        "speaker": _speaker(row),
        "language": row["language"] or "",
        "call_date": row["call_date"].isoformat(),
        "sampling": kind,
    }


def _write_page(folder: Path, rows: Sequence[dict[str, Any]]) -> None:
    with (folder / "clips.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    for asset in PAGE.iterdir():
        shutil.copyfile(asset, folder / asset.name)
    # The page stores its labels under this name, so that those of several sets stay separate.
    name = hashlib.sha256("".join(row["segment_id"] for row in rows).encode()).hexdigest()[:12]
    data = {"name": name, "columns": COLUMNS, "emotions": EMOTIONS, "clips": rows}
    (folder / "clips.js").write_text(render_script("loadClips", data), encoding="utf-8")


@contextmanager
def _atomic_folder(out: Path) -> Iterator[Path]:
    """Yield a temporary folder beside `out`, which replaces it at the end and is removed after an error."""
    out.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(mkdtemp(prefix=f".{out.name}-", dir=out.parent))
    try:
        yield unfinished
        unfinished.chmod(0o755)  # mkdtemp permits the owner only
        if out.exists():
            out.rmdir()
        unfinished.rename(out)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def label(
    warehouse: Warehouse, out: Path, config: AnalysisConfig, since: date, count: int, random_ratio: float, seed: int
) -> None:
    """Choose clips of a company's own calls, write the folder to label them in, and print a summary.

    Parameters
    ----------
    warehouse : Warehouse
        Results of the calls.
    out : Path
        A new folder.
    config : AnalysisConfig
    since : date
        First day of calls.
    count : int
        Number of clips.
    random_ratio : float
        Ratio of random clips, 0 to 1.
    seed : int

    Raises
    ------
    CallmoodError
        No segment can be labeled, or the folder is not empty.
    """
    rows = candidates(warehouse, since)
    if not rows:
        raise CallmoodError("nothing to label: no customer segment has an emotion")
    sampled = sample(rows, count, random_ratio, np.random.default_rng(seed))
    written, skipped = write_set(sampled, out, config)
    for name, reason in skipped.items():
        print(f"skipped {name}: {reason}", file=sys.stderr)
    kinds = ", ".join(f"{sum(row['sampling'] == kind for row in written)} {kind}" for kind in SET_SAMPLINGS)
    print(f"{len(written)} clips in {out} ({kinds}). Open {out / 'index.html'} in a browser.")


def open_warehouse(source: Path | str, time_zone: str, min_calls_per_group: int) -> Warehouse:
    """Open a local store (a path) or a BigQuery dataset (``PROJECT.DATASET``).

    Raises
    ------
    WarehouseError
        The store does not exist.
    """
    if isinstance(source, str):
        from callmood.warehouse.bigquery import BigQueryWarehouse

        return BigQueryWarehouse(source)
    return DuckDBWarehouse(require_store(source), time_zone, min_calls_per_group)
