"""Log training runs to MLflow, local or on a server, or to Vertex AI Experiments.

The address selects the service: `vertex://PROJECT/LOCATION/EXPERIMENT`, or an MLflow tracking URI such as
`sqlite:///runs/mlflow.db` (view it with `mlflow ui --backend-store-uri sqlite:///runs/mlflow.db`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from callmood.errors import CallmoodError
from model.config import Config
from model.files import write_json

EXPERIMENT = "callmood"
"""str: name of the experiment in MLflow."""

VERTEX = "vertex://"

Logger = Callable[[Mapping[str, float]], None]
"""Log the metrics of one epoch."""


class LogError(CallmoodError):
    """An experiment log cannot be used. The message names the log and the remedy."""


@contextmanager
def experiment_log(address: str | None, run: Path, config: Config) -> Iterator[Logger]:
    """Open the log of a run, and reopen the same log after an interruption. Without an address, log nothing.

    Raises
    ------
    LogError
        The address is invalid, or the client library is not installed.
    """
    if address is None:
        yield lambda _: None
    elif address.startswith(VERTEX):
        with _vertex(address, run, config) as logger:
            yield logger
    else:
        with _mlflow(address, run, config) as logger:
            yield logger


@contextmanager
def _mlflow(address: str, run: Path, config: Config) -> Iterator[Logger]:
    try:
        from mlflow import MlflowClient
        from mlflow.exceptions import MlflowException
    except ImportError:
        raise LogError(f"cannot log to {address}: MLflow is not installed; pip install mlflow-skinny") from None
    try:
        client = MlflowClient(tracking_uri=address)
        existing = client.get_experiment_by_name(EXPERIMENT)
        experiment = existing.experiment_id if existing else client.create_experiment(EXPERIMENT)
        state = run / "mlflow.json"
        if state.exists():
            run_id = json.loads(state.read_text(encoding="utf-8"))["run_id"]
            client.update_run(run_id, status="RUNNING")
        else:
            run_id = client.create_run(experiment, run_name=run.name).info.run_id
            write_json(state, {"run_id": run_id, "address": address})
            for name, value in flatten(config.model_dump(mode="json", exclude_none=True)).items():
                client.log_param(run_id, name, value)
    except MlflowException as error:
        raise LogError(f"cannot log to {address}: {error.message}") from None

    def log(epoch: Mapping[str, float]) -> None:
        for name, value in epoch.items():
            if name != "epoch":
                client.log_metric(run_id, name, value, step=int(epoch["epoch"]))

    status = "KILLED"
    try:
        yield log
        status = "FINISHED"
    finally:
        client.set_terminated(run_id, status)


@contextmanager
def _vertex(address: str, run: Path, config: Config) -> Iterator[Logger]:
    project, _, rest = address.removeprefix(VERTEX).partition("/")
    location, _, experiment = rest.partition("/")
    if not (project and location and experiment):
        raise LogError(f"invalid experiment log {address}; use {VERTEX}PROJECT/LOCATION/EXPERIMENT")
    try:
        from google.cloud import aiplatform
    except ImportError:
        raise LogError(
            f"cannot log to {address}: Vertex AI is not installed; pip install google-cloud-aiplatform"
        ) from None
    # Without a TensorBoard instance, which has a monthly price, an experiment keeps the last value of each metric.
    aiplatform.init(project=project, location=location, experiment=experiment, experiment_tensorboard=False)
    name = run.name.lower().replace("_", "-")
    exists = name in {other.name for other in aiplatform.ExperimentRun.list(experiment=experiment)}
    with aiplatform.start_run(name, resume=exists):
        if not exists:
            aiplatform.log_params(flatten(config.model_dump(mode="json", exclude_none=True)))
        yield lambda epoch: aiplatform.log_metrics(dict(epoch))


def flatten(tables: Mapping[str, Any], prefix: str = "") -> dict[str, str | float]:
    """Flatten nested settings to dotted names such as `training.epochs`."""
    flat: dict[str, str | float] = {}
    for name, value in tables.items():
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{prefix}{name}.")
        else:
            flat[prefix + name] = value if isinstance(value, int | float) else str(value)
    return flat
