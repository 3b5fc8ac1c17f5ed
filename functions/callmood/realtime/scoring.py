"""The HTTP function `score`: audio in, segments with their emotion out.

Two forms of request: audio bytes, for one recording; or the JSON that Vertex AI sends to a model, for several, and
for a call in parts. https://cloud.google.com/vertex-ai/docs/predictions/custom-container-requirements
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, ValidationError, WithJsonSchema

from callmood.analysis.analyzer import analyze
from callmood.analysis.rows import segment_facts
from callmood.emotion.model import EmotionModel
from callmood.errors import BadRecording
from callmood.models.resolver import Models
from callmood.realtime.problem_details import Problem
from callmood.realtime.session_tokens import MAX_LENGTH, Session, SessionTokens
from callmood.recording import CallMetadata, ObjectRef, Recording
from callmood.settings import ScoreSettings
from callmood.types import JsonRow, Role

MAX_INSTANCES = 16
_BASE64 = {"type": "string", "contentEncoding": "base64", "pattern": "^[A-Za-z0-9+/]*={0,2}$"}

WARNINGS = {"session_restarted": "The session was of another model; its voices are got to know anew."}


def _decoded(text: object) -> bytes:
    try:
        return base64.b64decode(text if isinstance(text, str) else "*", validate=True)
    except ValueError:
        raise ValueError("it is no base64") from None


class Instance(BaseModel):
    """One recording, or one part of a call."""

    model_config = ConfigDict(extra="forbid")

    b64: Annotated[bytes, PlainValidator(_decoded, json_schema_input_type=str), WithJsonSchema(_BASE64)] = Field(
        description="The file's bytes in base64: any container that callmood knows."
    )
    session: str | None = Field(
        None, max_length=MAX_LENGTH, description="The token that the call's part before was answered with."
    )


class Parameters(BaseModel):
    """What holds for all instances of a request."""

    model_config = ConfigDict(extra="forbid")

    channel_roles: tuple[Role, ...] | None = Field(
        None, max_length=64, description="Roles of channels 0, 1, …; default: the server's CHANNEL_ROLES."
    )
    session: bool = Field(False, description="Answer with a session token, so that the call's next part may follow.")


class Request(BaseModel):
    """Vertex AI's request for predictions."""

    model_config = ConfigDict(extra="forbid")

    instances: list[Instance] = Field(min_length=1, max_length=MAX_INSTANCES)
    parameters: Parameters = Parameters()


class Fact(BaseModel):
    """One stretch of speech, as a row of `segments` tells it."""

    channel: int = Field(ge=0)
    role: Role
    start_s: float = Field(description="Seconds from the start of the recording, or of the call it is a part of.")
    end_s: float
    emotion: str | None = Field(description="The most probable, or `uncertain`; null where emotion is not inferred.")
    confidence: float | None
    p_anger: float | None
    p_disgust: float | None
    p_fear: float | None
    p_happiness: float | None
    p_neutral: float | None
    p_sadness: float | None
    level_dbfs: float


class Prediction(BaseModel):
    """What was found in one recording, or in one part of a call."""

    offset_s: float = Field(description="Where the part begins in its call; 0 for a recording.")
    duration_s: float
    channel_roles: list[str] = Field(description="Role of each channel; `silent` or `copy` where it has none.")
    segments: list[Fact]
    warnings: list[str] = Field(description="Codes of what was odd (docs/warnings.md).")
    model_version: str
    session: str | None = Field(None, description="Send it with the call's next part.")


class Predictions(BaseModel):
    """The answer to Vertex AI's request: as many predictions as instances, in order."""

    predictions: list[Prediction]


