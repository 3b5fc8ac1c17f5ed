"""Selection of models: files, pinned versions, and aliases that change."""

import logging
import shutil
import threading
import time

import pytest
from command_line import EXAMPLES, run
from registry_changes import change_self_test, promote_versions, truncate_model

from callmood.errors import ModelError
from callmood.models.resolver import AliasModelProvider, open_models
from callmood.types import ObjectRef
from callmood.warehouse.duckdb import DuckDBWarehouse
from model.deployment import rollback

RECORDING_IDS = [ObjectRef("calls", f"{number}.wav", 1).recording_id for number in range(50)]


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def wait_for_refresh():
    """Wait for a refresh in the background."""
    for thread in threading.enumerate():
        if thread.name == "registry":
            thread.join(10)


@pytest.fixture
def clock():
    return Clock()


def versions_in_use(provider):
    """Return the versions that analyze the recordings."""
    return {provider.for_recording(recording_id).version for recording_id in RECORDING_IDS}


def test_promotion_and_rollback_take_effect_within_a_minute(registry, clock, one, two):
    promote_versions(registry, one)
    provider = AliasModelProvider(registry, "production", clock)
    assert versions_in_use(provider) == {one}
    promote_versions(registry, two)
    assert versions_in_use(provider) == {one}, "the refresh interval is 30 s"
    clock.now += 31
    versions_in_use(provider)
    wait_for_refresh()
    assert versions_in_use(provider) == {two}
    rollback.rollback(registry, "production")
    clock.now += 31
    versions_in_use(provider)
    wait_for_refresh()
    assert versions_in_use(provider) == {one}


def test_idle_instance_refreshes_before_it_returns_a_model(registry, clock, one, two):
    promote_versions(registry, one)
    provider = AliasModelProvider(registry, "production", clock)
    promote_versions(registry, two)
    clock.now += 3600
    assert versions_in_use(provider) == {two}


def test_canary_and_its_rollback_take_effect(registry, clock, one, two):
    promote_versions(registry, one, two, canary=0.5)
    provider = AliasModelProvider(registry, "production", clock)
    assert versions_in_use(provider) == {one, two}
    versions = [provider.for_recording(recording_id).version for recording_id in RECORDING_IDS]
    assert versions == [registry.release("production").version_for(recording_id) for recording_id in RECORDING_IDS]
    rollback.rollback(registry, "production")
    clock.now += 61
    assert versions_in_use(provider) == {one}


def test_refresh_does_not_block(registry, clock, one, monkeypatch):
    promote_versions(registry, one)
    provider = AliasModelProvider(registry, "production", clock)
    monkeypatch.setattr(registry, "read_if_changed", lambda *_: time.sleep(1))
    clock.now += 31
    started = time.perf_counter()
    for recording_id in RECORDING_IDS[:100]:
        provider.for_recording(recording_id)
    assert time.perf_counter() - started < 0.2


@pytest.mark.parametrize("damage", [truncate_model, change_self_test])
def test_unusable_version_is_not_used_and_is_logged_once(registry, clock, one, two, damage, caplog):
    promote_versions(registry, one)
    provider = AliasModelProvider(registry, "production", clock)
    promote_versions(registry, two)
    damage(registry, two)
    clock.now += 61
    with caplog.at_level(logging.ERROR):
        assert versions_in_use(provider) == {one}
    [record] = caplog.records
    assert record.fields == {"model_fault": two, "model_version": one}
    clock.now += 61
    assert versions_in_use(provider) == {one}
    assert len(caplog.records) == 1, "not logged at each refresh"


def test_recordings_of_an_unusable_canary_use_production(registry, clock, one, two, caplog):
    promote_versions(registry, one, two, canary=0.5)
    change_self_test(registry, two)
    assert versions_in_use(AliasModelProvider(registry, "production", clock)) == {one}
    assert [record.fields["model_fault"] for record in caplog.records] == [two]


def test_start_with_an_unusable_version_uses_the_previous_version(registry, clock, one, two, three, caplog):
    promote_versions(registry, one, two, three)
    truncate_model(registry, three)
    change_self_test(registry, two)
    assert versions_in_use(AliasModelProvider(registry, "production", clock)) == {one}
    assert [record.fields["model_fault"] for record in caplog.records] == [three, two]
    truncate_model(registry, one)
    with pytest.raises(ModelError, match=one):
        AliasModelProvider(registry, "production", clock)


def test_damaged_registry_does_not_change_the_model(registry, clock, one, two, caplog, tmp_path):
    promote_versions(registry, one)
    provider = AliasModelProvider(registry, "production", clock)
    aliases = tmp_path / "registry" / "aliases.json"
    content = aliases.read_text()
    aliases.write_text("{")
    clock.now += 61
    assert versions_in_use(provider) == {one}
    assert caplog.records[-1].levelname == "ERROR"
    aliases.write_text(content)
    promote_versions(registry, two)
    clock.now += 61
    assert versions_in_use(provider) == {two}


def test_version_can_be_pinned_or_requested(registry, one, two):
    promote_versions(registry, one)
    assert versions_in_use(open_models(f"{registry.uri}@{two}")) == {two}
    provider = open_models(f"{registry.uri}@production")
    assert provider.for_version(two).version == two
    assert provider.for_version(one) is provider.for_recording(RECORDING_IDS[0])
    with pytest.raises(ModelError, match="0123456789ab"):
        provider.for_version("0123456789ab")
    with pytest.raises(ModelError, match="MODEL_URI names one file"):
        open_models(None).for_version(two)


@pytest.mark.parametrize("version", ["feedfeedfeed", "../../etc/pass"])
def test_unknown_version_is_reported(registry, tmp_path, version):
    output = run(
        "analyze", EXAMPLES[0], "--model", f"{registry.uri}@{version}", "--store", tmp_path / "s.duckdb", code=2
    )
    assert "error:" in output


def test_canary_analyzes_its_share_of_a_folder(registry, tmp_path, one, two):
    promote_versions(registry, one, two, canary=0.5)
    store, calls = tmp_path / "calls.duckdb", tmp_path / "calls"
    calls.mkdir()
    for i in range(
        16
    ):  # all use the same version with a probability of 1 in 32,768, because the ID depends on the path
        shutil.copy(EXAMPLES[0], calls / f"{i}.wav")
    arguments = ("analyze", calls, "--model", f"{registry.uri}@production", "--store", store)
    assert "16 analyzed" in run(*arguments, "--workers", 1)
    rows = DuckDBWarehouse(store).query("SELECT recording_id, model_version FROM recordings")
    release = registry.release("production")
    assert {row["model_version"] for row in rows} == {one, two}
    assert all(row["model_version"] == release.version_for(row["recording_id"]) for row in rows)
    assert "16 skipped" in run(*arguments, "--workers", 1)
