"""Write down what a model's calls look like, for `monitor` to compare with: `python -m model reference --manifest M`.

The reference is rows of the view `call_features`, made as every day's are: calls are put together from a corpus's clips,
sent through a telephone, and analyzed. Or it is made of a company's own calm weeks (`--store`), which is better still.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import sys
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
from callmood.emotion.model import EmotionModel, load_model
from callmood.errors import CallmoodError
from callmood.monitoring.drift import COUNTS, MEANS, Reference
from callmood.resources import MODEL
from callmood.settings import ReportSettings, load_settings
from callmood.types import EMOTIONS, SAMPLE_RATE, CallMetadata, JsonRow, ObjectRef, Recording
from callmood.warehouse.base import Warehouse
from callmood.warehouse.duckdb import DuckDBWarehouse
from model import remote_paths
from model.augmentation.conditions import CALL_LEVELS, AcousticCondition, apply_condition
from model.data.corpora import Clip, CorpusError
from model.data.source import add_source, source
from model.files import atomic_write
from model.training.baseline_sampling import mixes

Samples = NDArray[np.float32]

CALLS = 2  # of each voice: what counts is voices
UTTERANCES = 20
TELEPHONE = AcousticCondition("telephone", "whole")  # the silence around each clip is the call's pause

_DAY = datetime(2026, 1, 1, tzinfo=UTC)  # of calls that no day has

_ROWS = """
SELECT h.*, IFNULL(r.customer_id, h.recording_id) AS voice
FROM call_features AS h
JOIN recordings_current AS r ON r.call_date = h.call_date AND r.recording_id = h.recording_id
WHERE h.model_version = @version AND h.call_date BETWEEN @since AND @until
ORDER BY voice, h.recording_id
"""


def calls_of(
    clips: Sequence[Clip], condition: AcousticCondition, count: int, rng: np.random.Generator
) -> Iterator[Samples]:
    """Put calls together from one speaker's clips, mostly neutral, each at a level that a recorder may have set."""
    sounds = apply_condition(clips, condition)
    labels = np.array([EMOTIONS.index(clip.emotion) for clip in clips])
    per_emotion = np.bincount(labels, minlength=len(EMOTIONS))
    for mix in mixes(rng, count):
        p = (mix / np.maximum(per_emotion, 1))[labels]
        said = np.concatenate([sounds[i] for i in rng.choice(len(clips), UTTERANCES, p=p / p.sum())])
        level = 10 * np.log10(np.mean(np.square(said)) + 1e-10)
        yield np.clip(said * np.float32(10 ** ((rng.uniform(*CALL_LEVELS) - level) / 20)), -1, 1)


def rows_of(
    clips: Sequence[Clip], model: EmotionModel, condition: AcousticCondition, count: int, rng: np.random.Generator
) -> list[JsonRow]:
    """Rows of `call_features`, each with its `voice`, of calls of every speaker."""
    speakers = sorted({(clip.corpus, clip.speaker) for clip in clips})
    with TemporaryDirectory() as folder:
        store = DuckDBWarehouse(Path(folder) / "calls.duckdb")
        segments, commits = [], []
        for corpus, speaker in track(speakers, f"calling: {condition.channel}"):
            mine = [clip for clip in clips if (clip.corpus, clip.speaker) == (corpus, speaker)]
            for number, said in enumerate(calls_of(mine, condition, count, rng)):
                found, commit = _analyzed(said, f"{corpus}/{speaker}", number, model)
                segments += found
                commits.append(commit)
        store.append("segments", segments)
        store.append("recordings", commits)
        return rows_in(store, model.version, _DAY.date(), _DAY.date())


