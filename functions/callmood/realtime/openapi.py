"""The OpenAPI document of the HTTP part: docs/openapi.json, and /openapi.json of a running server."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field
from pydantic.json_schema import models_json_schema

from callmood import __version__
from callmood.realtime.problem_details import MEDIA_TYPE, PROBLEMS, ProblemDetails
from callmood.realtime.scoring import Prediction, Predictions, Request

_REFERENCE = "#/components/schemas/{model}"


class Health(BaseModel):
    """The server is ready."""

    status: str = Field(examples=["ok"])
    model_version: str
    live_calls: int = Field(ge=0, description="Live calls that are going on.")
    key_needed: bool = Field(description="Whether callers must show the API key or a page token.")


class Token(BaseModel):
    """A page token."""

    token: str = Field(description="Opens calls for ten minutes.")


def document() -> dict[str, Any]:
    """Describe what is asked and answered.

    Returns
    -------
    dict
        OpenAPI 3.1: https://spec.openapis.org/oas/v3.1.0
    """
    models: list[type[BaseModel]] = [Request, Prediction, Predictions, ProblemDetails, Health, Token]
    _, schemas = models_json_schema([(model, "validation") for model in models], ref_template=_REFERENCE)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "callmood",
            "version": __version__,
            "description": "Audio in, emotions out. Live calls go over the WebSocket /stream: docs/live.md.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "security": [{"key": []}],
        "paths": {
            "/score": {"post": _score()},
            "/token": {
                "post": {
                    "summary": "Make a page token: it stands for the API key in a browser, for ten minutes",
                    "operationId": "token",
                    "responses": {"200": _json("The token.", "Token"), **_problems("unauthorized")},
                }
            },
            "/health": {
                "get": {
                    "summary": "Whether the server is ready",
                    "operationId": "health",
                    "security": [],
                    "responses": {"200": _json("It is.", "Health")},
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
                    "description": "Where the server has an API_KEY: that, or for /score a page token.",
                }
            },
        },
    }


def _score() -> dict[str, Any]:
    roles = {"type": "string", "pattern": "^(agent|customer|mixed)(,(agent|customer|mixed)){0,63}$"}
    codes = [code for code, (status, _) in PROBLEMS.items() if status in (400, 408, 413, 422, 500, 503)]
    return {
        "summary": "Find the spoken segments of a recording, and say what each sounds like",
        "operationId": "score",
        "parameters": [
            _parameter("channel_roles", roles, "For audio: roles of channels 0, 1, …, parted by commas."),
            _parameter("session", {"type": "boolean"}, "For audio: answer with a session token."),
        ],
        "requestBody": {
            "required": True,
            "content": {
                "audio/*": {"schema": {"type": "string", "format": "binary"}},
                "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
                "application/json": {"schema": {"$ref": _REFERENCE.format(model="Request")}},
            },
        },
        "responses": {
            "200": {
                "description": "A prediction for audio, predictions for JSON.",
                "content": {
                    "application/json": {
                        "schema": {
                            "anyOf": [{"$ref": _REFERENCE.format(model=name)} for name in ("Prediction", "Predictions")]
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
    """Describe the answers with these problems: one a status."""
    by_status: dict[int, list[str]] = {}
    for code in codes:
        by_status.setdefault(PROBLEMS[code][0], []).append(f"`{code}`: {PROBLEMS[code][1]}")
    return {
        str(status): _json(" ".join(told), "ProblemDetails", MEDIA_TYPE) for status, told in sorted(by_status.items())
    }
