"""The model registry: its commands, its releases, and its files."""

import json
import sys
import tempfile
from dataclasses import replace
from functools import partial
from importlib.util import find_spec

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from model_files import command, model_file
from registry_changes import change_self_test, damage_self_test, promote_versions, truncate_model
from table_rows import commit_row

from callmood.emotion.model import RUNTIMES, load_model
from callmood.emotion.self_test import check_self_test
from callmood.errors import RegistryError
from callmood.models.registry import Registry, Release
from callmood.types import ObjectRef
from callmood.warehouse.duckdb import DuckDBWarehouse
from model.deployment import promote, rollback

RECORDING_IDS = [ObjectRef("calls", f"{number}.wav", 1).recording_id for number in range(4000)]


def test_register_promote_and_roll_back(tmp_path, models, one, two, capsys):
    at = ("--registry", tmp_path / "registry")
    assert command("register", "--model", models[0], *at) == 0
    assert command("promote", one, *at) == 0
    assert command("register", "--model", models[1], *at) == 0
    assert command("promote", two, *at, "--canary", "0.1") == 0
    assert f"production is {one}; the canary {two} analyzes 10% of the recordings." in capsys.readouterr().out
    assert command("promote", two, *at) == 0
    assert command("rollback", *at) == 0
    assert f"production is {one}." in capsys.readouterr().out
    assert command("versions", *at, "--json") == 0
    listed = json.loads(capsys.readouterr().out)
    assert [version["version"] for version in listed["versions"]] == [one, two]
    assert [version["parent"] for version in listed["versions"]] == [None, one]
    assert [change["action"] for change in listed["history"]] == ["promote", "canary", "promote", "rollback"]
    assert listed["releases"]["production"] == {"version": one, "canary": None, "share": 0.0, "previous_versions": []}
    assert command("versions", *at) == 0
    assert "rollback" in capsys.readouterr().out


def test_registered_files_and_lineage(tmp_path, models, one, monkeypatch):
    measured, card, config = tmp_path / "cremad.json", tmp_path / "card.md", tmp_path / "run.toml"
    measured.write_text('{"accuracy": 0.8}')
    card.write_text("# Card")
    config.write_text("seed = 1")
    given = ("--evaluation", measured, "--card", card, "--config", config)
    arguments = ("register", "--model", models[0], "--registry", tmp_path / "r", *given)
    monkeypatch.setattr(sys, "argv", ["model", *map(str, arguments)])
    assert command(*arguments) == 0
    registry = Registry(str(tmp_path / "r"))
    [found] = registry.versions()
    assert set(found.files) == {
        *("emotion.tflite", "emotion.json", "selftest.npz", "lineage.json"),
        *("evaluation-cremad.json", "MODEL_CARD.md", "config.toml"),
    }
    assert registry.read(one, "evaluation-cremad.json") == b'{"accuracy": 0.8}'
    assert found.lineage["command"].startswith("python -m model register --model")


def test_registering_again_adds_new_files_only(tmp_path, models, registry, one):
    before = registry.version(one)
    (tmp_path / "evaluation.json").write_text("{}")
    arguments = ("--model", models[0], "--registry", registry.uri, "--evaluation", tmp_path / "evaluation.json")
    assert command("register", *arguments) == 0
    after = registry.version(one)
    assert after.lineage == before.lineage
    assert set(after.files) - set(before.files) == {"evaluation.json"}


def test_metadata_of_a_registered_version_cannot_change(registry, tmp_path, capsys):
    other = model_file(tmp_path, 1, temperature=9.0)
    assert command("register", "--model", other, "--registry", registry.uri) == 1
    assert "other metadata (temperature)" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("promote", "0123456789ab"), "has no version '0123456789ab'"),
        (("promote", "ONE", "--canary", "0.5"), "promote a first version without --canary"),
        (("promote", "ONE", "--alias", "my alias"), "'my alias' is not a valid alias"),
        (("promote", "ONE", "--alias", "-x"), "'-x' is not a valid alias"),
        (("promote", "ONE", "--alias", "abcdefabcdef"), "'abcdefabcdef' is not a valid alias"),
        (("rollback",), "no alias 'production'"),
        (("register", "--model", "nowhere.tflite"), "nowhere"),
    ],
)
def test_invalid_command_reports_an_error(registry, one, capsys, arguments, message):
    name, *given = arguments
    assert command(name, *(one if each == "ONE" else each for each in given), "--registry", registry.uri) == 1
    assert message in capsys.readouterr().err
    assert registry.releases() == {}


