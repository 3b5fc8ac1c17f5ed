"""The steps of the pipeline and their commands."""

import shlex
import subprocess
import sys
from pathlib import Path

from model.pipeline import steps
from model.pipeline.steps import StepOptions

ROOT = Path(__file__).parents[3]
STEPS = steps.steps()


def test_pipeline_order_and_failure_step():
    assert [step.name for step in steps.main_steps()] == [
        *("ingest", "validate", "features", "train", "export", "evaluate", "evaluate-telephone", "gate"),
        *("reference", "register", "canary", "compare-canary", "promote"),
    ]
    assert [step.name for step in steps.main_steps("calibrate")] == [
        *("calibrate", "register-calibrated", "canary", "compare-canary", "promote")
    ]
    assert [(step.name, step.on_failure) for step in STEPS if step.on_failure] == [("compare-canary", "rollback")]
    mains = [*steps.main_steps(), *steps.main_steps("calibrate")]
    assert [step.name for step in STEPS if step not in mains] == ["rollback"]


def test_every_placeholder_of_every_step_has_a_value(monkeypatch):
    monkeypatch.setattr(steps, "exported_version", lambda _: "f305841e9432")
    options = StepOptions(
        "gs://acme/7", corpora="cremad=gs://acme/c", results="acme.callmood", recordings="gs://calls/a gs://calls/b"
    )
    commands = {step.name: steps.complete_command(step, options) for step in STEPS}
    assert not [word for words in commands.values() for word in words if "{" in word]
    assert commands["ingest"][1:5] == ["--corpus", "cremad", "--root", "gs://acme/c"]
    assert commands["calibrate"][1:5] == ["--recordings", "gs://calls/a", "--recordings", "gs://calls/b"]
    assert commands["train"][-2:] == ["gs://acme/7", "--resume"]
    assert commands["canary"] == ["promote", "f305841e9432", "--canary", "0.1", "--registry", "registry"]


def test_step_executes_its_command(tmp_path):
    words = [sys.executable, "-m", "model", "step", "validate", "--run", str(tmp_path)]
    path = {"PYTHONPATH": f"{ROOT / 'functions'}:{ROOT}"}
    done = subprocess.run(words, cwd=ROOT, env=path, capture_output=True, text=True, check=False)
    manifest, report = f"{tmp_path}/manifest.parquet", f"{tmp_path}/validation.json"
    assert shlex.split(done.stdout) == ["-m", "model", "validate", manifest, "--json", report]
    assert done.returncode == 2
    assert "manifest.parquet does not exist" in done.stderr


def test_step_without_an_exported_model_names_the_step_to_run_first(tmp_path):
    words = [sys.executable, "-m", "model", "step", "canary", "--run", str(tmp_path)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "run the step export first" in done.stderr
    assert "Traceback" not in done.stderr
