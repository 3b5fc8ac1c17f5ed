"""Run the real-time service in a container: `python -m callmood.realtime`, on Cloud Run or Vertex AI.

The server listens on port `AIP_HTTP_PORT` (Vertex AI), else `PORT` (Cloud Run), else 8080.
https://cloud.google.com/vertex-ai/docs/predictions/custom-container-requirements
"""

from __future__ import annotations

import os
import sys

import uvicorn

from callmood import logs
from callmood.errors import CallmoodError
from callmood.models.resolver import open_models
from callmood.realtime.app import make_app
from callmood.realtime.auth import Authenticator
from callmood.realtime.scoring import Scorer
from callmood.settings import RealtimeSettings, load_settings


def main() -> None:
    """Load the model, then serve requests."""
    logs.setup()
    environment = os.environ
    settings = load_settings(RealtimeSettings)
    uri = settings.model_uri
    if not uri and environment.get("AIP_STORAGE_URI"):
        uri = f"{environment['AIP_STORAGE_URI'].rstrip('/')}/emotion.tflite"
    app = make_app(
        Scorer(open_models(uri, population_uri=settings.population_uri), settings),
        Authenticator(settings),
        health_route=environment.get("AIP_HEALTH_ROUTE", "/health"),
        score_route=environment.get("AIP_PREDICT_ROUTE", "/score"),
    )
    port = int(environment.get("AIP_HTTP_PORT") or environment.get("PORT") or 8080)
    # The platform decides who reaches the container's port. ws_max_size bounds memory; the app limits frames further.
    uvicorn.run(app, host="0.0.0.0", port=port, log_config=None, access_log=False, ws_max_size=2**18)  # noqa: S104


if __name__ == "__main__":
    try:
        main()
    except CallmoodError as error:
        sys.exit(f"callmood: {error}")
