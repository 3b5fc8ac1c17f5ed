"""The metadata of a model file: how to interpret its output, its training data, and whether it can be shipped."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

from callmood.types import EMOTIONS
from model.config import Config, Whisper, WhisperTuned
from model.data.corpora import CORPORA, Clip
from model.features.frontend import MAX_FRAMES


def build_metadata(
    config: Config, clips: Sequence[Clip], temperatures: tuple[float, float], size: int
) -> dict[str, Any]:
    """Return the content of `emotion.json`, except the version.

    Parameters
    ----------
    config : Config
    clips : sequence of Clip
        The training clips.
    temperatures : pair of float
        Divisors of the logits without a speaker baseline, and with a baseline of much speech.
    size : int
        Dimension of an embedding.
    """
    corpora = sorted({clip.corpus for clip in clips})
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
        "encoder_weights": _encoder_weights(config),
        "trained_on": "; ".join(_corpus_summary(corpus, clips) for corpus in corpora),
        "channels": sorted({condition.channel for group in config.data.conditions for condition in group}),
        "licenses": " ".join(_licenses(config, corpora)),
        "may_ship": not barred,
        "license_blockers": barred,
    }


def _encoder_weights(config: Config) -> str | None:
    """Return the name or the hash of the initial encoder weights; None for a network trained from scratch."""
    if not isinstance(config.architecture, Whisper):
        return None
    if weights := config.architecture.weights:
        return hashlib.sha256(weights.read_bytes()).hexdigest()[:12]
    return "Whisper tiny.en" if isinstance(config.architecture, WhisperTuned) else "distilled from Whisper tiny.en"


def _corpus_summary(corpus: str, clips: Sequence[Clip]) -> str:
    own = [clip for clip in clips if clip.corpus == corpus]
    title = CORPORA[corpus].title if corpus in CORPORA else corpus
    splits = sorted({clip.split for clip in own})
    return f"{title}, {len(own)} clips of {len({clip.speaker for clip in own})} speakers of {' and '.join(splits)}"


def _licenses(config: Config, corpora: Iterable[str]) -> Iterable[str]:
    if isinstance(config.architecture, Whisper):
        yield "Whisper: MIT."
    for corpus in corpora:
        if corpus in CORPORA:
            yield f"{CORPORA[corpus].title}: {CORPORA[corpus].license}."
        else:
            yield f"{corpus}: its owner's."
    yield "See NOTICE."
