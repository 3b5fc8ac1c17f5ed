"""Find the reference of a model version: next to the model, in its registry, or at `REFERENCE_URI`."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

from callmood.errors import RegistryError
from callmood.models.object_store import open_object_store
from callmood.models.registry import Registry, parse_registry_uri
from callmood.monitoring.drift import Reference
from callmood.resources import MODEL

if TYPE_CHECKING:
    from google.cloud.storage import Client

REFERENCE_NAME = "emotion.reference.json"
"""str: file name of the reference next to the shipped model, and in a registry's version."""

log = logging.getLogger(__name__)


def reference_loader(
    model_uri: str | None, reference_uri: str | None = None, storage: Callable[[], Client] | None = None
) -> Callable[[str], Reference | None]:
    """Return a function that loads the reference of a model version.

    Parameters
    ----------
    model_uri : str or None
        Emotion model. The reference of a file is next to it; a registry has one reference per version.
    reference_uri : str, optional
        Reference file; default: that of the model.
    storage : callable, optional
        Returns the client for a ``gs://`` address.

    Returns
    -------
    callable
        Takes a model version. Returns its reference, or None, with a warning in the log, if there is none. Raises
        ModelError if the file is not a reference.
    """

    @cache
    def load(version: str) -> Reference | None:
        try:
            reference = Reference(_read(model_uri, reference_uri, version, storage))
        except (FileNotFoundError, RegistryError) as error:
            log.warning("Calls of model %s are not checked for drift: no reference found: %s", version, error)
            return None
        if reference.model_version == version:
            return reference
        log.warning(
            "Calls of model %s are not checked for drift: the reference belongs to model %s.",
            version,
            reference.model_version,
        )
        return None

    return load


def _read(model_uri: str | None, uri: str | None, version: str, storage: Callable[[], Client] | None) -> bytes:
    if not uri:
        address = parse_registry_uri(model_uri)
        if address:
            return Registry(address[0], storage).read(version, REFERENCE_NAME)
        uri = (model_uri or str(MODEL / "emotion.tflite")).removesuffix(".tflite") + ".reference.json"
    folder, _, name = uri.rpartition("/")
    return open_object_store(folder or ".", storage).read(name)
