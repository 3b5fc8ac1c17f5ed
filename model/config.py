"""One TOML file says how a model is made; here is all that can stand in it. It is kept with what came of it."""

from __future__ import annotations

import hashlib
import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, Self

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
from model.augmentation.conditions import CHANNELS, Hearing
from model.augmentation.telephone import Line
from model.files import replacing

Share = Annotated[float, Field(ge=0, le=1)]
Rate = Annotated[float, Field(ge=0, lt=1)]
SPANS = ("whole", "speech", "crop")


class ConfigError(CallmoodError):
    """A configuration cannot be used; the message names the file, the place in it, and what is wrong."""


def _hearing(written: object) -> object:
    """Read "telephone crop" or "line speech 2" as a `Hearing`."""
    if not isinstance(written, str):
        return written
    found = re.fullmatch(rf"({'|'.join(CHANNELS)}) ({'|'.join(SPANS)})(?: (\d+))?", written)
    if not found:
        raise ValueError(
            f"{written!r} is not one of {', '.join(CHANNELS)}, a space, and one of {', '.join(SPANS)}; "
            "a number may follow"
        )
    return Hearing(found[1], found[2], int(found[3] or 0))


def _written(hearing: Hearing) -> str:
    return f"{hearing.channel} {hearing.span}" + (f" {hearing.take}" if hearing.take else "")


