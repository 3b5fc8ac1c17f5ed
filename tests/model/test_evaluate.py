"""The evaluation and the simulation, on a corpus of buzzes: what they print must come from what they hear."""

import json
import sys

import numpy as np
import pytest
from model_corpus import write_cremad

from callmood.emotion import load_model
from callmood.recording import EMOTIONS
from model import evaluate, simulate
from model.corpora import Clip


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    root = tmp_path_factory.mktemp("data")
    write_cremad(root / "cremad", speakers=2)
    return root


def run(module, monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", [module.__name__, *map(str, arguments)])
    module.main()


@pytest.mark.parametrize("baseline", ["none", "all", "neutral:5"])
def test_evaluates_the_shipped_file(data, tmp_path, monkeypatch, capsys, baseline):
    run(evaluate, monkeypatch, "--data", data, "--cache", tmp_path, "--baseline", baseline, "--json")
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert found["model"] == load_model().version
    assert found["clips"] == 6 * (5 if baseline == "neutral:5" else 1)  # one speaker is valid; five draws
    assert np.sum(found["confusion"]) == pytest.approx(100, abs=0.2)
    assert found["accuracy"] == pytest.approx(np.trace(found["confusion"]), abs=0.2)
    assert found["by_duration"].keys() == {"2 to 4 s"}


def test_a_baseline_that_does_not_exist_is_refused(data, monkeypatch, capsys):
    with pytest.raises(SystemExit):
        run(evaluate, monkeypatch, "--data", data, "--baseline", "happy:3")
    assert "write none, all, or neutral:30" in capsys.readouterr().err


class Hears:
    """A model to which an embedding is an emotion and a speaker, and a baseline is the speaker."""

    def baseline(self, embeddings, _):
        return np.array([0, embeddings[:, 1].mean() if len(embeddings) else 0])

    def classify(self, embeddings, baseline, _):
        relative = embeddings - baseline
        return np.eye(6)[(relative[:, 0] + relative[:, 1]).astype(int) % 6]


def test_the_baseline_is_the_speakers_own():
    clips = [Clip(None, "made", str(speaker), emotion, "valid") for speaker in (1, 2) for emotion in EMOTIONS]
    embedded = np.array([[EMOTIONS.index(clip.emotion), int(clip.speaker)] for clip in clips], np.float32)
    durations_s = np.ones(len(clips), np.float32)
    reports = {}
    for name in ("none", "all", "neutral:4"):
        heard, p = evaluate.listen(Hears(), clips, embedded, durations_s, evaluate.baseline_named(name))
        labels = np.array([EMOTIONS.index(clips[i].emotion) for i in heard])
        reports[name] = evaluate.report(labels, p, durations_s[heard])
    assert [reports[name]["accuracy"] for name in reports] == [0, 100, 100]
    assert reports["all"]["recall"] == dict.fromkeys(EMOTIONS, 100)
    assert reports["none"]["confidence"] == 100
    assert reports["none"]["by_duration"] == {"1 to 2 s": {"clips": 12, "accuracy": 0, "confidence": 100}}


def test_simulates_calls(data, tmp_path, monkeypatch, capsys):
    run(simulate, monkeypatch, "--data", data, "--cache", tmp_path, "--segments", 4, "--calls", 8)
    lines = [line.split() for line in capsys.readouterr().out.splitlines() if line.lstrip().startswith("4 ")]
    assert [line[1] for line in lines] == ["mean", "trimmed", "geometric_median", "median", "nothing"]


def test_the_shipped_baseline_is_the_one_simulated():
    rng = np.random.default_rng(0)
    embedded, durations_s = rng.normal(size=(5, 3072)).astype(np.float32), rng.uniform(1, 4, 5).astype(np.float32)
    shipped = load_model().baseline(embedded, durations_s)
    np.testing.assert_allclose(shipped, simulate.mean(embedded, durations_s, 5.0), rtol=1e-5)


def test_a_simulated_call_is_mostly_neutral_and_angry_twice_or_never():
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(6), 3)
    calls = [
        simulate.simulate(np.zeros((18, 4), np.float32), np.ones(18, np.float32), labels, 40, 0.8, rng)
        for _ in range(50)
    ]
    assert {int((call.labels == simulate.ANGER).sum()) for call in calls} == {0, 2}
    assert all(call.angry == ((call.labels == simulate.ANGER).sum() == 2) for call in calls)
    assert 0.7 < np.mean([(call.labels == simulate.NEUTRAL).mean() for call in calls]) < 0.9
