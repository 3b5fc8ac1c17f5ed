"""Terraform's own checks: form, validity, its tests, what it says of wrong values, and every module's example."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from workspaces import HARDENED, PROJECT, ROOT

from model.data.corpora import CORPORA

MODULES = sorted(path.parent.name for path in (ROOT / "infra").glob("*/main.tf"))


def test_files_are_formatted(deployment):
    assert deployment.run("fmt", "-check", "-diff", "-recursive", ROOT / "infra") == ""
    assert deployment.run("fmt", "-check", "-diff", ROOT) == ""
    assert deployment.run("fmt", "-check", "-diff", ROOT / "tests" / "infra") == ""


def test_the_deployment_is_valid(deployment):
    deployment.run("validate", "-no-color")


@pytest.mark.parametrize("name", ["defaults", "hardened"])
def test_terraform_tests_pass(deployment, name):
    options = [f"-var-file={HARDENED}"] if name == "hardened" else []
    shown = deployment.run(
        "test", "-no-color", "-test-directory=tests/infra", f"-filter=tests/infra/{name}.tftest.hcl", *options
    )
    assert re.search(r"Success! [1-9]\d* passed, 0 failed", shown), shown


def test_main_tf_is_read_at_a_glance():
    text = (ROOT / "main.tf").read_text()
    assert len(text.splitlines()) < 300
    assert set(re.findall(r"^(\w+)", text, re.M)) == {"module"}


@pytest.mark.parametrize("path", [ROOT / "variables.tf", *sorted((ROOT / "infra").glob("*/variables.tf"))], ids=str)
def test_every_variable_is_typed_and_described(path):
    for name, body in re.findall(r'^variable "(\w+)" \{\n(.*?)^\}', path.read_text(), re.M | re.S):
        assert re.search(r"^  type +=", body, re.M), name
        assert re.search(r'^  description = ".{10}', body, re.M), name


@pytest.fixture(scope="module")
def variables(workspace):
    """The variables alone: what they refuse is refused before any resource is planned."""
    return workspace("variables.tf").init()


WRONG = [
    ({"project_id": "Acme Calls"}, "Not its name, nor its number"),
    ({"project_id": "123456789012"}, "Not its name, nor its number"),
    ({"region": "europe-west1-b"}, "not a zone"),
    ({"region": "EU"}, "nor a multi-region"),
    ({"name": "Callmood"}, "lowercase"),
    ({"name": "callmood-production"}, "limited to 30 characters"),
    ({"labels": {"Cost Center": "1"}}, "lowercase letters"),
    ({"bucket_name": "gs://calls"}, "without gs://"),
    ({"bucket_location": "Frankfurt"}, "europe-west1"),
    ({"retention_days": 0}, "Leave it out to keep recordings"),
    ({"retention_days": 1.5}, "whole number"),
    ({"locked_retention_days": 5000}, "1 to 3650"),
    ({"colder_after_days": {"COOL": 3}}, "NEARLINE, COLDLINE or ARCHIVE"),
    ({"soft_delete_days": 3}, "0, or 7 to 90"),
    ({"replay_days": 60}, "1 to 31"),
    ({"settings": {"channel_roles": ["caller"]}}, "agent, customer or mixed"),
    ({"settings": {"model_uri": "model.networks.tflite"}}, "gs://BUCKET/OBJECT"),
    ({"settings": {"filename_pattern": "[0-9]+"}}, "named groups"),
    ({"settings": {"confidence_threshold": 40}}, "0 to 1"),
    ({"settings": {"max_duration_s": -1}}, "more than 0"),
    ({"analyze": {"memory": "2GB"}}, "such as 2Gi"),
    ({"analyze": {"cpu": "0.5"}}, "1, 2, 4, 6 or 8"),
    ({"analyze": {"memory": "8Gi"}}, "4Gi for each CPU"),
    ({"analyze": {"concurrency": 0}}, "1 to 1000"),
    ({"analyze": {"min_instances": 30}}, "at most analyze.max_instances"),
    ({"analyze": {"timeout_s": 900}}, "Pub/Sub waits 600 s"),
    ({"alert_webhook": {"url": "https://example.com/hook"}}, "must name secrets in Secret Manager"),
    ({"live": {"callers": ["allUsers"]}}, "never everybody"),
    ({"live": {"session_key": "c2VjcmV0IQ=="}}, "must name secrets"),
    ({"live": {"calls": 0}}, "./run bench realtime"),
    ({"live": {"min_instances": 9}}, "at most live.max_instances"),
    ({"max_delivery_attempts": 3}, "5 to 100"),
    ({"network": {"network": "default"}}, "either a connector"),
    ({"network": {"connector": "c", "egress": "ALL"}}, "PRIVATE_RANGES_ONLY or ALL_TRAFFIC"),
    ({"dataset_id": "acme.callmood"}, "without the project"),
    ({"dataset_location": "ASIA"}, "EU or US"),
    ({"results_retention_days": 0}, "at least 1"),
    ({"min_calls_per_group": 0}, "at least 1"),
    ({"time_travel_hours": 24}, "48 to 168"),
    ({"report_readers": ["allUsers"]}, "never everybody"),
    ({"report_readers": ["ada@example.com"]}, "group:cx@example.com"),
    ({"operators": ["domain:example.com"]}, "user:, group: or serviceAccount:"),
    ({"queue_readers": {"billing": ["billing@example.com"]}}, "group:billing@example.com"),
    ({"queue_readers": {"a b": [], "a-b": []}}, "differ in punctuation"),
    ({"kms_key": "my-key"}, "projects/PROJECT/locations/REGION"),
    ({"perimeter": {"access_policy": "bank", "members": []}}, "access-context-manager policies list"),
    ({"perimeter": {"access_policy": "1", "members": ["group:a@b.c"]}}, "takes no groups"),
    ({"monitor": {"schedule": "nightly"}}, "five fields"),
    ({"retraining": {"corpora": {}}}, "gs://acme-corpora/cremad"),
    ({"retraining": {"corpora": {"cremad": "/data/cremad"}}}, "gs://acme-corpora/cremad"),
    ({"retraining": {"corpora": {"iemocap": "gs://acme/iemocap"}}}, "retraining.corpora must name cremad"),
    ({"retraining": {"corpora": {"csv": "gs://acme/c"}, "schedule": "monthly"}}, "five fields"),
    ({"retraining": {"corpora": {"csv": "gs://acme/c"}, "share": 10}}, "a tenth of the recordings"),
    ({"retraining": {"corpora": {"csv": "gs://acme/c"}, "watch_hours": 0}}, "1 to 720"),
    ({"retraining": {"corpora": {"csv": "gs://acme/c"}, "composer": {"size": "HUGE"}}}, "SMALL, MEDIUM or LARGE"),
    ({"source_repository": "github.com/acme/callmood"}, "gcloud builds repositories list"),
    ({"alert_emails": ["mailto:ops@example.com"]}, "plain e-mail addresses"),
    ({"alert_thresholds": {"error_share": 10}}, "such as 0.1 for 10 %"),
    ({"alert_thresholds": {"oldest_waiting_s": 5}}, "at least 60"),
    ({"alert_thresholds": {"silence_hours": 48}}, "looks back no further"),
    ({"budget": {"billing_account": "acme", "monthly_amount": 100}}, "gcloud billing accounts list"),
    ({"budget": {"billing_account": "01A2B3-4C5D6E-7F8A9B", "monthly_amount": 0}}, "at least 1"),
]


def test_retraining_takes_every_corpus_that_is_read():
    (allowed,) = re.findall(r"contains\(\[(.*?)\], name\)", (ROOT / "variables.tf").read_text())
    assert set(re.findall(r'"(\w+)"', allowed)) == CORPORA.keys()


@pytest.mark.parametrize(("values", "told"), WRONG, ids=[str(values) for values, _ in WRONG])
def test_a_wrong_value_is_refused_with_what_to_write_instead(variables, values, told):
    done = variables.attempt("plan", "-no-color", "-input=false", *variables.options(**PROJECT | values))
    assert done.returncode == 1
    message = re.sub(r"[\s│]+", " ", done.stderr)
    assert "Error: Invalid value for variable" in message
    assert told in message


def test_a_lock_that_outlasts_deletion_is_refused(deployment):
    values = deployment.options(**PROJECT, retention_days=30, locked_retention_days=90)
    done = deployment.attempt("plan", "-no-color", "-input=false", *values)
    assert "retention_days deletes before locked_retention_days allows" in re.sub(r"[\s│]+", " ", done.stderr)


@pytest.mark.parametrize("module", MODULES)
def test_the_example_in_a_modules_readme_plans(workspace, module):
    (example,) = re.findall(r"```hcl\n(.*?)```", (ROOT / "infra" / module / "README.md").read_text(), re.S)
    place = workspace("infra", "schemas", "versions.tf")
    (place.folder / "main.tf").write_text(example)
    (place.folder / "variables.tf").write_text(
        'variable "project_id" { default = "acme-calls-1" }\n'
        'variable "region" { default = "europe-west1" }\n'
        'variable "name" { default = "callmood" }\n'
        'variable "labels" { default = {} }\n'
    )
    changes = place.init().plan()["resource_changes"]
    assert [change for change in changes if change["change"]["actions"] == ["create"]]


def test_no_security_check_fails(checkov: Path):
    scanned = subprocess.run(
        [checkov, "--directory", ROOT / "infra", "--framework", "terraform", "--compact", "--quiet", "--skip-download"],
        capture_output=True,
        text=True,
        check=False,
    )
    passed, failed = map(int, re.search(r"Passed checks: (\d+), Failed checks: (\d+)", scanned.stdout).groups())
    assert failed == 0, scanned.stdout
    assert passed > 40


def test_every_skipped_security_check_says_why():
    sources = "\n".join(path.read_text() for path in (ROOT / "infra").rglob("*.tf"))
    reasons = re.findall(r"checkov:skip=\w+(: .{20,})?$", sources, re.M)
    assert reasons
    assert all(reasons)
