"""Entry points of the Cloud Functions. Each handles one Pub/Sub push; `monitor` handles one day."""

import os
from functools import cache

import flask
import functions_framework

from callmood import logs
from callmood.cloud_functions import handlers, requests
from callmood.cloud_functions.clients import Clients
from callmood.settings import (
    APPLICATIONS,
    AlertSettings,
    AnalyzeSettings,
    DeadLetterSettings,
    EraseSettings,
    MonitorSettings,
    load_settings,
)

logs.setup()
clients = Clients()
settings = cache(load_settings)
if target := os.environ.get("FUNCTION_TARGET"):
    settings(APPLICATIONS[target])  # an invalid setting of this function stops its deployment


@functions_framework.http
def analyze(request: flask.Request) -> requests.Response:
    """Analyze an uploaded recording."""
    return requests.handle_event(request, handlers.analyze, settings(AnalyzeSettings), clients)


@functions_framework.http
def erase(request: flask.Request) -> requests.Response:
    """Hide the results of a deleted recording, if the deployer wants that."""
    return requests.handle_event(request, handlers.erase, settings(EraseSettings), clients)


@functions_framework.http
def dead_letter(request: flask.Request) -> requests.Response:
    """Record an event that failed its last attempt."""
    return requests.handle_event(request, handlers.dead_letter, settings(DeadLetterSettings), clients)


@functions_framework.http
def alert(request: flask.Request) -> requests.Response:
    """Post the message of a call that needs attention to a webhook."""
    return requests.handle_result(request, handlers.alert, settings(AlertSettings))


@functions_framework.http
def monitor(request: flask.Request) -> requests.Response:
    """Check a day's calls for drift. Cloud Scheduler calls it."""
    return requests.handle_schedule(request, handlers.monitor, settings(MonitorSettings), clients)
