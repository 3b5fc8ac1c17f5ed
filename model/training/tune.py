"""Try configurations and keep the best: `python -m model tune --config C --space S --manifest M --study FILE.db`.

A trial is one configuration, tested on speakers that it has not learned from: folds of the splits that the configuration
learns from, and no others. After each fold a trial that does worse than the others is given up. The study is one
SQLite file: the same command goes on where it was stopped. Beside it come FILE.toml, the best configuration, FILE.json,
all trials, and pictures.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import optuna
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.exc import SQLAlchemyError

from model import config, remote_paths
from model.config import Config, ConfigError
from model.data import manifest
from model.data.corpora import CorpusError
from model.data.manifest import Row
from model.files import write_json
from model.training import folds, runs, search_space, tune_plots
from model.training.extract import CACHE, chosen, embedder, listen
from model.training.folds import Fold
from model.training.search_space import Space
from model.training.train import train, watched


def score(conf: Config, fold: Fold, measure: str, cache: Path) -> float:
    """Train without a fold's speakers, and see how well they are told: in [0, 1], or the log loss."""
    keras.backend.clear_session()  # else every network that ever was stays in memory
    with tempfile.TemporaryDirectory() as run:
        network = train(conf, fold.rows, Path(run), cache)
    held_out = conf.data.model_copy(update={"train_splits": ["test"], "held_out_speakers": 0})
    clips, _ = chosen(fold.rows, held_out)
    heard = listen(embedder(network, conf, cache), clips, conf, cache)
    return watched(network, heard, conf.baselines)[f"watch_{measure}"]


def objective(base: Config, tried: Space, rows: Sequence[Row], cache: Path) -> Callable[[optuna.Trial], float]:
    """Return what a trial is worth, as a function of the trial: the mean over folds."""
    dealt = folds.by_speaker([row for row in rows if row.split in base.data.train_splits], tried.folds)

    def worth(trial: optuna.Trial) -> float:
        values = {name: of.suggest(trial, name) for name, of in tried.space.items()}
        conf = folds.learning_from_train(search_space.configured(base, values))
        scores: list[float] = []
        for step, fold in enumerate(dealt):
            scores.append(score(conf, fold, tried.measure, cache))
            trial.set_user_attr("folds", scores)
            trial.report(statistics.mean(scores), step)
            if step + 1 < len(dealt) and trial.should_prune():
                raise optuna.TrialPruned
        return statistics.mean(scores)

    return worth


def study_in(file: Path, base: Config, tried: Space, rows: Sequence[Row]) -> optuna.Study:
    """Begin a study, or go on with it; a trial that was cut off is queued again.

    Raises
    ------
    ConfigError
        The file holds a study of other things, or none.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        study = optuna.create_study(
            study_name="callmood",
            storage=f"sqlite:///{file.resolve()}",
            load_if_exists=True,
            direction="maximize" if tried.measure == "uar" else "minimize",
            pruner=tried.pruned(),
        )
    except SQLAlchemyError as error:
        raise ConfigError(f"{file} is no study, or cannot be written: {error}; name another file") from None
    of = {
        "config": base.digest(),
        "space": tried.model_dump(mode="json", exclude={"trials"}),
        "clips": len(rows),
    }
    if study.user_attrs.setdefault("of", of) != of:
        raise ConfigError(f"{file} is a study of another configuration, space or manifest; name another file")
    study.set_user_attr("of", of)
    for trial in study.get_trials(states=[TrialState.RUNNING]):
        study.tell(trial.number, state=TrialState.FAIL)
        study.enqueue_trial(trial.params)
    study.sampler = tried.sampled(len(finished(study)))
    return study


def finished(study: optuna.Study) -> list[FrozenTrial]:
    """Return the trials that came to an end of their own."""
    return study.get_trials(states=[TrialState.COMPLETE, TrialState.PRUNED])


def report(study: optuna.Study, tried: Space) -> dict[str, Any]:
    """Write down the study: its best trial, and all that came to an end."""
    trials = [
        {
            "number": trial.number,
            "pruned": trial.state == TrialState.PRUNED,
            "value": trial.value if trial.state == TrialState.COMPLETE else statistics.mean(trial.user_attrs["folds"]),
            "folds": trial.user_attrs["folds"],
            "values": trial.params,
        }
        for trial in finished(study)
    ]
    return {
        "kind": "study",
        "measure": tried.measure,
        "best": study.best_trial.number,
        "trials": trials,
        "importance": importance(study),
    }


def importance(study: optuna.Study) -> dict[str, float]:
    """How much each value matters near the best trials (PED-ANOVA, Watanabe et al., 2023); empty with few trials."""
    whole = study.get_trials(states=[TrialState.COMPLETE])
    varied = {name for trial in whole for name in trial.params if trial.params[name] != whole[0].params.get(name)}
    if len(whole) < 10 or not varied:
        return {}
    evaluator = optuna.importance.PedAnovaImportanceEvaluator(target_quantile=0.25)
    return optuna.importance.get_param_importances(study, evaluator=evaluator, params=sorted(varied))


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", type=remote_paths.source, required=True, help="what is varied; see model/configs")
    parser.add_argument("--space", type=remote_paths.source, required=True, help="what is tried; see model/spaces")
    parser.add_argument("--manifest", type=remote_paths.source, required=True, help="from model.ingest")
    parser.add_argument("--study", type=remote_paths.kept, required=True, help="the study, an SQLite file")
    parser.add_argument("--cache", type=remote_paths.kept, default=CACHE, help="where features are kept")
    parser.add_argument("--trials", type=int, help="how many there are to be in all; default: the space's")
    args = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        base, rows = config.read(args.config), manifest.read(args.manifest)
        tried = search_space.read(args.space, base)
        study = study_in(args.study, base, tried, rows)
        left = (args.trials or tried.trials) - len(finished(study))
        worth = objective(base, tried, rows, args.cache)
        study.optimize(worth, n_trials=max(0, left), callbacks=[_tell])
        if not study.get_trials(states=[TrialState.COMPLETE]):
            raise ConfigError("no trial came to its end; let there be more")
    except (ConfigError, CorpusError, runs.RunError, OSError) as error:
        sys.exit(f"error: {error}")
    found = report(study, tried)
    best = search_space.configured(base, study.best_params)
    config.write(best, args.study.with_suffix(".toml"))
    write_json(args.study.with_suffix(".json"), found)
    pictures = tune_plots.write(found, args.study)
    print(f"best: {json.dumps(study.best_params)}, {tried.measure} {study.best_value:.4f}")
    print(f"wrote {args.study.with_suffix('.toml')}, {args.study.with_suffix('.json').name}, {', '.join(pictures)}")


def _tell(_: optuna.Study, trial: FrozenTrial) -> None:
    """Say in a line what came of a trial."""
    value = "given up" if trial.state == TrialState.PRUNED else f"{trial.value:.4f}"
    print(f"trial {trial.number}: {value} {json.dumps(trial.params)}", flush=True)


if __name__ == "__main__":
    remote_paths.run(main)
