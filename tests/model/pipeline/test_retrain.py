"""The command `retrain`: the order of steps, and the end after a failure."""

import pytest
from model_program import run_model

pytest.importorskip("keras", reason="needs the extra train: pip install -e '.[train,test]'")

from model.pipeline import retrain, steps
from model.pipeline.build import StepError

MAIN_STEPS = steps.main_steps()
NAMES = [step.name for step in MAIN_STEPS]


def run_pipeline(failing=None):
    """Run the pipeline with one failing step: the names of the steps that ran, and the result; None after an error."""
    names = []

    def run(name):
        names.append(name)
        if name == failing:
            raise StepError(name)

    try:
        return names, retrain.run_pipeline(MAIN_STEPS, run)
    except StepError:
        return names, None


def test_pipeline_runs_every_main_step_in_order():
    assert run_pipeline() == (NAMES, True)


def test_rejected_canary_is_rolled_back():
    assert run_pipeline("compare-canary") == ([*NAMES[: NAMES.index("compare-canary") + 1], "rollback"], False)


@pytest.mark.parametrize("step", [name for name in NAMES if name != "compare-canary"])
def test_any_other_failure_ends_the_pipeline(step):
    assert run_pipeline(step) == (NAMES[: NAMES.index(step) + 1], None)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "give --data DIR"),
        (["--quick", "--from", "train"], "name it with --run"),
        (["--data", "nowhere"], "nowhere contains no corpus of human speech"),
    ],
)
def test_invalid_options_are_rejected(arguments, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = run_model("retrain", *arguments)
    assert result.exit_code != 0
    assert message in " ".join(result.stderr.split())
    assert not list(tmp_path.iterdir())


def test_missing_corpus_of_the_configuration_is_named(tmp_path):
    (tmp_path / "data/cremad").mkdir(parents=True)
    folders = ("--run", tmp_path / "run", "--registry", tmp_path / "registry")
    result = run_model("retrain", "--data", tmp_path / "data", *folders)
    assert result.exit_code == 1
    assert "ingest" in result.stderr  # the other corpus is incomplete
    assert "The corpus synthetic is missing" in result.stdout
