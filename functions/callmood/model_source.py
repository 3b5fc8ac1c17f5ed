"""Where the emotion model comes from: beside the code, another file, or a bucket."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from callmood.emotion import EmotionModel, load_model

if TYPE_CHECKING:
    from google.cloud.storage import Client


def open_model(uri: str | None, storage: Callable[[], Client] | None = None) -> EmotionModel:
    """Load the model that `MODEL_URI` names.

    Parameters
    ----------
    uri : str or None
        ``gs://bucket/path/name.tflite``, a local path, or None for the one beside the code.
    storage : callable, optional
        Gives the client for a ``gs://`` model; default: one of the environment's credentials.

    Returns
    -------
    EmotionModel
        Ready to embed.

    Raises
    ------
    ModelError
        The file is no model, or not there.
    google.api_core.exceptions.GoogleAPIError
        Cloud Storage has no such object, did not answer, or refused.
    """
    if not uri or not uri.startswith("gs://"):
        return load_model(Path(uri) if uri else None)
    from google.cloud.storage import Client

    from callmood.gcs import download_model

    with TemporaryDirectory() as folder:
        return load_model(download_model((storage or Client)(), uri, Path(folder)))
