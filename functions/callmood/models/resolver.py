"""Select the model that analyzes a recording: one file, or the current release of an alias in a registry."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Lock, Thread
from typing import TYPE_CHECKING, Protocol

from callmood.emotion.model import EmotionModel, load_model, read_model
from callmood.emotion.population import Population, read_population
from callmood.errors import ModelError, RegistryError
from callmood.models.object_store import open_object_store
from callmood.models.registry import Registry, Release, parse_registry_uri

if TYPE_CHECKING:
    from google.cloud.storage import Client

# A change takes effect within a minute: up to one interval until it is seen, and as long again to load the model.
_REFRESH_INTERVAL_S = 30.0
# An instance that was idle for longer waits for the refresh, but not longer than the timeout.
_MAX_STALENESS_S = 60.0
_REFRESH_TIMEOUT_S = 5.0

log = logging.getLogger(__name__)


class ModelProvider(Protocol):
    """Selects models. Safe to share between threads."""

    def for_recording(self, recording_id: str) -> EmotionModel:
        """Return the model that analyzes a recording. It changes only when the release changes."""
        ...

    def for_version(self, version: str) -> EmotionModel:
        """Return the model of a version, whether or not the version is in use.

        Raises
        ------
        ModelError
            The version is not available.
        """
        ...


def open_models(
    uri: str | None, storage: Callable[[], Client] | None = None, population_uri: str | None = None
) -> ModelProvider:
    """Open the models that `MODEL_URI` selects.

    Parameters
    ----------
    uri : str or None
        ``gs://bucket/path/name.tflite``, a local path, a version or alias of a registry, such as
        ``gs://bucket/models@production``, or None for the shipped model.
    storage : callable, optional
        Returns the client for a ``gs://`` URI. Default: a client with the credentials of the environment.
    population_uri : str, optional
        ``gs://`` or local path of a population that replaces the one in the model file.

    Returns
    -------
    ModelProvider
        With the current model loaded.

    Raises
    ------
    ModelError
        The file does not exist or is not a model, the alias has no usable version, or the population belongs to
        another model.
    RegistryError
        The alias does not exist.
    google.api_core.exceptions.GoogleAPIError
        Cloud Storage did not answer, or denied access.
    """
    population = open_population(population_uri, storage) if population_uri else None
    address = parse_registry_uri(uri)
    if address:
        root, alias = address
        return AliasModelProvider(Registry(root, storage), alias, population=population)
    return StaticModelProvider(_open_file(uri, storage).calibrated(population))


def _open_file(uri: str | None, storage: Callable[[], Client] | None) -> EmotionModel:
    if not uri or not uri.startswith("gs://"):
        return load_model(Path(uri) if uri else None)
    folder, _, name = uri.rpartition("/")
    store = open_object_store(folder, storage)
    try:
        return read_model(store.read(name), store.read(f"{name.removesuffix('.tflite')}.json"), uri)
    except FileNotFoundError as error:
        raise ModelError(f"cannot load the emotion model {uri}: {error}") from None


def open_population(uri: str, storage: Callable[[], Client] | None = None) -> Population:
    """Read the population that `POPULATION_URI` selects.

    Parameters
    ----------
    uri : str
        ``gs://bucket/path/population.json``, or a local path.
    storage : callable, optional
        Returns the client for a ``gs://`` URI. Default: a client with the credentials of the environment.

    Raises
    ------
    ModelError
        The file does not exist or is not a population.
    google.api_core.exceptions.GoogleAPIError
        Cloud Storage did not answer, or denied access.
    """
    folder, _, name = uri.rpartition("/")
    try:
        return read_population(open_object_store(folder or ".", storage).read(name), uri)
    except OSError as error:
        raise ModelError(f"cannot load the population {uri}: {error!r}") from None


class StaticModelProvider:
    """Use one model for all recordings.

    Parameters
    ----------
    model : EmotionModel
        The model.
    """

    def __init__(self, model: EmotionModel) -> None:
        self._model = model

    def for_recording(self, recording_id: str) -> EmotionModel:  # noqa: ARG002 - the same for all
        """Return the model."""
        return self._model

    def for_version(self, version: str) -> EmotionModel:
        """Return the model if it has this version."""
        if version != self._model.version:
            raise ModelError(
                f"version {version} was requested, but MODEL_URI names one file, of version {self._model.version}; "
                "set MODEL_URI to an alias of a registry (docs/registry.md)"
            )
        return self._model


@dataclass(frozen=True)
class _LoadedRelease:
    """A release with the models in use. They differ from the release's versions if a version is unusable."""

    release: Release
    model: EmotionModel
    canary: EmotionModel | None

    def for_recording(self, recording_id: str) -> EmotionModel:
        version = self.release.version_for(recording_id)
        return self.canary if self.canary and version == self.release.canary else self.model

    def models(self) -> dict[str, EmotionModel]:
        return {model.version: model for model in (self.model, self.canary) if model}


