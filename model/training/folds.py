"""Divide a manifest into folds: each fold holds out other speakers, another corpus, or other sentences for testing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from zlib import crc32

from model.config import Config, ConfigError
from model.data.corpora import has_human_speakers
from model.data.manifest import Row
from model.data.published import sentence


@dataclass(frozen=True)
class Fold:
    """All clips, with split `test` for the held-out clips and `train` for the others.

    Parameters
    ----------
    name : str
        A valid file name.
    rows : list of Row
    """

    name: str
    rows: list[Row]


def by_speaker(rows: Sequence[Row], k: int) -> list[Fold]:
    """Hold out every speaker once, in k folds with equally many speakers of each corpus (differing by at most one).

    Synthetic speech is training data in every fold. The assignment depends only on the speakers' names.

    Raises
    ------
    ConfigError
        There are fewer speakers than folds.
    """
    speakers = sorted(
        {(row.corpus, row.speaker) for row in rows if has_human_speakers(row.corpus)},
        key=lambda speaker: (speaker[0], crc32(speaker[1].encode()), speaker),
    )
    if not 2 <= k <= len(speakers):
        raise ConfigError(f"cannot divide {len(speakers)} speakers into {k} folds: use 2 to {len(speakers)} folds")
    number = {speaker: i % k for i, speaker in enumerate(speakers)}
    return [
        _fold(f"speakers-{fold + 1}-of-{k}", rows, [number.get((row.corpus, row.speaker)) == fold for row in rows])
        for fold in range(k)
    ]


def by_corpus(rows: Sequence[Row]) -> list[Fold]:
    """Hold out every corpus once.

    Raises
    ------
    ConfigError
        There is only one corpus.
    """
    corpora = sorted({row.corpus for row in rows if has_human_speakers(row.corpus)})
    if len(corpora) < 2:
        raise ConfigError(
            f"the manifest has only one corpus, {', '.join(corpora)}; ingest another corpus, or use --by speaker"
        )
    return [_fold(f"without-{corpus}", rows, [row.corpus == corpus for row in rows]) for corpus in corpora]


def by_text(rows: Sequence[Row], k: int) -> list[Fold]:
    """Hold out every speaker and every sentence once: no training speaker says a test sentence.

    Real calls have this property. Results on a corpus in which all speakers say the same few sentences are optimistic.
    A fold leaves out the other sentences of its test speakers, and its test sentences from other speakers.

    Raises
    ------
    ConfigError
        There are fewer sentences or speakers than folds, or the sentences of a corpus are unknown.
    """
    synthetic = [replace(row, split="train") for row in rows if not has_human_speakers(row.corpus)]
    rows = [row for row in rows if has_human_speakers(row.corpus)]
    texts = [sentence(row.corpus, row.clip) for row in rows]
    if unknown := sorted({row.corpus for row, text in zip(rows, texts, strict=True) if text is None}):
        raise ConfigError(
            f"the sentences of {', '.join(unknown)} are unknown; remove the corpus from the manifest, "
            "or use --by speaker"
        )
    distinct = sorted({(row.corpus, str(text)) for row, text in zip(rows, texts, strict=True)})
    if not 2 <= k <= len(distinct):
        raise ConfigError(f"cannot divide {len(distinct)} sentences into {k} folds: use 2 to {len(distinct)} folds")
    number = {text: i % k for i, text in enumerate(distinct)}
    folds = []
    for i, fold in enumerate(by_speaker(rows, k)):
        kept = [
            row
            for row, text in zip(fold.rows, texts, strict=True)
            if (row.split == "test") == (number[row.corpus, str(text)] == i)
        ]
        folds.append(Fold(f"texts-{i + 1}-of-{k}", kept + synthetic))
    return folds


def _fold(name: str, rows: Sequence[Row], held_out: Sequence[bool]) -> Fold:
    return Fold(
        name,
        [replace(row, split="test" if out else "train") for row, out in zip(rows, held_out, strict=True)],
    )


def train_split_only(conf: Config) -> Config:
    """Return the configuration with `train`, the split of a fold, as its only training split."""
    return conf.model_copy(update={"data": conf.data.model_copy(update={"train_splits": ["train"]})})
