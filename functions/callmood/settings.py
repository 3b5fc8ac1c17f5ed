"""Every setting, in one typed place: read from the environment, checked once, documented by its own description."""

from __future__ import annotations

import base64
import re
from typing import Annotated, Any, TypeVar, overload
from zoneinfo import ZoneInfo, available_timezones

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from callmood.errors import SettingsError
from callmood.types import EMOTIONS, Role

DEFAULT_FILENAME_PATTERN = (
    r"(?P<started_at>\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d(?:Z|[+-]\d{4})?)_call-(?P<call_id>[^_/.]+)"
    r"(?:_queue-(?P<queue>[^_/.]+))?(?:_agent-(?P<agent_id>[^_/.]+))?(?:_customer-(?P<customer_id>[^_/.]+))?"
)


class Settings(BaseSettings):
    """Settings by environment variable: the field's name in capitals.

    `docs/settings.md` is this class as a table.
    """

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

    dataset: str = Field(
        "callmood",
        description="BigQuery dataset that rows are written to, as `dataset` or `project.dataset`.",
    )
    model_uri: str | None = Field(
        None,
        description="Another emotion model than the one deployed with the code: `gs://` or local path of a file, or "
        "an alias or version of a registry ([registry.md](registry.md)), such as `gs://BUCKET/models@production`.",
    )
    channel_roles: Annotated[tuple[Role, ...], NoDecode] = Field(
        ("agent", "customer"),
        description="Roles of channels 0, 1, … of a recording with more than one, by comma; "
        "the object's metadata `channel-roles` overrides it.",
    )
    analyze_agent_emotion: bool = Field(
        False,
        description="Infer emotion for the agent's channel too. "
        "The EU AI Act, Article 5(1)(f), prohibits inferring employees' emotions at work.",
    )
    erase_on_delete: bool = Field(
        False,
        description="Erase results when the audio object is deleted; under Object Versioning, when its version is. "
        "Leave off where a retention rule deletes audio and results should stay.",
    )
    filename_pattern: str = Field(
        DEFAULT_FILENAME_PATTERN,
        description="Regular expression with named groups (call_id, agent_id, queue, customer_id, started_at, "
        "direction, language, or any label) searched in the object's name, or a file's path. Default: reads "
        "`2026-11-02T09-14-00Z_call-1001_queue-billing_agent-a17_customer-c204.wav`, parts after the call optional.",
    )
    time_zone: str = Field(
        "UTC",
        description="IANA zone of the call's day, and of start times that state none.",
    )
    min_calls_per_group: int = Field(
        5, ge=1, description="Calls from which on a row about one agent shows more than how many there were."
    )
    max_duration_s: float = Field(
        4 * 3600.0,
        gt=0,
        description="Longest recording that is analyzed, in seconds.",
    )
    max_size_bytes: int = Field(
        2**31,
        gt=0,
        description="Largest object that is fetched, in bytes.",
    )
    prior: dict[str, float] | None = Field(
        None,
        description="Share of each emotion in the speech of calls, as JSON; default: the model's own.",
    )
    confidence_threshold: float | None = Field(
        None,
        ge=0,
        le=1,
        description="Confidence under which a segment is `uncertain`; default: the model's own.",
    )

    results_topic: str | None = Field(
        None,
        pattern=r"^projects/[^/]+/topics/[^/]+$",
        description="Pub/Sub topic that gets one message a call, as `projects/PROJECT/topics/TOPIC`; default: none.",
    )
    alert_url: SecretStr | None = Field(
        None,
        description="Address that the function `alert` posts to, for every call that needs attention.",
    )
    alert_secret: SecretStr | None = Field(
        None,
        description="Signs alerts, so that their receiver can tell who sent them: base64 of 24 bytes or more, with or "
        "without `whsec_` before it. Make one: `openssl rand -base64 32`.",
    )

    reports_dataset: str | None = Field(
        None,
        description="BigQuery dataset of the views that `monitor` asks, as `project.dataset`; default: `DATASET`.",
    )
    reference_uri: str | None = Field(
        None,
        description="`gs://` or local path of the reference that `monitor` compares calls with; default: "
        "`NAME.reference.json` beside the model.",
    )
    metrics_prefix: str | None = Field(
        None,
        pattern=r"^custom\.googleapis\.com/.+[^/]$",
        description="What the names of the metrics begin with that `monitor` writes to Cloud Monitoring, as "
        "`custom.googleapis.com/callmood`; default: it writes none.",
    )
    retrain_topic: str | None = Field(
        None,
        pattern=r"^projects/[^/]+/topics/[^/]+$",
        description="Pub/Sub topic that is told when calls have drifted for days, so that training may start; "
        "default: none.",
    )
    retrain_after_days: int = Field(
        3,
        ge=1,
        description="Days of drift in a row, those without calls apart, after which `RETRAIN_TOPIC` is told, once.",
    )

    @field_validator("channel_roles", mode="before")
    @classmethod
    def _split_roles(cls, value: Any) -> Any:
        return tuple(part.strip() for part in value.split(",")) if isinstance(value, str) else value

    @field_validator("filename_pattern")
    @classmethod
    def _compiles(cls, value: str) -> str:
        try:
            re.compile(value)
        except re.error as error:
            raise ValueError(f"{value!r} is no regular expression: {error}") from None
        return value

    @field_validator("prior")
    @classmethod
    def _positive_shares(cls, value: dict[str, float] | None) -> dict[str, float] | None:
        if value is not None and (set(value) != set(EMOTIONS) or not all(0 < share < 1 for share in value.values())):
            raise ValueError(f"give each of {', '.join(EMOTIONS)} a share between 0 and 1")
        return value

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        if value not in available_timezones():
            raise ValueError(f"{value!r} is no IANA time zone; write one such as Europe/Berlin")
        return value

    @field_validator("alert_secret")
    @classmethod
    def _long_enough(cls, value: SecretStr | None) -> SecretStr | None:
        return _signing_key(value)

    @property
    def zone(self) -> ZoneInfo:
        """The time zone of `time_zone`."""
        return ZoneInfo(self.time_zone)


