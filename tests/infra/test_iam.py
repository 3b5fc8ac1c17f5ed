"""docs/iam.md says exactly what a deployment grants."""

from __future__ import annotations

import re
from itertools import product

import pytest
from workspaces import PARTS, PROJECT, ROOT

OPERATOR = "user:ada@example.com"
CALLER = "serviceAccount:telephony@example.com"

# The attribute that names what a right is on, by the kind of the grant, and what the page calls such a thing.
PLACES = {
    "google_storage_bucket_iam_member": ("bucket", "bucket"),
    "google_bigquery_table_iam_member": ("table_id", "table"),
    "google_pubsub_topic_iam_member": ("topic", "topic"),
    "google_pubsub_subscription_iam_member": ("subscription", "subscription"),
    "google_cloud_run_v2_service_iam_member": ("name", "service"),
    "google_cloud_run_v2_job_iam_member": ("name", "job"),
    "google_service_account_iam_member": ("service_account_id", "account"),
    "google_artifact_registry_repository_iam_member": ("repository", "repository"),
}


@pytest.fixture(scope="module")
def grants(workspace):
    """Every grant of a deployment that has an operator, makes new models and judges live calls."""
    corpora = {"cremad": "gs://acme-calls-1-corpora/cremad"}
    applied = (
        workspace(*PARTS)
        .init()
        .apply(
            **PROJECT,
            operators=[OPERATOR],
            retraining={"corpora": corpora},
            live={"callers": [CALLER], "function": True},
        )
    )
    granted = [found for found in applied if found["type"].endswith(("_iam_member", "_iam_binding", "_iam_policy"))]
    assert len(granted) > 25
    return [(found["type"], found["values"]) for found in granted]


def who(member):
    """Call a member what the page calls it."""
    agents = {"gs-project-accounts": "Cloud Storage", "gcp-sa-pubsub": "Pub/Sub"}
    if member in (OPERATOR, CALLER):
        return "operators" if member == OPERATOR else "callers"
    account, _, domain = member.removeprefix("serviceAccount:").partition("@")
    return agents.get(domain.partition(".")[0]) or account.removeprefix("callmood-")


def where(kind, values):
    """Call what a right is on what the page calls it."""
    if kind == "google_project_iam_member":
        return "the project, on condition" if values["condition"] else "the project"
    attribute, noun = PLACES[kind]
    name = re.sub(r"^(projects/acme-calls-1/|acme-calls-1-)?(callmood-)?", "", values[attribute])
    return f"{noun} {name}"


def documented():
    """Every right on the page, as (who, role, where)."""
    rows = re.findall(r"^\| (.+?) \| `(.+?)` \| (.+?) \| .+ \|$", (ROOT / "docs" / "iam.md").read_text(), re.M)
    for names, role, places in rows:
        noun, _, listed = places.partition(" `")
        targets = [f"{noun.removesuffix('s')} {name}" for name in re.findall(r"`([^`]+)`", f"`{listed}")] or [places]
        for member, target in product(names.replace("`", "").split(", "), targets):
            yield member, role, target


def test_the_page_lists_every_grant_and_no_other(grants):
    granted = {
        (who(values["member"]), re.sub(r".*/roles/callmood_", "", values["role"]), where(kind, values))
        for kind, values in grants
    }
    assert granted == set(documented())


def test_rights_are_bound_to_resources(grants):
    projects = [values for kind, values in grants if kind == "google_project_iam_member"]
    on_project = {(who(values["member"]), values["role"]) for values in projects if not values["condition"]}
    # Google Cloud grants neither on anything smaller: docs/iam.md.
    assert on_project == {
        ("eraser", "roles/bigquery.jobUser"),
        ("builder", "roles/logging.logWriter"),
        ("comparer", "roles/bigquery.jobUser"),
        ("retrainer", "roles/run.viewer"),
        ("starter", "roles/workflows.invoker"),
        ("monitor", "roles/bigquery.jobUser"),
        ("monitor", "roles/monitoring.metricWriter"),
    }


def test_grants_add_to_what_is_there(grants):
    kinds = {kind for kind, _ in grants}
    assert not [kind for kind in kinds if kind.endswith(("_binding", "_policy"))], "would revoke what others granted"
