"""`POST /score`: analyze recordings and return their segments.

A request contains the bytes of one recording, or Vertex AI's JSON with several recordings or one chunk of a call.
https://cloud.google.com/vertex-ai/docs/predictions/custom-container-requirements
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, ValidationError, WithJsonSchema

from callmood.analysis.analyzer import analyze
from callmood.analysis.rows import segment_fields
from callmood.emotion.model import EmotionModel
from callmood.errors import BadRecording
from callmood.models.resolver import ModelProvider
from callmood.realtime.problem_details import Problem
from callmood.realtime.session_tokens import MAX_LENGTH, SessionState, SessionTokens
from callmood.settings import RealtimeSettings
from callmood.types import CallMetadata, JsonRow, ObjectRef, Recording, Role

MAX_INSTANCES = 16
"""int: maximum number of recordings in one request."""

_BASE64 = {"type": "string", "contentEncoding": "base64", "pattern": "^[A-Za-z0-9+/]*={0,2}$"}

WARNINGS = {"session_restarted": "The session used another model version; speaker baselines were reset."}
"""dict of str to str: warnings that only the real-time service returns, by code."""


def _decode_base64(text: object) -> bytes:
    try:
        return base64.b64decode(text if isinstance(text, str) else "*", validate=True)
    except ValueError:
        raise ValueError("invalid base64") from None


class Instance(BaseModel):
    """One recording, or one chunk of a call."""

    model_config = ConfigDict(extra="forbid")

    b64: Annotated[bytes, PlainValidator(_decode_base64, json_schema_input_type=str), WithJsonSchema(_BASE64)] = Field(
        description="The file's bytes in base64, in any supported container format."
    )
    session: str | None = Field(
        None, max_length=MAX_LENGTH, description="Session token from the response to the call's previous chunk."
    )


class Parameters(BaseModel):
    """Parameters of all instances of a request."""

    model_config = ConfigDict(extra="forbid")

    channel_roles: tuple[Role, ...] | None = Field(
        None, max_length=64, description="Roles of channels 0, 1, …; default: the server's CHANNEL_ROLES."
    )
    session: bool = Field(False, description="Return a session token for the call's next chunk.")


class PredictRequest(BaseModel):
    """Vertex AI's request for predictions."""

    model_config = ConfigDict(extra="forbid")

    instances: list[Instance] = Field(min_length=1, max_length=MAX_INSTANCES)
    parameters: Parameters = Parameters()


class ScoredSegment(BaseModel):
    """One segment of speech, with the fields of a row of `segments`."""

    channel: int = Field(ge=0)
    role: Role
    role_confidence: float | None = Field(description="Probability that the segment belongs to this speaker.")
    speaker: int | None = Field(description="Number of the speaker in the recording, from 1.")
    start_s: float = Field(description="Seconds from the start of the recording, or of the call that it belongs to.")
    end_s: float
    emotion: str | None = Field(
        description="The most probable emotion, or `uncertain`; null if emotion is not inferred for the role."
    )
    confidence: float | None
    p_anger: float | None
    p_disgust: float | None
    p_fear: float | None
    p_happiness: float | None
    p_neutral: float | None
    p_sadness: float | None
    level_dbfs: float
    pitch_semitones: float | None = Field(description="Pitch relative to the speaker's own neutral speech.")
    loudness_db: float | None = Field(description="Level relative to the speaker's own neutral speech.")
    rate_ratio: float | None = Field(description="Syllable rate relative to the speaker's own neutral speech.")


class Prediction(BaseModel):
    """Segments of one recording, or of one chunk of a call."""

    offset_s: float = Field(description="Start of the chunk in its call; 0 for a recording.")
    duration_s: float
    channel_roles: list[str] = Field(
        description="Role of each channel; `silent` for an empty channel, `duplicate` for a duplicate channel."
    )
    segments: list[ScoredSegment]
    warnings: list[str] = Field(description="Warning codes (docs/warnings.md).")
    model_version: str
    session: str | None = Field(None, description="Session token to send with the call's next chunk.")


class PredictResponse(BaseModel):
    """Vertex AI's response: one prediction per instance, in the same order."""

    predictions: list[Prediction]