def test_registry_without_versions_is_reported(tmp_path, capsys):
    assert command("versions", "--registry", tmp_path / "typo") == 0
    assert capsys.readouterr().out == f"{tmp_path / 'typo'} has no versions\n"


def test_missing_store_is_refused_before_the_alias_changes(registry, one, two, tmp_path, capsys):
    at = ("--registry", registry.uri, "--store", tmp_path / "typo.duckdb")
    assert command("promote", one, *at) == 1
    (tmp_path / "no.duckdb").write_text("not a store")
    assert command("promote", one, "--registry", registry.uri, "--store", tmp_path / "no.duckdb") == 1
    assert registry.releases() == {}
    promote_versions(registry, one, two)
    assert command("rollback", *at) == 1
    assert registry.release("production").version == two
    assert "typo.duckdb does not exist" in capsys.readouterr().err
    assert not (tmp_path / "typo.duckdb").exists()


def test_promotion_keeps_the_time_zone_of_the_store(registry, one, tmp_path, monkeypatch):
    def version():
        with duckdb.connect(str(store)) as connection:
            return connection.execute("SELECT version FROM store_version").fetchall()

    store = tmp_path / "calls.duckdb"
    monkeypatch.setenv("TIME_ZONE", "Asia/Kolkata")
    DuckDBWarehouse(store, "Asia/Kolkata").append("recordings", [commit_row()])
    before = version()
    assert command("promote", one, "--registry", registry.uri, "--store", store) == 0
    assert version() == before


def test_store_of_a_canary_is_refused(registry, one, two, tmp_path, capsys):
    promote_versions(registry, one)
    at = ("--registry", registry.uri, "--store", DuckDBWarehouse(tmp_path / "calls.duckdb").path)
    assert command("promote", two, *at, "--canary", "0.1") == 2
    assert "with --canary" in " ".join(capsys.readouterr().err.split())
    assert registry.release("production").canary is None


def test_canary_share_is_between_0_and_1(registry, one, two):
    promote_versions(registry, one)
    for share in (0.0, 1.0, 7.0, float("nan")):
        with pytest.raises(RegistryError, match="share"):
            promote.promote(registry, "production", two, share)
    assert promote.promote(registry, "production", one, 0.5) == Release(one), "it analyzes all recordings already"


def test_rollback_of_a_named_canary_can_be_repeated(registry, one, two):
    promote_versions(registry, one, two)
    promote_versions(registry, one, canary=0.5)
    for canary in (two, one, one):
        released = rollback.rollback(registry, "production", canary)
        assert released.canary == (one if canary == two else None)
        assert released.version == two


@pytest.mark.parametrize("damage", [truncate_model, change_self_test, damage_self_test])
def test_model_that_fails_its_self_test_is_not_promoted(registry, one, damage, capsys):
    damage(registry, one)
    assert command("promote", one, "--registry", registry.uri) == 1
    assert one in capsys.readouterr().err
    assert registry.releases() == {}


def test_damaged_alias_file_is_reported(registry, tmp_path):
    (tmp_path / "registry" / "aliases.json").write_text('{"aliases": {"production": {}}}')
    with pytest.raises(RegistryError, match=r"aliases\.json is damaged"):
        registry.releases()


def test_concurrent_changes_are_both_kept(registry, one, two):
    """Another process promotes a version between the read and the write, so the change is repeated."""
    attempts = []

    def changed(present):
        if not attempts:
            promote.promote(Registry(registry.uri), "staging", one, None)
        attempts.append(present)
        return Release(two)

    registry.update("production", "promote", changed)
    assert len(attempts) == 2
    assert registry.releases() == {"staging": Release(one), "production": Release(two)}
    assert [change["alias"] for change in registry.history()] == ["staging", "production"]


