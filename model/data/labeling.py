"""Make a set of clips to label from a company's own calls: `python -m model label --store STORE --out FOLDER`.

The folder holds the clips, `clips.csv` and a page that plays them and keeps the labels; what the page saves goes
straight into `python -m model ingest --corpus csv`. docs/your-own-calls.md walks through it.
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
from callmood.recording import ObjectRef, Recording
from callmood.report.templates import render_script
from callmood.sources.folder import read_file
from callmood.types import EMOTIONS, SAMPLE_RATE, JsonRow
from callmood.warehouse.base import Warehouse
from callmood.warehouse.duckdb import DuckDBWarehouse

PAGE = Path(__file__).parent / "label_page"
KINDS = ("random", "uncertain", "high_confidence")
"""tuple of str: why a clip was chosen. Only the random ones tell how often the model is right."""

COLUMNS = (
    *("path", "speaker", "emotion", "language", "annotated_by"),
    *("sampling", "segment_id", "recording_id", "call_date", "channel", "start_s", "end_s", "model_version"),
)
"""tuple of str: columns of `clips.csv`. The first three are what `model.data.ingest` needs."""

_CANDIDATES = """
SELECT
  s.segment_id, s.recording_id, s.call_date, s.channel, s.start_s, s.end_s, s.model_version,
  s.p_anger, s.p_disgust, s.p_fear, s.p_happiness, s.p_neutral, s.p_sadness,
  r.bucket, r.object, r.generation, r.customer_id, r.language
FROM segments_current AS s
JOIN recordings_current AS r ON r.call_date = s.call_date AND r.recording_id = s.recording_id
WHERE s.is_customer AND s.p_anger IS NOT NULL AND s.call_date >= @since
ORDER BY s.segment_id
"""


def candidates(warehouse: Warehouse, since: date) -> list[JsonRow]:
    """Every segment of a customer whose emotion was inferred, in calls from a day on."""
    return warehouse.query(_CANDIDATES, {"since": since})


def choose(
    rows: Sequence[JsonRow], count: int, random_share: float, rng: np.random.Generator
) -> list[tuple[JsonRow, str]]:
    """Choose segments to label.

    Parameters
    ----------
    rows : sequence of dict
        As `candidates` gives them.
    count : int
        How many; all of fewer.
    random_share : float
        Share, 0 to 1, that is drawn by chance alone: an honest sample of what the model meets. Half of the rest are
        those it is least sure of (the two likeliest emotions nearest to each other: Scheffer, Decomain and Wrobel,
        2001), which teach it most; half those it is surest of, every emotion in turn, which show whether it hears what
        people hear. Both take one of every call before a second of any.
    rng : numpy.random.Generator

    Returns
    -------
    list of (dict, str)
        Each row once, with one of `KINDS`, in an order that does not tell which.
    """
    count = min(count, len(rows))
    drawn = rng.permutation(len(rows))
    at_random, rest = np.split(drawn, [round(count * random_share)])
    p = np.array([[row[f"p_{emotion}"] for emotion in EMOTIONS] for row in rows], np.float64).reshape(-1, len(EMOTIONS))
    ranked = np.sort(p, axis=1)
    margin, confidence, emotion = ranked[:, -1] - ranked[:, -2], ranked[:, -1], p.argmax(axis=1)

    unsure = _spread(rest[np.argsort(margin[rest], kind="stable")], rows)
    uncertain = unsure[: (count - len(at_random) + 1) // 2]
    left = np.setdiff1d(rest, uncertain, assume_unique=True)
    surest_first = left[np.argsort(-confidence[left], kind="stable")]
    by_emotion = [_spread(surest_first[emotion[surest_first] == one], rows) for one in range(len(EMOTIONS))]
    in_turn = [int(i) for turn in zip_longest(*by_emotion) for i in turn if i is not None]
    high_confidence = in_turn[: count - len(at_random) - len(uncertain)]

    chosen = [
        (rows[i], kind)
        for kind, group in zip(KINDS, (at_random, uncertain, high_confidence), strict=True)
        for i in group
    ]
    return [chosen[i] for i in rng.permutation(len(chosen))]


def _spread(order: Iterable[int], rows: Sequence[JsonRow]) -> list[int]:
    """Put the first of every call before the second of any, and so on; else leave the order."""
    taken: dict[str, int] = defaultdict(int)
    turns = []
    for i in order:
        call = rows[i]["recording_id"]
        turns.append((taken[call], int(i)))
        taken[call] += 1
    return [i for _, i in sorted(turns, key=lambda turn: turn[0])]


def cut(audio: Path | bytes, spans: Sequence[tuple[int, float, float]]) -> list[NDArray[np.float32]]:
    """Cut stretches (channel, start and end in seconds) out of a recording: each (n,), 16 kHz.

    Raises
    ------
    BadRecording
        It cannot be heard.
    """
    clips = [
        np.zeros(round(end_s * SAMPLE_RATE) - round(start_s * SAMPLE_RATE), np.float32) for _, start_s, end_s in spans
    ]
    at = 0
    with open_audio(audio) as stream:
        for block in stream.blocks():
            for clip, (channel, start_s, _) in zip(clips, spans, strict=True):
                first = round(start_s * SAMPLE_RATE)
                begin, end = max(first, at), min(first + len(clip), at + block.shape[1])
                if begin < end:
                    clip[begin - first : end - first] = block[channel, begin - at : end - at]
            at += block.shape[1]
    return clips


def fetch(row: JsonRow, config: AnalysisConfig) -> Recording:
    """Take the recording of a segment in hand, as it was when it was analyzed.

    Raises
    ------
    BadRecording
        It is gone, or was replaced.
    """
    ref = ObjectRef(row["bucket"], row["object"], row["generation"])
    if ref.bucket:
        from google.cloud.storage import Client

        from callmood.sources import gcs

        return gcs.fetch(Client(), ref, config)
    recording = read_file(Path(ref.name), config)
    if recording.ref != ref:
        raise BadRecording("gone", "The file was replaced since it was analyzed.")
    return recording


def _speaker(row: JsonRow) -> str:
    """Name a voice: the same for all calls of a customer, without telling who that is."""
    voice = row["customer_id"] or f"{row['recording_id']}\0{row['channel']}"
    return hashlib.sha256(voice.encode()).hexdigest()[:12]


def write_set(
    chosen: Sequence[tuple[JsonRow, str]], out: Path, config: AnalysisConfig
) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """Write clips, `clips.csv` and the page into a folder, which is there whole or not at all.

    Parameters
    ----------
    chosen : sequence of (dict, str)
        As `choose` gives them.
    out : Path
        A folder that does not exist, or is empty.
    config : AnalysisConfig
        Its limit on sizes.

    Returns
    -------
    rows : list of dict
        Of `clips.csv`.
    lost : dict of str to str
        Recordings that could not be heard any more, and why; their clips are left out.

    Raises
    ------
    CallmoodError
        The folder holds something, or none of the recordings is left.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise CallmoodError(f"{out} is there already, and may hold labels; name a new folder")
    by_recording: dict[str, list[int]] = defaultdict(list)
    for i, (row, _) in enumerate(chosen):
        by_recording[row["recording_id"]].append(i)
    lost, heard = {}, {}
    with _whole_folder(out) as folder:
        (folder / "clips").mkdir()
        for indices in by_recording.values():
            first = chosen[indices[0]][0]
            spans = [(row["channel"], row["start_s"], row["end_s"]) for row, _ in (chosen[i] for i in indices)]
            try:
                clips = cut(fetch(first, config).audio, spans)
            except BadRecording as bad:
                lost[first["object"]] = bad.message
                continue
            for i, clip in zip(indices, clips, strict=True):
                row, kind = chosen[i]
                heard[i] = _csv_row(row, kind, i)
                soundfile.write(folder / heard[i]["path"], clip, SAMPLE_RATE, "PCM_16")
        rows = [heard[i] for i in sorted(heard)]
        if not rows:
            raise CallmoodError(f"none of the {len(by_recording)} recordings is left: {next(iter(lost.values()))}")
        _write_page(folder, rows)
    return rows, lost


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
    for file in PAGE.iterdir():
        shutil.copyfile(file, folder / file.name)
    # The page keeps its answers under this name: another set's are not mixed with them.
    name = hashlib.sha256("".join(row["segment_id"] for row in rows).encode()).hexdigest()[:12]
    data = {"name": name, "columns": COLUMNS, "emotions": EMOTIONS, "clips": rows}
    (folder / "clips.js").write_text(render_script("loadClips", data), encoding="utf-8")


