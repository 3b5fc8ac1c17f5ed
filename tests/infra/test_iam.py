"""docs/iam.md lists the grants of a deployment, and no other grants."""

from __future__ import annotations

import re
from itertools import product

import pytest
from workspaces import IMAGES, PARTS, PROJECT, ROOT

OPERATOR = "user:ada@example.com"
CALLER = "serviceAccount:telephony@example.com"

# By type of grant: the attribute that names the resource, and the word that the page uses for it.
RESOURCES = {
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
    """Every grant of a deployment with an operator, retraining, the digest, and the real-time service."""
    corpora = {"cremad": "gs://acme-calls-1-corpora/cremad"}
    applied = (
        workspace(*PARTS)
        .init()
        .apply(
            **PROJECT,
            operators=[OPERATOR],
            retraining={"corpora": corpora, "calibration": {}},
            monitor={"digest_weekday": 7},
            realtime={"callers": [CALLER]},
            images=IMAGES,
        )
    )
    granted = [found for found in applied if found["type"].endswith(("_iam_member", "_iam_binding", "_iam_policy"))]
    assert len(granted) > 25
    return [(found["type"], found["values"]) for found in granted]


def principal(member):
    """Return the name that the page uses for an IAM member."""
    agents = {"gs-project-accounts": "Cloud Storage", "gcp-sa-pubsub": "Pub/Sub"}
    if member in (OPERATOR, CALLER):
        return "operators" if member == OPERATOR else "callers"
    account, _, domain = member.removeprefix("serviceAccount:").partition("@")
    return agents.get(domain.partition(".")[0]) or account.removeprefix("callmood-")


def resource(kind, values):
    """Return the name that the page uses for the resource of a grant."""
    if kind == "google_project_iam_member":
        return "project, with a condition" if values["condition"] else "project"
    attribute, noun = RESOURCES[kind]
    name = re.sub(r"^(projects/acme-calls-1/|acme-calls-1-)?(callmood-)?", "", values[attribute])
    return f"{noun} {name}" + (", with a condition" if values.get("condition") else "")


def documented():
    """Yield every grant on the page, as (principal, role, resource)."""
    rows = re.findall(r"^\| (.+?) \| `(.+?)` \| (.+?) \| .+ \|$", (ROOT / "docs" / "iam.md").read_text(), re.M)
    for names, role, resources in rows:
        noun, _, listed = resources.removesuffix(", with a condition").partition(" `")
        condition = ", with a condition" if listed and resources.endswith(", with a condition") else ""
        names_listed = re.findall(r"`([^`]+)`", f"`{listed}")
        targets = [f"{noun.removesuffix('s')} {name}{condition}" for name in names_listed] or [resources]
        for member, target in product(names.replace("`", "").split(", "), targets):
            yield member, role, target


def test_page_lists_every_grant_and_no_other(grants):
    granted = {
        (principal(values["member"]), re.sub(r".*/roles/callmood_", "", values["role"]), resource(kind, values))
        for kind, values in grants
    }
    assert granted == set(documented())


def test_few_roles_are_granted_on_the_project(grants):
    projects = [values for kind, values in grants if kind == "google_project_iam_member"]
    on_project = {(principal(values["member"]), values["role"]) for values in projects if not values["condition"]}
    # These roles cannot be granted on a smaller resource: docs/iam.md.
    assert on_project == {
        ("eraser", "roles/bigquery.jobUser"),
        ("builder", "roles/logging.logWriter"),
        ("image-builder", "roles/logging.logWriter"),
        ("comparer", "roles/bigquery.jobUser"),
        ("retrainer", "roles/run.viewer"),
        ("retrain-trigger", "roles/workflows.invoker"),
        ("monitor", "roles/bigquery.jobUser"),
        ("monitor", "roles/monitoring.metricWriter"),
    }


def test_grants_do_not_replace_existing_grants(grants):
    kinds = {kind for kind, _ in grants}
    assert not [kind for kind in kinds if kind.endswith(("_binding", "_policy"))], "these revoke the grants of others"
