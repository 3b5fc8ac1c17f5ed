"""What a canary says of calls against what the serving model says, in a real store and a real registry."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from models_made import command, model_file, version_of
from rows_made import commit_row, segment_row

from callmood.models.registry import Registry
from callmood.warehouse.duckdb import DuckDBWarehouse
from model.deployment import compare_canary, promote, register


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    """A registry in which one version serves and another is on trial."""
    folder = tmp_path_factory.mktemp("registry")
    models = [model_file(folder, number) for number in (1, 2)]
    for path in models:
        assert command(register, "--model", path, "--registry", folder / "registry") == 0
    serving, canary = map(version_of, models)
    registry = Registry(str(folder / "registry"))
    promote.promote(registry, "production", serving, None)
    promote.promote(registry, "production", canary, 0.5)
    return registry


@pytest.fixture
def store(tmp_path):
    return DuckDBWarehouse(tmp_path / "calls.duckdb")


def judged(store, version, calls, anger=0.1, confidence=0.8, processing_s=0.5, times=1, minutes=5):
    """Write what a version said of some calls of 2020: as they come, or long before it was on trial."""
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


def watched(store, registry, tmp_path, *options):
    """Run the command: its exit code, and its report."""
    out = tmp_path / "watch.json"
    release = registry.release("production")
    code = command(
        compare_canary, release.canary, "--registry", registry.uri, "--results", store.path, "--json", out, *options
    )
    return code, json.loads(out.read_text())


def test_two_that_agree_may_take_turns(store, registry, tmp_path):
    release = registry.release("production")
    judged(store, release.version, 40)
    judged(store, release.canary, 30, anger=0.15, times=3)  # delivered again and again
    code, found = watched(store, registry, tmp_path)
    assert (code, found["ok"], found["why"]) == (0, True, [])
    canary, serving = found["heard"]
    assert (canary["calls"], serving["calls"]) == (30, 40)
    assert canary["mix"]["anger"] == pytest.approx(0.15)


@pytest.mark.parametrize(
    ("canary", "told"),
    [
        ({"anger": 0.4}, "30% of the speech sounds otherwise to it, at most 15% may: anger 40% in place of 10%"),
        ({"confidence": 0.6}, "less sure: 0.60 in place of 0.80"),
        ({"processing_s": 2.0}, "takes 4.0 times as long"),
        ({"calls": 29}, "judged 29 calls, 30 are needed"),
        ({"minutes": -60}, "judged 0 calls"),
    ],
)
def test_one_that_differs_must_not_serve(store, registry, tmp_path, canary, told, capsys):
    release = registry.release("production")
    judged(store, release.version, 30)
    judged(store, release.canary, **{"calls": 30, **canary})
    code, found = watched(store, registry, tmp_path)
    assert (code, found["ok"]) == (1, False)
    assert told in " ".join(found["why"])
    assert told in capsys.readouterr().out


def test_limits_are_ones_own(store, registry, tmp_path):
    release = registry.release("production")
    judged(store, release.version, 5)
    judged(store, release.canary, 5, anger=0.4)
    assert watched(store, registry, tmp_path, "--calls", "5", "--shift", "0.35")[0] == 0
    assert watched(store, registry, tmp_path, "--calls", "5", "--shift", "0.25")[0] == 1


def test_what_is_no_canary_is_not_compared(store, registry, capsys):
    at = ("--registry", registry.uri, "--results", store.path)
    assert command(compare_canary, "0123456789ab", *at) == 2
    assert "0123456789ab is no canary" in capsys.readouterr().err
    assert command(compare_canary, registry.release("production").version, *at) == 0, "it serves already"
