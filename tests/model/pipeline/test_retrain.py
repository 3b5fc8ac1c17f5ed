"""The way of `./run retrain`: which steps are taken, in which order, and what ends it."""

import sys

import pytest

pytest.importorskip("keras", reason="needs what training needs: pip install -e '.[train,test]'")

from model.pipeline import retrain, steps

STEPS = steps.steps()
WAY = [step.name for step in STEPS if not step.rescues]


def taken(failing=None):
    """Follow the chain where one step fails: the steps taken, and whether the way was gone to its end."""
    names = []

    def take(step):
        names.append(step.name)
        if step.name == failing:
            raise retrain.StepFailed(step.name)

    try:
        return names, retrain.follow(STEPS, take)
    except retrain.StepFailed:
        return names, None


def test_the_way_is_gone_to_its_end():
    assert taken() == (WAY, True)


def test_a_canary_that_must_not_serve_is_taken_back():
    assert taken("watch") == ([*WAY[: WAY.index("watch") + 1], "rollback"], False)


@pytest.mark.parametrize("step", [name for name in WAY if name != "watch"])
def test_any_other_failure_ends_it(step):
    assert taken(step) == (WAY[: WAY.index(step) + 1], None)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "give --data DIR"),
        (["--quick", "--from", "train"], "name it with --run"),
        (["--data", "nowhere"], "nowhere has no folder that is named like a corpus"),
    ],
)
def test_what_makes_no_sense_is_said_in_a_sentence(arguments, told, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["retrain", *arguments])
    with pytest.raises(SystemExit) as end:
        retrain.main()
    assert told in f"{end.value.code} {capsys.readouterr().err}"
    assert not list(tmp_path.iterdir())


def test_a_corpus_that_the_recipe_is_made_for_is_missed(tmp_path, monkeypatch, capsys):
    (tmp_path / "data/cremad").mkdir(parents=True)
    places = ("--run", str(tmp_path / "run"), "--registry", str(tmp_path / "registry"))
    monkeypatch.setattr(sys, "argv", ["retrain", "--data", str(tmp_path / "data"), *places])
    with pytest.raises(SystemExit, match="ingest"):  # the other one is half there
        retrain.main()
    assert "Without the corpus calm, for which" in capsys.readouterr().out
