"""Rows of one example recording, by which a change of results shows; run this file to renew golden.json."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from callmood.analysis.analyzer import ANALYSIS_VERSION, analyze
from callmood.analysis.rows import analysis_rows
from callmood.config import AnalysisConfig
from callmood.emotion.model import EmotionModel, load_model
from callmood.types import ObjectRef, Recording

FILE = Path(__file__).with_name("golden.json")
RECORDING = next((Path(__file__).parents[1] / "examples").glob("*call-1001*.wav"))

# The two runtimes and different processors round differently: the self-test of a model allows the same.
TOLERANCE = {"confidence": 0.05, "p_": 0.05, "embedding_proj_": 0.3, "": 0.02}


def results(model: EmotionModel) -> dict[str, Any]:
    """Analyze the recording; leave out what depends on when and by which software version it was analyzed."""
    ref = ObjectRef("calls", RECORDING.name, 1)
    recording = Recording(ref, RECORDING, RECORDING.stat().st_size, "0" * 64, datetime(2026, 11, 2, tzinfo=UTC))
    config = AnalysisConfig()
    segments, row = analysis_rows(analyze(recording, model, config), config, datetime(2026, 11, 2, tzinfo=UTC), 0.0)
    for one in (*segments, row):
        one.pop("software_version", None)
    return {"analysis_version": ANALYSIS_VERSION, "model_version": model.version, "rows": [row, *segments]}


def differences(expected: list[dict[str, Any]], found: list[dict[str, Any]]) -> list[str]:
    """List the values that differ by more than the tolerance; IDs differ with the version only."""
    if len(expected) != len(found):
        return [f"{len(found) - 1} segments in place of {len(expected) - 1}"]
    return [
        f"row {number}: {name} {one.get(name)!r} -> {other.get(name)!r}"
        for number, (one, other) in enumerate(zip(expected, found, strict=True))
        for name in sorted(one.keys() | other.keys())
        if name not in ("analysis_id", "segment_id") and not _is_close(name, one.get(name), other.get(name))
    ]


def _is_close(name: str, one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=0, abs_tol=next(t for p, t in TOLERANCE.items() if name.startswith(p)))
    return bool(one == other)


if __name__ == "__main__":
    FILE.write_text(json.dumps(results(load_model()), indent=1) + "\n", encoding="utf-8")
