"""The model registry in a folder: its commands, what an alias means, and who follows it."""

import json
import logging
import os
import shutil
import sys
import threading
import time
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from command_line import EXAMPLES, run
from models_made import command, model_file, version_of

from callmood.emotion.model import RUNTIMES, load_model
from callmood.emotion.self_test import check_self_test
from callmood.errors import ModelError, RegistryError
from callmood.models.registry import Registry, Release
from callmood.models.resolver import AliasModelProvider, open_models
from callmood.types import ObjectRef
from callmood.warehouse.duckdb import DuckDBWarehouse
from model.deployment import promote, rollback

IDS = [ObjectRef("calls", f"{number}.wav", 1).recording_id for number in range(4000)]


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Three model files with different versions."""
    return [model_file(tmp_path_factory.mktemp("models"), number) for number in (1, 2, 3)]


@pytest.fixture
def registry(tmp_path, models):
    """A registry with the three models, without a production version."""
    for path in models:
        assert command("register", "--model", path, "--registry", tmp_path / "registry") == 0
    return Registry(str(tmp_path / "registry"))


@pytest.fixture
def one(models):
    return version_of(models[0])


@pytest.fixture
def two(models):
    return version_of(models[1])


@pytest.fixture
def three(models):
    return version_of(models[2])


def serve(registry, *given, canary=None):
    """Promote versions in order, the last as a canary if a share is given."""
    for version in given:
        promote.promote(registry, "production", version, canary if version == given[-1] else None)


def cut_short(registry, version):
    os.truncate(f"{registry.uri}/versions/{version}/emotion.tflite", 1000)


def say_otherwise(registry, version):
    """Leave a self-test as from a model that says the opposite."""
    path = f"{registry.uri}/versions/{version}/selftest.npz"
    with np.load(path) as kept:
        signals, probabilities = kept["signals"], kept["probabilities"]
    np.savez(path, signals=signals, probabilities=1 - probabilities)


def garble(registry, version):
    path = Path(f"{registry.uri}/versions/{version}/selftest.npz")
    content = path.read_bytes()
    middle = len(content) // 2
    path.write_bytes(content[:middle] + bytes(100) + content[middle + 100 :])


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def settle():
    """Wait for a look that goes on beside."""
    for thread in threading.enumerate():
        if thread.name == "registry":
            thread.join(10)


# --- commands -------------------------------------------------------------------------------------------------------


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
        (("rollback",), "no alias 'production'"),
        (("register", "--model", "nowhere.tflite"), "nowhere"),
    ],
)
def test_invalid_command_reports_an_error(registry, one, capsys, arguments, message):
    name, *given = arguments
    assert command(name, *(one if each == "ONE" else each for each in given), "--registry", registry.uri) == 1
    assert message in capsys.readouterr().err
    assert registry.releases() == {}


def test_canary_share_is_between_0_and_1(registry, one, two):
    serve(registry, one)
    for share in (0.0, 1.0, 7.0, float("nan")):
        with pytest.raises(RegistryError, match="share"):
            promote.promote(registry, "production", two, share)
    assert promote.promote(registry, "production", one, 0.5) == Release(one), "it analyzes all recordings already"


def test_rollback_of_a_named_canary_can_be_repeated(registry, one, two):
    serve(registry, one, two)
    serve(registry, one, canary=0.5)
    for canary in (two, one, one):
        released = rollback.rollback(registry, "production", canary)
        assert released.canary == (one if canary == two else None)
        assert released.version == two


@pytest.mark.parametrize("damage", [cut_short, say_otherwise, garble])
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
    asked = []

    def changed(present):
        if not asked:
            promote.promote(Registry(registry.uri), "staging", one, None)
        asked.append(present)
        return Release(two)

    registry.update("production", "promote", changed)
    assert len(asked) == 2
    assert registry.releases() == {"staging": Release(one), "production": Release(two)}
    assert [change["alias"] for change in registry.history()] == ["staging", "production"]


# --- what an alias means --------------------------------------------------------------------------------------------


def test_a_rollback_goes_back_one_promotion_at_a_time():
    release = Release("a").promoted("b").promoted("c").with_canary("d", 0.5)
    assert release.rolled_back() == Release("c", previous_versions=("b", "a"))
    assert release.rolled_back().rolled_back() == Release("b", previous_versions=("a",))
    with pytest.raises(RegistryError, match="a has no previous version"):
        release.rolled_back().rolled_back().rolled_back().rolled_back()
    assert Release("a").promoted("b").promoted("a").previous_versions == ("b",)


@pytest.mark.parametrize("share", [0.05, 0.3, 0.9])
def test_a_canary_serves_its_share_and_each_recording_keeps_its_version(share):
    release = Release("a").with_canary("b", share)
    drawn = [release.version_for(recording_id) for recording_id in IDS]
    assert drawn == [release.version_for(recording_id) for recording_id in IDS]
    assert drawn.count("b") / len(IDS) == pytest.approx(share, abs=4 * (share * (1 - share) / len(IDS)) ** 0.5)
    more = [Release("a").with_canary("b", share + 0.05).version_for(recording_id) for recording_id in IDS]
    assert all(after == "b" for before, after in zip(drawn, more, strict=True) if before == "b")


# --- following an alias ---------------------------------------------------------------------------------------------


@pytest.fixture
def clock():
    return Clock()


def used(followed):
    return {followed.for_recording(recording_id).version for recording_id in IDS[:50]}


def test_a_promotion_is_followed_within_a_minute_and_a_rollback_too(registry, clock, one, two):
    serve(registry, one)
    followed = AliasModelProvider(registry, "production", clock)
    assert used(followed) == {one}
    serve(registry, two)
    assert used(followed) == {one}, "half a minute passes first"
    clock.now += 31
    used(followed)
    settle()
    assert used(followed) == {two}
    rollback.rollback(registry, "production")
    clock.now += 31
    used(followed)
    settle()
    assert used(followed) == {one}


def test_who_was_idle_looks_before_it_answers(registry, clock, one, two):
    serve(registry, one)
    followed = AliasModelProvider(registry, "production", clock)
    serve(registry, two)
    clock.now += 3600
    assert used(followed) == {two}


def test_a_canary_and_its_end_are_followed(registry, clock, one, two):
    serve(registry, one, two, canary=0.5)
    followed = AliasModelProvider(registry, "production", clock)
    assert used(followed) == {one, two}
    chosen = [followed.for_recording(recording_id).version for recording_id in IDS[:50]]
    assert chosen == [registry.release("production").version_for(recording_id) for recording_id in IDS[:50]]
    rollback.rollback(registry, "production")
    clock.now += 61
    assert used(followed) == {one}


def test_a_look_holds_nobody_up(registry, clock, one, monkeypatch):
    serve(registry, one)
    followed = AliasModelProvider(registry, "production", clock)
    monkeypatch.setattr(registry, "read_if_changed", lambda *_: time.sleep(1))
    clock.now += 31
    started = time.perf_counter()
    for recording_id in IDS[:100]:
        followed.for_recording(recording_id)
    assert time.perf_counter() - started < 0.2


@pytest.mark.parametrize("damage", [cut_short, say_otherwise])
def test_a_broken_promotion_is_not_followed_and_the_log_says_so(registry, clock, one, two, damage, caplog):
    serve(registry, one)
    followed = AliasModelProvider(registry, "production", clock)
    serve(registry, two)
    damage(registry, two)
    clock.now += 61
    with caplog.at_level(logging.ERROR):
        assert used(followed) == {one}
    [record] = caplog.records
    assert record.fields == {"model_fault": two, "model_version": one}
    clock.now += 61
    assert used(followed) == {one}
    assert len(caplog.records) == 1, "said once, not at each look"


def test_a_broken_canary_leaves_its_share_to_production(registry, clock, one, two, caplog):
    serve(registry, one, two, canary=0.5)
    say_otherwise(registry, two)
    assert used(AliasModelProvider(registry, "production", clock)) == {one}
    assert [record.fields["model_fault"] for record in caplog.records] == [two]


def test_who_starts_with_a_broken_production_takes_the_last_good_one(registry, clock, one, two, three, caplog):
    serve(registry, one, two, three)
    cut_short(registry, three)
    say_otherwise(registry, two)
    assert used(AliasModelProvider(registry, "production", clock)) == {one}
    assert [record.fields["model_fault"] for record in caplog.records] == [three, two]
    cut_short(registry, one)
    with pytest.raises(ModelError, match=one):
        AliasModelProvider(registry, "production", clock)


def test_a_registry_that_is_away_for_a_while_changes_nothing(registry, clock, one, two, caplog, tmp_path):
    serve(registry, one)
    followed = AliasModelProvider(registry, "production", clock)
    aliases = tmp_path / "registry" / "aliases.json"
    kept = aliases.read_text()
    aliases.write_text("{")
    clock.now += 61
    assert used(followed) == {one}
    assert caplog.records[-1].levelname == "ERROR"
    aliases.write_text(kept)
    serve(registry, two)
    clock.now += 61
    assert used(followed) == {two}


@pytest.mark.skipif(
    not all(find_spec(module.split(".")[0]) for module in RUNTIMES.values()),
    reason="both runtimes install on 3.11 only",
)
def test_what_one_runtime_registered_passes_its_self_test_on_the_other(registry, models, one):
    for runtime in RUNTIMES:
        check_self_test(load_model(models[0], runtime), registry.read(one, "selftest.npz"))


def test_a_version_may_be_pinned_or_asked_for(registry, one, two):
    serve(registry, one)
    assert used(open_models(f"{registry.uri}@{two}")) == {two}
    followed = open_models(f"{registry.uri}@production")
    assert followed.for_version(two).version == two
    assert followed.for_version(one) is followed.for_recording(IDS[0])
    with pytest.raises(ModelError, match="0123456789ab"):
        followed.for_version("0123456789ab")
    with pytest.raises(ModelError, match="MODEL_URI names one file"):
        open_models(None).for_version(two)


@pytest.mark.parametrize("version", ["feedfeedfeed", "../../etc/pass"])
def test_an_address_that_leads_nowhere_is_an_error_in_a_sentence(registry, tmp_path, version):
    said = run("analyze", EXAMPLES[0], "--model", f"{registry.uri}@{version}", "--store", tmp_path / "s.duckdb", code=2)
    assert "error:" in said


def test_a_folder_is_analyzed_by_production_and_canary_and_each_recording_once(registry, tmp_path, one, two):
    serve(registry, one, two, canary=0.5)
    store, calls = tmp_path / "calls.duckdb", tmp_path / "calls"
    calls.mkdir()
    for i in range(16):  # ids hold the path, which is another each time: all go to one version once in 32,768 times
        shutil.copy(EXAMPLES[0], calls / f"{i}.wav")
    arguments = ("analyze", calls, "--model", f"{registry.uri}@production", "--store", store)
    assert "16 analyzed" in run(*arguments, "--workers", 1)
    rows = DuckDBWarehouse(store).query("SELECT recording_id, model_version FROM recordings")
    release = registry.release("production")
    assert {row["model_version"] for row in rows} == {one, two}
    assert all(row["model_version"] == release.version_for(row["recording_id"]) for row in rows)
    assert "16 skipped" in run(*arguments, "--workers", 1)


# --- history scored again -------------------------------------------------------------------------------------------


def shown_by(store):
    return [
        row["model_version"] for row in DuckDBWarehouse(store).query("SELECT model_version FROM recordings_current")
    ]


def test_reports_use_reprocessed_calls_after_the_promotion(registry, tmp_path, one, two, three):
    """Analyzed by one, then by two, which is promoted afterwards; then by three, which is in production already."""
    store, calls = tmp_path / "calls.duckdb", tmp_path / "calls"
    calls.mkdir()
    shutil.copy(EXAMPLES[0], calls)
    serve(registry, one)
    production = ("--model", f"{registry.uri}@production", "--store", store)
    again = ("backfill", calls, "--store", store, "--model")
    run("analyze", calls, *production, "--workers", 1)
    assert "1 recordings would be reprocessed" in run(*again, f"{registry.uri}@{two}", "--dry-run")
    assert "after promotion" in run(*again, f"{registry.uri}@{two}")
    assert shown_by(store) == [one]
    assert command("promote", two, "--registry", registry.uri, "--store", store) == 0
    assert shown_by(store) == [two]
    assert command("rollback", "--registry", registry.uri, "--store", store) == 0
    assert shown_by(store) == [one]
    assert command("promote", three, "--registry", registry.uri, "--store", store) == 0
    assert shown_by(store) == [one]
    result = json.loads(run(*again, f"{registry.uri}@production", "--json"))
    assert result == {"model_version": three, "recordings": 1, "failed": 0, "published": True}
    assert shown_by(store) == [three]
    counted = DuckDBWarehouse(store).query(
        "SELECT model_version, SUM(calls) AS n FROM model_versions GROUP BY model_version"
    )
    assert {row["model_version"]: row["n"] for row in counted} == {one: 1, two: 1, three: 1}


def test_promotion_is_kept_if_reports_cannot_be_updated(registry, tmp_path, one, capsys):
    (tmp_path / "no.duckdb").write_text("no store")
    assert command("promote", one, "--registry", registry.uri, "--store", tmp_path / "no.duckdb") == 1
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
def test_scoring_again_says_what_it_needs(arguments, message, monkeypatch):
    monkeypatch.delenv("GOOGLE_CLOUD_PROJECT", raising=False)
    assert message in " ".join(run("backfill", *arguments, code=2).split())


def test_what_cannot_be_scored_again_is_counted(registry, tmp_path, one):
    serve(registry, one)
    calls = tmp_path / "calls"
    calls.mkdir()
    (calls / "broken.wav").write_bytes(b"no audio")
    arguments = ("backfill", calls, "--store", tmp_path / "s.duckdb", "--model", f"{registry.uri}@{one}")
    assert "1 recordings failed and keep" in run(*arguments, code=1)
