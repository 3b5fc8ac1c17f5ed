"""The comparison of a canary with the production model, in a real store and a real registry."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from model_files import command, model_file, version_of
from table_rows import commit_row, segment_row

from callmood.models.registry import Registry
from callmood.warehouse.duckdb import DuckDBWarehouse
from model.deployment import promote


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    """A registry with a production version and a canary."""
    folder = tmp_path_factory.mktemp("registry")
    models = [model_file(folder, number) for number in (1, 2)]
    for path in models:
        assert command("register", "--model", path, "--registry", folder / "registry") == 0
    production, canary = map(version_of, models)
    registry = Registry(str(folder / "registry"))
    promote.promote(registry, "production", production, None)
    promote.promote(registry, "production", canary, 0.5)
    return registry


@pytest.fixture
def store(tmp_path):
    return DuckDBWarehouse(tmp_path / "calls.duckdb")


def write_calls(store, version, calls, anger=0.1, confidence=0.8, processing_s=0.5, times=1, minutes=5):
    """Write a version's rows of calls of 2020, after the start of the canary or before it."""
    at = (datetime.now(UTC) + timedelta(minutes=minutes)).isoformat()
    mix = {"p_anger": anger, "p_neutral": 0.8 - anger, "confidence": confidence}
    segments, commits = [], []
    for number in range(calls):
        known = {"analysis_id": f"{version}-{number}", "model_version": version}
        known |= {"call_date": "2020-02-02", "analyzed_at": at}
        segments += [segment_row(i, **known, **mix, segment_id=f"{version}-{number}-{i}") for i in range(2)]
        commits += [commit_row(**known, processing_s=processing_s)]
    store.append("segments", segments * times)
    store.append("recordings", commits * times)


def compare(store, registry, tmp_path, *options):
    """Run the command, and return its exit code and its report."""
    out = tmp_path / "canary.json"
    release = registry.release("production")
    code = command(
        "compare-canary", release.canary, "--registry", registry.uri, "--results", store.path, "--json", out, *options
    )
    return code, json.loads(out.read_text())


def test_canary_that_agrees_is_accepted(store, registry, tmp_path):
    release = registry.release("production")
    write_calls(store, release.version, 40)
    write_calls(store, release.canary, 30, anger=0.15, times=3)  # with duplicate deliveries
    code, found = compare(store, registry, tmp_path)
    assert (code, found["ok"], found["reasons"]) == (0, True, [])
    canary, production = found["statistics"]
    assert (canary["calls"], production["calls"]) == (30, 40)
    assert canary["mix"]["anger"] == pytest.approx(0.15)


@pytest.mark.parametrize(
    ("canary", "message"),
    [
        ({"anger": 0.4}, "emotion mix differs on 30% of speech (limit 15%), most in anger: 40% instead of 10%"),
        ({"confidence": 0.6}, "mean confidence is 0.60 instead of 0.80"),
        ({"processing_s": 2.0}, "processing takes 4.0 times as long"),
        ({"calls": 29}, "analyzed 29 calls (30 required)"),
        ({"minutes": -60}, "analyzed 0 calls"),
    ],
)
def test_canary_that_differs_is_rejected(store, registry, tmp_path, canary, message, capsys):
    release = registry.release("production")
    write_calls(store, release.version, 30)
    write_calls(store, release.canary, **{"calls": 30, **canary})
    code, found = compare(store, registry, tmp_path)
    assert (code, found["ok"]) == (1, False)
    assert message in " ".join(found["reasons"])
    assert f"Canary {release.canary} rejected: " in (printed := capsys.readouterr().out)
    assert message in printed


def test_options_change_the_limits(store, registry, tmp_path):
    release = registry.release("production")
    write_calls(store, release.version, 5)
    write_calls(store, release.canary, 5, anger=0.4)
    assert compare(store, registry, tmp_path, "--calls", "5", "--shift", "0.35")[0] == 0
    assert compare(store, registry, tmp_path, "--calls", "5", "--shift", "0.25")[0] == 1


def test_version_that_is_not_the_canary_is_not_compared(store, registry, capsys):
    at = ("--registry", registry.uri, "--results", store.path)
    assert command("compare-canary", "0123456789ab", *at) == 2
    assert "0123456789ab is not the canary" in capsys.readouterr().err
    assert command("compare-canary", registry.release("production").version, *at) == 0, "it is in production already"


def test_comparison_in_a_missing_store_is_not_possible(registry, tmp_path, capsys):
    canary, results = registry.release("production").canary, tmp_path / "typo.duckdb"
    assert command("compare-canary", canary, "--registry", registry.uri, "--results", results) == 2
    assert "typo.duckdb does not exist" in capsys.readouterr().err
    assert not results.exists()
