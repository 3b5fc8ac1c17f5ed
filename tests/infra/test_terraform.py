"""Formatting, validation, Terraform tests, messages for invalid values, module examples, and security checks."""

from __future__ import annotations

import re

import pytest
from workspaces import HARDENED, IMAGES, PROJECT, ROOT

from callmood.warehouse.dialect import view_parts
from model.data.corpora import CORPORA

MODULES = sorted(path.parent.name for path in (ROOT / "infra").glob("*/main.tf"))


def test_files_are_formatted(deployment):
    assert deployment.run("fmt", "-check", "-diff", "-recursive", ROOT / "infra") == ""
    assert deployment.run("fmt", "-check", "-diff", ROOT) == ""
    assert deployment.run("fmt", "-check", "-diff", ROOT / "tests" / "infra") == ""


def test_configuration_is_valid(deployment):
    deployment.run("validate", "-no-color")


def test_terraform_fills_every_part_of_views():
    text = (ROOT / "infra/warehouse/views/main.tf").read_text()
    [names] = re.findall(r"parts = \{ for name in \[(.*?)\]", text)
    filled = set(re.findall(r'"\$\$\{(\w+)\}", local\.parts\.\1', text))
    assert set(re.findall(r"\w+", names)) == filled == view_parts().keys()


@pytest.mark.parametrize("name", ["defaults", "hardened"])
def test_terraform_tests_pass(deployment, name):
    options = [f"-var-file={HARDENED}"] if name == "hardened" else []
    shown = deployment.run(
        "test", "-no-color", "-test-directory=tests/infra", f"-filter=tests/infra/{name}.tftest.hcl", *options
    )
    assert re.search(r"Success! [1-9]\d* passed, 0 failed", shown), shown


def test_main_tf_is_short_and_contains_modules_only():
    text = (ROOT / "main.tf").read_text()
    assert len(text.splitlines()) < 200
    assert set(re.findall(r"^(\w+)", text, re.M)) == {"module"}


def variables_of(path):
    """Yield name and body of every variable in a file."""
    return re.findall(r'^variable "(\w+)" \{\n(.*?)^\}', path.read_text(), re.M | re.S)


@pytest.mark.parametrize("path", [ROOT / "variables.tf", *sorted((ROOT / "infra").glob("**/variables.tf"))], ids=str)
def test_every_variable_is_typed_and_described(path):
    for name, body in variables_of(path):
        assert re.search(r"^  type +=", body, re.M), name
        assert re.search(r'^  description = ".{10}', body, re.M), name


def test_every_option_is_validated():
    for name, body in variables_of(ROOT / "variables.tf"):
        assert "validation {" in body or re.search(r"^  type += bool$", body, re.M), name


@pytest.fixture(scope="module")
def variables(workspace):
    """Return a workspace with variables.tf only: validation happens before planning."""
    return workspace("variables.tf").init()