@contextmanager
def _whole_folder(out: Path) -> Iterator[Path]:
    """Hand out a folder beside `out` that takes its place at the end, and is gone after an error."""
    out.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(mkdtemp(prefix=f".{out.name}-", dir=out.parent))
    try:
        yield unfinished
        unfinished.chmod(0o755)  # mkdtemp's is for its owner alone
        if out.exists():
            out.rmdir()
        unfinished.rename(out)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def label(
    warehouse: Warehouse, out: Path, config: AnalysisConfig, since: date, count: int, random_share: float, seed: int
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
    random_share : float
        Ratio of clips drawn at random, 0 to 1.
    seed : int

    Raises
    ------
    CallmoodError
        No segment can be labeled, or the folder is not empty.
    """
    rows = candidates(warehouse, since)
    if not rows:
        raise CallmoodError("there are no segments of customers whose emotion was inferred, so nothing to label")
    chosen = choose(rows, count, random_share, np.random.default_rng(seed))
    written, lost = write_set(chosen, out, config)
    for name, why in lost.items():
        print(f"left out {name}: {why}", file=sys.stderr)
    kinds = ", ".join(f"{sum(row['sampling'] == kind for row in written)} {kind}" for kind in KINDS)
    print(f"{len(written)} clips in {out} ({kinds}). Open {out / 'index.html'} in a browser.")


def open_warehouse(store: Path | None, dataset: str | None, time_zone: str, min_calls_per_group: int) -> Warehouse:
    """Open the local store or the BigQuery dataset with the results of calls.

    Raises
    ------
    CallmoodError
        The store does not exist.
    """
    if store is None:
        from callmood.warehouse.bigquery import BigQueryWarehouse

        return BigQueryWarehouse(dataset)
    if not store.exists():
        raise CallmoodError(f"there is no store {store}; make one: callmood analyze FOLDER --store {store}")
    return DuckDBWarehouse(store, time_zone, min_calls_per_group)