class Scorer:
    """Score recordings and chunks of calls.

    Parameters
    ----------
    models : ModelProvider
        Provides the model for each call.
    settings : RealtimeSettings
        Limits, channel roles, prior, and the session key.
    """

    def __init__(self, models: ModelProvider, settings: RealtimeSettings) -> None:
        self.models = models
        self.settings = settings
        self._config = settings.model_copy(update={"max_duration_s": settings.max_chunk_s})
        key = settings.session_key
        self.tokens = SessionTokens(key.get_secret_value()) if key else None

    def score(self, body: bytes, media_type: str, query: Mapping[str, str]) -> JsonRow:
        """Score the recordings of one request.

        Parameters
        ----------
        body : bytes
            Audio, or JSON if `media_type` is ``application/json``.
        media_type : str
            Media type of the body. The type of audio is detected from its bytes instead.
        query : mapping of str to str
            For audio: the `Parameters`, with comma-separated roles.

        Returns
        -------
        dict
            A `Prediction` for audio, a `PredictResponse` for JSON.

        Raises
        ------
        Problem
            The request is invalid or exceeds a limit, or the audio cannot be analyzed.
        """
        self.check_size(len(body))
        if media_type.partition(";")[0].strip().lower() == "application/json":
            try:
                request = PredictRequest.model_validate_json(body)
            except ValidationError as error:
                raise Problem("bad_request", _describe(error)) from None
            predictions = [self._predict(one.b64, one.session, request.parameters) for one in request.instances]
            return {"predictions": predictions}
        try:
            roles = query.get("channel_roles")
            split = {**query, **({"channel_roles": roles.split(",")} if roles is not None else {})}
            parameters = Parameters.model_validate(split)
        except ValidationError as error:
            raise Problem("bad_request", _describe(error)) from None
        return self._predict(body, None, parameters)

    def check_size(self, size: int) -> None:
        """Raise the problem `too_large` if a request of `size` bytes exceeds the limit."""
        if size > self.settings.max_request_bytes:
            limit = self.settings.max_request_bytes
            detail = f"The request has {size:,} bytes; the limit is {limit:,} (MAX_REQUEST_BYTES). Split the audio."
            raise Problem("too_large", detail)

    def _predict(self, audio: bytes, token: str | None, parameters: Parameters) -> JsonRow:
        if parameters.session and self.tokens is None:
            raise _sessions_disabled()
        digest = hashlib.sha256(audio).hexdigest()
        state, model, warnings = self.open_session(token, call_id=digest[:32])
        recording = Recording(
            ref=ObjectRef("", "", 0),
            audio=audio,
            size_bytes=len(audio),
            content_sha256=digest,
            uploaded_at=datetime.now(UTC),
            call=CallMetadata(channel_roles=parameters.channel_roles),
        )
        try:
            analysis = analyze(recording, model, self._config, state.baselines)
        except BadRecording as bad:
            if bad.code == "too_long":
                detail = f"The audio is longer than {self.settings.max_chunk_s:g} s (MAX_CHUNK_S). Split the audio."
                raise Problem("too_long", detail) from None
            raise Problem(bad.code, bad.message) from None
        next_state = state.advance(analysis.duration_s, analysis.baselines)
        return {
            "offset_s": state.offset_s,
            "duration_s": round(analysis.duration_s, 3),
            "channel_roles": list(analysis.roles),
            "segments": [segment_fields(segment.shifted(state.offset_s)) for segment in analysis.segments],
            "warnings": [*analysis.warnings, *warnings],
            "model_version": analysis.model_version,
            "session": self.tokens.encode(next_state) if self.tokens and (parameters.session or token) else None,
        }

    def open_session(self, token: str | None, call_id: str) -> tuple[SessionState, EmotionModel, list[str]]:
        """Start a session, or resume the session of a token.

        Parameters
        ----------
        token : str or None
            Token from the previous chunk of the call, if any.
        call_id : str
            Identifier of a new session.

        Returns
        -------
        tuple of (SessionState, EmotionModel, list of str)
            The state after the earlier chunks, the model for the next chunk, and codes of `WARNINGS`. If a release
            changed the model since the previous chunk, the state has no speaker baselines.

        Raises
        ------
        Problem
            The token is invalid or expired, or sessions are disabled.
        """
        if token is None:
            model = self.models.for_recording(call_id)
            return SessionState(call_id, model.state_version), model, []
        if self.tokens is None:
            raise _sessions_disabled()
        state = self.tokens.decode(token)
        model = self.models.for_recording(state.call_id)
        if state.model_version == model.state_version:
            return state, model, []
        return SessionState(state.call_id, model.state_version, state.offset_s), model, ["session_restarted"]


def _sessions_disabled() -> Problem:
    return Problem("sessions_disabled", "Set SESSION_KEY on the server to score calls in chunks.")


def _describe(error: ValidationError) -> str:
    """Describe what is wrong with a request, by field, without its content."""
    errors: list[Any] = error.errors(include_url=False, include_input=False, include_context=False)
    return "; ".join(f"{'.'.join(map(str, one['loc'])) or 'body'}: {one['msg']}" for one in errors[:5])