def _analyzed(said: Samples, voice: str, number: int, model: EmotionModel) -> tuple[list[JsonRow], JsonRow]:
    """Rows of a call in which only the customer is heard."""
    file = io.BytesIO()
    soundfile.write(file, np.stack([np.zeros_like(said), said], 1), SAMPLE_RATE, "PCM_16", format="WAV")
    audio = file.getvalue()
    recording = Recording(
        ref=ObjectRef("made", f"{voice}/{number}", 1),
        audio=audio,
        size_bytes=len(audio),
        content_sha256=hashlib.sha256(audio).hexdigest(),
        uploaded_at=_DAY,
        call=CallMetadata(call_id=f"{voice}/{number}", customer_id=voice),
    )
    config = AnalysisConfig()
    return analysis_rows(analyze(recording, model, config), config, _DAY, 0.0)


def rows_in(warehouse: Warehouse, version: str, since: date, until: date) -> list[JsonRow]:
    """Rows of `call_features` of one model version, each with its `voice`: the customer where one is known."""
    return warehouse.query(_ROWS, {"version": version, "since": since, "until": until})


def content(rows: Iterable[JsonRow], version: str, made_of: str) -> bytes:
    """Content of a reference: a column each; voices are numbered, and not named.

    Raises
    ------
    CallmoodError
        There are no rows, or they lack what newer ones have.
    """
    rows = list(rows)
    whole = [row for row in rows if all(row[name] is not None for name in MEANS)]
    if not whole:
        raise CallmoodError(
            f"none of {len(rows)} calls of model {version} has all figures: analyze calls again with this callmood"
        )
    voices = {voice: number for number, voice in enumerate(dict.fromkeys(row["voice"] for row in whole))}
    columns = {name: [round(row[name], 3) for row in whole] for name in MEANS}
    columns |= {name: [[row[column] for column in kinds] for row in whole] for name, kinds in COUNTS.items()}
    facts = {"model_version": version, "made_of": made_of, "voice": [voices[row["voice"]] for row in whole], **columns}
    return (json.dumps(facts, separators=(",", ":")) + "\n").encode()


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=remote_paths.source, default=MODEL / "emotion.tflite")
    add_source(parser)
    parser.set_defaults(split="all")  # the more voices, the finer
    parser.add_argument("--store", type=Path, help="or instead of clips: a local store of one's own calls")
    parser.add_argument("--since", type=date.fromisoformat, help="first day of the calm weeks, such as 2026-11-01")
    parser.add_argument("--until", type=date.fromisoformat, help="last one")
    parser.add_argument("--out", type=remote_paths.target, help="default: MODEL.reference.json, beside the model")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--optional", action="store_true", help="where clips make no calls that could be compared, say so, and go on"
    )
    args = parser.parse_args()
    out = args.out or args.model.with_suffix(".reference.json")
    try:
        model = load_model(args.model)
        if args.store:
            if not args.store.exists() or not args.since or not args.until:
                raise CallmoodError("give a --store that exists, and --since and --until: which weeks were calm")
            settings = load_settings(ReportSettings)
            store = DuckDBWarehouse(args.store, settings.time_zone, settings.min_calls_per_group)
            made_of = f"calls from {args.since} to {args.until}"
            made = content(rows_in(store, model.version, args.since, args.until), model.version, made_of)
        else:
            clips = source(args.manifest, args.corpus, args.root, args.split).clips
            rows = rows_of(clips, model, TELEPHONE, CALLS, np.random.default_rng(args.seed))
            if not rows and args.optional:
                print("In the calls put together of these clips no speech is found: the model gets no reference, and")
                print("its calls are not compared until python -m model reference --store makes one of your own calls.")
                return
            corpora = ", ".join(sorted({clip.corpus for clip in clips}))
            made = content(rows, model.version, f"calls put together from {corpora}, through a telephone")
        with atomic_write(out) as unfinished:
            unfinished.write_bytes(made)
    except (CallmoodError, CorpusError, OSError) as error:
        sys.exit(f"error: {error}")
    print(f"{Reference(made).voices} voices in {out}")


if __name__ == "__main__":
    remote_paths.run(main)
