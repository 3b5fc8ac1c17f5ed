"""The model registry: versions with all that is known of them, and names that say which of them serves.

A registry is a folder, here or in a bucket:

    aliases.json                      which version each alias means, and how that came about
    versions/VERSION/emotion.tflite   with emotion.json, selftest.npz, evaluations, card; lineage.json is written last

A version is the hash of its model file, so it never changes; only `aliases.json` does, as a whole.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from callmood.emotion.model import EmotionModel, read_model
from callmood.emotion.self_test import check_self_test
from callmood.errors import ModelError, RegistryError
from callmood.models.object_store import ABSENT, ObjectStore, open_object_store
from callmood.types import MODEL_VERSION

if TYPE_CHECKING:
    from google.cloud.storage import Client

PRODUCTION = "production"

_ADDRESS = re.compile(r"(?P<root>.+)@(?P<name>[A-Za-z0-9][A-Za-z0-9_-]*)")
_ALIASES = "aliases.json"
_MODEL, _FACTS, _SELF_TEST, _LINEAGE = "emotion.tflite", "emotion.json", "selftest.npz", "lineage.json"
# Two who promote at the same instant are rare, three rarer.
_ATTEMPTS = 5


@dataclass(frozen=True)
class Release:
    """What an alias means.

    Parameters
    ----------
    version : str
        The version that serves.
    canary : str or None
        A version on trial, which serves a share of the recordings.
    share : float
        That share, in [0, 1]; 0 without a canary.
    earlier : tuple of str
        Versions that served before and were not rolled back, the last one first.
    """

    version: str
    canary: str | None = None
    share: float = 0.0
    earlier: tuple[str, ...] = ()

    def version_for(self, recording_id: str) -> str:
        """The version that analyses a recording: always the same, so that a delivery repeated changes nothing.

        A larger share keeps the recordings of a smaller one.
        """
        if self.canary is None:
            return self.version
        drawn = int.from_bytes(hashlib.sha256(f"{self.canary}:{recording_id}".encode()).digest()[:8])
        return self.canary if drawn < self.share * 2**64 else self.version

    def promoted(self, version: str) -> Release:
        """The release in which a version serves all recordings."""
        if version == self.version:
            return replace(self, canary=None, share=0.0)
        return Release(version, earlier=(self.version, *(each for each in self.earlier if each != version)))

    def with_canary(self, version: str, share: float) -> Release:
        """The release in which a version serves a share of the recordings.

        Raises
        ------
        RegistryError
            It serves all of them already, or the share is none.
        """
        if version == self.version:
            raise RegistryError(f"{version} serves all recordings already: there is nothing to try")
        if not 0 < share < 1:
            raise RegistryError(f"a canary's share must be between 0 and 1, such as 0.1 for a tenth, not {share:g}")
        return replace(self, canary=version, share=share)

    def rolled_back(self) -> Release:
        """The release before: without its canary if it has one, else with the version that served before.

        Raises
        ------
        RegistryError
            There is none.
        """
        if self.canary:
            return replace(self, canary=None, share=0.0)
        if not self.earlier:
            raise RegistryError(f"no version served before {self.version}: promote another one instead")
        return Release(self.earlier[0], earlier=self.earlier[1:])


@dataclass(frozen=True)
class Registered:
    """A version in the registry.

    Parameters
    ----------
    version : str
        First 12 hexadecimal digits of the model file's SHA-256.
    lineage : mapping
        Where it came from: see docs/registry.md.
    files : tuple of str
        Names of its files.
    """

    version: str
    lineage: Mapping[str, Any]
    files: tuple[str, ...]


def parse_address(uri: str | None) -> tuple[str, str] | None:
    """Split the address of a version or alias in a registry.

    Parameters
    ----------
    uri : str or None
        ``gs://bucket/models@production``, ``./models@f305841e9432``, or the path of a model file.

    Returns
    -------
    tuple of (str, str) or None
        Registry, and alias or version; None for a file.

    Examples
    --------
    >>> parse_address("gs://acme-models/callmood@production")
    ('gs://acme-models/callmood', 'production')
    >>> parse_address("gs://acme@home/emotion.tflite") is None
    True
    """
    found = _ADDRESS.fullmatch(uri or "")
    return (found["root"], found["name"]) if found else None


class Registry:
    """A model registry.

    Parameters
    ----------
    uri : str
        ``gs://bucket/prefix``, or a folder.
    storage : callable, optional
        Gives the client for a ``gs://`` address; default: one of the environment's credentials.
    """

    def __init__(self, uri: str, storage: Callable[[], Client] | None = None) -> None:
        self.uri = uri
        self._shelf: ObjectStore = open_object_store(uri, storage)

    def add(self, files: Mapping[str, bytes], lineage: Mapping[str, Any]) -> bool:
        """Keep a version.

        Parameters
        ----------
        files : mapping of str to bytes
            Content by name: `emotion.tflite`, `emotion.json`, `selftest.npz`, and whatever else is known of it.
        lineage : mapping
            Where it came from, with its `version`.

        Returns
        -------
        bool
            Whether it is new. A version that is there keeps its model and its lineage; other files are replaced.

        Raises
        ------
        RegistryError
            The version is there with other facts, which rows were made by.
        """
        version = lineage["version"]
        new = not self._shelf.names(f"versions/{version}/{_LINEAGE}")
        if not new:
            facts, known = (json.loads(each) for each in (files[_FACTS], self.read(version, _FACTS)))
            if other := sorted(name for name in facts.keys() | known.keys() if facts.get(name) != known.get(name)):
                raise RegistryError(
                    f"{version} is registered with other facts ({', '.join(other)}). Rows name a version as what made "
                    "them, so its facts never change; export a model that differs"
                )
        for name, content in files.items():
            if new or name not in (_MODEL, _FACTS):
                self._shelf.write(f"versions/{version}/{name}", content)
        if new:  # last, for it says that all is there
            self._shelf.write(f"versions/{version}/{_LINEAGE}", (json.dumps(lineage, indent=2) + "\n").encode())
        return new

    def versions(self) -> list[Registered]:
        """All versions, the first registered first."""
        names = self._shelf.names("versions/")
        found = sorted({name.split("/")[1] for name in names if name.endswith(f"/{_LINEAGE}")})
        known = [self._registered(version, names) for version in found]
        return sorted(known, key=lambda each: (each.lineage["registered_at"], each.version))

    def version(self, version: str) -> Registered:
        """One version.

        Raises
        ------
        RegistryError
            It is not registered.
        """
        names = self._shelf.names(f"versions/{version}/")
        if f"versions/{version}/{_LINEAGE}" not in names:
            raise RegistryError(f"{self.uri} has no version {version!r}; python -m model versions lists those it has")
        return self._registered(version, names)

    def _registered(self, version: str, names: list[str]) -> Registered:
        folder = f"versions/{version}/"
        lineage = json.loads(self._shelf.read(folder + _LINEAGE))
        return Registered(
            version, lineage, tuple(name.removeprefix(folder) for name in names if name.startswith(folder))
        )

    def read(self, version: str, name: str) -> bytes:
        """Content of one of a version's files.

        Raises
        ------
        RegistryError
            There is no such file.
        """
        try:
            return self._shelf.read(f"versions/{version}/{name}")
        except FileNotFoundError as error:
            raise RegistryError(f"{self.uri} has no {name} of version {version!r}: {error}") from None

    def load(self, version: str) -> EmotionModel:
        """Load a version and put it to its self-test.

        Raises
        ------
        ModelError
            It is not there, damaged, another version than it says, or fails.
        """
        try:
            content, facts, test = (self.read(version, name) for name in (_MODEL, _FACTS, _SELF_TEST))
        except RegistryError as error:
            raise ModelError(str(error)) from None
        model = read_model(content, facts, f"{self.uri}@{version}")
        if model.version != version:
            raise ModelError(f"{self.uri} holds {model.version} in the place of {version}; register {version} again")
        check_self_test(model, test)
        return model

    def releases(self) -> Mapping[str, Release]:
        """Every alias, and what it means."""
        state, _ = self._state()
        return {alias: _release(entry) for alias, entry in state["aliases"].items()}

    def release(self, name: str) -> Release:
        """What an alias means; a version means itself.

        Raises
        ------
        RegistryError
            There is no such alias.
        """
        found = self.look(name)
        assert found is not None  # nothing was known
        return found[0]

    def look(self, alias: str, stamp: int | None = None) -> tuple[Release, int] | None:
        """What an alias means, if anything changed since.

        Parameters
        ----------
        alias : str
            The alias, or a version.
        stamp : int, optional
            From the last look.

        Returns
        -------
        tuple of (Release, int) or None
            The release, and the stamp to look with the next time; None where nothing changed.

        Raises
        ------
        RegistryError
            There is no such alias.
        """
        if MODEL_VERSION.fullmatch(alias):
            return (Release(alias), ABSENT) if stamp is None else None
        found = self._shelf.read_newer(_ALIASES, stamp)
        if found is None:
            return None
        content, stamp = found
        aliases = self._parsed(content)["aliases"]
        if alias not in aliases:
            raise RegistryError(
                f"{self.uri} has no alias {alias!r} (there are: {', '.join(sorted(aliases)) or 'none yet'}); "
                f"python -m model promote VERSION --registry {self.uri} --alias {alias} makes it"
            )
        return _release(aliases[alias]), stamp

    def change(self, alias: str, what: str, changed: Callable[[Release | None], Release]) -> Release:
        """Give an alias another meaning, whatever others do at the same time.

        Parameters
        ----------
        alias : str
            The alias.
        what : str
            A word for the history: promote, canary or rollback.
        changed : callable
            Takes the present release (None where there is no such alias), gives the new one.

        Returns
        -------
        Release
            The new one. Where it is what the present one is, nothing is written.

        Raises
        ------
        RegistryError
            `changed` raises it, or others change the aliases again and again.
        """
        for _ in range(_ATTEMPTS):
            state, stamp = self._state()
            present = _release(state["aliases"][alias]) if alias in state["aliases"] else None
            release = changed(present)
            if release == present:
                return release
            state["aliases"][alias] = asdict(release)
            state["history"].append(
                {
                    "at": datetime.now(UTC).isoformat(timespec="seconds"),
                    "alias": alias,
                    "what": what,
                    "version": release.canary or release.version,
                    "share": release.share if release.canary else 1.0,
                    "instead_of": present.version if present else None,
                }
            )
            if self._shelf.replace(_ALIASES, (json.dumps(state, indent=2) + "\n").encode(), stamp):
                return release
        raise RegistryError(f"{self.uri}/{_ALIASES} is being changed by others all the time; try again")

    def history(self) -> list[Mapping[str, Any]]:
        """What became of the aliases, the first change first."""
        return list(self._state()[0]["history"])

    def _state(self) -> tuple[dict[str, Any], int]:
        found = self._shelf.read_newer(_ALIASES)
        assert found is not None  # nothing was known
        content, stamp = found
        return self._parsed(content), stamp

    def _parsed(self, content: bytes) -> dict[str, Any]:
        if not content:
            return {"aliases": {}, "history": []}
        try:
            state = json.loads(content)
            for entry in state["aliases"].values():
                _release(entry)
            state["history"] += []
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise RegistryError(
                f"{self.uri}/{_ALIASES} is damaged ({error!r}); put an earlier copy in its place"
            ) from None
        return dict(state)


def _release(entry: Mapping[str, Any]) -> Release:
    return Release(entry["version"], entry["canary"], float(entry["share"]), tuple(entry["earlier"]))