INVALID = [
    ({"project_id": "Acme Calls"}, "The project name or number does not work"),
    ({"project_id": "123456789012"}, "The project name or number does not work"),
    ({"region": "europe-west1-b"}, "not a zone"),
    ({"region": "EU"}, "or a multi-region (EU)"),
    ({"name": "Callmood"}, "lowercase"),
    ({"name": "callmood-production"}, "limited to 30 characters"),
    ({"labels": {"Cost Center": "1"}}, "lowercase letters"),
    ({"bucket_name": "gs://calls"}, "without gs://"),
    ({"bucket_location": "Frankfurt"}, "europe-west1"),
    ({"retention_days": 0}, "Omit it to keep recordings"),
    ({"retention_days": 1.5}, "whole number"),
    ({"locked_retention_days": 5000}, "1 to 3650"),
    ({"storage_class_after_days": {"COOL": 3}}, "NEARLINE, COLDLINE, or ARCHIVE"),
    ({"soft_delete_days": 3}, "0, or 7 to 90"),
    ({"event_retention_days": 60}, "1 to 31"),
    ({"settings": {"channel_roles": ["caller"]}}, "agent, customer, mixed, or unknown"),
    ({"settings": {"model_uri": "model.networks.tflite"}}, "gs://BUCKET/OBJECT"),
    ({"settings": {"filename_pattern": "[0-9]+"}}, "named groups"),
    ({"settings": {"confidence_threshold": 40}}, "0 to 1"),
    ({"settings": {"max_duration_s": -1}}, "more than 0"),
    ({"settings": {"reference_uri": "reference.json"}}, "gs://BUCKET/OBJECT"),
    ({"settings": {"retrain_after_days": 0}}, "at least 1"),
    ({"settings": {"raw_audio": "pcm"}}, "such as ulaw/8000/1"),
    ({"analyze": {"memory": "2GB"}}, "such as 2Gi"),
    ({"analyze": {"cpu": "0.5"}}, "1, 2, 4, 6, or 8"),
    ({"analyze": {"memory": "8Gi"}}, "4Gi per CPU"),
    ({"analyze": {"concurrency": 0}}, "1 to 1000"),
    ({"analyze": {"min_instances": 30}}, "at most analyze.max_instances"),
    ({"analyze": {"timeout_s": 900}}, "Pub/Sub waits 600 s"),
    ({"alert_webhook": {"url_secret": "https://example.com/hook"}}, "must contain IDs of Secret Manager secrets"),
    ({"realtime": {"callers": ["allUsers"]}}, "Public access is not supported"),
    ({"realtime": {"session_key_secret": "c2VjcmV0IQ=="}}, "must be IDs of Secret Manager secrets"),
    ({"realtime": {"max_streams": 0}}, "./run bench realtime"),
    ({"realtime": {}}, "realtime needs images.serve. To build the image and set the option, run `./run images`"),
    ({"realtime": {"ingress": "public"}, "images": IMAGES}, "all or internal"),
    ({"images": {"serve": "europe-west1-docker.pkg.dev/p/r/serve:latest"}}, "must be pinned by digest"),
    ({"functions_archive": "functions.zip"}, "bucket of the archives"),
    ({"realtime": {"cpu": "0.5"}}, "1, 2, 4, 6, or 8"),
    ({"realtime": {"min_instances": 9}}, "at most realtime.max_instances"),
    ({"max_delivery_attempts": 3}, "5 to 100"),
    ({"network": {"network": "default"}}, "either a connector"),
    ({"network": {"connector": "c", "egress": "ALL"}}, "PRIVATE_RANGES_ONLY or ALL_TRAFFIC"),
    ({"dataset_id": "acme.callmood"}, "without the project"),
    ({"dataset_location": "ASIA"}, "EU or US"),
    ({"results_retention_days": 0}, "at least 1"),
    ({"min_calls_per_group": 0}, "at least 1"),
    ({"time_travel_hours": 24}, "48 to 168"),
    ({"report_readers": ["allUsers"]}, "Public access is not supported"),
    ({"report_readers": ["ada@example.com"]}, "group:cx@example.com"),
    ({"operators": ["domain:example.com"]}, "user:, group:, or serviceAccount:"),
    ({"queue_readers": {"billing": ["billing@example.com"]}}, "group:billing@example.com"),
    ({"queue_readers": {"a b": [], "a-b": []}}, "differ in punctuation"),
    ({"kms_key": "my-key"}, "projects/PROJECT/locations/REGION"),
    ({"kms_key": "projects/p/locations/europe/keyRings/r/cryptoKeys/k"}, "in the region of the deployment"),
    ({"kms_key": "create", "bucket_location": "EU"}, "needs all data in one region"),
    ({"kms_key": "create", "dataset_location": "US"}, "needs all data in one region"),
    ({"perimeter": {"access_policy": "bank", "members": []}}, "access-context-manager policies list"),
    ({"perimeter": {"access_policy": "1", "members": ["group:a@b.c"]}}, "do not support groups"),
    ({"monitor": {"schedule": "nightly"}}, "five fields"),
    ({"retraining": {"corpora": {"csv": "gs://acme/c"}}}, "retraining needs images.train"),
    ({"retraining": {"corpora": {}}}, "gs://acme-corpora/cremad"),
    ({"retraining": {"corpora": {"cremad": "/data/cremad"}}}, "gs://acme-corpora/cremad"),
    ({"retraining": {"corpora": {"iemocap": "gs://acme/iemocap"}}}, "that `python -m model ingest` reads"),
    ({"retraining": {"corpora": {"csv": "gs://acme/c"}, "schedule": "monthly"}}, "five fields"),
    ({"retraining": {"corpora": {"csv": "gs://acme/c"}, "canary_share": 10}}, "a tenth of the recordings"),
    ({"retraining": {"corpora": {"csv": "gs://acme/c"}, "canary_hours": 0}}, "1 to 720"),
    ({"retraining": {"corpora": {"csv": "gs://acme/c"}, "composer": {"size": "HUGE"}}}, "SMALL, MEDIUM, or LARGE"),
    ({"source_repository": "github.com/acme/callmood"}, "gcloud builds repositories list"),
    ({"alert_emails": ["mailto:ops@example.com"]}, "plain email addresses"),
    ({"alert_thresholds": {"error_ratio": 10}}, "such as 0.1 for 10%"),
    ({"alert_thresholds": {"oldest_event_s": 5}}, "at least 60"),
    ({"alert_thresholds": {"no_recordings_hours": 48}}, "the maximum of Cloud Monitoring"),
    ({"budget": {"billing_account": "acme", "monthly_amount": 100}}, "gcloud billing accounts list"),
    ({"budget": {"billing_account": "01A2B3-4C5D6E-7F8A9B", "monthly_amount": 0}}, "at least 1"),
]


