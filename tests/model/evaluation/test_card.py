"""The model's card: what it says is what was measured, of the model that it belongs to."""

import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest

from callmood.types import EMOTIONS
from model.evaluation import card
from model.evaluation.metrics import Answers, assess
from model.export import gates
from model.export.gates import GatesError

MODEL = Path(card.__file__).parent


def evaluation(seed=0, **said):
    """A report on random answers, which women's voices get right more often."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 6, 600)
    sex = np.repeat(["female", "male"], 300)
    probabilities = rng.dirichlet(np.ones(6), 600).astype(np.float32)
    probabilities[np.arange(600), labels] += np.where(sex == "female", 0.9, 0.2)
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    speakers = np.array([f"{s}{i % 4}" for i, s in enumerate(sex)])
    report = {
        "kind": "evaluation",
        "model": "abc",
        "corpora": ["cremad"],
        "splits": ["valid"],
        "channel": "clean",
        "crop": "whole",
        "baseline": "neutral:30",
        **assess(Answers(labels, probabilities, speakers, {"sex": sex})),
    }
    return report | said


@pytest.fixture
def run(tmp_path):
    """A run's folder: a model file, and what was measured of it."""
    (tmp_path / "emotion.tflite").write_bytes(b"model")
    facts = {"version": "abc", "architecture": "whisper_probe", "trained_on": "voices", "licenses": "none"}
    (tmp_path / "emotion.json").write_text(json.dumps(facts))
    (tmp_path / "evaluation.json").write_text(json.dumps(evaluation()))
    history = [{"epoch": n, "loss": 1 / n, "watch_loss": 1 / n, "watch_accuracy": 1 - 1 / n} for n in (1, 2, 3)]
    (tmp_path / "history.json").write_text(json.dumps(history))
    return tmp_path


def write(run, monkeypatch):
    arguments = [*run.glob("*.json"), "--model", run / "emotion.tflite", "--out", run / "MODEL_CARD.md"]
    monkeypatch.setattr(sys, "argv", ["card", *map(str, arguments)])
    card.main()
    return (run / "MODEL_CARD.md").read_text()


def test_says_what_was_measured(run, monkeypatch):
    text, report = write(run, monkeypatch), evaluation()
    assert text.startswith("# Model card: emotion abc\n")
    low, high = report["intervals"]["accuracy"]
    assert f"| CREMA-D | 600, 8 | clean | neutral:30 | {report['accuracy']:.1f} ({low:.1f} to {high:.1f}) |" in text
    for emotion in EMOTIONS:
        assert f"| {emotion} | {report['emotions'][emotion]['clips']} |" in text
    gap = report["groups"]["sex"]["gaps"]["uar"]["points"]
    assert f"**sex**: {gap:.1f} points of UAR" in text
    assert "more than the 3 aimed at. The interval leaves out 0" in text
    for forbidden in ("Decisions on employees", "Lie detection", "Diagnosis"):
        assert forbidden in text.split("## What it must not be used for")[1].split("##")[0]
    assert "| gap between the sexes in UAR | at most 12 |" in text
    assert "broken" in text


def test_all_its_pictures_are_there_and_no_others(run, monkeypatch):
    (run / "plots").mkdir()
    (run / "plots/confusion-tess.svg").write_text("of another card")
    text = write(run, monkeypatch)
    shown = set(re.findall(r"\(plots/(.*?)\)", text))
    assert shown == {path.name for path in (run / "plots").iterdir()}
    assert shown == {"confusion-cremad.svg", "calibration-cremad.svg", "groups-cremad.svg", "learning.svg"}
    assert "female (4 speakers)" in (run / "plots/groups-cremad.svg").read_text()


def test_is_the_same_to_the_byte(run, monkeypatch):
    def made():
        write(run, monkeypatch)
        return {path.name: path.read_bytes() for path in (run / "MODEL_CARD.md", *(run / "plots").iterdir())}

    assert made() == made()


def crossvalidation(config):
    """A report on a recipe, by speaker."""
    result = {"baseline": "neutral:30", "channel": "clean", "together": evaluation(1)}
    return {
        "kind": "crossvalidation",
        "by": "speaker",
        "config": config,
        "folds": [{"speakers": 4}] * 2,
        "results": [result],
    }


def test_tells_of_the_recipes_cross_validation_and_of_no_other_recipes(run, monkeypatch):
    facts = json.loads((run / "emotion.json").read_text())
    (run / "emotion.json").write_text(json.dumps(facts | {"config": "c1"}))
    (run / "folds.json").write_text(json.dumps(crossvalidation("c1")))
    told = write(run, monkeypatch).split("## The same recipe on other speakers")[1].split("\n## ")[0]
    assert "Trained 2 times, each time without some of 8 speakers, and tested on those" in told
    assert f"| clean | neutral:30 | {evaluation(1)['accuracy']:.1f} (" in told
    assert f"- **sex**: {evaluation(1)['groups']['sex']['gaps']['uar']['points']:.1f} points" in told
    (run / "folds.json").write_text(json.dumps(crossvalidation("c2")))
    with pytest.raises(SystemExit, match="cross-validation of another configuration"):
        write(run, monkeypatch)


@pytest.mark.parametrize(
    ("model", "kind", "said"), [("xyz", "evaluation", "on model xyz"), ("abc", "speed", "there is no evaluation")]
)
def test_reports_of_another_model_or_none_are_refused(run, monkeypatch, model, kind, said):
    (run / "evaluation.json").write_text(json.dumps(evaluation(model=model, kind=kind)))
    with pytest.raises(SystemExit, match=said):
        write(run, monkeypatch)
    assert not (run / "MODEL_CARD.md").exists()


def words(folder):
    """What is written in each picture; where it stands depends on the machine's fonts."""
    return {path.name: re.findall(r">([^<]+)</text>", path.read_text()) for path in folder.iterdir()}


def test_the_shipped_models_card_is_its_own(tmp_path):
    """After the model has changed: `./run card --data DIR`; after the gates or the template, `./run card`."""
    files = sorted((MODEL / "reports").glob("*.json"))
    card.write(MODEL / "emotion.tflite", files, tmp_path / "MODEL_CARD.md")
    assert (tmp_path / "MODEL_CARD.md").read_bytes() == (MODEL / "MODEL_CARD.md").read_bytes()
    assert words(tmp_path / "plots") == words(MODEL / "plots")


def test_the_shipped_model_breaks_no_gate():
    reports = gates.read_reports(sorted((MODEL / "reports").glob("*.json")))
    assert [str(finding) for finding in gates.broken(gates.check(gates.read(gates.DEFAULT), reports))] == []


def test_of_damaged_reports_nothing_comes(tmp_path):
    (tmp_path / "evaluation.json").write_text("{")
    with pytest.raises(GatesError, match=r"evaluation\.json is no JSON file"):
        card.write(MODEL / "emotion.tflite", [tmp_path / "evaluation.json"], tmp_path / "MODEL_CARD.md")
