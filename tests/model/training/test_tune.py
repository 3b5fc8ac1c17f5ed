"""Tuning and cross-validation, on a few made-up voices. These need what training needs (extra `train`)."""

import json
import sys

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="needs what training needs: pip install -e '.[train,test]'")

import optuna
from model_corpus import write_cremad
from model_program import model_output

from callmood.emotion.model import load_model
from model import config
from model.config import ConfigError
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
measure = "loss"
folds = 2

[space."training.learning_rate"]
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


def command(module, *arguments):
    """Run a command as from the command line."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", [module.__name__, *map(str, arguments)])
        module.main()


def arguments(root, cache="cache"):
    return ["--config", root / "small.toml", "--manifest", root / "m.parquet", "--cache", root / cache]


def tuned(root, *more, study="study.db"):
    command(tune, *arguments(root, "tuning"), "--space", root / "space.toml", "--study", root / study, *more)
    return json.loads((root / study).with_suffix(".json").read_text())


def test_a_study_finds_the_better_value_and_goes_on_where_it_was_stopped(root):
    first = tuned(root, "--trials", 1)
    assert len(first["trials"]) == 1
    both = tuned(root, "--trials", 2)
    assert both["trials"][0] == first["trials"][0]
    assert {trial["values"]["training.learning_rate"] for trial in both["trials"]} == {1e-2, 1e-6}
    best = config.read(root / "study.toml")
    assert best.training.learning_rate == 1e-2
    assert best.data == config.read(root / "small.toml").data
    for picture in ("history", "slices"):
        assert "log loss" in (root / f"study.{picture}.svg").read_text()
    assert len(list(root.glob("tuning/*.npz"))) == 4  # of five speakers: the one that is valid was never heard


def test_folds_of_train_alone_are_looked_at(root, monkeypatch):
    seen = []
    monkeypatch.setattr(tune, "score", lambda _, fold, *__: seen.append(fold) or 0.5)
    tuned(root, "--trials", 1, study="seen.db")
    assert {row.speaker for fold in seen for row in fold.rows} == {"1001", "1002", "1003", "1004"}


def test_another_study_is_not_written_into(root):
    tuned(root, "--trials", 2)
    (root / "other.toml").write_text(SPACE.replace("1e-6", "1e-5"))
    with pytest.raises(SystemExit, match="is a study of another configuration, space or manifest"):
        command(tune, *arguments(root), "--space", root / "other.toml", "--study", root / "study.db", "--trials", 3)


def test_a_file_that_is_no_study_is_left_alone(root):
    (root / "notes.db").write_text("remember the milk " * 100)
    with pytest.raises(SystemExit, match=r"notes\.db is no study"):
        tuned(root, study="notes.db")
    assert (root / "notes.db").read_text().startswith("remember the milk")


def faked(root, monkeypatch, scores, pruner="median", trials=12):
    """Run a study in which a trial's score is what `scores` makes of its learning rate and of the fold."""
    text = SPACE.replace('sampler = "grid"', 'sampler = "random"').replace('"none"', f'"{pruner}"')
    text = text.replace("folds = 2", "folds = 4").replace(
        "choices = [1e-2, 1e-6]", "low = 1e-6\nhigh = 1e-2\nlog = true"
    )
    (root / "space.toml").write_text(text)
    monkeypatch.setattr(tune, "score", scores)
    return tuned(root, "--trials", trials)


@pytest.fixture
def folder(root, tmp_path):
    (tmp_path / "small.toml").write_text(CONFIG)
    (tmp_path / "m.parquet").write_bytes((root / "m.parquet").read_bytes())
    return tmp_path


@pytest.mark.parametrize("pruner", ["median", "hyperband", "none"])
def test_what_does_worse_than_the_others_is_given_up(folder, monkeypatch, pruner):
    asked = []

    def scores(conf, fold, measure, cache):
        asked.append(fold.name)
        return abs(np.log10(conf.training.learning_rate) + 3)

    found = faked(folder, monkeypatch, scores, pruner)
    pruned = [trial for trial in found["trials"] if trial["pruned"]]
    whole = [trial for trial in found["trials"] if not trial["pruned"]]
    assert bool(pruned) == (pruner != "none")
    assert len(asked) == sum(len(trial["folds"]) for trial in found["trials"])
    assert all(len(trial["folds"]) == 4 for trial in whole)
    assert all(len(trial["folds"]) < 4 for trial in pruned)
    best = min(whole, key=lambda trial: trial["value"])
    assert found["best"] == best["number"]
    assert config.read(folder / "study.toml").training.learning_rate == best["values"]["training.learning_rate"]


def test_a_trial_that_was_cut_off_is_made_again(folder, monkeypatch):
    def killed(conf, fold, measure, cache):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        faked(folder, monkeypatch, killed)
    (cut,) = optuna.load_study(study_name="callmood", storage=f"sqlite:///{folder}/study.db").trials
    found = faked(folder, monkeypatch, lambda *_: 1.0, trials=3)
    assert len(found["trials"]) == 3
    assert found["trials"][0]["values"] == cut.params


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (SPACE.replace("training.learning_rate", "training.speed"), "training.speed"),
        (SPACE.replace("choices = [1e-2, 1e-6]", "low = 0.1\nhigh = 0.2"), "a grid needs choices, or a step"),
        (SPACE.replace("choices = [1e-2, 1e-6]", "low = 0.3\nhigh = 0.2"), "low must be under high"),
        (SPACE.replace("choices = [1e-2, 1e-6]", "choices = [-1.0]"), "greater than 0"),
        (SPACE.replace("choices = [1e-2, 1e-6]", ""), "choices"),
        (SPACE.replace('"grid"', '"best"'), "tpe"),
        (SPACE + "=", "is no TOML"),
    ],
)
def test_a_wrong_space_is_refused_by_name(tmp_path, text, complaint):
    (tmp_path / "space.toml").write_text(text)
    (tmp_path / "small.toml").write_text(CONFIG)
    with pytest.raises(ConfigError, match=complaint) as refused:
        search_space.read(tmp_path / "space.toml", config.read(tmp_path / "small.toml"))
    assert "space.toml" in str(refused.value)


def test_the_spaces_that_come_along_can_be_used():
    base = config.read(search_space.SPACES.parent / "configs" / "shipped.toml")
    for path in search_space.SPACES.glob("*.toml"):
        search_space.read(path, base)


def test_a_grid_has_every_step():
    assert search_space.Interval(low=0.1, high=0.4, step=0.1).grid() == pytest.approx([0.1, 0.2, 0.3, 0.4])
    assert search_space.Interval(low=2, high=9, step=3).grid() == [2, 5, 8]


def test_every_speaker_is_tested_on_a_file_that_never_heard_them(root, monkeypatch):
    made_from = [*arguments(root), "--run", root / "folds", "--json", root / "folds.json", "--folds", 2]
    command(crossvalidate, *made_from)
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
        # Together, every clip counts once: folds of other sizes weigh as much as they hold.
        sizes = [fold["clips"] for fold in report["folds"]]
        assert result["together"]["clips"] == 30
        assert result["together"]["accuracy"] == pytest.approx(
            np.average(result["accuracy"]["folds"], weights=sizes), abs=1e-3
        )
        assert result["together"]["speakers"] == 5
    assert len({load_model(file).version for file in root.glob("folds/*/emotion.tflite")}) == 2
    # What is done is not done again.
    monkeypatch.setattr(crossvalidate, "train", lambda *_: pytest.fail("trained again"))
    command(crossvalidate, *made_from)
    assert json.loads((root / "folds.json").read_text()) == report