def test_retraining_accepts_every_supported_corpus():
    (allowed,) = re.findall(r"contains\(\[(.*?)\], name\)", (ROOT / "variables.tf").read_text())
    assert set(re.findall(r'"(\w+)"', allowed)) == CORPORA.keys()


@pytest.mark.parametrize(("values", "expected"), INVALID, ids=[str(values) for values, _ in INVALID])
def test_invalid_value_is_rejected_with_a_helpful_message(variables, values, expected):
    done = variables.attempt("plan", "-no-color", "-input=false", *variables.options(**PROJECT | values))
    assert done.returncode == 1
    message = re.sub(r"[\s│]+", " ", done.stderr)
    assert "Error: Invalid value for variable" in message
    assert expected in message


def test_retention_lock_longer_than_retention_is_rejected(deployment):
    values = deployment.options(**PROJECT, retention_days=30, locked_retention_days=90)
    done = deployment.attempt("plan", "-no-color", "-input=false", *values)
    assert "retention_days must be at least locked_retention_days" in re.sub(r"[\s│]+", " ", done.stderr)


@pytest.mark.parametrize("module", MODULES)
def test_example_in_module_readme_plans(workspace, module):
    (example,) = re.findall(r"```hcl\n(.*?)```", (ROOT / "infra" / module / "README.md").read_text(), re.S)
    example_workspace = workspace("infra", "schemas", "versions.tf")
    (example_workspace.folder / "main.tf").write_text(example)
    (example_workspace.folder / "variables.tf").write_text(
        'variable "project_id" { default = "acme-calls-1" }\n'
        'variable "region" { default = "europe-west1" }\n'
        'variable "name" { default = "callmood" }\n'
        'variable "labels" { default = {} }\n'
    )
    changes = example_workspace.init().plan()["resource_changes"]
    assert [change for change in changes if change["change"]["actions"] == ["create"]]


def test_every_skipped_security_check_has_a_reason():
    sources = "\n".join(path.read_text() for path in (ROOT / "infra").rglob("*.tf"))
    reasons = re.findall(r"checkov:skip=\w+(: .{20,})?$", sources, re.M)
    assert reasons
    assert all(reasons)
