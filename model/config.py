"""Configuration of a training run, read from a TOML file. A run keeps a copy beside its results."""

from __future__ import annotations

import hashlib
import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, Self, cast

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    NonNegativeInt,
    PlainSerializer,
    PositiveFloat,
    PositiveInt,
    ValidationError,
    model_validator,
)

from callmood.errors import CallmoodError
from callmood.types import EMOTIONS
from model.augmentation.conditions import CHANNELS, CROPS, AcousticCondition
from model.augmentation.telephone import TelephoneChannel
from model.files import atomic_write
from model.types import Channel, Crop, Split

Ratio = Annotated[float, Field(ge=0, le=1)]
Rate = Annotated[float, Field(ge=0, lt=1)]


class ConfigError(CallmoodError):
    """A configuration is invalid; the message names the file, the key, and the problem."""


def _condition(written: object) -> object:
    """Parse "telephone random" or "random_telephone speech 2" as an `AcousticCondition`."""
    if not isinstance(written, str):
        return written
    found = re.fullmatch(rf"({'|'.join(CHANNELS)}) ({'|'.join(CROPS)})(?: (\d+))?", written)
    if not found:
        raise ValueError(
            f"invalid condition {written!r}: write a channel ({', '.join(CHANNELS)}), a crop ({', '.join(CROPS)}), "
            "and optionally a seed"
        )
    return AcousticCondition(cast(Channel, found[1]), cast(Crop, found[2]), int(found[3] or 0))


def _written(condition: AcousticCondition) -> str:
    return f"{condition.channel} {condition.crop}" + (f" {condition.seed}" if condition.seed else "")


