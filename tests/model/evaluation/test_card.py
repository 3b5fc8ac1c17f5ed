"""The model card: its values come from the reports on its model."""

import json
import re

import numpy as np
import pytest
from model_program import model_error, model_output

from callmood.types import EMOTIONS
from model.evaluation import card
from model.evaluation.metrics import Predictions, assess
from model.export import gates
from model.export.gates import GatesError
from model.files import MODEL_DIR


def evaluation(seed=0, **changes):
    """A report on random predictions, which are more accurate for women."""
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
        **assess(Predictions(labels, probabilities, speakers, {"sex": sex})),
    }
    return report | changes


@pytest.fixture
def run(tmp_path):
    """A run folder with a model file and reports on it."""
    (tmp_path / "emotion.tflite").write_bytes(b"model")
    metadata = {"version": "abc", "architecture": "whisper_probe", "trained_on": "voices", "licenses": "none"}
    (tmp_path / "emotion.json").write_text(json.dumps(metadata))
    (tmp_path / "evaluation.json").write_text(json.dumps(evaluation()))
    history = [{"epoch": n, "loss": 1 / n, "held_out_loss": 1 / n, "held_out_accuracy": 1 - 1 / n} for n in (1, 2, 3)]
    (tmp_path / "history.json").write_text(json.dumps(history))
    return tmp_path


def arguments(run):
    return ["card", *run.glob("*.json"), "--model", run / "emotion.tflite", "--out", run / "MODEL_CARD.md"]


def write(run):
    """Run the command, and return the card."""
    model_output(*arguments(run))
    return (run / "MODEL_CARD.md").read_text()


def test_card_contains_the_measured_values(run):
    text, report = write(run), evaluation()
    assert text.startswith("# Model card: emotion abc\n")
    low, high = report["intervals"]["accuracy"]
    assert f"| CREMA-D | 600, 8 | clean | neutral:30 | {report['accuracy']:.1f} ({low:.1f} to {high:.1f}) |" in text
    for emotion in EMOTIONS:
        assert f"| {emotion} | {report['emotions'][emotion]['clips']} |" in text
    gap = report["groups"]["sex"]["gaps"]["uar"]["points"]
    assert f"**sex**: {gap:.1f} points of UAR" in text
    assert "This exceeds the target of 3 points. The interval excludes 0" in text
    for forbidden in ("Decisions on employees", "Lie detection", "Diagnosis"):
        assert forbidden in text.split("## Prohibited use")[1].split("##")[0]
    assert "| UAR gap between sexes | at most 12 |" in text
    assert "failed" in text


def test_card_has_exactly_its_plots(run):
    (run / "plots").mkdir()
    (run / "plots/confusion-tess.svg").write_text("plot of another card")
    text = write(run)
    linked = set(re.findall(r"\(plots/(.*?)\)", text))
    assert linked == {path.name for path in (run / "plots").iterdir()}
    assert linked == {"confusion-cremad.svg", "calibration-cremad.svg", "groups-cremad.svg", "learning.svg"}
    assert "female (4 speakers)" in (run / "plots/groups-cremad.svg").read_text()


def test_equal_reports_give_equal_bytes(run):
    def files():
        write(run)
        return {path.name: path.read_bytes() for path in (run / "MODEL_CARD.md", *(run / "plots").iterdir())}

    assert files() == files()


def crossvalidation(config):
    """A report on a configuration, by speaker."""
    result = {"baseline": "neutral:30", "channel": "clean", "pooled": evaluation(1)}
    return {
        "kind": "crossvalidation",
        "by": "speaker",
        "config": config,
        "folds": [{"speakers": 4}] * 2,
        "results": [result],
    }


def test_card_contains_the_cross_validation_of_its_configuration_only(run):
    metadata = json.loads((run / "emotion.json").read_text())
    (run / "emotion.json").write_text(json.dumps(metadata | {"config": "c1"}))
    (run / "folds.json").write_text(json.dumps(crossvalidation("c1")))
    section = write(run).split("## Cross-validation")[1].split("\n## ")[0]
    assert "was trained 2 times, each time without some of 8 speakers, and tested on those" in section
    assert f"| clean | neutral:30 | {evaluation(1)['accuracy']:.1f} (" in section
    assert f"- **sex**: {evaluation(1)['groups']['sex']['gaps']['uar']['points']:.1f} points" in section
    (run / "folds.json").write_text(json.dumps(crossvalidation("c2")))
    assert "a cross-validation report is of another configuration" in model_error(*arguments(run))


@pytest.mark.parametrize(
    ("model", "kind", "message"),
    [("xyz", "evaluation", "on model xyz"), ("abc", "speed", "the reports contain no evaluation")],
)
def test_reports_on_another_model_are_rejected(run, model, kind, message):
    (run / "evaluation.json").write_text(json.dumps(evaluation(model=model, kind=kind)))
    assert message in model_error(*arguments(run))
    assert not (run / "MODEL_CARD.md").exists()


def texts(folder):
    """The texts of each plot. Their positions depend on the fonts of the machine."""
    return {path.name: re.findall(r">([^<]+)</text>", path.read_text()) for path in folder.iterdir()}


def test_shipped_card_is_current(tmp_path):
    """After a change of the model, run `./run card --data DIR`; after a change of gates or template, `./run card`."""
    files = sorted((MODEL_DIR / "reports").glob("*.json"))
    card.write(MODEL_DIR / "emotion.tflite", files, tmp_path / "MODEL_CARD.md")
    assert (tmp_path / "MODEL_CARD.md").read_bytes() == (MODEL_DIR / "MODEL_CARD.md").read_bytes()
    assert texts(tmp_path / "plots") == texts(MODEL_DIR / "plots")


def test_shipped_model_passes_all_gates():
    reports = gates.read_reports(sorted((MODEL_DIR / "reports").glob("*.json")))
    assert [str(result) for result in gates.failed(gates.check(gates.read(gates.DEFAULT), reports))] == []


def test_invalid_report_is_rejected(tmp_path):
    (tmp_path / "evaluation.json").write_text("{")
    with pytest.raises(GatesError, match=r"evaluation\.json is not a JSON file"):
        card.write(MODEL_DIR / "emotion.tflite", [tmp_path / "evaluation.json"], tmp_path / "MODEL_CARD.md")
