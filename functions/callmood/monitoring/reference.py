"""Where the calls lie that `monitor` compares with: beside the model, or where `REFERENCE_URI` says."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

from callmood.errors import RegistryError
from callmood.models.object_store import open_object_store
from callmood.models.registry import Registry, parse_address
from callmood.monitoring.drift import Reference
from callmood.resources import MODEL

if TYPE_CHECKING:
    from google.cloud.storage import Client

NAME = "emotion.reference.json"
"""str: the reference's name beside the shipped model, and in a registry's version."""

log = logging.getLogger(__name__)


def references(
    model_uri: str | None, reference_uri: str | None = None, storage: Callable[[], Client] | None = None
) -> Callable[[str], Reference | None]:
    """How the reference of a model's version is found.

    Parameters
    ----------
    model_uri : str or None
        Emotion model: a file has its reference beside it; a registry has one reference per version.
    reference_uri : str, optional
        Reference file; default: that of the model.
    storage : callable, optional
        Gives the client for a ``gs://`` address.

    Returns
    -------
    callable
        From version to reference; None, and a warning, where there is none of this version. Raises ModelError where
        what is there is no reference.
    """

    @cache
    def reference_of(version: str) -> Reference | None:
        try:
            reference = Reference(_content(model_uri, reference_uri, version, storage))
        except (FileNotFoundError, RegistryError) as error:
            log.warning("Calls of model %s are not compared, for it has no reference: %s", version, error)
            return None
        if reference.model_version == version:
            return reference
        log.warning("Calls of model %s are not compared: the reference is of %s.", version, reference.model_version)
        return None

    return reference_of


def _content(model_uri: str | None, uri: str | None, version: str, storage: Callable[[], Client] | None) -> bytes:
    if not uri:
        address = parse_address(model_uri)
        if address:
            return Registry(address[0], storage).read(version, NAME)
        uri = (model_uri or str(MODEL / "emotion.tflite")).removesuffix(".tflite") + ".reference.json"
    folder, _, name = uri.rpartition("/")
    return open_object_store(folder or ".", storage).read(name)
