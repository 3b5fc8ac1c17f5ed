"""The workflow and Composer run the steps of model/pipeline/steps.json in order, with the same arguments."""

from __future__ import annotations

import ast
import json
import re

import pytest
import yaml
from typer.main import get_command
from workspaces import ROOT, resources

from model.cli.app import app
from model.pipeline import steps

NAMES = [step.name for step in steps.main_steps()]


@pytest.fixture(scope="module")
def planned(workspace):
    """Return the resources of the examples in the module READMEs, by module and address in the module."""
    names = ("retraining", "composer")
    texts = [(ROOT / "infra" / name / "README.md").read_text() for name in names]
    example = workspace("infra", "versions.tf")
    (example.folder / "main.tf").write_text("".join(re.findall(r"```hcl\n(.*?)```", "".join(texts), re.S)))
    (example.folder / "variables.tf").write_text(
        'variable "project_id" { default = "acme-calls-1" }\n'
        'variable "region" { default = "europe-west1" }\n'
        'variable "name" { default = "callmood" }\n'
        'variable "labels" { default = {} }\n'
    )
    found = {name: {} for name in names}
    for resource in resources(example.init().plan()["planned_values"]["root_module"]):
        _, module, address = resource["address"].split(".", 2)
        found[module][address] = resource["values"]
    return found


class JobFailed(Exception):
    """A job failed."""


class Workflow:
    """A subset of Cloud Workflows: steps, subworkflows, try, except, sleep, and one connector."""

    def __init__(self, source, failing_steps=()):
        self.flows, self.failing_steps = yaml.safe_load(source), failing_steps
        self.jobs, self.slept = [], []

    def run(self, name="main", **values):
        for step in self.flows[name]["steps"]:
            ((_, body),) = step.items()
            if "return" in body:
                return self.value(body["return"], values)
            self.execute(body, values)
        return None

    def execute(self, body, values):
        for assigned in body.get("assign", []):
            values |= {name: self.value(value, values) for name, value in assigned.items()}
        if "raise" in body:
            raise self.value(body["raise"], values)
        if "try" in body:
            try:
                self.execute(body["try"], values)
            except JobFailed as error:
                values[body["except"]["as"]] = error
                for step in body["except"]["steps"]:
                    ((_, handler),) = step.items()
                    self.execute(handler, values)
        if "call" in body:
            self.call(body["call"], self.value(body["args"], values))

    def call(self, name, args):
        if name == "sys.sleep":
            self.slept.append((len(self.jobs), args["seconds"]))
        elif name == "googleapis.run.v2.projects.locations.jobs.run":
            (override,) = args["body"]["overrides"]["containerOverrides"]
            self.jobs.append((args["name"], override["args"], args["connector_params"]["timeout"]))
            if override["args"][1] in self.failing_steps:
                raise JobFailed(args["name"])
        else:
            assert set(args) == set(self.flows[name]["params"])
            self.run(name, **args)

    def value(self, value, values):
        if isinstance(value, dict):
            return {name: self.value(inner, values) for name, inner in value.items()}
        if isinstance(value, list):
            return [self.value(inner, values) for inner in value]
        found = re.fullmatch(r"\$\{(.*)\}", value) if isinstance(value, str) else None
        return self.evaluate(found[1], values) if found else value

    def evaluate(self, expression, values):
        """Evaluate a variable, a string, a concatenation, or the execution ID."""
        expression = expression.replace('sys.get_env("GOOGLE_CLOUD_WORKFLOW_EXECUTION_ID")', '"execution-1"')
        parts = [part.strip() for part in expression.split(" + ")]
        found = [ast.literal_eval(part) if part.startswith('"') else values[part] for part in parts]
        return found[0] if len(found) == 1 else "".join(found)


@pytest.fixture(scope="module")
def retraining(planned):
    return planned["retraining"]


def executed(workflow):
    return [arguments[1] for _, arguments, _ in workflow.jobs]


def test_workflow_runs_every_main_step_for_one_run(retraining):
    workflow = Workflow(retraining["google_workflows_workflow.retrain"]["source_contents"])
    run = workflow.run()
    assert executed(workflow) == NAMES
    assert run == "gs://acme-calls-1-callmood-runs/execution-1"
    for (job, arguments, seconds), step in zip(workflow.jobs, steps.main_steps(), strict=True):
        assert job == f"projects/acme-calls-1/locations/europe-west1/jobs/callmood-{step.name}"
        assert arguments[:5] == ["step", step.name, "--run", run, "--corpora"]
        assert seconds >= step.timeout_minutes * 60 * (1 + step.retries)
        get_command(app).commands["step"].make_context("step", [*arguments[1:]])  # accepts all options
    assert workflow.slept == [(NAMES.index("compare-canary"), 24 * 60 * 60)]


