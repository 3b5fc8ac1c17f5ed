"""The search space of a tuning study: parameters of a configuration, their values, and the search strategy."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self

import numpy as np
import optuna
from pydantic import BaseModel, ConfigDict, Field, PositiveInt, ValidationError, model_validator

from model import config
from model.config import Config, ConfigError
from model.files import MODEL_DIR

Value = bool | int | float | str

SPACES = MODEL_DIR / "spaces"
"""Path: the folder with the search spaces of this repository."""


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Choices(_Table):
    """A list of values."""

    choices: Annotated[list[Value], Field(min_length=1)]

    def suggest(self, trial: optuna.Trial, name: str) -> Value:
        """Return the sampler's choice."""
        value = trial.suggest_categorical(name, self.choices)
        assert value is not None
        return value

    def grid(self) -> list[Value]:
        """Return all values."""
        return self.choices


class Interval(_Table):
    """A number from `low` to `high`: an integer if both are, in steps of `step`, on a logarithmic scale with `log`."""

    low: int | float
    high: int | float
    log: bool = False
    step: int | float | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.low >= self.high:
            raise ValueError(f"low must be below high, not {self.low} and {self.high}")
        if self.log and (self.low <= 0 or self.step is not None):
            raise ValueError("log requires low above 0, and excludes step")
        return self

    def suggest(self, trial: optuna.Trial, name: str) -> Value:
        """Return the sampler's choice."""
        if isinstance(self.low, int) and isinstance(self.high, int) and not isinstance(self.step, float):
            return trial.suggest_int(name, self.low, self.high, step=self.step or 1, log=self.log)
        return trial.suggest_float(name, self.low, self.high, step=self.step, log=self.log)

    def grid(self) -> list[Value]:
        """Return all steps.

        Raises
        ------
        ConfigError
            The interval has no step.
        """
        if self.step is None:
            raise ConfigError("a grid requires choices, or step in addition to low and high")
        steps = np.arange(int((self.high - self.low) / self.step + 1e-9) + 1)
        return [type(self.low + self.step)(self.low + i * self.step) for i in steps.tolist()]


class SearchSpace(_Table):
    """A TOML file of model/spaces: the parameters to tune, their values, and the search strategy.

    Parameters
    ----------
    sampler : {"tpe", "random", "grid"}
        Tree-structured Parzen estimator (Bergstra et al., 2011), random values, or all values.
    pruner : {"median", "hyperband", "none"}
        When to stop a trial early: below the median of the other trials after the same fold, by Hyperband (Li et al.,
        2018) with folds as the resource, or never.
    metric : {"loss", "uar"}
        Minimize the log loss, or maximize the unweighted average recall.
    trials, folds : int
    seed : int
    parameters : dict of str to Choices or Interval
        By path in the configuration, such as `training.learning_rate`.
    """

    sampler: Literal["tpe", "random", "grid"] = "tpe"
    pruner: Literal["median", "hyperband", "none"] = "median"
    metric: Literal["loss", "uar"] = "loss"
    trials: PositiveInt = 40
    folds: Annotated[int, Field(ge=2)] = 4
    seed: int = 0
    parameters: Annotated[dict[str, Choices | Interval], Field(min_length=1)]

    def create_sampler(self, finished_trials: int) -> optuna.samplers.BaseSampler:
        """Create the sampler. A resumed study continues with other values than it started with."""
        if self.sampler == "grid":
            grid = {name: values.grid() for name, values in self.parameters.items()}
            return optuna.samplers.GridSampler(grid, seed=self.seed)
        if self.sampler == "random":
            return optuna.samplers.RandomSampler(seed=self.seed + finished_trials)
        return optuna.samplers.TPESampler(seed=self.seed + finished_trials, multivariate=True)

    def create_pruner(self) -> optuna.pruners.BasePruner:
        """Create the pruner."""
        if self.pruner == "median":
            return optuna.pruners.MedianPruner(n_startup_trials=5)
        if self.pruner == "hyperband":
            return optuna.pruners.HyperbandPruner(min_resource=1, max_resource=self.folds)
        return optuna.pruners.NopPruner()


def read(path: Path, base: Config) -> SearchSpace:
    """Read a search space, and check that the configuration contains all its parameters.

    Raises
    ------
    ConfigError
        The file does not exist, is not TOML, or contains an unknown, missing, or invalid value.
    """
    try:
        space = SearchSpace.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
        for name, values in space.parameters.items():
            with_parameters(base, {name: values.choices[0] if isinstance(values, Choices) else values.low})
        if space.sampler == "grid":
            space.create_sampler(0)
    except FileNotFoundError:
        raise ConfigError(f"{path} does not exist; see model/spaces for examples") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not a TOML file: {error}") from None
    except (ValidationError, ConfigError) as error:
        raise ConfigError(f"{path} is invalid: {error}") from None
    return space


def with_parameters(base: Config, values: Mapping[str, Value]) -> Config:
    """Return the configuration with the given parameter values.

    Raises
    ------
    ConfigError
        A parameter does not exist, or its value is out of range.
    """
    tables = base.model_dump(mode="json", exclude_none=True)
    for path, value in values.items():
        *parents, name = path.split(".")
        table = tables
        for parent in parents:
            table = table.setdefault(parent, {})
        table[name] = value
    return config.parse(tables)
