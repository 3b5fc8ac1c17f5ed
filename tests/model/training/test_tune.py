"""Tuning and cross-validation on synthetic tones. These tests need TensorFlow (extra `train`)."""

import json
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="needs the extra train: pip install -e '.[train,test]'")

import optuna
from model_corpus import write_cremad
from model_program import model_error, model_output

from callmood.emotion.model import load_model
from model import config
from model.config import ConfigError
from model.data import manifest
from model.evaluation import crossvalidate
from model.training import search_space, tune

CONFIG = """
[architecture]
name = "cnn"
filters = [4, 8]
size = 16

[data]
held_out_speakers = 1
conditions = [["clean whole"]]
frames = 100

[training]
epochs = 6
batch = 6
"""
SPACE = """
sampler = "grid"
pruner = "none"
metric = "loss"
folds = 2

[parameters."training.learning_rate"]
choices = [1e-2, 1e-6]
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp("tuning")
    model_output(
        "ingest", "--corpus", "cremad", "--root", write_cremad(root / "cremad", 5), "--out", root / "m.parquet"
    )
    (root / "small.toml").write_text(CONFIG)
    (root / "space.toml").write_text(SPACE)
    return root


def arguments(root, cache="cache"):
    return ["--config", root / "small.toml", "--manifest", root / "m.parquet", "--cache", root / cache]


def run_tuning(root, *more, study="study.db"):
    model_output("tune", *arguments(root, "tuning"), "--space", root / "space.toml", "--study", root / study, *more)
    return json.loads((root / study).with_suffix(".json").read_text())


def test_study_finds_the_better_value_and_can_be_continued(root):
    first = run_tuning(root, "--trials", 1)
    assert len(first["trials"]) == 1
    both = run_tuning(root, "--trials", 2)
    assert both["trials"][0] == first["trials"][0]
    assert {trial["parameters"]["training.learning_rate"] for trial in both["trials"]} == {1e-2, 1e-6}
    best = config.read(root / "study.toml")
    assert best.training.learning_rate == 1e-2
    assert best.data == config.read(root / "small.toml").data
    for plot in ("history", "slices"):
        assert "log loss" in (root / f"study.{plot}.svg").read_text()
    assert len(list(root.glob("tuning/*.npz"))) == 4  # of five speakers: the one in valid is not used


def test_tuning_uses_the_train_split_only(root, monkeypatch):
    seen = []
    monkeypatch.setattr(tune, "score", lambda _, fold, *__: seen.append(fold) or 0.5)
    run_tuning(root, "--trials", 1, study="seen.db")
    assert {row.speaker for fold in seen for row in fold.rows} == {"1001", "1002", "1003", "1004"}


def test_another_study_is_not_overwritten(root):
    run_tuning(root, "--trials", 2)
    (root / "other.toml").write_text(SPACE.replace("1e-6", "1e-5"))
    options = ["--space", root / "other.toml", "--study", root / "study.db", "--trials", 3]
    message = model_error("tune", *arguments(root), *options)
    assert "is a study of another configuration, search space, or manifest" in message


def with_one_label_changed(path, out):
    rows = manifest.read(path)
    manifest.write([replace(rows[0], emotion="anger" if rows[0].emotion != "anger" else "neutral"), *rows[1:]], out)


def test_study_of_another_manifest_is_not_continued(folder, monkeypatch):
    monkeypatch.setattr(tune, "score", lambda *_: 1.0)
    options = ["--config", folder / "small.toml", "--space", folder / "space.toml", "--study", folder / "study.db"]
    (folder / "space.toml").write_text(SPACE)
    model_output("tune", *options, "--manifest", folder / "m.parquet", "--trials", 1)
    with_one_label_changed(folder / "m.parquet", folder / "m.parquet")
    message = model_error("tune", *options, "--manifest", folder / "m.parquet", "--trials", 2)
    assert "is a study of another configuration, search space, or manifest" in message


def test_file_that_is_not_a_study_is_kept(root):
    (root / "notes.db").write_text("remember the milk " * 100)
    options = ["--space", root / "space.toml", "--study", root / "notes.db"]
    assert "notes.db is not a study" in model_error("tune", *arguments(root, "tuning"), *options)
    assert (root / "notes.db").read_text().startswith("remember the milk")


def run_with_scores(root, monkeypatch, scores, pruner="median", trials=12):
    """Run a study in which the function `scores` replaces the training."""
    text = SPACE.replace('sampler = "grid"', 'sampler = "random"').replace('"none"', f'"{pruner}"')
    text = text.replace("folds = 2", "folds = 4").replace(
        "choices = [1e-2, 1e-6]", "low = 1e-6\nhigh = 1e-2\nlog = true"
    )
    (root / "space.toml").write_text(text)
    monkeypatch.setattr(tune, "score", scores)
    return run_tuning(root, "--trials", trials)


@pytest.fixture
def folder(root, tmp_path):
    (tmp_path / "small.toml").write_text(CONFIG)
    (tmp_path / "m.parquet").write_bytes((root / "m.parquet").read_bytes())
    return tmp_path


@pytest.mark.parametrize("pruner", ["median", "hyperband", "none"])
def test_bad_trials_are_pruned(folder, monkeypatch, pruner):
    calls = []

    def scores(conf, fold, metric, cache):
        calls.append(fold.name)
        return abs(np.log10(conf.training.learning_rate) + 3)

    found = run_with_scores(folder, monkeypatch, scores, pruner)
    pruned = [trial for trial in found["trials"] if trial["pruned"]]
    complete = [trial for trial in found["trials"] if not trial["pruned"]]
    assert bool(pruned) == (pruner != "none")
    assert len(calls) == sum(len(trial["folds"]) for trial in found["trials"])
    assert all(len(trial["folds"]) == 4 for trial in complete)
    assert all(len(trial["folds"]) < 4 for trial in pruned)
    best = min(complete, key=lambda trial: trial["value"])
    assert found["best"] == best["number"]
    assert config.read(folder / "study.toml").training.learning_rate == best["parameters"]["training.learning_rate"]


class Killed(BaseException):
    """Ends a command like a signal."""


def test_interrupted_trial_is_repeated(folder, monkeypatch):
    def killed(conf, fold, metric, cache):
        raise Killed

    with pytest.raises(Killed):
        run_with_scores(folder, monkeypatch, killed)
    [interrupted] = optuna.load_study(study_name="callmood", storage=f"sqlite:///{folder}/study.db").trials
    found = run_with_scores(folder, monkeypatch, lambda *_: 1.0, trials=3)
    assert len(found["trials"]) == 3
    assert found["trials"][0]["parameters"] == interrupted.params


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (SPACE.replace("training.learning_rate", "training.speed"), "training.speed"),
        (SPACE.replace("choices = [1e-2, 1e-6]", "low = 0.1\nhigh = 0.2"), "a grid requires choices, or step"),
        (SPACE.replace("choices = [1e-2, 1e-6]", "low = 0.3\nhigh = 0.2"), "low must be below high"),
        (SPACE.replace("choices = [1e-2, 1e-6]", "choices = [-1.0]"), "greater than 0"),
        (SPACE.replace("choices = [1e-2, 1e-6]", ""), "choices"),
        (SPACE.replace('"grid"', '"best"'), "tpe"),
        (SPACE + "=", "is not a TOML file"),
    ],
)
def test_invalid_search_space_is_named(tmp_path, text, complaint):
    (tmp_path / "space.toml").write_text(text)
    (tmp_path / "small.toml").write_text(CONFIG)
    with pytest.raises(ConfigError, match=complaint) as raised:
        search_space.read(tmp_path / "space.toml", config.read(tmp_path / "small.toml"))
    assert "space.toml" in str(raised.value)


def test_included_search_spaces_are_valid():
    base = config.read(search_space.SPACES.parent / "configs" / "shipped.toml")
    for path in search_space.SPACES.glob("*.toml"):
        search_space.read(path, base)


def test_grid_contains_every_step():
    assert search_space.Interval(low=0.1, high=0.4, step=0.1).grid() == pytest.approx([0.1, 0.2, 0.3, 0.4])
    assert search_space.Interval(low=2, high=9, step=3).grid() == [2, 5, 8]


def test_cross_validation_tests_every_speaker_on_an_independent_model(root, monkeypatch):
    options = [*arguments(root), "--run", root / "folds", "--json", root / "folds.json", "--folds", 2]
    model_output("crossvalidate", *options)
    report = json.loads((root / "folds.json").read_text())
    assert sum(fold["speakers"] for fold in report["folds"]) == 5
    assert sum(fold["clips"] for fold in report["folds"]) == 30
    assert [(result["baseline"], result["channel"]) for result in report["results"]] == [
        ("none", "clean"),
        ("neutral:30", "clean"),
        ("none", "telephone"),
        ("neutral:30", "telephone"),
    ]
    for result in report["results"]:
        assert result["uar"]["mean"] == pytest.approx(np.mean(result["uar"]["folds"]), abs=1e-3)
        # Pooled metrics weight each fold by its number of clips.
        sizes = [fold["clips"] for fold in report["folds"]]
        assert result["pooled"]["clips"] == 30
        assert result["pooled"]["accuracy"] == pytest.approx(
            np.average(result["accuracy"]["folds"], weights=sizes), abs=1e-3
        )
        assert result["pooled"]["speakers"] == 5
    assert len({load_model(file).version for file in root.glob("folds/*/emotion.tflite")}) == 2
    # Finished folds are not trained again.
    monkeypatch.setattr(crossvalidate, "train", lambda *_: pytest.fail("trained again"))
    model_output("crossvalidate", *options)
    assert json.loads((root / "folds.json").read_text()) == report
    # The results of another configuration or manifest are not reported.
    (root / "wider.toml").write_text(CONFIG.replace("size = 16", "size = 24"))
    with_one_label_changed(root / "m.parquet", root / "changed.parquet")
    for option, file in (("--config", "wider.toml"), ("--manifest", "changed.parquet")):
        message = "was started with another configuration or manifest; choose another folder"
        assert message in model_error("crossvalidate", *options, option, root / file)
