"""From corpora to a model that was measured, by one command: what `./run train --quick` runs."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("tensorflow", reason="needs what training needs: pip install -e '.[train,test]'")

from callmood.emotion.model import load_model

ROOT = Path(__file__).parents[3]


def make(*arguments):
    command = [sys.executable, "-m", "model", "build", *map(str, arguments)]
    env = os.environ | {"PYTHONPATH": f"{ROOT / 'functions'}:{ROOT}", "TF_CPP_MIN_LOG_LEVEL": "3"}
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)


def test_the_whole_way_on_made_up_voices(tmp_path, training_cache):
    done = make("--quick", "--run", tmp_path / "quick", "--cache", training_cache)
    assert done.returncode == 0, done.stdout + done.stderr
    run = tmp_path / "quick"
    assert load_model(run / "emotion.tflite").labels[0] == "anger"
    assert json.loads((run / "evaluation.json").read_text())["accuracy"] > 50  # of six pitches
    assert json.loads((run / "emotion.json").read_text())["may_ship"] is False  # it knows nothing of people
    assert "made-up" in (run / "MODEL_CARD.md").read_text()
    assert (tmp_path / "mlflow.db").is_file()


def test_a_folder_without_corpora_of_people_is_named(tmp_path):
    (tmp_path / "synthetic").mkdir()
    done = make("--quick", "--data", tmp_path)
    assert done.returncode == 1
    assert f"error: {tmp_path} has no folder that is named like a corpus of people: cremad, " in done.stderr


def test_a_corpus_that_is_half_there_stops_the_way(tmp_path):
    (tmp_path / "data/cremad/AudioWAV").mkdir(parents=True)
    done = make("--quick", "--data", tmp_path / "data", "--run", tmp_path / "run")
    assert done.returncode == 1
    assert "VideoDemographics.csv does not exist" in done.stderr or "contains no clips" in done.stderr
    assert "model.data.ingest stopped with exit code 1; the rest was not run" in done.stderr
    assert not list((tmp_path / "run").glob("*"))


def test_a_corpus_that_the_recipe_is_made_for_is_missed(tmp_path):
    (tmp_path / "data/cremad/AudioWAV").mkdir(parents=True)
    done = make("--data", tmp_path / "data", "--run", tmp_path / "run")
    assert "Without the corpus synthetic, for which" in done.stdout
    assert done.returncode == 1  # the other one is half there


def test_a_configuration_that_is_none_stops_it_at_once(tmp_path):
    (tmp_path / "mine.toml").write_text("seed = 'one'")
    done = make("--quick", "--config", tmp_path / "mine.toml", "--run", tmp_path / "run")
    assert done.returncode == 1
    assert "mine.toml is invalid" in done.stderr
    assert "model.data.ingest" not in done.stdout
