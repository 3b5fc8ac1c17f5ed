"""What the container runs: `python -m callmood.realtime`, on Cloud Run, or as Vertex AI's prediction container.

It listens on `AIP_HTTP_PORT` (Vertex AI), else `PORT` (Cloud Run), else 8080.
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
from callmood.realtime.auth import Access
from callmood.realtime.scoring import Scorer
from callmood.settings import ScoreSettings, load_settings


def main() -> None:
    """Load the model, then answer."""
    logs.setup()
    told = os.environ
    settings = load_settings(ScoreSettings)
    uri = settings.model_uri
    if not uri and told.get("AIP_STORAGE_URI"):
        uri = f"{told['AIP_STORAGE_URI'].rstrip('/')}/emotion.tflite"
    app = make_app(
        Scorer(open_models(uri), settings),
        Access(settings),
        health_route=told.get("AIP_HEALTH_ROUTE", "/health"),
        score_route=told.get("AIP_PREDICT_ROUTE", "/score"),
    )
    port = int(told.get("AIP_HTTP_PORT") or told.get("PORT") or 8080)
    # All that the container's network lets in; frames are checked by their own limit, this one is for the memory.
    uvicorn.run(app, host="0.0.0.0", port=port, log_config=None, access_log=False, ws_max_size=2**18)  # noqa: S104


if __name__ == "__main__":
    try:
        main()
    except CallmoodError as error:
        sys.exit(f"callmood: {error}")