class Scorer:
    """Answers requests.

    Parameters
    ----------
    models : Models
        What is asked for the model of a call.
    settings : ScoreSettings
        Limits, roles, prior, and the key of sessions.
    """

    def __init__(self, models: Models, settings: ScoreSettings) -> None:
        self.models = models
        self.settings = settings
        self._limited = settings.model_copy(update={"max_duration_s": settings.max_chunk_s})
        key = settings.session_key
        self.tokens = SessionTokens(key.get_secret_value()) if key else None

    def answer(self, body: bytes, media_type: str, query: Mapping[str, str]) -> JsonRow:
        """Answer one request.

        Parameters
        ----------
        body : bytes
            Audio, or JSON where `media_type` says so.
        media_type : str
            Of the body. Audio may call itself what it likes; what it is, its bytes say.
        query : mapping of str to str
            For audio: the `Parameters`, roles parted by commas.

        Returns
        -------
        dict
            A `Prediction` for audio, `Predictions` for JSON.

        Raises
        ------
        Problem
            The request cannot be answered; nothing was kept of it.
        """
        self.check_size(len(body))
        if media_type.partition(";")[0].strip().lower() == "application/json":
            try:
                request = Request.model_validate_json(body)
            except ValidationError as error:
                raise Problem("bad_request", _told(error)) from None
            found = [self._predict(one.b64, one.session, request.parameters) for one in request.instances]
            return {"predictions": found}
        try:
            roles = query.get("channel_roles")
            told = {**query, **({"channel_roles": roles.split(",")} if roles is not None else {})}
            parameters = Parameters.model_validate(told)
        except ValidationError as error:
            raise Problem("bad_request", _told(error)) from None
        return self._predict(body, None, parameters)

    def check_size(self, size: int) -> None:
        """Refuse a request of more bytes than the limit (`too_large`)."""
        if size > self.settings.max_request_bytes:
            limit = self.settings.max_request_bytes
            detail = f"The request has {size:,} bytes, the limit is {limit:,} (MAX_REQUEST_BYTES). Send it in parts."
            raise Problem("too_large", detail)

    def _predict(self, audio: bytes, token: str | None, parameters: Parameters) -> JsonRow:
        if parameters.session and self.tokens is None:
            raise _no_sessions()
        digest = hashlib.sha256(audio).hexdigest()
        session, model, warnings = self.begin(token, call_id=digest[:32])
        recording = Recording(
            ref=ObjectRef("", "", 0),
            audio=audio,
            size_bytes=len(audio),
            content_sha256=digest,
            uploaded_at=datetime.now(UTC),
            call=CallMetadata(channel_roles=parameters.channel_roles),
        )
        try:
            analysis = analyze(recording, model, self._limited, session.averages)
        except BadRecording as bad:
            if bad.code == "too_long":
                detail = f"The audio is longer than {self.settings.max_chunk_s:g} s (MAX_CHUNK_S). Send it in parts."
                raise Problem("too_long", detail) from None
            raise Problem(bad.code, bad.message) from None
        after = session.after(analysis.duration_s, analysis.averages)
        return {
            "offset_s": session.offset_s,
            "duration_s": round(analysis.duration_s, 3),
            "channel_roles": list(analysis.roles),
            "segments": [segment_facts(segment.later(session.offset_s)) for segment in analysis.segments],
            "warnings": [*analysis.warnings, *warnings],
            "model_version": analysis.model_version,
            "session": self.tokens.write(after) if self.tokens and (parameters.session or token) else None,
        }

    def begin(self, token: str | None, call_id: str) -> tuple[Session, EmotionModel, list[str]]:
        """Begin a part of a call.

        Parameters
        ----------
        token : str or None
            Of the part before, where there is one.
        call_id : str
            Names the call where there is none.

        Returns
        -------
        tuple of (Session, EmotionModel, list of str)
            What earlier parts left behind, the model that is to judge this one, and codes of `WARNINGS`. The model may
            be another than theirs, since models change while calls go on: the voices are got to know anew then.

        Raises
        ------
        Problem
            The token cannot be read.
        """
        if token is None:
            model = self.models.of_recording(call_id)
            return Session(call_id, model.version), model, []
        if self.tokens is None:
            raise _no_sessions()
        session = self.tokens.read(token)
        model = self.models.of_recording(session.call_id)
        if session.model_version == model.version:
            return session, model, []
        return Session(session.call_id, model.version, session.offset_s), model, ["session_restarted"]


def _no_sessions() -> Problem:
    return Problem("no_sessions", "Whoever runs this server must set SESSION_KEY before a call can come in parts.")


def _told(error: ValidationError) -> str:
    """Tell what is wrong with a request, by place; never its content."""
    told: list[Any] = error.errors(include_url=False, include_input=False, include_context=False)
    return "; ".join(f"{'.'.join(map(str, one['loc'])) or 'body'}: {one['msg']}" for one in told[:5])
