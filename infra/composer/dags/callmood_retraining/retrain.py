"""Airflow DAGs that retrain the emotion model, start a canary, and promote it or roll it back.

The steps are those of `model/pipeline/steps.json`, in the same order. Training runs as a Vertex AI custom job, which
supports GPUs; every other step runs as a Cloud Run job. `callmood_retrain` runs on a schedule, or by hand with other
parameters. `callmood_drift` starts it when the drift check reports drift. Terraform (infra/composer) puts steps.json,
steps.py, and settings.json next to this file.

Every step is safe to repeat, by Airflow's retries or by hand ("clear"): it reads and writes the folder of its run, which
is named after the DAG run.
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

# A run's folder, whatever its id is made of.
RUN = "gs://" + SETTINGS["runs"] + "/{{ run_id | replace(':', '-') | replace('+', '-') }}"

OPTIONS = {
    "--run": RUN,
    "--corpora": "{{ params.corpora }}",
    "--config": "{{ params.config }}",
    "--gates": "{{ params.gates }}",
    "--share": "{{ params.share }}",
    "--limits": "{{ params.limits }}",
    "--registry": SETTINGS["registry"],
    "--cache": SETTINGS["cache"],
    "--results": SETTINGS["results"],
}
PYTHON = "/opt/callmood/bin/python"  # of the image: infra/images/train.Containerfile

PARAMS = {
    "corpora": Param(
        SETTINGS["corpora"],
        type="string",
        pattern=r"^[a-z]+=\S+( [a-z]+=\S+)*$",
        description="NAME=gs://… of each corpus, with spaces between; names are those of model.ingest.",
    ),
    "config": Param(SETTINGS["config"], type="string", description="A recipe of the image's, or a gs:// address."),
    "gates": Param("model/gates.toml", type="string", description="What the model has to reach; the same."),
    "share": Param(
        SETTINGS["share"],
        type="number",
        exclusiveMinimum=0,
        exclusiveMaximum=1,
        description="Share of the recordings that the canary judges.",
    ),
    "watch_hours": Param(
        SETTINGS["watch_hours"],
        type="integer",
        minimum=0,
        maximum=720,
        description="Hours for which it does, before it is compared with the model that serves.",
    ),
    "limits": Param(SETTINGS["limits"], type="string", description="Options of model.watch, such as --shift 0.1."),
}

DEFAULTS = {
    "retries": 2,  # of asking for a job; a job that fails was run again by Cloud Run already
    "retry_delay": timedelta(minutes=1),
    "retry_exponential_backoff": True,
    "email": SETTINGS["emails"],
    "email_on_failure": bool(SETTINGS["emails"]),
    "email_on_retry": False,
}


def words(step: Step) -> list[str]:
    """What the container is told."""
    return ["step", step.name, *(f"{name}={value}" for name, value in OPTIONS.items())]


def longest(step: Step) -> timedelta:
    """How long a step may take with all its retries, and a quarter of an hour to start them."""
    return timedelta(minutes=step.timeout_minutes * (step.retries + 1) + 15)


def cloud_run(step: Step, **options: object) -> BaseOperator:
    """Take a step as a Cloud Run job; no worker waits for it."""
    return CloudRunExecuteJobOperator(
        task_id=step.name,
        doc_md=step.description,
        project_id=SETTINGS["project"],
        region=SETTINGS["region"],
        job_name=f"{SETTINGS['name']}-{step.name}",
        overrides={"container_overrides": [{"args": words(step)}]},
        execution_timeout=longest(step),
        deferrable=True,
        **options,
    )


def vertex(step: Step) -> BaseOperator:
    """Take a step as a custom job of Vertex AI, with the same image and the same words."""
    return CreateCustomContainerTrainingJobOperator(
        task_id=step.name,
        doc_md=step.description,
        project_id=SETTINGS["project"],
        region=SETTINGS["region"],
        display_name=f"{SETTINGS['name']}-{step.name} {{{{ run_id }}}}",
        container_uri=SETTINGS["image"],
        command=[PYTHON, "-m", "model", *words(step)],
        staging_bucket=f"gs://{SETTINGS['runs']}",
        base_output_dir=f"gs://{SETTINGS['runs']}/vertex",
        service_account=SETTINGS["trainer"],
        environment_variables={"GOOGLE_CLOUD_PROJECT": SETTINGS["project"]},
        training_encryption_spec_key_name=SETTINGS["kms_key"],
        execution_timeout=longest(step),
        deferrable=True,
        **SETTINGS["machine"],
    )


def only_after_failure_of(step: str) -> Callable[[Context], None]:
    """Skip a rescue where its step did not fail but was never reached: to Airflow's trigger rules both are failures."""

    def skip(context: Context) -> None:
        if context["dag_run"].get_task_instance(step).state != TaskInstanceState.FAILED:
            raise AirflowSkipException(f"{step} did not fail")

    return skip


with DAG(
    "callmood_retrain",
    description="Makes a new model, tries it on some of the calls, and keeps it or takes it back.",
    doc_md=__doc__,
    schedule=SETTINGS["schedule"],
    start_date=pendulum.datetime(2026, 1, 1, tz=SETTINGS["time_zone"]),
    catchup=False,
    max_active_runs=1,  # two canaries at once could not be told apart
    params=PARAMS,
    default_args=DEFAULTS,
    tags=["callmood"],
) as retrain:
    tasks: dict[str, BaseOperator] = {}
    before: BaseOperator | None = None
    for step in main_steps():
        if step.waits_for_canary_calls:
            began = f"dag_run.get_task_instance('{before.task_id}').end_date"
            wait = DateTimeSensorAsync(
                task_id=f"wait_before_{step.name}",
                target_time=f"{{{{ ({began} + macros.timedelta(hours=params.watch_hours)).isoformat() }}}}",
            )
            before = before >> wait
        task = vertex(step) if step.name == "train" else cloud_run(step)
        before = before >> task if before else task
        tasks[step.name] = task
    by_name = {step.name: step for step in steps()}
    for step in main_steps():
        if step.on_failure:
            tasks[step.name] >> cloud_run(
                by_name[step.on_failure],
                trigger_rule=TriggerRule.ONE_FAILED,
                pre_execute=only_after_failure_of(step.name),
            )


with DAG(
    "callmood_drift",
    description="Starts callmood_retrain when calls drift from what the model was trained on.",
    schedule="@continuous",
    start_date=pendulum.datetime(2026, 1, 1, tz=SETTINGS["time_zone"]),
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULTS,
    tags=["callmood"],
) as drift:
    PubSubPullSensor(
        task_id="wait_for_drift",
        project_id=SETTINGS["project"],
        subscription=SETTINGS["subscription"],
        max_messages=100,  # many days may have drifted before somebody looked: one new model answers them all
        ack_messages=True,
        poke_interval=60,
        deferrable=True,
    ) >> TriggerDagRunOperator(
        task_id="retrain",
        trigger_dag_id=retrain.dag_id,
        trigger_run_id="drift__{{ ts }}",  # cleared and run again, it starts no second one
        skip_when_already_exists=True,
    )
