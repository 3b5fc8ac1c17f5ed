"""Tune a configuration.

A trial evaluates one configuration in folds: it trains without the speakers of each fold and tests on them. The folds
contain only the training splits of the configuration. After each fold, the pruner can stop a trial that is worse than
the others. The study is one SQLite file, and the same command continues an interrupted study. The results are files
beside it: the best configuration (.toml), all trials (.json), and plots (.svg).
"""

from __future__ import annotations

import json
import statistics
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import optuna
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.exc import SQLAlchemyError

from model import config
from model.config import Config, ConfigError
from model.data import manifest
from model.data.manifest import Row
from model.files import write_json
from model.training import folds, search_space, tune_plots
from model.training.extract import create_embedder, load_dataset, select_clips
from model.training.fit import evaluate_held_out
from model.training.folds import Fold
from model.training.search_space import SearchSpace
from model.training.train import train


def score(conf: Config, fold: Fold, metric: str, cache: Path) -> float:
    """Train without the test speakers of a fold, and return the metric on them."""
    keras.backend.clear_session()  # releases the networks of earlier trials
    with tempfile.TemporaryDirectory() as run:
        network = train(conf, fold.rows, Path(run), cache)
    test_split = conf.data.model_copy(update={"train_splits": ["test"], "held_out_speakers": 0})
    clips, _ = select_clips(fold.rows, test_split)
    dataset = load_dataset(create_embedder(network, conf, cache), clips, conf, cache)
    return evaluate_held_out(network, dataset, conf.baselines)[f"held_out_{metric}"]


def objective(base: Config, space: SearchSpace, rows: Sequence[Row], cache: Path) -> Callable[[optuna.Trial], float]:
    """Return the function that computes the value of a trial: the mean metric over the folds."""
    all_folds = folds.by_speaker([row for row in rows if row.split in base.data.train_splits], space.folds)

    def value(trial: optuna.Trial) -> float:
        values = {name: parameter.suggest(trial, name) for name, parameter in space.parameters.items()}
        conf = folds.train_split_only(search_space.with_parameters(base, values))
        scores: list[float] = []
        for step, fold in enumerate(all_folds):
            scores.append(score(conf, fold, space.metric, cache))
            trial.set_user_attr("folds", scores)
            trial.report(statistics.mean(scores), step)
            if step + 1 < len(all_folds) and trial.should_prune():
                raise optuna.TrialPruned
        return statistics.mean(scores)

    return value


def open_study(file: Path, base: Config, space: SearchSpace, rows: Sequence[Row]) -> optuna.Study:
    """Create a study, or open an existing one and queue its interrupted trial again.

    Raises
    ------
    ConfigError
        The file is not a study, or a study of another configuration, search space, or manifest.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        study = optuna.create_study(
            study_name="callmood",
            storage=f"sqlite:///{file.resolve()}",
            load_if_exists=True,
            direction="maximize" if space.metric == "uar" else "minimize",
            pruner=space.create_pruner(),
        )
    except SQLAlchemyError as error:
        raise ConfigError(f"{file} is not a study, or is not writable: {error}; choose another file") from None
    subject = {
        "config": base.digest(),
        "space": space.model_dump(mode="json", exclude={"trials"}),
        "clips": manifest.digest(rows),
    }
    if study.user_attrs.setdefault("subject", subject) != subject:
        raise ConfigError(f"{file} is a study of another configuration, search space, or manifest; choose another file")
    study.set_user_attr("subject", subject)
    for trial in study.get_trials(states=[TrialState.RUNNING]):
        study.tell(trial.number, state=TrialState.FAIL)
        study.enqueue_trial(trial.params)
    study.sampler = space.create_sampler(len(finished_trials(study)))
    return study


def finished_trials(study: optuna.Study) -> list[FrozenTrial]:
    """Return the completed and the pruned trials."""
    return study.get_trials(states=[TrialState.COMPLETE, TrialState.PRUNED])


def report(study: optuna.Study, space: SearchSpace) -> dict[str, Any]:
    """Return the report of a study: the best trial, and all finished trials."""
    trials = [
        {
            "number": trial.number,
            "pruned": trial.state == TrialState.PRUNED,
            "value": trial.value if trial.state == TrialState.COMPLETE else statistics.mean(trial.user_attrs["folds"]),
            "folds": trial.user_attrs["folds"],
            "parameters": trial.params,
        }
        for trial in finished_trials(study)
    ]
    return {
        "kind": "study",
        "metric": space.metric,
        "best": study.best_trial.number,
        "trials": trials,
        "importance": importance(study),
    }


def importance(study: optuna.Study) -> dict[str, float]:
    """Compute parameter importance near the best trials (PED-ANOVA, Watanabe et al., 2023); empty with few trials."""
    complete = study.get_trials(states=[TrialState.COMPLETE])
    varied = {name for trial in complete for name in trial.params if trial.params[name] != complete[0].params.get(name)}
    if len(complete) < 10 or not varied:
        return {}
    evaluator = optuna.importance.PedAnovaImportanceEvaluator(target_quantile=0.25)
    return optuna.importance.get_param_importances(study, evaluator=evaluator, params=sorted(varied))


def tune(
    base: Config, space: SearchSpace, rows: Sequence[Row], study_file: Path, cache: Path, trials: int
) -> optuna.Study:
    """Run a study up to a total number of trials, and print each trial.

    Raises
    ------
    ConfigError
        The study cannot be opened, or no trial was completed.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = open_study(study_file, base, space, rows)
    remaining = max(0, trials - len(finished_trials(study)))
    study.optimize(objective(base, space, rows, cache), n_trials=remaining, callbacks=[_print_trial])
    if not study.get_trials(states=[TrialState.COMPLETE]):
        raise ConfigError("no trial was completed; allow more trials")
    return study


def write_results(study: optuna.Study, space: SearchSpace, base: Config, study_file: Path) -> list[str]:
    """Write the best configuration, the report, and the plots beside the study file; return a summary in lines."""
    results = report(study, space)
    config.write(search_space.with_parameters(base, study.best_params), study_file.with_suffix(".toml"))
    write_json(study_file.with_suffix(".json"), results)
    plots = tune_plots.write(results, study_file)
    return [
        f"Best trial: {json.dumps(study.best_params)}, {space.metric} {study.best_value:.4f}",
        f"Wrote {study_file.with_suffix('.toml')}, {study_file.with_suffix('.json').name}, {', '.join(plots)}.",
    ]


def _print_trial(_: optuna.Study, trial: FrozenTrial) -> None:
    value = "pruned" if trial.state == TrialState.PRUNED else f"{trial.value:.4f}"
    print(f"trial {trial.number}: {value} {json.dumps(trial.params)}", flush=True)
