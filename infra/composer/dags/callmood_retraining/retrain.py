"""Airflow DAGs that retrain the emotion model, start a canary, and promote it or roll it back.

The steps are those of `model/pipeline/steps.json`, in the same order. Training runs as a Vertex AI custom job, which
supports GPUs; every other step runs as a Cloud Run job. `callmood_retrain` runs on a schedule, or by hand with other
parameters. `callmood_drift` starts it when the drift check reports drift. Terraform (infra/composer) puts steps.json,
steps.py, and settings.json next to this file.

Every step is safe to repeat, by Airflow's retries or by hand ("clear"): it reads and writes the folder of its run. The
folder is named after the DAG run.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pendulum
from airflow import DAG
from airflow.exceptions import AirflowSkipException
from airflow.models import BaseOperator
from airflow.models.param import Param
from airflow.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.providers.google.cloud.operators.cloud_run import CloudRunExecuteJobOperator
from airflow.providers.google.cloud.operators.vertex_ai.custom_job import CreateCustomContainerTrainingJobOperator
from airflow.providers.google.cloud.sensors.pubsub import PubSubPullSensor
from airflow.sensors.date_time import DateTimeSensorAsync
from airflow.utils.context import Context
from airflow.utils.state import TaskInstanceState
from airflow.utils.trigger_rule import TriggerRule
from callmood_retraining.steps import Step, main_steps, steps

SETTINGS = json.loads(Path(__file__).with_name("settings.json").read_text(encoding="utf-8"))

# Folder of a run. A DAG run ID can contain characters that are unsuitable for object names.
RUN = "gs://" + SETTINGS["runs_bucket"] + "/{{ run_id | replace(':', '-') | replace('+', '-') }}"

OPTIONS = {
    "--run": RUN,
    "--corpora": "{{ params.corpora }}",
    "--config": "{{ params.config }}",
    "--gates": "{{ params.gates }}",
    "--share": "{{ params.canary_share }}",
    "--limits": "{{ params.canary_limits }}",
    "--registry": SETTINGS["registry"],
    "--cache": SETTINGS["cache"],
    "--results": SETTINGS["results"],
}
ENTRYPOINT = ["/opt/callmood/bin/python", "-m", "model"]  # of infra/images/train.Containerfile

PARAMS = {
    "corpora": Param(
        SETTINGS["corpora"],
        type="string",
        pattern=r"^[a-z]+=\S+( [a-z]+=\S+)*$",
        description="NAME=gs://… of each corpus, separated by spaces. Names are those of `python -m model ingest`.",
    ),
    "config": Param(
        SETTINGS["config"], type="string", description="Training configuration: a path in the image or a gs:// URI."
    ),
    "gates": Param("model/gates.toml", type="string", description="Quality gates: a path in the image or a gs:// URI."),
    "canary_share": Param(
        SETTINGS["canary_share"],
        type="number",
        exclusiveMinimum=0,
        exclusiveMaximum=1,
        description="Share of the recordings that the canary analyzes.",
    ),
    "canary_hours": Param(
        SETTINGS["canary_hours"],
        type="integer",
        minimum=0,
        maximum=720,
        description="Hours that the canary runs before it is compared with the production model.",
    ),
    "canary_limits": Param(
        SETTINGS["canary_limits"],
        type="string",
        description="Options of `python -m model compare-canary`, such as --shift 0.1.",
    ),
}

DEFAULT_ARGS = {
    "retries": 2,  # of starting a job; Cloud Run itself retries a failed job
    "retry_delay": timedelta(minutes=1),
    "retry_exponential_backoff": True,
    "email": SETTINGS["emails"],
    "email_on_failure": bool(SETTINGS["emails"]),
    "email_on_retry": False,
}


def arguments(step: Step) -> list[str]:
    """Return the container arguments of a step."""
    return ["step", step.name, *(f"{name}={value}" for name, value in OPTIONS.items())]


def time_limit(step: Step) -> timedelta:
    """Return the time limit of a step with all its retries, plus 15 minutes to start them."""
    return timedelta(minutes=step.timeout_minutes * (step.retries + 1) + 15)


def cloud_run_task(step: Step, **options: object) -> BaseOperator:
    """Return a deferrable task that runs a step as a Cloud Run job."""
    return CloudRunExecuteJobOperator(
        task_id=step.name,
        doc_md=step.description,
        project_id=SETTINGS["project"],
        region=SETTINGS["region"],
        job_name=f"{SETTINGS['name']}-{step.name}",
        overrides={"container_overrides": [{"args": arguments(step)}]},
        execution_timeout=time_limit(step),
        deferrable=True,
        **options,
    )


def vertex_task(step: Step) -> BaseOperator:
    """Return a deferrable task that runs a step as a Vertex AI custom job, with the same image and arguments."""
    return CreateCustomContainerTrainingJobOperator(
        task_id=step.name,
        doc_md=step.description,
        project_id=SETTINGS["project"],
        region=SETTINGS["region"],
        display_name=f"{SETTINGS['name']}-{step.name} {{{{ run_id }}}}",
        container_uri=SETTINGS["image"],
        command=[*ENTRYPOINT, *arguments(step)],
        staging_bucket=f"gs://{SETTINGS['runs_bucket']}",
        base_output_dir=f"gs://{SETTINGS['runs_bucket']}/vertex",
        service_account=SETTINGS["trainer"],
        environment_variables={"GOOGLE_CLOUD_PROJECT": SETTINGS["project"]},
        training_encryption_spec_key_name=SETTINGS["kms_key"],
        execution_timeout=time_limit(step),
        deferrable=True,
        **SETTINGS["machine"],
    )


def skip_unless_failed(step: str) -> Callable[[Context], None]:
    """Return a hook that skips a task unless this step failed; trigger rules also match a step that did not run."""

    def skip(context: Context) -> None:
        if context["dag_run"].get_task_instance(step).state != TaskInstanceState.FAILED:
            raise AirflowSkipException(f"{step} did not fail")

    return skip


with DAG(
    "callmood_retrain",
    description="Trains a model, runs it as a canary, and promotes it or rolls it back.",
    doc_md=__doc__,
    schedule=SETTINGS["schedule"],
    start_date=pendulum.datetime(2026, 1, 1, tz=SETTINGS["time_zone"]),
    catchup=False,
    max_active_runs=1,  # the registry supports one canary at a time
    params=PARAMS,
    default_args=DEFAULT_ARGS,
    tags=["callmood"],
) as retrain:
    tasks: dict[str, BaseOperator] = {}
    previous: BaseOperator | None = None
    for step in main_steps():
        if step.waits_for_canary_calls:
            canary_start = f"dag_run.get_task_instance('{previous.task_id}').end_date"
            wait = DateTimeSensorAsync(
                task_id=f"wait_before_{step.name}",
                target_time=f"{{{{ ({canary_start} + macros.timedelta(hours=params.canary_hours)).isoformat() }}}}",
            )
            previous = previous >> wait
        task = vertex_task(step) if step.name == "train" else cloud_run_task(step)
        previous = previous >> task if previous else task
        tasks[step.name] = task
    by_name = {step.name: step for step in steps()}
    for step in main_steps():
        if step.on_failure:
            tasks[step.name] >> cloud_run_task(
                by_name[step.on_failure],
                trigger_rule=TriggerRule.ONE_FAILED,
                pre_execute=skip_unless_failed(step.name),
            )


with DAG(
    "callmood_drift",
    description="Starts callmood_retrain when the drift check reports drift.",
    schedule="@continuous",
    start_date=pendulum.datetime(2026, 1, 1, tz=SETTINGS["time_zone"]),
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULT_ARGS,
    tags=["callmood"],
) as drift:
    PubSubPullSensor(
        task_id="wait_for_drift",
        project_id=SETTINGS["project"],
        subscription=SETTINGS["subscription"],
        max_messages=100,  # one retraining run handles all pending drift messages
        ack_messages=True,
        poke_interval=60,
        deferrable=True,
    ) >> TriggerDagRunOperator(
        task_id="retrain",
        trigger_dag_id=retrain.dag_id,
        trigger_run_id="drift__{{ ts }}",  # a cleared task does not start a second run
        skip_when_already_exists=True,
    )
