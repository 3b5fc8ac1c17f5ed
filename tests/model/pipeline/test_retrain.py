"""The way of `./run retrain`: which steps are taken, in which order, and what ends it."""

import sys

import pytest

pytest.importorskip("keras", reason="needs what training needs: pip install -e '.[train,test]'")

from model.pipeline import retrain, steps

MAIN_STEPS = steps.main_steps()
NAMES = [step.name for step in MAIN_STEPS]


def run_pipeline(failing=None):
    """Run the pipeline with one failing step: the names of the steps that ran, and the result; None after an error."""
    names = []

    def run(name):
        names.append(name)
        if name == failing:
            raise retrain.StepFailed(name)

    try:
        return names, retrain.run_pipeline(MAIN_STEPS, run)
    except retrain.StepFailed:
        return names, None


def test_pipeline_runs_every_main_step_in_order():
    assert run_pipeline() == (NAMES, True)


def test_rejected_canary_is_rolled_back():
    assert run_pipeline("compare-canary") == ([*NAMES[: NAMES.index("compare-canary") + 1], "rollback"], False)


@pytest.mark.parametrize("step", [name for name in NAMES if name != "compare-canary"])
def test_any_other_failure_ends_the_pipeline(step):
    assert run_pipeline(step) == (NAMES[: NAMES.index(step) + 1], None)


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
    assert "Without the corpus synthetic, for which" in capsys.readouterr().out
