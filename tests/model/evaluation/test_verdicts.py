"""The verdicts' simulation: what it counts must come from who is angry when."""

import sys

import numpy as np
import pytest
from model_corpus import write_cremad

from callmood.types import EMOTIONS
from model.evaluation import call_flags

LABELS = np.tile(np.arange(6), 3)


class Knows:
    """A model to which an embedding is its emotion."""

    version, confidence_threshold = "knows", 0.5

    def baseline(self, *_):
        return np.zeros(1)

    def classify(self, embeddings, _):
        return 0.01 + 0.94 * np.eye(6)[embeddings[:, 0].astype(int)]


@pytest.mark.parametrize(
    ("story", "expected"),
    [
        ("calm", {"hard": 0, "escalated": 0, "recovered": 0}),
        ("angry at the start", {"hard": 100, "escalated": 0, "recovered": 100}),
        ("angry at the end", {"hard": 100, "escalated": 100, "recovered": 0}),
    ],
)
def test_a_model_that_knows_gets_every_verdict_right(story, expected):
    rng = np.random.default_rng(1)
    calls = []
    for number in range(3):
        chosen = call_flags.utterances(LABELS, call_flags.STORIES[story], 0.8, 1.0, 30, rng)
        embedded = LABELS[chosen][:, None].astype(np.float32)
        calls.append(call_flags.analyzed(f"{number:064d}", Knows(), embedded, np.full(30, 2.0, np.float32)))
    assert call_flags.verdicts(calls) == expected


def test_it_runs_on_a_corpus_in_cremads_layout(tmp_path, monkeypatch, capsys):
    write_cremad(tmp_path / "cremad", speakers=2)
    options = [
        "--corpus",
        "cremad",
        "--root",
        tmp_path / "cremad",
        "--cache",
        tmp_path / "cache",
        "--calls",
        2,
        "--utterances",
        9,
        "--angry",
        0.5,
    ]
    monkeypatch.setattr(sys, "argv", ["verdicts", *map(str, options)])
    call_flags.main()
    lines = capsys.readouterr().out.splitlines()[-1 - len(call_flags.STORIES) :]
    assert [line[:20].strip() for line in lines] == ["call", *call_flags.STORIES]


def test_angry_utterances_lie_in_the_angry_thirds_only():
    chosen = call_flags.utterances(LABELS, (0, 1), 1.0, 0.5, 30, np.random.default_rng(0))
    angry = LABELS[chosen] == EMOTIONS.index("anger")
    assert angry[:10].all()
    assert not angry[10:].any()
