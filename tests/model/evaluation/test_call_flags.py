"""The measurement of call flags."""

import numpy as np
import pytest
from model_corpus import write_cremad
from model_program import model_output

from callmood.types import EMOTIONS
from model.evaluation import call_flags
from model.evaluation.call_flags import CallOptions

LABELS = np.tile(np.arange(6), 3)


class PerfectModel:
    """A model whose embeddings are the emotions."""

    version, confidence_threshold = "perfect", 0.5

    def estimate_baseline(self, *_):
        return np.zeros(1)

    def classify(self, embeddings, _):
        return 0.01 + 0.94 * np.eye(6)[embeddings[:, 0].astype(int)]


@pytest.mark.parametrize(
    ("scenario", "expected"),
    [
        ("calm", {"negative": 0, "escalated": 0, "recovered": 0}),
        ("angry at the start", {"negative": 100, "escalated": 0, "recovered": 100}),
        ("angry at the end", {"negative": 100, "escalated": 100, "recovered": 0}),
    ],
)
def test_perfect_model_gets_every_flag_right(scenario, expected):
    rng = np.random.default_rng(1)
    calls, options = [], CallOptions(utterances=30, neutral=1.0)
    for number in range(3):
        chosen = call_flags.sample_utterances(LABELS, call_flags.SCENARIOS[scenario], 0.8, options, rng)
        embedded = LABELS[chosen][:, None].astype(np.float32)
        calls.append(call_flags.analysis(f"{number:064d}", PerfectModel(), embedded, np.full(30, 2.0, np.float32)))
    assert call_flags.flag_percentages(calls) == expected


def test_command_prints_every_scenario(tmp_path):
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
    lines = model_output("call-flags", *options).splitlines()[-1 - len(call_flags.SCENARIOS) :]
    assert [line[:20].strip() for line in lines] == ["call", *call_flags.SCENARIOS]


def test_only_the_angry_third_has_angry_utterances():
    chosen = call_flags.sample_utterances(
        LABELS, (0, 1), 1.0, CallOptions(utterances=30, neutral=0.5), np.random.default_rng(0)
    )
    angry = LABELS[chosen] == EMOTIONS.index("anger")
    assert angry[:10].all()
    assert not angry[10:].any()