def test_calibration_uses_the_canary_path(retraining):
    workflow = Workflow(retraining["google_workflows_workflow.calibrate[0]"]["source_contents"])
    workflow.run()
    assert executed(workflow) == ["calibrate", "register-calibrated", "canary", "compare-canary", "promote"]
    arguments = workflow.jobs[0][1]
    assert arguments[arguments.index("--recordings") + 1] == "gs://acme-calls-1-callmood-recordings"
    assert workflow.slept == [(3, 24 * 60 * 60)]
    rejected = Workflow(
        retraining["google_workflows_workflow.calibrate[0]"]["source_contents"], failing_steps={"compare-canary"}
    )
    with pytest.raises(JobFailed, match="callmood-compare-canary"):
        rejected.run()
    assert executed(rejected)[-1] == "rollback"
    reader = retraining["google_storage_bucket_iam_member.recordings[0]"]
    assert (reader["bucket"], reader["role"]) == ("acme-calls-1-callmood-recordings", "roles/storage.objectViewer")


def test_rejected_canary_is_rolled_back_and_the_execution_fails(retraining):
    workflow = Workflow(
        retraining["google_workflows_workflow.retrain"]["source_contents"], failing_steps={"compare-canary"}
    )
    with pytest.raises(JobFailed, match="callmood-compare-canary"):
        workflow.run()
    assert executed(workflow) == [*NAMES[: NAMES.index("compare-canary") + 1], "rollback"]


def test_failed_step_ends_the_workflow(retraining):
    workflow = Workflow(retraining["google_workflows_workflow.retrain"]["source_contents"], failing_steps={"gate"})
    with pytest.raises(JobFailed, match="callmood-gate"):
        workflow.run()
    assert executed(workflow) == NAMES[: NAMES.index("gate") + 1]


def test_schedule_and_drift_messages_start_the_workflow(retraining):
    schedules = {
        values["name"]: values["schedule"]
        for address, values in retraining.items()
        if address.startswith("google_cloud_scheduler_job")
    }
    assert schedules == {"callmood-retrain": "0 3 1 * *", "callmood-calibrate": "0 5 15 * *"}
    assert retraining["google_project_iam_member.trigger_workflow"]["role"] == "roles/workflows.invoker"
    assert retraining["google_eventarc_trigger.drift[0]"]["matching_criteria"] == [
        {"attribute": "type", "operator": None, "value": "google.cloud.pubsub.topic.v1.messagePublished"}
    ]


def test_every_step_has_a_job_with_its_resources_and_account(planned):
    jobs = planned["retraining"]
    for step in steps.steps():
        (template,) = jobs[f'google_cloud_run_v2_job.steps["{step.name}"]']["template"][0]["template"]
        (container,) = template["containers"]
        assert container["resources"][0]["limits"] == {"cpu": step.cpu, "memory": step.memory}
        assert container["args"][:2] == ["step", step.name]
        assert (template["timeout"], template["max_retries"]) == (f"{step.timeout_minutes * 60}s", step.retries)
    registry = {jobs[f'google_storage_bucket_iam_member.models["{who}"]']["role"] for who in ("registrar", "comparer")}
    assert registry == {"roles/storage.objectUser", "roles/storage.objectViewer"}
    assert 'google_storage_bucket_iam_member.models["trainer"]' not in jobs, "the trainer must not change the registry"


def test_composer_gets_the_files_of_the_dag_tests(planned):
    dags = {
        values["name"]: values["content"]
        for address, values in planned["composer"].items()
        if address.startswith("google_storage_bucket_object")
    }
    folder = "dags/callmood_retraining"
    assert set(dags) == {f"{folder}/{name}" for name in ("retrain.py", "steps.py", "steps.json", "settings.json")}
    assert dags[f"{folder}/steps.json"] == steps.STEPS_FILE.read_text()
    tested = (ROOT / "tests/composer/conftest.py").read_text().partition("SETTINGS = {")[2].partition("\n}")[0]
    assert set(json.loads(dags[f"{folder}/settings.json"])) == set(re.findall(r'^    "(\w+)"', tested, re.M))