Condition = Annotated[AcousticCondition, BeforeValidator(_condition), PlainSerializer(_written)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Data(_Table):
    """Clips of the training set, and their acoustic conditions.

    Parameters
    ----------
    train_splits : list of {"train", "valid", "test"}
        Splits of the manifest to train on.
    held_out_speakers : int
        Number of speakers in these splits that set the temperatures and stop the training instead of being trained on.
        The choice is deterministic. With 0, training runs all `epochs` and needs `serving.temperatures`.
    conditions : list of lists of str
        Groups of acoustic conditions: a channel and a crop of `model.augmentation.conditions`, and optionally a seed
        to sample several of one kind. Each clip is used once per condition. Clips in one group form one another's
        baselines, as the segments of a call do: many lengths, one channel.
    telephone_channel : list of tables, optional
        Transforms of the channel "random_telephone". Default: `model.augmentation.telephone.DEFAULT_CHANNEL`.
    frames : int
        Length of training spectrograms in frames of 10 ms, where the network has no frozen frontend.
    speakers, clips_per_speaker : int, optional
        Limits: human speakers, and the same number of synthetic ones; clips of each.
    sample_weights : dict of str to float
        Weight of a corpus's clips in the loss, relative to other clips of the same emotion. Default: 1. A corpus of
        synthetic speech is used only if it has a weight.
    """

    train_splits: list[Split] = ["train"]
    held_out_speakers: NonNegativeInt = 7
    conditions: Annotated[list[Annotated[list[Condition], Field(min_length=1)]], Field(min_length=1)]
    telephone_channel: TelephoneChannel | None = None
    frames: PositiveInt = 300
    speakers: PositiveInt | None = None
    clips_per_speaker: PositiveInt | None = None
    sample_weights: dict[str, PositiveFloat] = {}


class Head(_Table):
    """The network from an embedding relative to its speaker's baseline to six logits: one hidden layer.

    Parameters
    ----------
    hidden : int
        Number of hidden units.
    input_dropout, dropout : float
        Dropout rates of the input and of the hidden units.
    """

    hidden: PositiveInt = 256
    input_dropout: Rate = 0.3
    dropout: Rate = 0.5


class FromScratch(_Table):
    """A network trained from random weights.

    Parameters
    ----------
    coefficients : int, optional
        Number of mel-frequency cepstral coefficients, which are computed with their deltas. Default: the spectrogram.
    size : int
        Dimensions of an embedding.
    """

    coefficients: Annotated[int, Field(ge=2, le=80)] | None = None
    size: PositiveInt = 128


class Cnn(FromScratch):
    """Convolutional layers with so many `filters`, each of which halves the time and frequency resolution."""

    name: Literal["cnn"]
    filters: Annotated[list[PositiveInt], Field(min_length=1, max_length=5)] = [16, 32, 64, 64]


class Rnn(FromScratch):
    """A bidirectional gated recurrent unit with so many `units` per direction, over steps of 40 ms."""

    name: Literal["rnn"]
    units: PositiveInt = 96


class Crnn(FromScratch):
    """Convolutional layers as in `Cnn`, then a bidirectional gated recurrent unit."""

    name: Literal["crnn"]
    filters: Annotated[list[PositiveInt], Field(min_length=1, max_length=5)] = [16, 32, 64]
    units: PositiveInt = 64


class Whisper(_Table):
    """An architecture with Whisper tiny.en's encoder.

    Parameters
    ----------
    weights : path, optional
        Other encoder weights: a NumPy archive with the names of `model.networks.whisper_weights.encoder_weights`.
    """

    weights: Path | None = None


class WhisperProbe(Whisper):
    """A frozen encoder with a trained head: the one distilled from Whisper tiny.en, or Whisper's with `weights`."""

    name: Literal["whisper_probe"]


class WhisperTuned(Whisper):
    """Whisper tiny.en's encoder; the last `tuned_blocks` of its four blocks are trained with the head."""

    name: Literal["whisper_tuned"]
    tuned_blocks: Annotated[int, Field(ge=1, le=4)] = 2


Architecture = Annotated[Cnn | Rnn | Crnn | WhisperProbe | WhisperTuned, Field(discriminator="name")]


class Baselines(_Table):
    """The baseline of a training clip: the clip itself and others of its baseline group.

    Parameters
    ----------
    no_baseline_ratio : float
        Ratio of clips that are trained without a baseline.
    max_clips : int
        Maximum number of other clips; the number is log-uniform.
    shrinkage_s : float
        Weight of the corpus mean, 0, in each baseline, in seconds of speech; the same in serving.
    estimated : bool
        Train the head again, relative to baselines as serving estimates them.
    """

    no_baseline_ratio: Ratio = 0.2
    max_clips: PositiveInt = 60
    shrinkage_s: Annotated[float, Field(ge=0)] = 5.0  # two clips of CREMA-D
    estimated: bool = False


class Training(_Table):
    """Optimization: AdamW with cosine decay of the learning rate to 0.

    Parameters
    ----------
    epochs, batch : int
    learning_rate, weight_decay : float
    mixup : float
        Parameter of Beta(mixup, mixup), the distribution of mixing weights of two clips (Zhang et al., 2018); 0: off.
    spec_augment : bool
        Mask time and frequency ranges of spectrograms, where the network has no frozen frontend.
    label_smoothing : float
        Part of each target that is uniform over the emotions.
    vote_weight : float
        Part of each target that comes from listeners' votes, where the corpus has them; the rest is the acted emotion.
    patience : int, optional
        Epochs without progress on the held-out speakers after which training stops.
    precision : str
        "mixed_bfloat16" and "mixed_float16" are faster on a GPU, not on a CPU.
    """

    epochs: PositiveInt = 15
    batch: PositiveInt = 128
    learning_rate: PositiveFloat = 1e-3
    weight_decay: Annotated[float, Field(ge=0)] = 1e-2
    mixup: Annotated[float, Field(ge=0)] = 0.0
    spec_augment: bool = False
    label_smoothing: Rate = 0.0
    vote_weight: Ratio = 0.0
    patience: PositiveInt | None = None
    precision: Literal["float32", "mixed_bfloat16", "mixed_float16"] = "float32"


# An estimate of the emotion distribution in calls, which a deployment replaces with its own (the setting PRIOR). Acted
# corpora are balanced; in calls, most speech is neutral, and disgust and fear are rare.
CALL_PRIOR = {"anger": 0.20, "disgust": 0.03, "fear": 0.03, "happiness": 0.08, "neutral": 0.61, "sadness": 0.05}


class Serving(_Table):
    """Metadata of the exported model.

    Parameters
    ----------
    prior : dict of str to float
        Probability of each emotion in calls.
    confidence_threshold : float
        Probability below which a segment is `uncertain`.
    temperatures : pair of float, optional
        Divisors of the logits without a speaker baseline and with a complete one. Default: fitted on the held-out
        speakers.
    """

    prior: dict[str, PositiveFloat] = CALL_PRIOR
    confidence_threshold: Ratio = 0.5
    temperatures: tuple[PositiveFloat, PositiveFloat] | None = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if set(self.prior) != set(EMOTIONS) or abs(sum(self.prior.values()) - 1) > 1e-6:
            raise ValueError(f"prior must contain {', '.join(EMOTIONS)} and sum to 1")
        return self


class Config(_Table):
    """Configuration of a training run; each field is a table of the TOML file."""

    seed: NonNegativeInt = 0
    architecture: Architecture
    data: Data
    head: Head = Head()
    baselines: Baselines = Baselines()
    training: Training = Training()
    serving: Serving = Serving()

    @model_validator(mode="after")
    def _can_be_calibrated(self) -> Self:
        if not self.data.held_out_speakers and self.serving.temperatures is None:
            raise ValueError(
                "data.held_out_speakers = 0 leaves no speaker to fit temperatures on: set serving.temperatures"
            )
        if not self.data.held_out_speakers and self.training.patience:
            raise ValueError("data.held_out_speakers = 0 leaves no speaker to stop early on: remove training.patience")
        return self

    def digest(self) -> str:
        """Return a hash of the configuration, 8 hexadecimal digits."""
        return hashlib.sha256(_toml(self).encode()).hexdigest()[:8]


def read(path: Path) -> Config:
    """Read a TOML file.

    Raises
    ------
    ConfigError
        The file does not exist or is not TOML, or a key is unknown, missing, or out of range.
    """
    try:
        return parse(tomllib.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise ConfigError(f"{path} does not exist; model/configs contains examples") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not a TOML file: {error}") from None
    except ConfigError as error:
        raise ConfigError(f"{path} is invalid:\n{error}") from None


def parse(tables: dict[str, Any]) -> Config:
    """Validate the tables of a TOML file.

    Raises
    ------
    ConfigError
        A key is unknown, missing, or out of range; the message has a line for each.
    """
    try:
        return Config.model_validate(tables)
    except ValidationError as error:
        lines = [f"  {'.'.join(map(str, fault['loc'])) or 'all'}: {fault['msg']}" for fault in error.errors()]
        raise ConfigError("\n".join(lines)) from None


def write(config: Config, path: Path) -> None:
    """Write a configuration with all defaults as TOML."""
    with atomic_write(path) as unfinished:
        unfinished.write_text(_toml(config), encoding="utf-8")


def _toml(config: Config) -> str:
    import tomli_w  # only needed to write configurations

    return tomli_w.dumps(config.model_dump(mode="json", exclude_none=True))
