"""Write the reference distributions of a model, which `callmood monitor` compares with each day's calls.

The reference contains rows of the view `call_features`. Without own calls, calls are assembled from a corpus, sent
through a telephone channel, and analyzed. A reference from a company's own calls, in weeks without a change, is better.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import soundfile
from numpy.typing import NDArray
from rich.progress import track

from callmood.analysis.analyzer import analyze
from callmood.analysis.rows import analysis_rows
from callmood.config import AnalysisConfig
from callmood.emotion.model import EmotionModel
from callmood.errors import CallmoodError
from callmood.monitoring.drift import COUNT_METRICS, MEAN_METRICS
from callmood.types import EMOTIONS, SAMPLE_RATE, CallMetadata, JsonRow, ObjectRef, Recording
from callmood.warehouse.base import Warehouse
from callmood.warehouse.duckdb import DuckDBWarehouse
from model.augmentation.conditions import CALL_LEVELS, AcousticCondition, apply_condition
from model.data.corpora import Clip
from model.files import atomic_write
from model.stores import open_store
from model.training.baseline_sampling import sample_emotion_mixes

Samples = NDArray[np.float32]

CALLS_PER_SPEAKER = 2  # more speakers add more information than more calls
UTTERANCES = 20
TELEPHONE = AcousticCondition("telephone", "whole")  # the silence around each clip becomes the pause

_DAY = datetime(2026, 1, 1, tzinfo=UTC)  # of assembled calls

_ROWS = """
SELECT h.*, IFNULL(r.customer_id, h.recording_id) AS speaker
FROM call_features AS h
JOIN recordings_current AS r ON r.call_date = h.call_date AND r.recording_id = h.recording_id
WHERE h.model_version = @version
  AND h.call_date BETWEEN @since AND @until
  AND r.call_date BETWEEN @since AND @until
ORDER BY speaker, h.recording_id
"""


def assemble_calls(
    clips: Sequence[Clip], condition: AcousticCondition, count: int, rng: np.random.Generator
) -> Iterator[Samples]:
    """Assemble calls from one speaker's clips, mostly neutral, each at a typical recording level."""
    decoded = apply_condition(clips, condition)
    labels = np.array([EMOTIONS.index(clip.emotion) for clip in clips])
    per_emotion = np.bincount(labels, minlength=len(EMOTIONS))
    for mix in sample_emotion_mixes(rng, count):
        p = (mix / np.maximum(per_emotion, 1))[labels]
        samples = np.concatenate([decoded[i] for i in rng.choice(len(clips), UTTERANCES, p=p / p.sum())])
        level = 10 * np.log10(np.mean(np.square(samples)) + 1e-10)
        yield np.clip(samples * np.float32(10 ** ((rng.uniform(*CALL_LEVELS) - level) / 20)), -1, 1)


def analyze_assembled_calls(
    clips: Sequence[Clip], model: EmotionModel, condition: AcousticCondition, count: int, rng: np.random.Generator
) -> list[JsonRow]:
    """Assemble and analyze `count` calls of every speaker, and return rows of `call_features` with their `speaker`."""
    speakers = sorted({(clip.corpus, clip.speaker) for clip in clips})
    with TemporaryDirectory() as folder:
        warehouse = DuckDBWarehouse(Path(folder) / "calls.duckdb")
        segments, commits = [], []
        for corpus, speaker in track(speakers, f"analyzing calls: {condition.channel}"):
            own = [clip for clip in clips if (clip.corpus, clip.speaker) == (corpus, speaker)]
            for number, samples in enumerate(assemble_calls(own, condition, count, rng)):
                rows, commit = _analyze(samples, f"{corpus}/{speaker}", number, model)
                segments += rows
                commits.append(commit)
        warehouse.append("segments", segments)
        warehouse.append("recordings", commits)
        return query_features(warehouse, model.version, _DAY.date(), _DAY.date())


def _analyze(samples: Samples, speaker: str, number: int, model: EmotionModel) -> tuple[list[JsonRow], JsonRow]:
    """Analyze a call in which only the customer speaks, and return its rows."""
    file = io.BytesIO()
    soundfile.write(file, np.stack([np.zeros_like(samples), samples], 1), SAMPLE_RATE, "PCM_16", format="WAV")
    audio = file.getvalue()
    recording = Recording(
        ref=ObjectRef("made", f"{speaker}/{number}", 1),
        audio=audio,
        size_bytes=len(audio),
        content_sha256=hashlib.sha256(audio).hexdigest(),
        uploaded_at=_DAY,
        call=CallMetadata(call_id=f"{speaker}/{number}", customer_id=speaker),
    )
    config = AnalysisConfig()
    return analysis_rows(analyze(recording, model, config), config, _DAY, 0.0)


def query_features(warehouse: Warehouse, version: str, since: date, until: date) -> list[JsonRow]:
    """Return rows of `call_features` of a model version, each with its `speaker`: the customer, if known."""
    return warehouse.query(_ROWS, {"version": version, "since": since, "until": until})


def build_reference(rows: Iterable[JsonRow], version: str, origin: str) -> bytes:
    """Return the content of a reference file, with one array per column. Speakers are numbers, not names.

    Raises
    ------
    CallmoodError
        The rows are empty, or lack columns of newer rows.
    """
    rows = list(rows)
    complete = [row for row in rows if all(row[name] is not None for name in MEAN_METRICS)]
    if not complete:
        raise CallmoodError(
            f"none of {len(rows)} calls of model {version} has all metrics; analyze calls again with this version"
        )
    speakers = {speaker: number for number, speaker in enumerate(dict.fromkeys(row["speaker"] for row in complete))}
    columns = {name: [round(row[name], 3) for row in complete] for name in MEAN_METRICS}
    columns |= {name: [[row[column] for column in kinds] for row in complete] for name, kinds in COUNT_METRICS.items()}
    content = {
        "model_version": version,
        "source": origin,
        "speaker": [speakers[row["speaker"]] for row in complete],
        **columns,
    }
    return (json.dumps(content, separators=(",", ":")) + "\n").encode()


def reference_from_clips(clips: Sequence[Clip], model: EmotionModel, seed: int) -> bytes | None:
    """Build a reference from assembled calls; None if no speech is detected in them.

    Raises
    ------
    CallmoodError
        The rows of the calls are not complete.
    """
    rows = analyze_assembled_calls(clips, model, TELEPHONE, CALLS_PER_SPEAKER, np.random.default_rng(seed))
    if not rows:
        return None
    corpora = ", ".join(sorted({clip.corpus for clip in clips}))
    return build_reference(rows, model.version, f"calls assembled from {corpora}, through a telephone channel")


def reference_from_store(store: Path, model: EmotionModel, since: date, until: date) -> bytes:
    """Build a reference from the calls of a local store.

    Raises
    ------
    CallmoodError
        The store does not exist, or has no complete rows of this model version.
    """
    rows = query_features(open_store(store), model.version, since, until)
    return build_reference(rows, model.version, f"calls from {since} to {until}")


def write(content: bytes, out: Path) -> None:
    """Write a reference file."""
    with atomic_write(out) as temporary:
        temporary.write_bytes(content)
