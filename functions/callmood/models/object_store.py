"""A folder of small files, on this machine or in a bucket, read and written alike."""

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
"""int: the stamp of a file that is not there."""


class ObjectStore(Protocol):
    """A folder whose files are named by their path in it, with slashes."""

    def read(self, name: str) -> bytes:
        """Content of a file.

        Raises
        ------
        FileNotFoundError
            There is no such file.
        """
        ...

    def read_newer(self, name: str, stamp: int | None = None) -> tuple[bytes, int] | None:
        """Content of a file with its stamp, which changes when the file does: None where it is the stamp given.

        A file that is not there is empty, and has the stamp `ABSENT`.
        """
        ...

    def write(self, name: str, content: bytes) -> None:
        """Write a file, whole or not at all."""
        ...

    def replace(self, name: str, content: bytes, stamp: int) -> bool:
        """Write a file if it still has the stamp; False where somebody else wrote it meanwhile: nothing was done."""
        ...

    def names(self, prefix: str) -> list[str]:
        """Names of the files that begin so, in order."""
        ...


def open_object_store(uri: str, storage: Callable[[], Client] | None = None) -> ObjectStore:
    """The folder at an address.

    Parameters
    ----------
    uri : str
        ``gs://bucket/prefix``, or a path.
    storage : callable, optional
        Gives the client for a ``gs://`` address; default: one of the environment's credentials.
    """
    if not uri.startswith("gs://"):
        return LocalObjectStore(Path(uri))
    from google.cloud.storage import Client

    bucket, _, prefix = uri.removeprefix("gs://").partition("/")
    return GcsObjectStore((storage or Client)(), bucket, prefix)


class LocalObjectStore:
    """A folder on this machine; it is made when the first file is written.

    Parameters
    ----------
    folder : Path
        Where it is.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, name: str) -> bytes:
        """Content of a file."""
        return (self._folder / name).read_bytes()

    def read_newer(self, name: str, stamp: int | None = None) -> tuple[bytes, int] | None:
        """Content of a file with its stamp, a hash; None where it is the stamp given."""
        try:
            content = self.read(name)
        except FileNotFoundError:
            return None if stamp == ABSENT else (b"", ABSENT)
        now = _stamp(content)
        return None if now == stamp else (content, now)

    def write(self, name: str, content: bytes) -> None:
        """Write a file, whole or not at all."""
        path = self._folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        try:
            unfinished.write_bytes(content)
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)

    def replace(self, name: str, content: bytes, stamp: int) -> bool:
        """Write a file if it still has the stamp."""
        self._folder.mkdir(parents=True, exist_ok=True)
        with (self._folder / f".{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if self.read_newer(name, stamp) is not None:
                return False
            self.write(name, content)
            return True

    def names(self, prefix: str) -> list[str]:
        """Names of the files that begin so, in order; hidden ones are none of ours."""
        found = (path for path in self._folder.rglob("*") if path.is_file() and not path.name.startswith("."))
        names = (path.relative_to(self._folder).as_posix() for path in found)
        return sorted(name for name in names if name.startswith(prefix))


def _stamp(content: bytes) -> int:
    return int.from_bytes(hashlib.sha256(content).digest()[:8]) or 1


class GcsObjectStore:
    """A folder in Cloud Storage.

    All methods raise google.api_core.exceptions.GoogleAPIError where Cloud Storage does not answer, or refuses.

    Parameters
    ----------
    client : Client
        May read the bucket, and write to it where files are to be written.
    bucket, prefix : str
        Where it is.
    """

    def __init__(self, client: Client, bucket: str, prefix: str) -> None:
        from google.cloud.storage.retry import DEFAULT_RETRY

        self._client, self._bucket = client, client.bucket(bucket)
        self._prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        self._patience = {"retry": DEFAULT_RETRY.with_timeout(60.0), "timeout": 60.0}

    def read(self, name: str) -> bytes:
        """Content of a file."""
        from google.api_core.exceptions import NotFound

        try:
            content: bytes = self._bucket.blob(self._prefix + name).download_as_bytes(**self._patience)
        except NotFound:
            raise FileNotFoundError(f"gs://{self._bucket.name}/{self._prefix}{name} is not there") from None
        return content

    def read_newer(self, name: str, stamp: int | None = None) -> tuple[bytes, int] | None:
        """Content of a file with its stamp, its generation; None where it is the stamp given."""
        from google.api_core.exceptions import NotFound, NotModified

        blob = self._bucket.blob(self._prefix + name)
        try:
            content = blob.download_as_bytes(if_generation_not_match=stamp, **self._patience)
        except NotModified:
            return None
        except NotFound:
            return None if stamp == ABSENT else (b"", ABSENT)
        return None if blob.generation == stamp else (content, blob.generation)

    def write(self, name: str, content: bytes) -> None:
        """Write a file, whole or not at all."""
        self._bucket.blob(self._prefix + name).upload_from_string(content, _content_type(name), **self._patience)

    def replace(self, name: str, content: bytes, stamp: int) -> bool:
        """Write a file if its generation is still the known one."""
        from google.api_core.exceptions import PreconditionFailed

        blob = self._bucket.blob(self._prefix + name)
        blob.cache_control = "no-store"
        try:
            blob.upload_from_string(content, _content_type(name), if_generation_match=stamp, **self._patience)
        except PreconditionFailed:
            return False
        return True

    def names(self, prefix: str) -> list[str]:
        """Names of the files that begin so, in order."""
        blobs = self._client.list_blobs(self._bucket, prefix=self._prefix + prefix, **self._patience)
        return [blob.name.removeprefix(self._prefix) for blob in blobs]


def _content_type(name: str) -> str:
    kinds = {".json": "application/json", ".md": "text/markdown", ".toml": "application/toml"}
    return kinds.get(Path(name).suffix, "application/octet-stream")
