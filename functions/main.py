"""Cloud Functions entry points: each handles one Pub/Sub push; `monitor` handles one day."""

import flask
import functions_framework

from callmood import logs
from callmood.cloud_functions import handlers
from callmood.settings import load_settings

logs.setup()
deployment = handlers.Deployment(load_settings())


@functions_framework.http
def analyze(request: flask.Request) -> tuple[str, int]:
    """An object was finalized: analyze it."""
    return handlers.answer(request, deployment, handlers.analyze)


@functions_framework.http
def erase(request: flask.Request) -> tuple[str, int]:
    """An object was deleted: hide its results, where the deployer wants that."""
    return handlers.answer(request, deployment, handlers.erase)


@functions_framework.http
def alert(request: flask.Request) -> tuple[str, int]:
    """A result was published: tell a webhook, where the call needs attention."""
    return handlers.answer_result(request, deployment, handlers.alert)


@functions_framework.http
def monitor(request: flask.Request) -> tuple[str, int]:
    """A day is over: compare its calls with what the model knows. Called by Cloud Scheduler."""
    return handlers.answer_schedule(request, deployment)


@functions_framework.http
def quarantine(request: flask.Request) -> tuple[str, int]:
    """An event was given up after its last attempt: write down which."""
    return handlers.answer(request, deployment, handlers.quarantine)
