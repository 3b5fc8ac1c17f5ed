"""Which model analyses which recording: one file, or what an alias of a registry says at the time."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Lock, Thread
from typing import TYPE_CHECKING, Protocol

from callmood.emotion.model import EmotionModel, load_model, read_model
from callmood.errors import ModelError, RegistryError
from callmood.models.object_store import open_object_store
from callmood.models.registry import Registry, Release, parse_address

if TYPE_CHECKING:
    from google.cloud.storage import Client

# A changed alias is noticed within a minute: a look every half minute, and as long again to load what it finds.
_LOOK_EVERY_S = 30.0
# Who was idle for longer waits for the look, so that no model serves much longer than its alias names it; not for ever.
_STALE_AFTER_S = 60.0
_PATIENCE_S = 5.0

log = logging.getLogger(__name__)


class ModelProvider(Protocol):
    """What is asked for the model of a recording. Safe to share between threads."""

    def for_recording(self, recording_id: str) -> EmotionModel:
        """The model that is to analyze a recording; the same each time, as long as no release changes."""
        ...

    def for_version(self, version: str) -> EmotionModel:
        """The model of a version, whatever serves.

        Raises
        ------
        ModelError
            It cannot be had here.
        """
        ...


def open_models(uri: str | None, storage: Callable[[], Client] | None = None) -> ModelProvider:
    """Make ready the models that `MODEL_URI` names.

    Parameters
    ----------
    uri : str or None
        ``gs://bucket/path/name.tflite``, a local path, or None for the one beside the code; or a version or alias of a
        registry, such as ``gs://bucket/models@production``.
    storage : callable, optional
        Gives the client for a ``gs://`` address; default: one of the environment's credentials.

    Returns
    -------
    Models
        With a first model loaded.

    Raises
    ------
    ModelError
        The file is no model, or not there; or no version of the alias can be used.
    RegistryError
        The registry has no such alias.
    google.api_core.exceptions.GoogleAPIError
        Cloud Storage did not answer, or refused.
    """
    address = parse_address(uri)
    return (
        AliasModelProvider(Registry(address[0], storage), address[1])
        if address
        else StaticModelProvider(_open_file(uri, storage))
    )


def _open_file(uri: str | None, storage: Callable[[], Client] | None) -> EmotionModel:
    if not uri or not uri.startswith("gs://"):
        return load_model(Path(uri) if uri else None)
    folder, _, name = uri.rpartition("/")
    shelf = open_object_store(folder, storage)
    try:
        return read_model(shelf.read(name), shelf.read(f"{name.removesuffix('.tflite')}.json"), uri)
    except FileNotFoundError as error:
        raise ModelError(f"cannot load the emotion model {uri}: {error}") from None


class StaticModelProvider:
    """One file for all recordings.

    Parameters
    ----------
    model : EmotionModel
        The model.
    """

    def __init__(self, model: EmotionModel) -> None:
        self._model = model

    def for_recording(self, recording_id: str) -> EmotionModel:  # noqa: ARG002 - all are alike
        """The one model."""
        return self._model

    def for_version(self, version: str) -> EmotionModel:
        """The one model, if that is its version."""
        if version != self._model.version:
            raise ModelError(
                f"version {version} is asked for, and only {self._model.version} is here: MODEL_URI names one file; "
                "let it name an alias of a registry (docs/registry.md)"
            )
        return self._model


@dataclass(frozen=True)
class _Served:
    """A release with its models: those that are used, which are not those that are meant where one is broken."""

    release: Release
    model: EmotionModel
    canary: EmotionModel | None

    def for_recording(self, recording_id: str) -> EmotionModel:
        chosen = self.release.version_for(recording_id)
        return self.canary if self.canary and chosen == self.release.canary else self.model

    def loaded(self) -> dict[str, EmotionModel]:
        return {model.version: model for model in (self.model, self.canary) if model}


class AliasModelProvider:
    """The models of an alias, followed as it changes.

    A look at the registry is one conditional read, and happens beside the analysis, not before it. A model that cannot
    be loaded or fails its self-test is not used: the one in use stays, or one that served before takes its place, and
    the log says so with severity ERROR and the field `model_fault`.

    Parameters
    ----------
    registry : Registry
        The registry.
    alias : str
        An alias or version in it.
    clock : callable
        Seconds, for the time between looks.
    """

    def __init__(self, registry: Registry, alias: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._registry, self._alias, self._clock = registry, alias, clock
        self._lock = Lock()
        self._other: EmotionModel | None = None
        self._looked_at = clock()
        found = registry.look(alias)
        assert found is not None  # nothing was known
        release, self._stamp = found
        self._served = self._load(release, {})

    def for_recording(self, recording_id: str) -> EmotionModel:
        """The model that is to analyze a recording."""
        self._look_if_due()
        return self._served.for_recording(recording_id)

    def for_version(self, version: str) -> EmotionModel:
        """The model of a version; the last one asked for stays loaded."""
        with self._lock:
            known = self._served.loaded() | ({self._other.version: self._other} if self._other else {})
            if version not in known:
                self._other = known[version] = self._registry.load(version)
            return known[version]

    def _look_if_due(self) -> None:
        waited_s = self._clock() - self._looked_at
        if waited_s < _LOOK_EVERY_S:
            return
        self._looked_at = self._clock()
        look = Thread(target=self._look, name="registry", daemon=True)
        look.start()
        if waited_s > _STALE_AFTER_S:
            look.join(_PATIENCE_S)

    def _look(self) -> None:
        with self._lock:
            try:
                found = self._registry.look(self._alias, self._stamp)
                if found is None:
                    return
                release, stamp = found
                self._served = self._load(release, self._served.loaded())
                self._stamp = stamp
                log.info("Follows the registry.", extra={"fields": {"model_version": self._served.model.version}})
            except (ModelError, RegistryError) as error:
                self._complain(self._alias, error, self._served.model.version)
            except Exception:  # Cloud Storage's troubles: the next look is soon
                log.warning("Could not look at the registry; goes on with the models at hand.", exc_info=True)

    def _load(self, release: Release, loaded: dict[str, EmotionModel]) -> _Served:
        """Load what a release needs; what is loaded already is kept."""
        model = self._first_good([release.version, *loaded, *release.earlier], loaded)
        canary = None
        if release.canary:
            try:
                canary = loaded.get(release.canary) or self._registry.load(release.canary)
            except ModelError as error:
                self._complain(release.canary, error, model.version)
        return _Served(release, model, canary)

    def _first_good(self, versions: list[str], loaded: dict[str, EmotionModel]) -> EmotionModel:
        faults: list[tuple[str, ModelError]] = []
        for version in versions:
            try:
                model = loaded.get(version) or self._registry.load(version)
            except ModelError as error:
                faults.append((version, error))
                continue
            for bad, fault in faults:
                self._complain(bad, fault, version)
            return model
        raise ModelError("; ".join(str(fault) for _, fault in faults))

    def _complain(self, bad: str, error: Exception, used: str) -> None:
        log.error(
            "%s is not used: %s. %s is used.",
            bad,
            error,
            used,
            extra={"fields": {"model_fault": bad, "model_version": used}},
        )
