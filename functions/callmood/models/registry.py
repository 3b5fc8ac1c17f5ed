"""The model registry: model versions with their metadata, and aliases that select the version in use.

A registry is a folder, local or in a bucket:

    aliases.json                      the release of each alias, and the history of changes
    versions/VERSION/emotion.tflite   with emotion.json, selftest.npz, evaluations, card; lineage.json is written last

A version is the hash of its model file, so it never changes. Only `aliases.json` changes, as a whole.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from callmood.errors import ModelError, RegistryError
from callmood.models.object_store import ABSENT, ObjectStore, open_object_store
from callmood.types import MODEL_VERSION

if TYPE_CHECKING:
    from google.cloud.storage import Client

    from callmood.emotion.model import EmotionModel

PRODUCTION = "production"

_NAME = r"[A-Za-z0-9][A-Za-z0-9_-]*"
_REGISTRY_URI = re.compile(rf"(?P<root>.+)@(?P<name>{_NAME})")
_ALIASES = "aliases.json"
_MODEL, _METADATA, _SELF_TEST, _LINEAGE = "emotion.tflite", "emotion.json", "selftest.npz", "lineage.json"
_MAX_ATTEMPTS = 5


@dataclass(frozen=True)
class Release:
    """The versions that an alias selects.

    Parameters
    ----------
    version : str
        The version in use.
    canary : str or None
        A version that analyzes a share of the recordings instead.
    share : float
        That share, in [0, 1]; 0 without a canary.
    previous_versions : tuple of str
        Versions that were in use before and were not rolled back, newest first.
    """

    version: str
    canary: str | None = None
    share: float = 0.0
    previous_versions: tuple[str, ...] = ()

    def version_for(self, recording_id: str) -> str:
        """Return the version that analyzes a recording. It depends only on the release and the recording.

        A larger share keeps the recordings of a smaller share.
        """
        if self.canary is None:
            return self.version
        draw = int.from_bytes(hashlib.sha256(f"{self.canary}:{recording_id}".encode()).digest()[:8])
        return self.canary if draw < self.share * 2**64 else self.version

    def promoted(self, version: str) -> Release:
        """Return the release in which `version` analyzes all recordings."""
        if version == self.version:
            return replace(self, canary=None, share=0.0)
        previous = (self.version, *(each for each in self.previous_versions if each != version))
        return Release(version, previous_versions=previous)

    def with_canary(self, version: str, share: float) -> Release:
        """Return the release in which `version` analyzes a share of the recordings.

        Raises
        ------
        RegistryError
            The version already analyzes all recordings, or the share is not between 0 and 1.
        """
        if version == self.version:
            raise RegistryError(f"{version} already analyzes all recordings, so it cannot be a canary")
        if not 0 < share < 1:
            raise RegistryError(f"the share of a canary must be between 0 and 1, such as 0.1, not {share:g}")
        return replace(self, canary=version, share=share)

    def rolled_back(self) -> Release:
        """Return the release without its canary, or, without a canary, the release of the previous version.

        Raises
        ------
        RegistryError
            The release has neither a canary nor a previous version.
        """
        if self.canary:
            return replace(self, canary=None, share=0.0)
        if not self.previous_versions:
            raise RegistryError(f"{self.version} has no previous version; promote another version instead")
        return Release(self.previous_versions[0], previous_versions=self.previous_versions[1:])


@dataclass(frozen=True)
class RegisteredVersion:
    """A version in the registry.

    Parameters
    ----------
    version : str
        First 12 hexadecimal digits of the model file's SHA-256.
    lineage : mapping
        Origin of the version: see docs/registry.md.
    files : tuple of str
        Names of its files.
    """

    version: str
    lineage: Mapping[str, Any]
    files: tuple[str, ...]


def parse_registry_uri(uri: str | None) -> tuple[str, str] | None:
    """Split the URI of a version or alias in a registry.

    Parameters
    ----------
    uri : str or None
        ``gs://bucket/models@production``, ``./models@f305841e9432``, or the path of a model file.

    Returns
    -------
    tuple of (str, str) or None
        Registry, and alias or version. None for a file.

    Examples
    --------
    >>> parse_registry_uri("gs://acme-models/callmood@production")
    ('gs://acme-models/callmood', 'production')
    >>> parse_registry_uri("gs://acme@home/emotion.tflite") is None
    True
    """
    found = _REGISTRY_URI.fullmatch(uri or "")
    return (found["root"], found["name"]) if found else None


class Registry:
    """A model registry.

    Parameters
    ----------
    uri : str
        ``gs://bucket/prefix``, or a folder.
    storage : callable, optional
        Returns the client for a ``gs://`` URI. Default: a client with the credentials of the environment.
    """

    def __init__(self, uri: str, storage: Callable[[], Client] | None = None) -> None:
        self.uri = uri
        self._store: ObjectStore = open_object_store(uri, storage)

    def add(self, files: Mapping[str, bytes], lineage: Mapping[str, Any]) -> bool:
        """Add a version, or files to a version.

        Parameters
        ----------
        files : mapping of str to bytes
            Content by name: `emotion.tflite`, `emotion.json`, `selftest.npz`, and optional files.
        lineage : mapping
            Origin of the version, with its `version`.

        Returns
        -------
        bool
            Whether the version is new. A registered version keeps its model, metadata, and lineage; its other files
            are replaced.

        Raises
        ------
        RegistryError
            The version is registered with other metadata.
        """
        version = lineage["version"]
        new = not self._store.names(f"versions/{version}/{_LINEAGE}")
        if not new:
            metadata, registered = (
                json.loads(content) for content in (files[_METADATA], self.read(version, _METADATA))
            )
            names = metadata.keys() | registered.keys()
            if changed := sorted(name for name in names if metadata.get(name) != registered.get(name)):
                raise RegistryError(
                    f"{version} is registered with other metadata ({', '.join(changed)}). Rows refer to the version, "
                    "so its metadata cannot change; export a model with another version"
                )
        for name, content in files.items():
            if new or name not in (_MODEL, _METADATA):
                self._store.write(f"versions/{version}/{name}", content)
        if new:  # written last: it marks the version as complete
            self._store.write(f"versions/{version}/{_LINEAGE}", (json.dumps(lineage, indent=2) + "\n").encode())
        return new

    def versions(self) -> list[RegisteredVersion]:
        """Return all versions in the order of registration."""
        names = self._store.names("versions/")
        complete = sorted({name.split("/")[1] for name in names if name.endswith(f"/{_LINEAGE}")})
        versions = [self._registered(version, names) for version in complete]
        return sorted(versions, key=lambda each: (each.lineage["registered_at"], each.version))

    def version(self, version: str) -> RegisteredVersion:
        """Return one version.

        Raises
        ------
        RegistryError
            The version is not registered.
        """
        names = self._store.names(f"versions/{version}/")
        if f"versions/{version}/{_LINEAGE}" not in names:
            raise RegistryError(f"{self.uri} has no version {version!r}; python -m model versions lists all versions")
        return self._registered(version, names)

    def _registered(self, version: str, names: list[str]) -> RegisteredVersion:
        folder = f"versions/{version}/"
        lineage = json.loads(self._store.read(folder + _LINEAGE))
        files = tuple(name.removeprefix(folder) for name in names if name.startswith(folder))
        return RegisteredVersion(version, lineage, files)

    def read(self, version: str, name: str) -> bytes:
        """Return the content of a file of a version.

        Raises
        ------
        RegistryError
            The file does not exist.
        """
        try:
            return self._store.read(f"versions/{version}/{name}")
        except FileNotFoundError as error:
            raise RegistryError(f"{self.uri} has no {name} for version {version!r}: {error}") from None

    def load(self, version: str) -> EmotionModel:
        """Load a version and run its self-test.

        Raises
        ------
        ModelError
            The version does not exist, is damaged, does not match its hash, or fails its self-test.
        """
        from callmood.emotion.model import read_model  # lazy: changes of an alias do not need SciPy
        from callmood.emotion.self_test import check_self_test

        try:
            content, metadata, self_test = (self.read(version, name) for name in (_MODEL, _METADATA, _SELF_TEST))
        except RegistryError as error:
            raise ModelError(str(error)) from None
        model = read_model(content, metadata, f"{self.uri}@{version}")
        if model.version != version:
            raise ModelError(f"{self.uri} contains {model.version} as version {version}; register {version} again")
        check_self_test(model, self_test)
        return model

    def releases(self) -> Mapping[str, Release]:
        """Return the release of every alias."""
        state, _ = self._state()
        return {alias: _release(entry) for alias, entry in state["aliases"].items()}

    def release(self, alias: str) -> Release:
        """Return the release of an alias. A version is an alias of itself.

        Raises
        ------
        RegistryError
            The alias does not exist.
        """
        found = self.read_if_changed(alias)
        assert found is not None  # without an etag, there is always an answer
        return found[0]

    def read_if_changed(self, alias: str, etag: int | None = None) -> tuple[Release, int] | None:
        """Return the release of an alias if the aliases have changed.

        Parameters
        ----------
        alias : str
            The alias, or a version.
        etag : int, optional
            From the last call.

        Returns
        -------
        tuple of (Release, int) or None
            The release, and the etag for the next call. None if nothing has changed.

        Raises
        ------
        RegistryError
            The alias does not exist.
        """
        if MODEL_VERSION.fullmatch(alias):
            return (Release(alias), ABSENT) if etag is None else None
        found = self._store.read_if_changed(_ALIASES, etag)
        if found is None:
            return None
        content, etag = found
        aliases = self._parse(content)["aliases"]
        if alias not in aliases:
            raise RegistryError(
                f"{self.uri} has no alias {alias!r} (it has: {', '.join(sorted(aliases)) or 'none'}); create it with "
                f"python -m model promote VERSION --registry {self.uri} --alias {alias}"
            )
        return _release(aliases[alias]), etag

    def update(self, alias: str, action: str, transition: Callable[[Release | None], Release]) -> Release:
        """Change the release of an alias with compare-and-swap, so that concurrent changes are not lost.

        Parameters
        ----------
        alias : str
            The alias.
        action : str
            Name of the action in the history: promote, canary, or rollback.
        transition : callable
            Takes the current release (None if the alias does not exist) and returns the new one. It is called again if
            another process changes the aliases meanwhile.

        Returns
        -------
        Release
            The new release. Nothing is written if it equals the current one.

        Raises
        ------
        RegistryError
            A URI cannot select the new alias, `transition` raises it, or other processes change the aliases during
            every attempt.
        """
        for _ in range(_MAX_ATTEMPTS):
            state, etag = self._state()
            current = _release(state["aliases"][alias]) if alias in state["aliases"] else None
            if current is None and (MODEL_VERSION.fullmatch(alias) or not re.fullmatch(_NAME, alias)):
                raise RegistryError(
                    f"{alias!r} is not a valid alias; use letters, digits, - and _, and not the form of a version"
                )
            release = transition(current)
            if release == current:
                return release
            state["aliases"][alias] = asdict(release)
            state["history"].append(
                {
                    "at": datetime.now(UTC).isoformat(timespec="seconds"),
                    "alias": alias,
                    "action": action,
                    "version": release.canary or release.version,
                    "share": release.share if release.canary else 1.0,
                    "previous_version": current.version if current else None,
                }
            )
            if self._store.compare_and_swap(_ALIASES, (json.dumps(state, indent=2) + "\n").encode(), etag):
                return release
        raise RegistryError(f"{self.uri}/{_ALIASES} was changed by other processes during every attempt; try again")

    def history(self) -> list[Mapping[str, Any]]:
        """Return all changes of aliases, oldest first."""
        return list(self._state()[0]["history"])

    def _state(self) -> tuple[dict[str, Any], int]:
        found = self._store.read_if_changed(_ALIASES)
        assert found is not None  # without an etag, there is always an answer
        content, etag = found
        return self._parse(content), etag

    def _parse(self, content: bytes) -> dict[str, Any]:
        if not content:
            return {"aliases": {}, "history": []}
        try:
            state = json.loads(content)
            for entry in state["aliases"].values():
                _release(entry)
            state["history"] += []
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise RegistryError(f"{self.uri}/{_ALIASES} is damaged ({error!r}); restore it from a backup") from None
        return dict(state)


def _release(entry: Mapping[str, Any]) -> Release:
    return Release(entry["version"], entry["canary"], float(entry["share"]), tuple(entry["previous_versions"]))
