"""The command `build`, which `./run train` runs."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("tensorflow", reason="needs the extra train: pip install -e '.[train,test]'")

from callmood.emotion.model import load_model

ROOT = Path(__file__).parents[3]


def build(*arguments):
    command = [sys.executable, "-m", "model", "build", *map(str, arguments)]
    env = os.environ | {"PYTHONPATH": f"{ROOT / 'functions'}:{ROOT}", "TF_CPP_MIN_LOG_LEVEL": "3"}
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)


def test_quick_build_on_synthetic_tones(tmp_path, training_cache):
    done = build("--quick", "--run", tmp_path / "quick", "--cache", training_cache)
    assert done.returncode == 0, done.stdout + done.stderr
    run = tmp_path / "quick"
    assert load_model(run / "emotion.tflite").labels[0] == "anger"
    assert json.loads((run / "evaluation.json").read_text())["accuracy"] > 50  # each emotion is a pitch
    assert json.loads((run / "emotion.json").read_text())["may_ship"] is False  # the tones contain no human speech
    assert "tones" in (run / "MODEL_CARD.md").read_text()
    assert (tmp_path / "mlflow.db").is_file()


def test_folder_without_human_speech_is_rejected(tmp_path):
    (tmp_path / "synthetic").mkdir()
    done = build("--quick", "--data", tmp_path)
    assert done.returncode == 1
    assert f"error: {tmp_path} contains no corpus of human speech; add a folder named cremad, " in done.stderr


def test_incomplete_corpus_stops_the_build(tmp_path):
    (tmp_path / "data/cremad/AudioWAV").mkdir(parents=True)
    done = build("--quick", "--data", tmp_path / "data", "--run", tmp_path / "run")
    assert done.returncode == 1
    assert "VideoDemographics.csv does not exist" in done.stderr
    assert "ingest failed with exit code 1; the following steps did not run" in done.stderr
    assert not list((tmp_path / "run").glob("*"))


def test_missing_corpus_of_the_configuration_is_named(tmp_path):
    (tmp_path / "data/cremad/AudioWAV").mkdir(parents=True)
    done = build("--data", tmp_path / "data", "--run", tmp_path / "run")
    assert "The corpus synthetic is missing" in done.stdout
    assert done.returncode == 1  # the other one is incomplete


def test_invalid_configuration_stops_the_build(tmp_path):
    (tmp_path / "mine.toml").write_text("seed = 'one'")
    done = build("--quick", "--config", tmp_path / "mine.toml", "--run", tmp_path / "run")
    assert done.returncode == 1
    assert "mine.toml is invalid" in done.stderr
    assert "ingest" not in done.stdout
