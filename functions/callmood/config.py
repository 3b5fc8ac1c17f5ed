"""Configuration of the core: frozen values without an environment. `settings` reads the same fields from variables."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo, available_timezones

from pydantic import BaseModel, Field, field_validator, model_validator
from pydantic_settings import NoDecode

from callmood.names.formats import NAME_FORMATS, NamePattern
from callmood.types import EMOTIONS, Role

# A value ends where the next part of the name begins, so it can contain dots, underscores, and any other character.
_VALUE = r"(?:(?!_(?:queue|agent|customer|leg)-)[^/])+"
DEFAULT_FILENAME_PATTERN = (
    r"(?P<started_at>[0-9][0-9TZUC:.,+_ -]*)_call-(?P<call_id>" + _VALUE + r")(?:_queue-(?P<queue>" + _VALUE + r"))?"
    r"(?:_agent-(?P<agent_id>" + _VALUE + r"))?(?:_customer-(?P<customer_id>" + _VALUE + r"))?"
    r"(?:_leg-(?P<leg>" + _VALUE + r"))?"
)

RAW_AUDIO_PATTERN = r"^((ulaw|alaw|slin)/(4000|[5-9]\d{3}|\d{5}|1\d{5})/([1-9]|[1-5]\d|6[0-4])|g729/8000/1)$"

# Fields of `AnalysisConfig` that change rows. The limits only decide whether a recording is analyzed at all, and the
# population has a version of its own (`analysis_id`).
_ROW_FIELDS = {
    "channel_roles",
    "channel_roles_inbound",
    "channel_roles_outbound",
    "single_channel_agent",
    "analyze_agent_emotion",
    "analyze_unknown_emotion",
    "filename_pattern",
    "name_format",
    "leg_names",
    "time_zone",
    "prior",
    "confidence_threshold",
    "raw_audio",
}


class TimeZoneConfig(BaseModel, frozen=True):
    """The time zone in which a call has its day."""

    time_zone: str = Field(
        "UTC",
        description="IANA time zone of the call's day, and of start times without a zone.",
    )

    @field_validator("time_zone")
    @classmethod
    def _check_zone(cls, value: str) -> str:
        if value not in available_timezones():
            raise ValueError(f"{value!r} is not an IANA time zone; use one such as Europe/Berlin")
        return value

    @property
    def zone(self) -> ZoneInfo:
        """Return the time zone of `time_zone`."""
        return ZoneInfo(self.time_zone)


class AnalysisConfig(TimeZoneConfig):
    """All values that determine the rows of a recording, besides its bytes, its metadata, and the model."""

    channel_roles: Annotated[tuple[Role, ...], NoDecode] = Field(
        ("agent", "customer"),
        description="Roles of channels 0, 1, … of a recording with more than one channel, separated by commas. "
        "The object's metadata `channel-roles` takes precedence.",
    )
    channel_roles_inbound: Annotated[tuple[Role, ...] | None, NoDecode] = Field(
        None,
        description="The same for inbound calls, if the order of channels depends on the direction. "
        "Default: `CHANNEL_ROLES`.",
    )
    channel_roles_outbound: Annotated[tuple[Role, ...] | None, NoDecode] = Field(
        None, description="The same for outbound calls. Default: `CHANNEL_ROLES`."
    )
    single_channel_agent: Literal["first", "second", "unknown"] = Field(
        "first",
        description="Which speaker of a channel with two speakers is the agent: the `first` one to speak, or the "
        "`second`. In outbound calls, the order is reversed. `unknown`: the roles of the speakers are unknown.",
    )
    analyze_agent_emotion: bool = Field(
        False,
        description="Classify the emotion of the agent's channel too. "
        "The EU AI Act, Article 5(1)(f), prohibits emotion inference of employees at work.",
    )
    analyze_unknown_emotion: bool = Field(
        False,
        description="Classify the emotion of speakers whose role is unknown too. They may be employees: see "
        "`ANALYZE_AGENT_EMOTION`.",
    )
    filename_pattern: str = Field(
        DEFAULT_FILENAME_PATTERN,
        description="Regular expression with named groups (call_id, agent_id, queue, customer_id, started_at, "
        "direction, language, leg, or any label). It must match the whole file name, with or without the suffix of "
        "audio files; with slashes, the end of the path that begins at a folder. Otherwise, it reads nothing. The "
        "default matches `2026-11-02T09-14-00Z_call-1001_queue-billing_agent-a17_customer-c204.wav`, also with "
        "`_leg-agent` or `_leg-customer` at the end; the parts after the call ID are optional.",
    )
    name_format: str | None = Field(
        None,
        description="Format of the names of a telephone system, instead of `FILENAME_PATTERN`: "
        + ", ".join(f"`{name}`" for name in NAME_FORMATS)
        + ". `callmood names FORMAT FOLDER` shows what it reads.",
    )
    leg_names: Annotated[tuple[str, str] | None, NoDecode] = Field(
        None,
        description="Values of the group `leg` of the pattern for the agent's and the customer's file of a call, "
        "separated by a comma. Default: `agent,customer`, and the pairs `callee,caller`, `out,in`, and `tx,rx`, which "
        "are reversed in outbound calls ([names.md](names.md#one-file-per-leg)).",
    )
    prior: dict[str, float] | None = Field(
        None,
        description="Share of each emotion in the speech of calls, as JSON. Default: the model's prior.",
    )
    confidence_threshold: float | None = Field(
        None,
        ge=0,
        le=1,
        description="Segments below this confidence are `uncertain`. Default: the model's threshold.",
    )
    raw_audio: str | None = Field(
        None,
        pattern=RAW_AUDIO_PATTERN,
        description="Format of recordings without a header, as `CODEC/RATE/CHANNELS`: `ulaw`, `alaw`, `slin` (16-bit "
        "little-endian), or `g729` (only `g729/8000/1`). Example: `ulaw/8000/1`. Default: such recordings fail as "
        "`not_audio`.",
    )
    population_uri: str | None = Field(
        None,
        description="Population of callers that the model is calibrated with: the `gs://` or local path of a file of "
        "`callmood calibrate` ([calibration.md](calibration.md)). Default: the population in the model file, if any.",
    )
    max_duration_s: float = Field(
        4 * 3600.0,
        gt=0,
        description="Maximum duration of a recording, in seconds.",
    )
    max_size_bytes: int = Field(
        2**31,
        gt=0,
        description="Maximum size of a recording, in bytes, also after gzip content encoding is unpacked. The default "
        "of the function `analyze` is a third of 2 GiB, because a recording from a bucket stays in memory.",
    )

    @field_validator("channel_roles", "channel_roles_inbound", "channel_roles_outbound", "leg_names", mode="before")
    @classmethod
    def _split_list(cls, value: Any) -> Any:
        return tuple(part.strip() for part in value.split(",")) if isinstance(value, str) else value

    @field_validator("leg_names")
    @classmethod
    def _check_legs(cls, value: tuple[str, str] | None) -> tuple[str, str] | None:
        if value is not None and (not all(value) or value[0].lower() == value[1].lower()):
            raise ValueError("give two different names, such as agent,customer")
        return value

    @field_validator("filename_pattern")
    @classmethod
    def _check_pattern(cls, value: str) -> str:
        try:
            re.compile(value)
        except re.error as error:
            raise ValueError(f"{value!r} is not a valid regular expression: {error}") from None
        return value

    @field_validator("name_format")
    @classmethod
    def _check_format(cls, value: str | None) -> str | None:
        if value is not None and value not in NAME_FORMATS:
            raise ValueError(f"{value!r} is not a name format; use one of {', '.join(NAME_FORMATS)}")
        return value

    @model_validator(mode="after")
    def _check_one_pattern(self) -> Self:
        if self.name_format is not None and self.filename_pattern != DEFAULT_FILENAME_PATTERN:
            raise ValueError("set NAME_FORMAT or FILENAME_PATTERN, not both")
        return self

    def name_patterns(self) -> tuple[NamePattern, ...]:
        """Return the patterns of names, the first of which that matches is used."""
        if self.name_format is not None:
            return NAME_FORMATS[self.name_format].patterns
        return (NamePattern(self.filename_pattern),) if self.filename_pattern else ()

    @field_validator("prior")
    @classmethod
    def _check_prior(cls, value: dict[str, float] | None) -> dict[str, float] | None:
        if value is not None and (set(value) != set(EMOTIONS) or not all(0 < share < 1 for share in value.values())):
            raise ValueError(f"give each of {', '.join(EMOTIONS)} a share between 0 and 1")
        return value

    def roles_of_channels(self, direction: str | None) -> tuple[Role, ...]:
        """Return the roles of channels 0, 1, … of a recording with more than one channel.

        Parameters
        ----------
        direction : str or None
            Direction of the call: ``inbound``, ``outbound``, or None if it is unknown.
        """
        by_direction = {"inbound": self.channel_roles_inbound, "outbound": self.channel_roles_outbound}
        return by_direction.get(direction or "") or self.channel_roles

    def classifies(self, role: Role) -> bool:
        """Return whether the emotion of speakers with this role is inferred."""
        if role == "agent":
            return self.analyze_agent_emotion
        return role == "customer" or self.analyze_unknown_emotion

    def row_fields(self) -> dict[str, Any]:
        """Return the values that change rows, as JSON: they are part of `analysis_id`."""
        return self.model_dump(mode="json", include=_ROW_FIELDS)
