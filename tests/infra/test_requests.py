"""Documents that Terraform and the clients pass on to Google's APIs comply with the discovery documents."""

from __future__ import annotations

import json

import pytest
import yaml
from discovery import problems, request_problems
from workspaces import of_type


def test_dashboard_is_valid(existing):
    (dashboard,) = of_type(existing.resources, "google_monitoring_dashboard")
    assert not list(problems("monitoring.v1", "Dashboard", json.loads(dashboard["values"]["dashboard_json"])))


def test_workflow_runs_jobs_with_valid_requests(deployments):
    (workflow,) = of_type(deployments("hardened").resources, "google_workflows_workflow")
    source = yaml.safe_load(workflow["values"]["source_contents"])
    execute = source["run_step"]["steps"][0]["execute"]
    assert execute["call"] == "googleapis.run.v2.projects.locations.jobs.run"
    assert not list(problems("run.v2", "GoogleCloudRunV2RunJobRequest", execute["args"]["body"]))


def test_schema_of_tables_is_valid(existing):
    for table in of_type(existing.resources, "google_bigquery_table"):
        if not table["values"]["view"]:
            fields = json.loads(table["values"]["schema"])
            assert not list(problems("bigquery.v2", "TableSchema", {"fields": fields})), table["address"]


@pytest.mark.parametrize(
    ("verb", "url", "body", "expected"),
    [
        ("POST", "/bigquery/v2/projects/p/jobs", {"configuration": {"query": {"query": "SELECT 1"}}}, None),
        ("POST", "/bigquery/v2/projects/p/jobs", {"configuration": {"query": {"sql": "SELECT 1"}}}, "no field sql"),
        ("POST", "/bigquery/v2/projects/p/job", {}, "no method"),
        ("GET", "/storage/v1/b/calls/o/a%2Fb.wav?generation=7&alt=json", None, None),
        ("GET", "/storage/v1/b/calls/o/a%2Fb.wav?version=7", None, "no parameter version"),
        ("PATCH", "/storage/v1/b/calls", {"lifecycle": {"rule": [{"condition": {"age": "x"}}]}}, "'x', not integer"),
    ],
)
def test_invalid_request_is_found(verb, url, body, expected):
    found = list(request_problems(verb, url, json.dumps(body).encode() if body else b""))
    assert [expected in one for one in found] == ([True] if expected else [])
