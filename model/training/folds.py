"""A manifest in folds: each time other speakers, or another corpus, are what a model is tested on."""

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
    """All clips, those that are held out as split `test` and all others as `train`.

    Parameters
    ----------
    name : str
        Can be a file's name.
    rows : list of Row
    """

    name: str
    rows: list[Row]


def by_speaker(rows: Sequence[Row], k: int) -> list[Fold]:
    """Hold out every speaker once: k folds, each with as many speakers of each corpus as the others, give or take one.

    Made-up voices are learned from in every fold. Which speaker is in which fold follows from the names alone.

    Raises
    ------
    ConfigError
        There are fewer speakers than folds.
    """
    speakers = sorted(
        {(row.corpus, row.speaker) for row in rows if has_human_speakers(row.corpus)},
        key=lambda who: (who[0], crc32(who[1].encode()), who),
    )
    if not 2 <= k <= len(speakers):
        raise ConfigError(f"{len(speakers)} speakers cannot be dealt into {k} folds; give 2 to {len(speakers)}")
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
        There is one corpus only.
    """
    corpora = sorted({row.corpus for row in rows if has_human_speakers(row.corpus)})
    if len(corpora) < 2:
        raise ConfigError(
            f"the manifest has no corpus but {', '.join(corpora)}; ingest another one, or use --by speaker"
        )
    return [_fold(f"without-{corpus}", rows, [row.corpus == corpus for row in rows]) for corpus in corpora]


def by_text(rows: Sequence[Row], k: int) -> list[Fold]:
    """Hold out every speaker and every sentence once: nobody that is learned from has said what is tested.

    Real calls are like that; a corpus in which all say the same few sentences flatters (docs/experiments/training-data.md). What else
    a fold's speakers say, and what others say of its sentences, is left out of that fold.

    Raises
    ------
    ConfigError
        There are fewer sentences or speakers than folds, or it is not known what is said.
    """
    made_up = [replace(row, split="train") for row in rows if not has_human_speakers(row.corpus)]
    rows = [row for row in rows if has_human_speakers(row.corpus)]
    said = [sentence(row.corpus, row.clip) for row in rows]
    if unknown := sorted({row.corpus for row, text in zip(rows, said, strict=True) if text is None}):
        raise ConfigError(
            f"what is said in clips of {', '.join(unknown)} is not known; leave them out, or use --by speaker"
        )
    texts = sorted({(row.corpus, str(text)) for row, text in zip(rows, said, strict=True)})
    if not 2 <= k <= len(texts):
        raise ConfigError(f"{len(texts)} sentences cannot be dealt into {k} folds; give 2 to {len(texts)}")
    number = {text: i % k for i, text in enumerate(texts)}
    folds = []
    for i, fold in enumerate(by_speaker(rows, k)):
        kept = [
            row
            for row, text in zip(fold.rows, said, strict=True)
            if (row.split == "test") == (number[row.corpus, str(text)] == i)
        ]
        folds.append(Fold(f"texts-{i + 1}-of-{k}", kept + made_up))
    return folds


def _fold(name: str, rows: Sequence[Row], held_out: Sequence[bool]) -> Fold:
    return Fold(
        name,
        [replace(row, split="test" if out else "train") for row, out in zip(rows, held_out, strict=True)],
    )


def learning_from_train(conf: Config) -> Config:
    """Return the configuration, made to learn from a fold's `train`."""
    return conf.model_copy(update={"data": conf.data.model_copy(update={"train_splits": ["train"]})})
