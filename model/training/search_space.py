"""What a tuning study tries: places in a configuration, the values that each may take, and how they are chosen.

`SPACES` has examples.
"""

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


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Choices(_Table):
    """One of several values."""

    choices: Annotated[list[Value], Field(min_length=1)]

    def suggest(self, trial: optuna.Trial, name: str) -> Value:
        """Let the sampler choose."""
        return trial.suggest_categorical(name, self.choices)

    def grid(self) -> list[Value]:
        """Return all values."""
        return self.choices


class Interval(_Table):
    """A number from `low` to `high`: whole where both are, in steps if `step` is given, by its logarithm if `log`."""

    low: int | float
    high: int | float
    log: bool = False
    step: int | float | None = None

    @model_validator(mode="after")
    def _can_be_drawn_from(self) -> Self:
        if self.low >= self.high:
            raise ValueError(f"low must be under high, not {self.low} and {self.high}")
        if self.log and (self.low <= 0 or self.step is not None):
            raise ValueError("log needs a low above 0, and no step")
        return self

    def suggest(self, trial: optuna.Trial, name: str) -> Value:
        """Let the sampler choose."""
        if isinstance(self.low, int) and isinstance(self.high, int) and not isinstance(self.step, float):
            return trial.suggest_int(name, self.low, self.high, step=self.step or 1, log=self.log)
        return trial.suggest_float(name, self.low, self.high, step=self.step, log=self.log)

    def grid(self) -> list[Value]:
        """Return all steps.

        Raises
        ------
        ConfigError
            There is no step.
        """
        if self.step is None:
            raise ConfigError("a grid needs choices, or a step beside low and high")
        steps = np.arange(int((self.high - self.low) / self.step + 1e-9) + 1)
        return [type(self.low + self.step)(self.low + i * self.step) for i in steps.tolist()]


class Space(_Table):
    """What a TOML file under model/spaces says: which values are tried, and how.

    Parameters
    ----------
    sampler : {"tpe", "random", "grid"}
        Tree-structured Parzen estimator (Bergstra et al., 2011), by chance, or all there are.
    pruner : {"median", "hyperband", "none"}
        When a trial is given up: where it is worse than the median of the others after the same fold, by Hyperband (Li
        et al., 2018) with folds as the resource, or never.
    measure : {"loss", "uar"}
        What is sought: the lowest log loss, or the highest unweighted average recall.
    trials, folds : int
    seed : int
    space : dict of str to Choices or Interval
        By place in the configuration, such as `training.learning_rate`.
    """

    sampler: Literal["tpe", "random", "grid"] = "tpe"
    pruner: Literal["median", "hyperband", "none"] = "median"
    measure: Literal["loss", "uar"] = "loss"
    trials: PositiveInt = 40
    folds: Annotated[int, Field(ge=2)] = 4
    seed: int = 0
    space: Annotated[dict[str, Choices | Interval], Field(min_length=1)]

    def sampled(self, done: int) -> optuna.samplers.BaseSampler:
        """Make the sampler; after a stop it draws on, not the same again."""
        if self.sampler == "grid":
            return optuna.samplers.GridSampler({name: of.grid() for name, of in self.space.items()}, seed=self.seed)
        if self.sampler == "random":
            return optuna.samplers.RandomSampler(seed=self.seed + done)
        return optuna.samplers.TPESampler(seed=self.seed + done, multivariate=True)

    def pruned(self) -> optuna.pruners.BasePruner:
        """Make the pruner."""
        if self.pruner == "median":
            return optuna.pruners.MedianPruner(n_startup_trials=5)
        if self.pruner == "hyperband":
            return optuna.pruners.HyperbandPruner(min_resource=1, max_resource=self.folds)
        return optuna.pruners.NopPruner()


def read(path: Path, base: Config) -> Space:
    """Read a space, and see that all its places are in the configuration.

    Raises
    ------
    ConfigError
        It is not there, is no TOML, or something in it is unknown, missing or out of range.
    """
    try:
        space = Space.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
        for name, of in space.space.items():
            configured(base, {name: of.choices[0] if isinstance(of, Choices) else of.low})
        if space.sampler == "grid":
            space.sampled(0)
    except FileNotFoundError:
        raise ConfigError(f"{path} is not there; model/spaces has examples") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is no TOML file: {error}") from None
    except (ValidationError, ConfigError) as error:
        raise ConfigError(f"{path} cannot be used: {error}") from None
    return space


def configured(base: Config, values: Mapping[str, Value]) -> Config:
    """Put values into a configuration, each at its place.

    Raises
    ------
    ConfigError
        There is no such place, or the value is out of its range.
    """
    tables = base.model_dump(mode="json", exclude_none=True)
    for place, value in values.items():
        *parents, name = place.split(".")
        table = tables
        for parent in parents:
            table = table.setdefault(parent, {})
        table[name] = value
    return config.parse(tables)
