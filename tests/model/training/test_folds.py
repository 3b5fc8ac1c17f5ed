"""Division of a manifest into folds."""

from collections import Counter

import pytest

from model.config import ConfigError
from model.data.manifest import Row
from model.data.published import sentence
from model.training.folds import by_corpus, by_speaker, by_text


def row(corpus, speaker, clip):
    return Row(clip, f"/{clip}.wav", speaker, "anger", corpus, "en", 2.0, "valid", None, None, None, None)


ROWS = [row("one", str(1000 + s), f"{s}-{c}") for s in range(11) for c in range(3)]
ROWS += [row("two", str(1000 + s), f"{s}-{c}") for s in range(4) for c in range(5)]


def speakers(rows, split):
    return {(row.corpus, row.speaker) for row in rows if row.split == split}


def test_every_speaker_is_held_out_once_and_is_not_in_training():
    folds = by_speaker(ROWS, 4)
    out = Counter(speaker for fold in folds for speaker in speakers(fold.rows, "test"))
    assert out == dict.fromkeys(speakers(ROWS, "valid"), 1)
    for fold in folds:
        assert not speakers(fold.rows, "train") & speakers(fold.rows, "test")
        assert [row.clip for row in fold.rows] == [row.clip for row in ROWS]
        assert {corpus for corpus, _ in speakers(fold.rows, "test")} == {"one", "two"}


def test_folds_depend_on_speaker_names_only():
    forward, reversed_ = by_speaker(ROWS, 3), by_speaker(ROWS[::-1], 3)
    assert [speakers(fold.rows, "test") for fold in forward] == [speakers(fold.rows, "test") for fold in reversed_]


def test_every_corpus_is_held_out_once():
    assert [(fold.name, {name for name, _ in speakers(fold.rows, "test")}) for fold in by_corpus(ROWS)] == [
        ("without-one", {"one"}),
        ("without-two", {"two"}),
    ]


WITH_SENTENCES = [
    row("cremad", f"10{s:02}", f"10{s:02}_{text}_ANG_XX") for s in range(11) for text in ("DFA", "IEO", "IOM", "ITS")
]


def test_no_training_speaker_says_a_test_sentence():
    folds = by_text(WITH_SENTENCES, 3)
    assert [fold.name for fold in folds] == ["texts-1-of-3", "texts-2-of-3", "texts-3-of-3"]
    for fold in folds:
        sentences = {split: {row.clip[5:8] for row in fold.rows if row.split == split} for split in ("train", "test")}
        assert sentences["train"]
        assert sentences["test"]
        assert not sentences["train"] & sentences["test"]
        assert not speakers(fold.rows, "train") & speakers(fold.rows, "test")
    tested = {row.clip[5:8] for fold in folds for row in fold.rows if row.split == "test"}
    assert tested == {"DFA", "IEO", "IOM", "ITS"}


@pytest.mark.parametrize(
    ("corpus", "clip", "text"),
    [
        ("cremad", "1001_DFA_ANG_XX", "DFA"),
        ("ravdess", "03-01-05-01-02-01-12", "02"),
        ("tess", "OAF_back_angry", "back"),
        ("emodb", "03a01Fa", "a01"),
        ("savee", "DC_a01", None),  # most of its sentences have only one emotion
        ("mine", "calls/1.wav", None),
    ],
)
def test_sentence_of_a_clip(corpus, clip, text):
    assert sentence(corpus, clip) == text


def test_too_few_speakers_sentences_or_corpora_are_rejected():
    with pytest.raises(ConfigError, match="cannot divide 4 sentences into 5 folds"):
        by_text(WITH_SENTENCES, 5)
    with pytest.raises(ConfigError, match="sentences of one, two are unknown"):
        by_text(ROWS, 2)
    with pytest.raises(ConfigError, match="cannot divide 15 speakers into 16 folds"):
        by_speaker(ROWS, 16)
    with pytest.raises(ConfigError, match="has only one corpus, one"):
        by_corpus(ROWS[:33])
