"""Settings by application, read from environment variables: the name of a field in capitals.

Only applications import this module. Everything below them takes `config.AnalysisConfig` or plain values.
`docs/settings.md` documents these classes as a table.
"""

from __future__ import annotations

import base64
from typing import TypeVar

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from callmood.config import AnalysisConfig, TimeZoneConfig
from callmood.errors import SettingsError


class _Environment(BaseSettings):
    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)


class ModelSettings(_Environment):
    """Settings that select the emotion model."""

    model_uri: str | None = Field(
        None,
        description="Emotion model: the `gs://` or local path of a file, or an alias or version of a registry "
        "([registry.md](registry.md)), such as `gs://BUCKET/models@production`. Default: the shipped model.",
    )


class AnalysisSettings(ModelSettings, AnalysisConfig):
    """Settings of an analysis. An instance is an `AnalysisConfig`."""


class DatasetSettings(_Environment):
    """Settings of the tables in BigQuery."""

    dataset: str = Field(
        "callmood",
        description="BigQuery dataset of the tables, as `dataset` or `project.dataset`.",
    )


class ReportSettings(_Environment, TimeZoneConfig):
    """Settings of the reporting views."""

    min_calls_per_group: int = Field(
        5, ge=1, description="Minimum number of calls for which a row about one agent shows more than their number."
    )


class LegSettings(_Environment):
    """Settings of calls that are recorded as one file per party."""

    leg_wait_s: float = Field(
        300.0,
        ge=0,
        le=3600,
        description="Seconds after which a leg of a call whose other leg does not arrive is analyzed alone "
        "([names.md](names.md#one-file-per-leg)).",
    )


class LocalSettings(AnalysisSettings, ReportSettings, LegSettings):
    """Settings of `callmood analyze` and `callmood watch`."""


_RESULTS_TOPIC = Field(
    None,
    pattern=r"^projects/[^/]+/topics/[^/]+$",
    description="Pub/Sub topic that receives one message for each call, and the weekly digest, as "
    "`projects/PROJECT/topics/TOPIC`. Default: none.",
)


class AnalyzeSettings(AnalysisSettings, DatasetSettings, LegSettings):
    """Settings of the function `analyze`."""

    max_size_bytes: int = Field(
        2**31 // 3,
        gt=0,
        description=AnalysisConfig.model_fields["max_size_bytes"].description,
    )

    results_topic: str | None = _RESULTS_TOPIC


class EraseSettings(DatasetSettings):
    """Settings of the function `erase`."""

    erase_on_delete: bool = Field(
        False,
        description="Erase results when the audio object is deleted (with Object Versioning: when its version is "
        "deleted). Keep it off where a retention rule deletes audio and results must remain.",
    )


class DeadLetterSettings(DatasetSettings):
    """Settings of the function `dead_letter`."""


class AlertSettings(_Environment):
    """Settings of the function `alert`."""

    alert_url: SecretStr | None = Field(
        None,
        description="URL that receives a POST request for each call that needs attention.",
    )
    alert_secret: SecretStr | None = Field(
        None,
        description="Key that signs alerts, so that the receiver can verify the sender: base64 of at least 24 bytes, "
        "optionally with the prefix `whsec_`. To create one: `openssl rand -base64 32`.",
    )

    @field_validator("alert_secret")
    @classmethod
    def _check_secret(cls, value: SecretStr | None) -> SecretStr | None:
        return _check_signing_key(value)


class DriftSettings(ModelSettings, ReportSettings):
    """Settings of the daily drift check."""

    reference_uri: str | None = Field(
        None,
        description="`gs://` or local path of the reference that calls are compared with. Default: "
        "`NAME.reference.json` beside the model.",
    )


