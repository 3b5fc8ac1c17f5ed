"""Rows of one example recording, which detect changes of results. Run this file to update golden.json."""

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

TESTS = Path(__file__).parents[1]
FILE = TESTS / "analysis/golden.json"
RECORDING = next((TESTS / "examples").glob("*call-1001*.wav"))

# Runtimes and processors round differently; the self-test of a model has the same tolerance.
TOLERANCE = {"confidence": 0.05, "p_": 0.05, "embedding_proj_": 0.3, "": 0.02}


def results(model: EmotionModel) -> dict[str, Any]:
    """Analyze the recording, and return its rows without the software version."""
    ref = ObjectRef("calls", RECORDING.name, 1)
    recording = Recording(ref, RECORDING, RECORDING.stat().st_size, "0" * 64, datetime(2026, 11, 2, tzinfo=UTC))
    config = AnalysisConfig()
    segments, row = analysis_rows(analyze(recording, model, config), config, datetime(2026, 11, 2, tzinfo=UTC), 0.0)
    for each in (*segments, row):
        each.pop("software_version", None)
    return {"analysis_version": ANALYSIS_VERSION, "model_version": model.version, "rows": [row, *segments]}


def differences(expected: list[dict[str, Any]], found: list[dict[str, Any]]) -> list[str]:
    """List the values that differ by more than the tolerance. IDs are not compared: they depend on the version."""
    if len(expected) != len(found):
        return [f"{len(found) - 1} segments instead of {len(expected) - 1}"]
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