class ScoreSettings(Settings):
    """Settings of the real-time service."""

    api_key: SecretStr | None = Field(
        None,
        min_length=16,
        description="Key that callers must show (`X-API-Key`); default: none, for Google Cloud's own check of callers. "
        "Make one: `openssl rand -base64 32`.",
    )
    session_key: SecretStr | None = Field(
        None,
        description="Signs session and page tokens: base64 of 24 bytes or more, the same for all instances; "
        "default: calls cannot come in parts.",
    )
    max_request_bytes: int = Field(
        2**25, gt=0, description="Largest request, in bytes; Cloud Run takes no more than 32 MiB."
    )
    max_chunk_s: float = Field(1800.0, gt=0, description="Longest recording in one request, in seconds.")
    max_streams: int = Field(8, ge=1, description="Live calls at once in one instance; one more is told to come again.")
    max_stream_s: float = Field(
        3300.0, gt=0, description="Longest live call, in seconds; Cloud Run ends it after an hour."
    )

    @field_validator("session_key")
    @classmethod
    def _signs(cls, value: SecretStr | None) -> SecretStr | None:
        return _signing_key(value)


def _signing_key(value: SecretStr | None) -> SecretStr | None:
    """Refuse a key that could be guessed."""
    if value:
        try:
            key = base64.b64decode(value.get_secret_value().removeprefix("whsec_"), validate=True)
        except ValueError:
            key = b""
        if len(key) < 24:
            raise ValueError("it must be base64 of 24 bytes or more; make one: openssl rand -base64 32")
    return value


S = TypeVar("S", bound=Settings)


@overload
def load_settings() -> Settings: ...
@overload
def load_settings(kind: type[S]) -> S: ...
def load_settings(kind: type[Settings] = Settings) -> Settings:
    """Read the settings from the environment.

    Parameters
    ----------
    kind : type
        `Settings`, or `ScoreSettings` for what answers at once.

    Raises
    ------
    SettingsError
        A variable's value makes no sense; the message names the variable.
    """
    try:
        return kind()
    except ValidationError as error:
        lines = (f"{'_'.join(map(str, e['loc'])).upper()}: {e['msg']}" for e in error.errors())
        raise SettingsError("; ".join(lines)) from None
