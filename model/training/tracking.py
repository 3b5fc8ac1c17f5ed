"""Where runs are told of, to be laid side by side: MLflow, on this machine or a server, or Vertex AI Experiments.

An address says which: `vertex://PROJECT/LOCATION/EXPERIMENT`, or what MLflow calls a tracking URI, such as
`sqlite:///runs/mlflow.db` (to look at it: `mlflow ui --backend-store-uri sqlite:///runs/mlflow.db`).
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

NAME = "callmood"
"""str: the experiment's name in MLflow."""

VERTEX = "vertex://"

Tell = Callable[[Mapping[str, float]], None]
"""Takes what an epoch brought."""


class LogError(CallmoodError):
    """An experiment log cannot be used; the message says which, and what to do."""


@contextmanager
def told(address: str | None, run: Path, config: Config) -> Iterator[Tell]:
    """Tell of a run, the same one again after a stop; where there is no address, nobody is told.

    Raises
    ------
    LogError
        What the log needs is not installed, or the address is not one.
    """
    if address is None:
        yield lambda _: None
    elif address.startswith(VERTEX):
        with _vertex(address, run, config) as tell:
            yield tell
    else:
        with _mlflow(address, run, config) as tell:
            yield tell


@contextmanager
def _mlflow(address: str, run: Path, config: Config) -> Iterator[Tell]:
    try:
        from mlflow import MlflowClient
        from mlflow.exceptions import MlflowException
    except ImportError:
        raise LogError(f"{address} is MLflow's: pip install mlflow-skinny") from None
    try:
        client = MlflowClient(tracking_uri=address)
        found = client.get_experiment_by_name(NAME)
        experiment = found.experiment_id if found else client.create_experiment(NAME)
        kept = run / "mlflow.json"
        if kept.exists():
            run_id = json.loads(kept.read_text(encoding="utf-8"))["run_id"]
            client.update_run(run_id, status="RUNNING")
        else:
            run_id = client.create_run(experiment, run_name=run.name).info.run_id
            write_json(kept, {"run_id": run_id, "address": address})
            for name, setting in flat(config.model_dump(mode="json", exclude_none=True)).items():
                client.log_param(run_id, name, setting)
    except MlflowException as error:
        raise LogError(f"{address} cannot be written to: {error.message}") from None

    def tell(epoch: Mapping[str, float]) -> None:
        for name, figure in epoch.items():
            if name != "epoch":
                client.log_metric(run_id, name, figure, step=int(epoch["epoch"]))

    status = "KILLED"
    try:
        yield tell
        status = "FINISHED"
    finally:
        client.set_terminated(run_id, status)


@contextmanager
def _vertex(address: str, run: Path, config: Config) -> Iterator[Tell]:
    project, _, rest = address.removeprefix(VERTEX).partition("/")
    location, _, experiment = rest.partition("/")
    if not (project and location and experiment):
        raise LogError(f"{address} is no address; write {VERTEX}PROJECT/LOCATION/EXPERIMENT")
    try:
        from google.cloud import aiplatform
    except ImportError:
        raise LogError(f"{address} is Vertex AI's: pip install google-cloud-aiplatform") from None
    # Without a Tensorboard, which costs by the month, an experiment keeps each figure's last value.
    aiplatform.init(project=project, location=location, experiment=experiment, experiment_tensorboard=False)
    name = run.name.lower().replace("_", "-")
    begun = name in {other.name for other in aiplatform.ExperimentRun.list(experiment=experiment)}
    with aiplatform.start_run(name, resume=begun):
        if not begun:
            aiplatform.log_params(flat(config.model_dump(mode="json", exclude_none=True)))
        yield lambda epoch: aiplatform.log_metrics(dict(epoch))


def flat(tables: Mapping[str, Any], above: str = "") -> dict[str, str | float]:
    """Name nested settings by their place: `training.epochs`."""
    found: dict[str, str | float] = {}
    for name, setting in tables.items():
        if isinstance(setting, Mapping):
            found |= flat(setting, f"{above}{name}.")
        else:
            found[above + name] = setting if isinstance(setting, int | float) else str(setting)
    return found
