"""Speakers and corpora are held out once each, and never learnt from then."""

from collections import Counter

import pytest

from model.config import ConfigError
from model.folds import by_corpus, by_speaker
from model.manifest import Row


def row(corpus, speaker, clip):
    return Row(clip, f"/{clip}.wav", speaker, "anger", corpus, "en", 2.0, "valid", None, None, None, None)


ROWS = [row("one", str(1000 + s), f"{s}-{c}") for s in range(11) for c in range(3)]
ROWS += [row("two", str(1000 + s), f"{s}-{c}") for s in range(4) for c in range(5)]


def speakers(rows, split):
    return {(row.corpus, row.speaker) for row in rows if row.split == split}


def test_every_speaker_is_held_out_once_and_not_learnt_from():
    folds = by_speaker(ROWS, 4)
    out = Counter(speaker for fold in folds for speaker in speakers(fold.rows, "test"))
    assert out == dict.fromkeys(speakers(ROWS, "valid"), 1)
    for fold in folds:
        assert not speakers(fold.rows, "train") & speakers(fold.rows, "test")
        assert [row.clip for row in fold.rows] == [row.clip for row in ROWS]
        assert {corpus for corpus, _ in speakers(fold.rows, "test")} == {"one", "two"}


def test_folds_depend_on_names_alone():
    forth, back = by_speaker(ROWS, 3), by_speaker(ROWS[::-1], 3)
    assert [speakers(fold.rows, "test") for fold in forth] == [speakers(fold.rows, "test") for fold in back]


def test_every_corpus_is_held_out_once():
    assert [(fold.name, {name for name, _ in speakers(fold.rows, "test")}) for fold in by_corpus(ROWS)] == [
        ("without-one", {"one"}),
        ("without-two", {"two"}),
    ]


def test_too_little_is_refused():
    with pytest.raises(ConfigError, match="15 speakers cannot be dealt into 16 folds"):
        by_speaker(ROWS, 16)
    with pytest.raises(ConfigError, match="no corpus but one"):
        by_corpus(ROWS[:33])
