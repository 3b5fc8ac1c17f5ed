"""A folder of small files, local or in a bucket, behind one interface."""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from google.cloud.storage import Client

ABSENT = 0
"""int: etag of a file that does not exist."""


class ObjectStore(Protocol):
    """A folder. A file's name is its path in the folder, with slashes."""

    def read(self, name: str) -> bytes:
        """Return the content of a file.

        Raises
        ------
        FileNotFoundError
            The file does not exist.
        """
        ...

    def read_if_changed(self, name: str, etag: int | None = None) -> tuple[bytes, int] | None:
        """Return the content and the etag of a file, or None if the file still has the given etag.

        A file that does not exist has no content and the etag `ABSENT`.
        """
        ...

    def write(self, name: str, content: bytes) -> None:
        """Write a file atomically."""
        ...

    def compare_and_swap(self, name: str, content: bytes, etag: int) -> bool:
        """Write a file if it still has the given etag. Return False, and write nothing, if it has changed."""
        ...

    def names(self, prefix: str) -> list[str]:
        """Return the names of the files that start with `prefix`, sorted."""
        ...


def open_object_store(uri: str, storage: Callable[[], Client] | None = None) -> ObjectStore:
    """Open the folder at a URI.

    Parameters
    ----------
    uri : str
        ``gs://bucket/prefix``, or a local path.
    storage : callable, optional
        Returns the client for a ``gs://`` URI. Default: a client with the credentials of the environment.
    """
    if not uri.startswith("gs://"):
        return LocalObjectStore(Path(uri))
    from google.cloud.storage import Client

    bucket, _, prefix = uri.removeprefix("gs://").partition("/")
    return GcsObjectStore((storage or Client)(), bucket, prefix)


class LocalObjectStore:
    """A local folder. The first write creates it.

    Parameters
    ----------
    folder : Path
        Path of the folder.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, name: str) -> bytes:
        """Return the content of a file."""
        return (self._folder / name).read_bytes()

    def read_if_changed(self, name: str, etag: int | None = None) -> tuple[bytes, int] | None:
        """Return the content and the etag of a file, or None if it still has `etag`. The etag is a hash."""
        try:
            content = self.read(name)
        except FileNotFoundError:
            return None if etag == ABSENT else (b"", ABSENT)
        current = _etag(content)
        return None if current == etag else (content, current)

    def write(self, name: str, content: bytes) -> None:
        """Write a file atomically."""
        path = self._folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        try:
            temporary.write_bytes(content)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)

    def compare_and_swap(self, name: str, content: bytes, etag: int) -> bool:
        """Write a file if it still has `etag`."""
        self._folder.mkdir(parents=True, exist_ok=True)
        with (self._folder / f".{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if self.read_if_changed(name, etag) is not None:
                return False
            self.write(name, content)
            return True

    def names(self, prefix: str) -> list[str]:
        """Return the names of the files that start with `prefix`, sorted. Hidden files are locks and partial writes."""
        found = (path for path in self._folder.rglob("*") if path.is_file() and not path.name.startswith("."))
        names = (path.relative_to(self._folder).as_posix() for path in found)
        return sorted(name for name in names if name.startswith(prefix))


def _etag(content: bytes) -> int:
    return int.from_bytes(hashlib.sha256(content).digest()[:8]) or 1


class GcsObjectStore:
    """A folder in Cloud Storage.

    All methods raise google.api_core.exceptions.GoogleAPIError if Cloud Storage does not answer or denies access.

    Parameters
    ----------
    client : Client
        May read the bucket, and write to it if files are written.
    bucket, prefix : str
        Location of the folder.
    """

    def __init__(self, client: Client, bucket: str, prefix: str) -> None:
        from google.cloud.storage.retry import DEFAULT_RETRY

        self._client, self._bucket = client, client.bucket(bucket)
        self._prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        self._request_options = {"retry": DEFAULT_RETRY.with_timeout(60.0), "timeout": 60.0}

    def read(self, name: str) -> bytes:
        """Return the content of a file."""
        from google.api_core.exceptions import NotFound

        try:
            content: bytes = self._bucket.blob(self._prefix + name).download_as_bytes(**self._request_options)
        except NotFound:
            raise FileNotFoundError(f"gs://{self._bucket.name}/{self._prefix}{name} does not exist") from None
        return content

    def read_if_changed(self, name: str, etag: int | None = None) -> tuple[bytes, int] | None:
        """Return the content and the etag of a file, or None if it still has `etag`. The etag is its generation."""
        from google.api_core.exceptions import NotFound, NotModified

        blob = self._bucket.blob(self._prefix + name)
        try:
            content = blob.download_as_bytes(if_generation_not_match=etag, **self._request_options)
        except NotModified:
            return None
        except NotFound:
            return None if etag == ABSENT else (b"", ABSENT)
        return None if blob.generation == etag else (content, blob.generation)

    def write(self, name: str, content: bytes) -> None:
        """Write a file atomically."""
        blob = self._bucket.blob(self._prefix + name)
        blob.upload_from_string(content, _content_type(name), **self._request_options)

    def compare_and_swap(self, name: str, content: bytes, etag: int) -> bool:
        """Write a file if its generation is still `etag`."""
        from google.api_core.exceptions import PreconditionFailed

        blob = self._bucket.blob(self._prefix + name)
        blob.cache_control = "no-store"
        try:
            blob.upload_from_string(content, _content_type(name), if_generation_match=etag, **self._request_options)
        except PreconditionFailed:
            return False
        return True

    def names(self, prefix: str) -> list[str]:
        """Return the names of the files that start with `prefix`, sorted."""
        blobs = self._client.list_blobs(self._bucket, prefix=self._prefix + prefix, **self._request_options)
        return [blob.name.removeprefix(self._prefix) for blob in blobs]


def _content_type(name: str) -> str:
    types = {".json": "application/json", ".md": "text/markdown", ".toml": "application/toml"}
    return types.get(Path(name).suffix, "application/octet-stream")
