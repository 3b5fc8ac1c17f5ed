"""The comparison of models: from reports to a page."""

import json
import shutil

import numpy as np
import pytest
from model_corpus import write_cremad
from model_program import model_error, model_output

from callmood.resources import MODEL
from model.evaluation import compare_models
from model.evaluation.compare_models import ResultsError
from model.export import speed


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A run folder with a model and reports on it."""
    root = tmp_path_factory.mktemp("results")
    (root / "probe").mkdir()
    for name in ("emotion.tflite", "emotion.json"):
        shutil.copy(MODEL / name, root / "probe")
    metadata = json.loads((root / "probe/emotion.json").read_text())
    metadata |= {"architecture": "whisper_probe", "config": "abcd1234", "trained_on": "CREMA-D", "may_ship": True}
    (root / "probe/emotion.json").write_text(json.dumps(metadata))
    corpus = write_cremad(root / "cremad", speakers=3, takes=2)
    model = ["--model", root / "probe/emotion.tflite"]
    for baseline in ("none", "neutral:30"):
        options = ["--corpus", "cremad", "--root", corpus, "--split", "all", "--baseline", baseline]
        report = root / "probe" / f"{baseline[:4]}.json"
        model_output("evaluate", *model, *options, "--cache", root / "cache", "--json", report)
    model_output("speed", *model, "--json", root / "probe/speed.json")
    return root


def cells(page, title, model):
    """The row of a model in the table under a title."""
    table = page.split(f"## {title}\n")[1].split("\n## ")[0]
    row = next(line for line in table.splitlines() if line.startswith(f"| {model} |"))
    return [cell.strip() for cell in row.strip("|").split("|")]


def test_page_contains_the_measured_values(root):
    model_output("compare", root / "probe", "--out", root / "results.md")
    page = (root / "results.md").read_text()
    speed_report = json.loads((root / "probe/speed.json").read_text())
    cost = cells(page, "Models", "probe")
    assert cost[2:4] == ["whisper_probe", f"{speed_report['megabytes']:.1f}"]
    assert cost[4] == f"{speed_report['milliseconds']:.1f}"
    assert speed_report["ratio"] == pytest.approx(1, abs=0.3)  # the shipped model relative to itself
    alone, with_baseline = (json.loads((root / f"probe/{name}.json").read_text()) for name in ("none", "neut"))
    row = cells(page, "CREMA-D, train and valid", "probe")
    assert row[1] == "accuracy"
    assert row[2].startswith(f"{alone['accuracy']:.1f} (")
    assert row[3].startswith(f"{with_baseline['accuracy']:.1f} (")
    assert row[4:] == ["–", "–"]  # no evaluation through the telephone
    assert f"| probe | UAR | {alone['uar']:.1f} (" in page
    assert "Cross-validation" not in page


def test_cross_validation_has_a_table(root, tmp_path):
    shutil.copytree(root / "probe", tmp_path / "probe")
    folds = {"mean": 71.25, "sd": 2.04, "folds": [70.0, 72.5]}
    result = {"baseline": "none", "channel": "clean", "accuracy": folds, "uar": folds}
    report = {"kind": "crossvalidation", "by": "speaker", "config": "abcd1234", "folds": [{}, {}], "results": [result]}
    (tmp_path / "probe/folds.json").write_text(json.dumps(report))
    page = compare_models.page([compare_models.read(tmp_path / "probe")])
    assert cells(page, "Cross-validation", "probe")[1:5] == [
        "speaker",
        "2",
        "accuracy, ± standard deviation",
        "71.2 ± 2.0",
    ]


def test_reports_on_another_version_are_ignored(root, tmp_path):
    shutil.copytree(root / "probe", tmp_path / "probe")
    for name in ("none", "neut"):
        file = tmp_path / f"probe/{name}.json"
        file.write_text(json.dumps(json.loads(file.read_text()) | {"model": "0" * 12}))
    with pytest.raises(ResultsError, match="no evaluation of model"):
        compare_models.read(tmp_path / "probe")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda run: (run / "emotion.json").unlink(), "create it with python -m model export"),
        (lambda run: (run / "speed.json").write_text("{"), "speed.json is not a JSON file"),
    ],
)
def test_incomplete_folder_is_named(root, tmp_path, damage, message):
    shutil.copytree(root / "probe", tmp_path / "probe")
    damage(tmp_path / "probe")
    assert message in model_error("compare", tmp_path / "probe", "--out", tmp_path / "results.md")
    assert not (tmp_path / "results.md").exists()


def test_slower_model_has_a_longer_time():
    class Slow:
        def __init__(self, work):
            self.work = work

        def embed(self, samples):
            return sum(np.sort(samples) for _ in range(self.work))

        def estimate_baseline(self, embeddings, durations_s):
            return None

        def classify(self, embedding, baseline):
            return embedding

    fast, slow = speed.measure([Slow(1), Slow(6)], rounds=15)
    assert slow / fast == pytest.approx(6, rel=0.4)