class AliasModelProvider:
    """Follow an alias of a registry as it changes.

    A refresh is one conditional read in a background thread. A model that cannot be loaded or fails its self-test is
    not used: the model in use remains, or a previous version replaces it. The log reports it with severity ERROR and
    the field `model_fault`.

    Parameters
    ----------
    registry : Registry
        The registry.
    alias : str
        An alias or version in the registry.
    clock : callable
        Returns the time in seconds, for the refresh interval.
    population : Population, optional
        Replaces the population in the model files. A version that it does not belong to is unusable.
    """

    def __init__(
        self,
        registry: Registry,
        alias: str,
        clock: Callable[[], float] = time.monotonic,
        population: Population | None = None,
    ) -> None:
        self._registry, self._alias, self._clock, self._population = registry, alias, clock, population
        self._lock = Lock()
        self._requested: EmotionModel | None = None  # the last model that `for_version` loaded
        self._refreshed_at = clock()
        found = registry.read_if_changed(alias)
        assert found is not None  # without an etag, there is always an answer
        release, self._etag = found
        self._loaded = self._load(release, {})

    def for_recording(self, recording_id: str) -> EmotionModel:
        """Return the model that analyzes a recording."""
        self._refresh_if_due()
        return self._loaded.for_recording(recording_id)

    def for_version(self, version: str) -> EmotionModel:
        """Return the model of a version. The last requested model stays loaded."""
        with self._lock:
            available = self._loaded.models()
            if self._requested:
                available[self._requested.version] = self._requested
            if version not in available:
                self._requested = available[version] = self._load_version(version)
            return available[version]

    def _refresh_if_due(self) -> None:
        age_s = self._clock() - self._refreshed_at
        if age_s < _REFRESH_INTERVAL_S:
            return
        self._refreshed_at = self._clock()
        thread = Thread(target=self._refresh, name="registry", daemon=True)
        thread.start()
        if age_s > _MAX_STALENESS_S:
            thread.join(_REFRESH_TIMEOUT_S)

    def _refresh(self) -> None:
        with self._lock:
            try:
                found = self._registry.read_if_changed(self._alias, self._etag)
                if found is None:
                    return
                release, etag = found
                self._loaded = self._load(release, self._loaded.models())
                self._etag = etag
                log.info("Updated the model.", extra={"fields": {"model_version": self._loaded.model.version}})
            except (ModelError, RegistryError) as error:
                _log_unusable(self._alias, error, self._loaded.model.version)
            except Exception:  # an error of Cloud Storage: the next refresh is soon
                log.warning("Could not read the registry. The loaded models stay in use.", exc_info=True)

    def _load(self, release: Release, loaded: dict[str, EmotionModel]) -> _LoadedRelease:
        """Load the models of a release. Models in `loaded` are not loaded again."""
        model = self._first_usable([release.version, *loaded, *release.previous_versions], loaded)
        canary = None
        if release.canary:
            try:
                canary = loaded.get(release.canary) or self._load_version(release.canary)
            except ModelError as error:
                _log_unusable(release.canary, error, model.version)
        return _LoadedRelease(release, model, canary)

    def _load_version(self, version: str) -> EmotionModel:
        return self._registry.load(version).calibrated(self._population)

    def _first_usable(self, versions: list[str], loaded: dict[str, EmotionModel]) -> EmotionModel:
        unusable: list[tuple[str, ModelError]] = []
        for version in versions:
            try:
                model = loaded.get(version) or self._load_version(version)
            except ModelError as error:
                unusable.append((version, error))
                continue
            for other, reason in unusable:
                _log_unusable(other, reason, version)
            return model
        raise ModelError("; ".join(str(reason) for _, reason in unusable))


def _log_unusable(version: str, error: Exception, used: str) -> None:
    log.error(
        "Model %s is unusable: %s. Model %s is used instead.",
        version,
        error,
        used,
        extra={"fields": {"model_fault": version, "model_version": used}},
    )