def test_rollback_reverts_one_promotion():
    release = Release("a").promoted("b").promoted("c").with_canary("d", 0.5)
    assert release.rolled_back() == Release("c", previous_versions=("b", "a"))
    assert release.rolled_back().rolled_back() == Release("b", previous_versions=("a",))
    with pytest.raises(RegistryError, match="a has no previous version"):
        release.rolled_back().rolled_back().rolled_back().rolled_back()
    assert Release("a").promoted("b").promoted("a").previous_versions == ("b",)


@pytest.mark.parametrize("share", [0.05, 0.3, 0.9])
def test_canary_analyzes_its_share_and_a_larger_share_keeps_its_recordings(share):
    release = Release("a").with_canary("b", share)
    versions = [release.version_for(recording_id) for recording_id in RECORDING_IDS]
    assert versions == [release.version_for(recording_id) for recording_id in RECORDING_IDS]
    assert versions.count("b") / len(RECORDING_IDS) == pytest.approx(
        share, abs=4 * (share * (1 - share) / len(RECORDING_IDS)) ** 0.5
    )
    more = [Release("a").with_canary("b", share + 0.05).version_for(recording_id) for recording_id in RECORDING_IDS]
    assert all(after == "b" for before, after in zip(versions, more, strict=True) if before == "b")


@pytest.mark.skipif(
    not all(find_spec(module.split(".")[0]) for module in RUNTIMES.values()),
    reason="both runtimes install on 3.11 only",
)
def test_self_test_passes_on_both_runtimes(registry, models, one):
    for runtime in RUNTIMES:
        check_self_test(load_model(models[0], runtime), registry.read(one, "selftest.npz"))


VERSIONS = st.sampled_from([f"{number:012x}" for number in range(4)])
SHARES = st.floats(0, 1, exclude_min=True, exclude_max=True)
ACTIONS = st.lists(
    st.tuples(st.just("promote"), VERSIONS)
    | st.tuples(st.just("canary"), VERSIONS, SHARES)
    | st.tuples(st.just("rollback")),
    max_size=12,
)


FIRST = Release("f" * 12)


def apply(action, release):
    """Apply an action to a release. Return the release itself if the action is invalid."""
    release = release or FIRST
    name, *arguments = action
    try:
        if name == "promote":
            return release.promoted(*arguments)
        return release.with_canary(*arguments) if name == "canary" else release.rolled_back()
    except RegistryError:
        return release


@given(ACTIONS)
def test_all_transitions_keep_the_invariants_of_a_release(actions):
    release = FIRST
    for action in actions:
        before, release = release, apply(action, release)
        versions = [release.version, *release.previous_versions]
        assert len(set(versions)) == len(versions)
        assert (release.canary is None) == (release.share == 0)
        assert release.canary != release.version
        assert 0 <= release.share < 1
        if action[0] == "promote":
            assert (release.version, release.canary) == (action[1], None)
            if action[1] != before.version:
                previous = tuple(version for version in before.previous_versions if version != action[1])
                assert release.rolled_back() == Release(before.version, previous_versions=previous)
        if action[0] == "canary" and release != before:
            assert release.rolled_back() == replace(before, canary=None, share=0.0)
        if action[0] == "rollback" and not before.canary and before.previous_versions:
            assert release.version == before.previous_versions[0]


@given(ACTIONS, st.text(), SHARES)
def test_recording_uses_the_version_or_the_canary(actions, recording_id, larger):
    release = FIRST
    for action in actions:
        release = apply(action, release)
    version = release.version_for(recording_id)
    assert version in {release.version, release.canary}
    if release.canary and version == release.canary and larger >= release.share:
        assert replace(release, share=larger).version_for(recording_id) == version


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["production", "staging"]), ACTIONS), max_size=3))
def test_registry_stores_the_result_of_all_transitions(changes):
    expected, n_changes = {}, 0
    with tempfile.TemporaryDirectory() as folder:
        registry = Registry(folder)
        for alias, actions in changes:
            for action in actions:
                before = expected.get(alias)
                after = apply(action, before)
                assert registry.update(alias, action[0], partial(apply, action)) == after
                expected[alias], n_changes = after, n_changes + (after != before)
        assert Registry(folder).releases() == expected
        history = registry.history()
    assert len(history) == n_changes
    for alias, release in expected.items():
        last = [change for change in history if change["alias"] == alias][-1]
        assert last["version"] == (release.canary or release.version)