class MonitorSettings(DriftSettings, DatasetSettings):
    """Settings of the function `monitor`."""

    reports_dataset: str | None = Field(
        None,
        description="BigQuery dataset of the views that `monitor` queries, as `project.dataset`. Default: `DATASET`.",
    )
    metrics_prefix: str | None = Field(
        None,
        pattern=r"^custom\.googleapis\.com/.+[^/]$",
        description="Prefix of the metrics that `monitor` writes to Cloud Monitoring, such as "
        "`custom.googleapis.com/callmood`. Default: no metrics.",
    )
    retrain_topic: str | None = Field(
        None,
        pattern=r"^projects/[^/]+/topics/[^/]+$",
        description="Pub/Sub topic that receives a message when calls have drifted for several days, so that "
        "retraining can start. Default: none.",
    )
    retrain_after_days: int = Field(
        3,
        ge=1,
        description="Number of consecutive days with drift (days without calls do not count) before `RETRAIN_TOPIC` "
        "receives its one message.",
    )
    results_topic: str | None = _RESULTS_TOPIC
    digest_weekday: int | None = Field(
        None,
        ge=1,
        le=7,
        description="Last day of the week of the digest, 1 (Monday) to 7 (Sunday): after it, `monitor` publishes the "
        "weekly digest to `RESULTS_TOPIC`. Default: no digest.",
    )


class RealtimeSettings(AnalysisSettings):
    """Settings of the real-time service."""

    api_key: SecretStr | None = Field(
        None,
        min_length=16,
        description="Key that callers send (`X-API-Key`). Default: none; Google Cloud's own check of callers applies. "
        "To create one: `openssl rand -base64 32`.",
    )
    session_key: SecretStr | None = Field(
        None,
        description="Key that signs session and access tokens: base64 of at least 24 bytes, equal for all instances. "
        "Default: none; calls cannot be sent in chunks.",
    )
    max_request_bytes: int = Field(2**25, gt=0, description="Maximum size of a request, in bytes (Cloud Run: 32 MiB).")
    max_chunk_s: float = Field(1800.0, gt=0, description="Maximum duration of the audio in one request, in seconds.")
    max_streams: int = Field(
        8, ge=1, description="Maximum number of concurrent streams in one instance. Further callers must retry later."
    )
    max_stream_s: float = Field(
        3300.0, gt=0, description="Maximum duration of a stream, in seconds (Cloud Run closes it after an hour)."
    )

    @field_validator("session_key")
    @classmethod
    def _check_session_key(cls, value: SecretStr | None) -> SecretStr | None:
        return _check_signing_key(value)


APPLICATIONS: dict[str, type[BaseSettings]] = {
    "analyze": AnalyzeSettings,
    "erase": EraseSettings,
    "dead_letter": DeadLetterSettings,
    "alert": AlertSettings,
    "monitor": MonitorSettings,
    "realtime": RealtimeSettings,
    "local": LocalSettings,
    "report": ReportSettings,
}
"""dict of str to type: the settings of each application; a function has the name of its entry point."""


def _check_signing_key(value: SecretStr | None) -> SecretStr | None:
    """Refuse a key that could be guessed."""
    if value:
        try:
            key = base64.b64decode(value.get_secret_value().removeprefix("whsec_"), validate=True)
        except ValueError:
            key = b""
        if len(key) < 24:
            raise ValueError("it must be base64 of at least 24 bytes; to create one: openssl rand -base64 32")
    return value


S = TypeVar("S", bound=BaseSettings)


def load_settings(kind: type[S]) -> S:
    """Read the settings of an application from the environment.

    Parameters
    ----------
    kind : type
        A class of this module.

    Returns
    -------
    BaseSettings
        An instance of `kind`. Variables of other applications are not read.

    Raises
    ------
    SettingsError
        A value is invalid; the message names the variable.
    """
    try:
        return kind()
    except ValidationError as error:
        lines = (f"{'_'.join(map(str, e['loc'])).upper()}: {e['msg']}" for e in error.errors())
        raise SettingsError("; ".join(lines)) from None
