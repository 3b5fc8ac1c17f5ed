"""Calibration of the model to the callers of a folder, from the command line to the rows in the store."""

import json
import shutil

import numpy as np
import pytest
from command_line import EXAMPLES, run
from command_line import json_lines as lines

from callmood.emotion import population
from callmood.emotion.population import read_population
from callmood.services import calibrate
from callmood.services.calibrate import sample

VERSIONS = "SELECT DISTINCT population_version FROM segments UNION DISTINCT SELECT population_version FROM recordings"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Three short calls, and as many as the minimum of a population."""
    monkeypatch.setattr(population, "MIN_CALLS", 3)
    monkeypatch.setattr(calibrate, "MIN_SPEECH_S", 0.5)
    monkeypatch.setenv("CALLMOOD_STORE", str(tmp_path / "calls.duckdb"))
    calls = tmp_path / "calls"
    calls.mkdir()
    for example in EXAMPLES[:3]:
        shutil.copy(example, calls)
    return calls


def test_sample_is_random_and_repeatable():
    chosen = sample(range(10_000), 500)
    assert chosen == sample(range(10_000), 500)
    assert len(set(chosen)) == 500
    assert np.mean(chosen) == pytest.approx(5000, rel=0.1)
    assert sample(range(3), 500) == [0, 1, 2]


def test_command_writes_statistics_only(folder, tmp_path):
    out = tmp_path / "population.json"
    [printed] = lines(run("calibrate", folder, "--out", out, "--workers", 1, "--json"))
    found = read_population(out.read_bytes(), out)
    assert (printed["population_version"], printed["calls"]) == (found.version, found.calls)
    assert found.calls == 3
    assert set(json.loads(out.read_bytes())) == {"format", "model_version", "calls", "mean", "deviation"}
    assert found.mean.shape == (3072,)


def test_population_selects_other_analyses(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(population, "MIN_CALLS", 50)
    run("analyze", folder, "--workers", 1)
    monkeypatch.setattr(population, "MIN_CALLS", 3)
    out = tmp_path / "population.json"
    run("calibrate", folder, "--out", out, "--workers", 1)
    monkeypatch.setenv("POPULATION_URI", str(out))
    again = lines(run("analyze", folder, "--workers", 1, "--json"))
    assert [row["status"] for row in again] == ["analyzed"] * 3
    version = read_population(out.read_bytes(), out).version
    found = {row["population_version"] for row in lines(run("query", VERSIONS, "--json"))}
    assert found == {None, version}
    shown = lines(run("query", "SELECT DISTINCT population_version FROM calls", "--json"))
    assert shown == [{"population_version": version}]


def test_large_folder_calibrates_itself_once(folder, tmp_path):
    first = run("analyze", folder, "--workers", 1)
    file = tmp_path / "calls.population.json"
    assert "Calibrated to 3 calls of this run" in first
    version = read_population(file.read_bytes(), file).version
    assert lines(run("query", VERSIONS, "--json")) == [{"population_version": version}]
    again = run("analyze", folder, "--workers", 1)
    assert "Calibrated" not in again
    assert "3 skipped" in again


def test_too_few_calls_with_speech_are_reported(folder, monkeypatch, tmp_path):
    monkeypatch.setattr(calibrate, "MIN_SPEECH_S", 1e6)
    output = run("calibrate", folder, "--workers", 1, "--out", tmp_path / "p.json", code=2)
    assert "0 calls with speech of a caller are too few" in output
    assert not (tmp_path / "p.json").exists()
    assert "Not calibrated: 0 calls" in run("analyze", folder, "--workers", 1)


def test_population_of_another_model_is_reported(folder, tmp_path, monkeypatch):
    out = tmp_path / "population.json"
    run("calibrate", folder, "--out", out, "--workers", 1)
    fields = json.loads(out.read_bytes()) | {"model_version": "000000000000"}
    out.write_text(json.dumps(fields))
    monkeypatch.setenv("POPULATION_URI", str(out))
    assert "belongs to model 000000000000" in run("analyze", folder, code=2)
    monkeypatch.setenv("POPULATION_URI", str(tmp_path / "none.json"))
    assert "cannot load the population" in run("analyze", folder, code=2)


def test_folders_and_buckets_are_not_mixed(folder):
    assert "use either folders, or gs:// URIs" in run("calibrate", folder, "gs://acme-calls", code=2)
