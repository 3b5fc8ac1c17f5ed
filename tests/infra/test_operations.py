"""`./run images`, `upgrade`, and `rollback` against real Terraform with stand-in providers."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from stand_in_tools import EARLIER_ARCHIVE, write_tools
from workspaces import PARTS, PROJECT, ROOT

from infra.operations import images, upgrade
from infra.operations.tools import Terraform


@pytest.fixture
def tools(workspace, tmp_path, monkeypatch):
    """Put the recording commands into PATH, and return their log."""
    commands = tmp_path / "commands"
    commands.mkdir()
    environment = write_tools(commands, tmp_path / "calls", workspace().environment)
    for name in ("PATH", "TOOL_LOG", "REAL_TERRAFORM", "TF_CLI_CONFIG_FILE", "TF_DISABLE_PLUGIN_TLS"):
        if name in environment:
            monkeypatch.setenv(name, environment[name])
    return tmp_path / "calls"


@pytest.fixture
def copy(tmp_path):
    """Return a copy of the configuration whose schemas and functions a test may change."""
    for name in (*PARTS, "functions", "model", "requirements.txt"):
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, tmp_path / "copy" / name, symlinks=True)
        else:
            (tmp_path / "copy").mkdir(exist_ok=True)
            shutil.copy(ROOT / name, tmp_path / "copy" / name)
    (tmp_path / "copy" / "terraform.tfvars.json").write_text(json.dumps(PROJECT))
    return Terraform(tmp_path / "copy")


def add_column(folder: Path) -> None:
    """Add a column to a table and to a view, and change the code, as an upgrade does."""
    table = folder / "schemas" / "tables" / "failures.json"
    described = json.loads(table.read_text())
    described["fields"].append({"name": "attempt", "type": "INT64", "mode": "NULLABLE", "description": "Attempt."})
    table.write_text(json.dumps(described))
    view = folder / "schemas" / "views" / "failures_current.json"
    described = json.loads(view.read_text())
    described["fields"].append({"name": "attempt", "type": "INT64", "description": "Attempt."})
    view.write_text(json.dumps(described))
    sql = folder / "schemas" / "views" / "failures_current.sql"
    sql.write_text(sql.read_text().replace("  f.software_version\n", "  f.software_version,\n  f.attempt\n"))
    (folder / "functions" / "main.py").write_text((folder / "functions" / "main.py").read_text() + "# upgraded\n")


def applied(log: Path) -> list[tuple[str, str, str]]:
    """Return the applied changes in order, as (type, action, name)."""
    found = [json.loads(line) for line in log.read_text().splitlines()]
    return [(one["type"], one["action"], one["name"]) for one in found]


def test_upgrade_changes_tables_then_views_then_functions_and_is_rolled_back(copy, tools, tmp_path, monkeypatch):
    copy.init()
    copy.plan()
    copy.apply()
    first = copy.outputs()["archive"]
    add_column(copy.folder)
    log = tmp_path / "upgrade.log"
    monkeypatch.setenv("CALLMOOD_STAND_IN_LOG", str(log))
    shown = upgrade.upgrade(copy)
    assert f"./run rollback {first}" in shown
    order = applied(log)
    table = order.index(("google_bigquery_table", "update", "failures"))
    views = [at for at, (_, action, name) in enumerate(order) if (action, name) == ("create", "failures_current")]
    functions = [at for at, (kind, *_) in enumerate(order) if kind == "google_cloudfunctions2_function"]
    assert len(views) == 2
    assert len(functions) == 4
    assert table < min(views)
    assert max(views) < min(functions)
    others = {kind for kind, _, _ in order} - {"google_bigquery_table", "google_cloudfunctions2_function"}
    assert others == {"google_storage_bucket_object"}, "no grant changes"

    log.unlink()
    upgrade.rollback(copy, first)
    assert {kind for kind, _, _ in applied(log)} == {"google_cloudfunctions2_function"}
    assert copy.outputs()["archive"] == first
    assert json.loads((copy.folder / upgrade.ROLLBACK_FILE).read_text()) == {"functions_archive": first}
    upgrade.rollback(copy)
    assert copy.outputs()["archive"] == EARLIER_ARCHIVE
    assert copy.outputs()["archive"] != first
    upgrade.upgrade(copy)
    assert copy.outputs()["archive"] not in (first, EARLIER_ARCHIVE)

    table_file = copy.folder / "schemas" / "tables" / "failures.json"
    described = json.loads(table_file.read_text())
    described["fields"] = [one for one in described["fields"] if one["name"] != "attempt"]
    table_file.write_text(json.dumps(described))
    with pytest.raises(upgrade.UnsafeUpgrade, match="would lose the columns attempt"):
        upgrade.upgrade(copy)


def change(kind: str, *actions: str, before: object = None, after: object = None) -> dict:
    return {
        "type": kind,
        "address": f"{kind}.one",
        "change": {"actions": list(actions), "before": before or {}, "after": after or {}},
    }


@pytest.mark.parametrize(
    ("kind", "actions", "before", "lost"),
    [
        ("google_storage_bucket", ["delete", "create"], {}, True),
        ("google_pubsub_subscription", ["delete"], {}, True),
        ("google_bigquery_table", ["delete", "create"], {"view": []}, True),
        ("google_bigquery_table", ["delete", "create"], {"view": [{"query": "SELECT 1"}]}, False),
        ("google_monitoring_alert_policy", ["delete"], {}, False),
        ("google_storage_bucket", ["update"], {}, False),
    ],
)
def test_upgrade_refuses_to_delete_data(kind, actions, before, lost):
    plan = {"resource_changes": [change(kind, *actions, before=before)]}
    assert bool(list(upgrade.losses(plan))) is lost


def test_images_are_built_before_the_deployment(copy, tools):
    (copy.folder / "terraform.tfvars.json").write_text(json.dumps({**PROJECT, "realtime": {}}))
    built = images.build(copy, "v1")
    state = copy("state", "list").splitlines()
    assert "module.registry.google_artifact_registry_repository.images" in state
    assert not any(address.startswith(("module.realtime", "module.functions")) for address in state)
    (submitted,) = [
        call for call in map(json.loads, tools.read_text().splitlines()) if call[1:3] == ["builds", "submit"]
    ]
    assert "--gcs-source-staging-dir=gs://acme-calls-1-callmood-runs/images" in submitted
    assert any(word.endswith("callmood-images,_TAG=v1") for word in submitted)
    plan = copy.plan()
    (service,) = [one for one in plan["resource_changes"] if one["type"] == "google_cloud_run_v2_service"]
    assert service["change"]["after"]["template"][0]["containers"][0]["image"] == built["serve"]
