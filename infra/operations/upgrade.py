"""Upgrade a deployment with one command, and roll its functions back.

Terraform changes tables first, then views, and then the functions. A rollback builds the functions from an earlier
archive: tables and views stay, because they only gain columns, and the rows of the new columns must not be lost.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from infra.operations.tools import Terraform, changes, run

ROLLBACK_FILE = "rollback.auto.tfvars.json"

# Deleting one of these loses recordings, rows, events, or the key to all of them.
STATEFUL = {
    "google_bigquery_dataset",
    "google_kms_crypto_key",
    "google_kms_key_ring",
    "google_pubsub_schema",
    "google_pubsub_subscription",
    "google_pubsub_topic",
    "google_storage_bucket",
}


class UnsafeUpgrade(Exception):
    """The plan would delete data. Nothing was changed."""


def losses(plan: Mapping[str, Any]) -> Iterator[str]:
    """Yield what a plan would lose: deleted or replaced data, and removed columns.

    Parameters
    ----------
    plan : mapping
        A plan in the JSON format of Terraform.
    """
    for one in changes(plan):
        before, after = one["change"]["before"] or {}, one["change"]["after"] or {}
        is_table = one["type"] == "google_bigquery_table" and not before.get("view")
        if "delete" in one["change"]["actions"] and (is_table or one["type"] in STATEFUL):
            yield f"{one['address']} would be deleted."
        elif is_table and before and (lost := sorted(_columns(before) - _columns(after))):
            yield f"{one['address']} would lose the columns {', '.join(lost)}."


def _columns(table: Mapping[str, Any]) -> set[str]:
    return {field["name"] for field in json.loads(table.get("schema") or "[]")}


def upgrade(terraform: Terraform, *, doctor: bool = True) -> str:
    """Upgrade the deployment to this version of the software.

    Parameters
    ----------
    terraform : Terraform
        The deployment.
    doctor : bool
        Whether to check the deployment afterwards.

    Returns
    -------
    str
        What changed, and the command that rolls the functions back.

    Raises
    ------
    UnsafeUpgrade
        The plan would delete data.
    """
    (terraform.folder / ROLLBACK_FILE).unlink(missing_ok=True)
    terraform("init", "-upgrade", "-input=false", "-no-color")
    return _apply(terraform, doctor)


def rollback(terraform: Terraform, archive: str | None = None, *, doctor: bool = True) -> str:
    """Build the functions from an earlier archive. Tables and views stay as they are.

    Parameters
    ----------
    terraform : Terraform
        The deployment.
    archive : str, optional
        Name of the archive, as `./run upgrade` printed it; default: the newest one that is not in use.
    doctor : bool
        Whether to check the deployment afterwards.
    """
    outputs = terraform.outputs()
    archive = archive or _previous(outputs["sources_bucket"], outputs["archive"])
    (terraform.folder / ROLLBACK_FILE).write_text(json.dumps({"functions_archive": archive}) + "\n")
    return _apply(terraform, doctor)


def _previous(bucket: str, current: str) -> str:
    """Return the newest archive in the bucket other than the current one."""
    listed = run("gcloud", "storage", "ls", "--json", f"gs://{bucket}/functions-*.zip").stdout
    found = [(one["metadata"]["timeCreated"], one["metadata"]["name"]) for one in json.loads(listed)]
    others = sorted((made, name) for made, name in found if name != current)
    if not others:
        raise UnsafeUpgrade(f"gs://{bucket} has no archive except {current}, so there is no version to return to.")
    return others[-1][1]


def _apply(terraform: Terraform, doctor: bool) -> str:
    plan = terraform.plan()
    if lost := list(losses(plan)):
        raise UnsafeUpgrade("\n".join(["The upgrade would delete data, so nothing was changed:", *lost]))
    before = plan["output_changes"].get("archive", {}).get("before")
    changed = changes(plan)
    terraform.apply()
    outputs = terraform.outputs()
    if doctor:
        name = outputs["functions"]["analyze"].removesuffix("-analyze")
        dataset, bucket = outputs["dataset"], outputs["bucket"]
        options = ("--project", dataset.partition(".")[0], "--name", name, "--bucket", bucket, "--dataset", dataset)
        run("callmood", "doctor", *options)
    again = changes(terraform.plan())
    if again:
        addresses = ", ".join(one["address"] for one in again)
        raise UnsafeUpgrade(f"A second plan still has changes: {addresses}.")
    lines = [f"{len(changed)} resources changed. The functions run {outputs['archive']}."]
    if before and before != outputs["archive"]:
        lines.append(f"To roll the functions back: ./run rollback {before}")
    return "\n".join(lines)
