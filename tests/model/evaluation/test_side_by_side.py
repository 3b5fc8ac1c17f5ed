"""Models side by side: from what measured them to a page."""

import json
import shutil
import sys

import numpy as np
import pytest
from model_corpus import write_cremad

from callmood.resources import MODEL
from model.evaluation import compare_models, evaluate
from model.evaluation.compare_models import ResultsError
from model.export import speed


def command(module, *arguments):
    """Run a command as from the command line."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", [module.__name__, *map(str, arguments)])
        module.main()


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A run's folder: a model, and what was measured of it."""
    root = tmp_path_factory.mktemp("results")
    (root / "probe").mkdir()
    for name in ("emotion.tflite", "emotion.json"):
        shutil.copy(MODEL / name, root / "probe")
    facts = json.loads((root / "probe/emotion.json").read_text())
    facts |= {"architecture": "whisper_probe", "config": "abcd1234", "trained_on": "CREMA-D", "may_ship": True}
    (root / "probe/emotion.json").write_text(json.dumps(facts))
    corpus = write_cremad(root / "cremad", speakers=3, takes=2)
    model = ["--model", root / "probe/emotion.tflite"]
    for baseline in ("none", "neutral:30"):
        asked = ["--corpus", "cremad", "--root", corpus, "--split", "all", "--baseline", baseline]
        report = root / "probe" / f"{baseline[:4]}.json"
        command(evaluate, *model, *asked, "--cache", root / "cache", "--json", report)
    command(speed, *model, "--json", root / "probe/speed.json")
    return root


def cells(page, title, model):
    """A model's row of the table under a title."""
    table = page.split(f"## {title}\n")[1].split("\n## ")[0]
    row = next(line for line in table.splitlines() if line.startswith(f"| {model} |"))
    return [cell.strip() for cell in row.strip("|").split("|")]


def test_a_page_says_what_was_measured(root):
    command(compare_models, root / "probe", "--out", root / "results.md")
    page = (root / "results.md").read_text()
    timed = json.loads((root / "probe/speed.json").read_text())
    cost = cells(page, "What they are and what they cost", "probe")
    assert cost[2:4] == ["whisper_probe", f"{timed['megabytes']:.1f}"]
    assert cost[4] == f"{timed['milliseconds']:.1f}"
    assert timed["ratio"] == pytest.approx(1, abs=0.3)  # the shipped model against itself
    alone, baseline = (json.loads((root / f"probe/{name}.json").read_text()) for name in ("none", "neut"))
    row = cells(page, "CREMA-D, train and valid", "probe")
    assert row[1] == "accuracy"
    assert row[2].startswith(f"{alone['accuracy']:.1f} (")
    assert row[3].startswith(f"{baseline['accuracy']:.1f} (")
    assert row[4:] == ["–", "–"]  # nothing was measured through the telephone
    assert f"| probe | UAR | {alone['uar']:.1f} (" in page
    assert "Cross-validation" not in page


def test_folds_have_a_table(root, tmp_path):
    shutil.copytree(root / "probe", tmp_path / "probe")
    folds = {"mean": 71.25, "sd": 2.04, "folds": [70.0, 72.5]}
    of = {"baseline": "none", "channel": "clean", "accuracy": folds, "uar": folds}
    report = {"kind": "crossvalidation", "by": "speaker", "config": "abcd1234", "folds": [{}, {}], "results": [of]}
    (tmp_path / "probe/folds.json").write_text(json.dumps(report))
    page = compare_models.page([compare_models.read(tmp_path / "probe")])
    assert cells(page, "Cross-validation", "probe")[1:5] == [
        "speaker",
        "2",
        "accuracy, ± deviation",
        "71.2 ± 2.0",
    ]


def test_what_was_measured_on_another_version_is_not_taken(root, tmp_path):
    shutil.copytree(root / "probe", tmp_path / "probe")
    for name in ("none", "neut"):
        file = tmp_path / f"probe/{name}.json"
        file.write_text(json.dumps(json.loads(file.read_text()) | {"model": "0" * 12}))
    with pytest.raises(ResultsError, match="no evaluation of model"):
        compare_models.read(tmp_path / "probe")


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (lambda run: (run / "emotion.json").unlink(), "model.export.export"),
        (lambda run: (run / "speed.json").write_text("{"), r"speed\.json is damaged"),
    ],
)
def test_a_folder_that_is_not_whole_is_named(root, tmp_path, spoil, complaint):
    shutil.copytree(root / "probe", tmp_path / "probe")
    spoil(tmp_path / "probe")
    with pytest.raises(SystemExit, match=complaint):
        command(compare_models, tmp_path / "probe", "--out", tmp_path / "results.md")
    assert not (tmp_path / "results.md").exists()


def test_a_model_that_takes_longer_is_seen_to(monkeypatch):
    class Slow:
        def __init__(self, work):
            self.work = work

        def embed(self, samples):
            return sum(np.sort(samples) for _ in range(self.work))

        def baseline(self, embeddings, durations_s):
            return None

        def classify(self, embedding, baseline):
            return embedding

    fast, slow = speed.milliseconds([Slow(1), Slow(6)], turns=15)
    assert slow / fast == pytest.approx(6, rel=0.4)
