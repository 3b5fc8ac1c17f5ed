"""What goes along with a model file: how to read its answers, what it was made from, and whether it may be shipped."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

from callmood.types import EMOTIONS
from model.config import Config
from model.data.corpora import CORPORA, Clip
from model.features.frontend import MAX_FRAMES


def facts(config: Config, learned: Sequence[Clip], temperatures: tuple[float, float], size: int) -> dict[str, Any]:
    """Everything of `emotion.json` but the version.

    Parameters
    ----------
    config : Config
    learned : sequence of Clip
        What was learned from.
    temperatures : pair of float
        What logits are divided by for a segment judged alone, and for one of a voice that is known well.
    size : int
        Numbers in an embedding.
    """
    corpora = sorted({clip.corpus for clip in learned})
    barred = [corpus for corpus in corpora if corpus not in CORPORA or not CORPORA[corpus].may_ship]
    return {
        "labels": list(EMOTIONS),
        "temperature": round(temperatures[0], 4),
        "temperature_known": round(temperatures[1], 4),
        "prior": config.serving.prior,
        "confidence_threshold": config.serving.confidence_threshold,
        "baseline_shrinkage_s": config.baselines.shrinkage_s,
        "max_frames": MAX_FRAMES,
        "embedding_size": size,
        "architecture": config.architecture.name,
        "config": config.digest(),
        "encoder_weights": _encoder(config),
        "trained_on": "; ".join(_in_words(corpus, learned) for corpus in corpora),
        "channels": sorted({condition.channel for group in config.data.conditions for condition in group}),
        "licenses": " ".join(_licenses(config, corpora)),
        "may_ship": not barred,
        "license_blockers": barred,
    }


def _encoder(config: Config) -> str | None:
    """Say which weights the encoder began with; None where there is none."""
    if not config.architecture.name.startswith("whisper"):
        return None
    weights = config.architecture.weights
    return hashlib.sha256(weights.read_bytes()).hexdigest()[:12] if weights else "Whisper tiny.en"


def _in_words(corpus: str, learned: Sequence[Clip]) -> str:
    mine = [clip for clip in learned if clip.corpus == corpus]
    name = CORPORA[corpus].title if corpus in CORPORA else corpus
    splits = sorted({clip.split for clip in mine})
    return f"{name}, {len(mine)} clips of {len({clip.speaker for clip in mine})} speakers of {' and '.join(splits)}"


def _licenses(config: Config, corpora: Iterable[str]) -> Iterable[str]:
    if config.architecture.name.startswith("whisper"):
        yield "Whisper: MIT."
    for corpus in corpora:
        if corpus in CORPORA:
            yield f"{CORPORA[corpus].title}: {CORPORA[corpus].license}."
        else:
            yield f"{corpus}: its owner's."
    yield "See NOTICE."
