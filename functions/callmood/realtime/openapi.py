"""OpenAPI document of the HTTP interface: docs/openapi.json, and /openapi.json of a running server."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field
from pydantic.json_schema import models_json_schema

from callmood.realtime.problem_details import MEDIA_TYPE, PROBLEMS, ProblemDetails
from callmood.realtime.scoring import Prediction, PredictRequest, PredictResponse

_REFERENCE = "#/components/schemas/{model}"


API_VERSION = "1.0"
"""str: version of the HTTP interface."""


class Health(BaseModel):
    """State of a server that is ready."""

    status: str = Field(examples=["ok"])
    model_version: str
    active_streams: int = Field(ge=0, description="Number of streams at the moment.")
    auth_required: bool = Field(description="Whether callers need the API key or an access token.")


class Token(BaseModel):
    """An access token."""

    token: str = Field(description="Authenticates requests for ten minutes.")


def document() -> dict[str, Any]:
    """Return the OpenAPI document.

    Returns
    -------
    dict
        OpenAPI 3.1: https://spec.openapis.org/oas/v3.1.0
    """
    models: list[type[BaseModel]] = [PredictRequest, Prediction, PredictResponse, ProblemDetails, Health, Token]
    _, schemas = models_json_schema([(model, "validation") for model in models], ref_template=_REFERENCE)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "callmood",
            "version": API_VERSION,
            "description": "Score recordings. The WebSocket /stream scores real-time audio: docs/realtime.md.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "security": [{"key": []}],
        "paths": {
            "/score": {"post": _score()},
            "/token": {
                "post": {
                    "summary": "Exchange the API key for an access token, valid for ten minutes",
                    "operationId": "token",
                    "responses": {"200": _json("The access token.", "Token"), **_problems("unauthorized")},
                }
            },
            "/health": {
                "get": {
                    "summary": "Check whether the server is ready",
                    "operationId": "health",
                    "security": [],
                    "responses": {"200": _json("The server is ready.", "Health")},
                }
            },
        },
        "components": {
            "schemas": schemas["$defs"],
            "securitySchemes": {
                "key": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "X-API-Key",
                    "description": "The API key, or an access token for /score. Required if the server has an API_KEY.",
                }
            },
        },
    }


def _score() -> dict[str, Any]:
    roles = {"type": "string", "pattern": "^(agent|customer|mixed|unknown)(,(agent|customer|mixed|unknown)){0,63}$"}
    codes = [code for code, (status, _) in PROBLEMS.items() if status in (400, 408, 413, 422, 500, 503)]
    return {
        "summary": "Detect the speech segments of a recording, and classify the emotion of each",
        "operationId": "score",
        "parameters": [
            _parameter("channel_roles", roles, "For audio: roles of channels 0, 1, …, separated by commas."),
            _parameter("session", {"type": "boolean"}, "For audio: return a session token."),
        ],
        "requestBody": {
            "required": True,
            "content": {
                "audio/*": {"schema": {"type": "string", "format": "binary"}},
                "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
                "application/json": {"schema": {"$ref": _REFERENCE.format(model="PredictRequest")}},
            },
        },
        "responses": {
            "200": {
                "description": "A prediction for audio, several predictions for JSON.",
                "content": {
                    "application/json": {
                        "schema": {
                            "anyOf": [
                                {"$ref": _REFERENCE.format(model=name)} for name in ("Prediction", "PredictResponse")
                            ]
                        }
                    }
                },
            },
            **_problems(*codes, "unauthorized"),
        },
    }


def _parameter(name: str, schema: dict[str, Any], description: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "schema": schema, "description": description}


def _json(description: str, model: str, media_type: str = "application/json") -> dict[str, Any]:
    content = {media_type: {"schema": {"$ref": _REFERENCE.format(model=model)}}}
    return {"description": description, "content": content}


def _problems(*codes: str) -> dict[str, Any]:
    """Return the responses for these problems: one per status."""
    by_status: dict[int, list[str]] = {}
    for code in codes:
        by_status.setdefault(PROBLEMS[code][0], []).append(f"`{code}`: {PROBLEMS[code][1]}")
    return {
        str(status): _json(" ".join(titles), "ProblemDetails", MEDIA_TYPE)
        for status, titles in sorted(by_status.items())
    }