HowHeard = Annotated[Hearing, BeforeValidator(_hearing), PlainSerializer(_written)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Data(_Table):
    """Which clips are learned from, and how they are heard.

    Parameters
    ----------
    learn_from : list of {"train", "valid", "test"}
        Splits of the manifest; the others are never looked at.
    set_aside : int
        Speakers of these who are not learned from, but watched: they set the temperatures and stop the training. The
        same ones every time. With 0, `epochs` are run to the end and `serving.temperatures` are needed.
    rooms : list of lists of str
        How every clip is heard: a channel and a span of `model.augmentation.conditions`, and a number where there is more than one
        hearing of a kind: each has other chances. Clips that are heard in one room give one
        another baselines: a call has segments of every length, in one channel.
    line : list of tables, optional
        What the channel "line" is drawn from (`model.augmentation.telephone`); default: `model.augmentation.telephone.USUAL`.
    frames : int
        Where there is no frozen front: spectrograms are cut or padded to so many frames of 10 ms in training.
    speakers, clips_per_speaker : int, optional
        Learn from a part only: so many speakers and, at most, as many made-up voices, and so many clips of each.
    counts : dict of str to float
        How much a clip of a corpus counts in the loss among those of its emotion, where it is not 1. A corpus of
        made-up voices is learned from only where it is named here.
    """

    learn_from: list[Literal["train", "valid", "test"]] = ["train"]
    set_aside: NonNegativeInt = 7
    rooms: Annotated[list[Annotated[list[HowHeard], Field(min_length=1)]], Field(min_length=1)]
    line: Line | None = None
    frames: PositiveInt = 300
    speakers: PositiveInt | None = None
    clips_per_speaker: PositiveInt | None = None
    counts: dict[str, PositiveFloat] = {}


class Head(_Table):
    """The network from an embedding, less its speaker's baseline, to six logits: one hidden layer.

    Parameters
    ----------
    hidden : int
        Units.
    input_dropout, dropout : float
        Share that is dropped of what goes in, and of the hidden units.
    """

    hidden: PositiveInt = 256
    input_dropout: Rate = 0.3
    dropout: Rate = 0.5


class FromScratch(_Table):
    """A network that knows nothing at first.

    Parameters
    ----------
    coefficients : int, optional
        Mel-frequency cepstral coefficients that are made of the spectrogram, with slopes; none: the spectrogram itself.
    size : int
        Numbers in an embedding.
    """

    coefficients: Annotated[int, Field(ge=2, le=80)] | None = None
    size: PositiveInt = 128


class Cnn(FromScratch):
    """Convolutions over time and frequency; `filters` of each, every one of which halves both."""

    name: Literal["cnn"]
    filters: Annotated[list[PositiveInt], Field(min_length=1, max_length=5)] = [16, 32, 64, 64]


class Rnn(FromScratch):
    """A gated recurrent unit of so many `units` in each direction, over steps of 40 ms."""

    name: Literal["rnn"]
    units: PositiveInt = 96


class Crnn(FromScratch):
    """Convolutions as in a `Cnn`, then a gated recurrent unit in both directions."""

    name: Literal["crnn"]
    filters: Annotated[list[PositiveInt], Field(min_length=1, max_length=5)] = [16, 32, 64]
    units: PositiveInt = 64


class WhisperProbe(_Table):
    """Whisper tiny.en's encoder, frozen; only the head is trained.

    Parameters
    ----------
    weights : path, optional
        Other weights for the encoder: a NumPy archive with the names of `model.networks.whisper_weights.encoder_weights`.
    """

    name: Literal["whisper_probe"]
    weights: Path | None = None


class WhisperTuned(WhisperProbe):
    """Whisper tiny.en's encoder, of whose four blocks the last `tuned_blocks` are trained along with the head."""

    name: Literal["whisper_tuned"]
    tuned_blocks: Annotated[int, Field(ge=1, le=4)] = 2


Architecture = Annotated[Cnn | Rnn | Crnn | WhisperProbe | WhisperTuned, Field(discriminator="name")]


class Baselines(_Table):
    """The speaker's baseline that a clip is judged against: itself and others of its speaker in its room.

    Parameters
    ----------
    none : float
        Share of clips that are judged alone.
    most_clips : int
        The number of others is drawn evenly on a logarithmic scale up to this.
    shrinkage_s : float
        Seconds of the corpus mean, 0, that are added to each baseline; the same in serving.
    """

    none: Share = 0.2
    most_clips: PositiveInt = 60
    shrinkage_s: Annotated[float, Field(ge=0)] = 5.0  # two clips of CREMA-D


class Training(_Table):
    """How the network is trained: AdamW, its rate falling along a cosine to nothing.

    Parameters
    ----------
    epochs, batch : int
    learning_rate, weight_decay : float
    mixup : float
        Each clip is blended with another, in shares drawn from Beta(mixup, mixup) (Zhang et al., 2018); 0: none is.
    hide : bool
        Hide stretches of time and frequency of spectrograms (SpecAugment); where there is no frozen front.
    label_smoothing : float
        Share of each target that is spread evenly over the emotions.
    votes : float
        Share of each target that is what listeners heard, where the corpus says; the rest is what was acted.
    patience : int, optional
        Epochs without progress on the speakers set aside, after which training stops.
    precision : str
        "mixed_bfloat16" and "mixed_float16" are faster on a GPU; a CPU gains nothing.
    """

    epochs: PositiveInt = 15
    batch: PositiveInt = 128
    learning_rate: PositiveFloat = 1e-3
    weight_decay: Annotated[float, Field(ge=0)] = 1e-2
    mixup: Annotated[float, Field(ge=0)] = 0.0
    hide: bool = False
    label_smoothing: Rate = 0.0
    votes: Share = 0.0
    patience: PositiveInt | None = None
    precision: Literal["float32", "mixed_bfloat16", "mixed_float16"] = "float32"


# Shares of each emotion in the speech of calls. Acted corpora are balanced, calls are not: most of what is said is
# neutral, and disgust and fear are rare. An estimate, to be replaced by a company's own (the setting PRIOR).
CALL_PRIOR = {"anger": 0.08, "disgust": 0.04, "fear": 0.04, "happiness": 0.08, "neutral": 0.70, "sadness": 0.06}


class Serving(_Table):
    """Facts that go along with the model file.

    Parameters
    ----------
    prior : dict of str to float
        Share of each emotion in the speech of calls.
    confidence_threshold : float
        Probability under which a segment is `uncertain`.
    temperatures : pair of float, optional
        What logits are divided by for a clip judged alone, and for one of a voice that is known well; without it the
        speakers set aside decide.
    """

    prior: dict[str, PositiveFloat] = CALL_PRIOR
    confidence_threshold: Share = 0.5
    temperatures: tuple[PositiveFloat, PositiveFloat] | None = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if set(self.prior) != set(EMOTIONS) or abs(sum(self.prior.values()) - 1) > 1e-6:
            raise ValueError(f"prior must name {', '.join(EMOTIONS)}, and sum to 1")
        return self


class Config(_Table):
    """How a model is made; each part is a table of the TOML file."""

    seed: NonNegativeInt = 0
    architecture: Architecture
    data: Data
    head: Head = Head()
    baselines: Baselines = Baselines()
    training: Training = Training()
    serving: Serving = Serving()

    @model_validator(mode="after")
    def _can_be_calibrated(self) -> Self:
        if not self.data.set_aside and self.serving.temperatures is None:
            raise ValueError("with data.set_aside = 0 no speaker can set the temperatures: give serving.temperatures")
        if not self.data.set_aside and self.training.patience:
            raise ValueError("with data.set_aside = 0 nothing shows when to stop: leave out training.patience")
        return self

    def digest(self) -> str:
        """Eight hexadecimal digits that change when anything in the configuration does."""
        return hashlib.sha256(_toml(self).encode()).hexdigest()[:8]


def read(path: Path) -> Config:
    """Read a TOML file.

    Raises
    ------
    ConfigError
        It is not there, is no TOML, or something in it is unknown, missing or out of range.
    """
    try:
        return checked(tomllib.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise ConfigError(f"{path} is not there; model/configs has examples") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is no TOML file: {error}") from None
    except ConfigError as error:
        raise ConfigError(f"{path} cannot be used:\n{error}") from None


def checked(tables: dict[str, Any]) -> Config:
    """Check what a TOML file holds.

    Raises
    ------
    ConfigError
        Something is unknown, missing or out of range; the message has a line for each.
    """
    try:
        return Config.model_validate(tables)
    except ValidationError as error:
        lines = [f"  {'.'.join(map(str, fault['loc'])) or 'all'}: {fault['msg']}" for fault in error.errors()]
        raise ConfigError("\n".join(lines)) from None


def write(config: Config, path: Path) -> None:
    """Write everything that `config` says, defaults too, as TOML."""
    with replacing(path) as unfinished:
        unfinished.write_text(_toml(config), encoding="utf-8")


def _toml(config: Config) -> str:
    import tomli_w  # what only reads configurations does not need it

    return tomli_w.dumps(config.model_dump(mode="json", exclude_none=True))
