"""Recordings that are reprocessed with another model version."""

import json
import shutil

import numpy as np
import pytest
from command_line import EXAMPLES, run
from model_files import command
from registry_changes import promote_versions

from callmood.emotion import population
from callmood.emotion.population import Population
from callmood.errors import WarehouseError
from callmood.models.resolver import open_population
from callmood.services import calibrate
from callmood.warehouse.duckdb import DuckDBWarehouse


def published_versions(store):
    """Return the model version of each recording in reports."""
    return [
        row["model_version"] for row in DuckDBWarehouse(store).query("SELECT model_version FROM recordings_current")
    ]


def test_reports_use_reprocessed_calls_after_the_promotion(registry, tmp_path, one, two, three):
    """Analyzed by one, then by two, which is promoted afterwards; then by three, which is in production already."""
    store, calls = tmp_path / "calls.duckdb", tmp_path / "calls"
    calls.mkdir()
    shutil.copy(EXAMPLES[0], calls)
    promote_versions(registry, one)
    production = ("--model", f"{registry.uri}@production", "--store", store)
    backfill = ("backfill", calls, "--store", store, "--model")
    run("analyze", calls, *production, "--workers", 1)
    assert "1 recordings would be reprocessed" in run(*backfill, f"{registry.uri}@{two}", "--dry-run")
    assert "after promotion" in run(*backfill, f"{registry.uri}@{two}")
    assert published_versions(store) == [one]
    assert command("promote", two, "--registry", registry.uri, "--store", store) == 0
    assert published_versions(store) == [two]
    assert command("rollback", "--registry", registry.uri, "--store", store) == 0
    assert published_versions(store) == [one]
    assert command("promote", three, "--registry", registry.uri, "--store", store) == 0
    assert published_versions(store) == [one]
    result = json.loads(run(*backfill, f"{registry.uri}@production", "--json"))
    assert result == {"model_version": three, "recordings": 1, "failed": 0, "published": True}
    assert published_versions(store) == [three]
    counted = DuckDBWarehouse(store).query(
        "SELECT model_version, SUM(calls) AS n FROM model_versions GROUP BY model_version"
    )
    assert {row["model_version"]: row["n"] for row in counted} == {one: 1, two: 1, three: 1}


def test_backfill_uses_the_population_of_its_model(registry, tmp_path, one, two, monkeypatch):
    store, file = tmp_path / "calls.duckdb", tmp_path / "calls.population.json"
    given = Population(one, 50, np.zeros(3072, np.float32), np.ones(3072, np.float32))
    file.write_bytes(given.to_json())
    monkeypatch.setattr(population, "MIN_CALLS", 1)
    monkeypatch.setattr(calibrate, "MIN_SPEECH_S", 0.5)
    recording = tmp_path / EXAMPLES[0].name
    shutil.copy(EXAMPLES[0], recording)
    versions = []
    for model in (one, two):
        run("backfill", recording, "--store", store, "--model", f"{registry.uri}@{model}")
        sql = f"SELECT population_version FROM recordings WHERE model_version = '{model}'"
        versions.append(DuckDBWarehouse(store).query(sql)[0]["population_version"])
    measured = open_population(str(tmp_path / f"calls.{two}.population.json"))
    assert versions == [given.version, measured.version]
    assert file.read_bytes() == given.to_json()


def test_promotion_is_kept_if_reports_cannot_be_updated(registry, tmp_path, one, capsys, monkeypatch):
    def locked(*_):
        raise WarehouseError("the store is locked")

    store = DuckDBWarehouse(tmp_path / "calls.duckdb").path
    monkeypatch.setattr(DuckDBWarehouse, "append", locked)
    assert command("promote", one, "--registry", registry.uri, "--store", store) == 1
    assert f"{one} is in production, but reports still use earlier versions" in capsys.readouterr().err
    assert registry.release("production").version == one


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["recordings"], "callmood analyze recordings"),
        (["gs://calls", "--model", "x@y"], "set --project"),
        (["gs://calls", "--project", "p", "--model", "model.tflite"], "use REGISTRY@VERSION"),
    ],
)
def test_missing_options_of_backfill_are_reported(arguments, message, monkeypatch):
    monkeypatch.delenv("GOOGLE_CLOUD_PROJECT", raising=False)
    assert message in " ".join(run("backfill", *arguments, code=2).split())


def test_failed_recordings_of_a_backfill_are_counted(registry, tmp_path, one):
    promote_versions(registry, one)
    calls = tmp_path / "calls"
    calls.mkdir()
    (calls / "broken.wav").write_bytes(b"not audio")
    arguments = ("backfill", calls, "--store", tmp_path / "s.duckdb", "--model", f"{registry.uri}@{one}")
    assert "1 recordings failed and keep" in run(*arguments, code=1)
