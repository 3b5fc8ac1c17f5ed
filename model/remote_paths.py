"""Paths that commands read and write, local or in Cloud Storage (`gs://BUCKET/NAME`).

Commands see local paths only. An object's local path is `scratch()/BUCKET/NAME`. Inputs are downloaded when the command
line is parsed, and outputs are uploaded when the command ends (`transfers`).

A file includes the files with the same stem: `emotion.tflite` includes `emotion.json` and `emotion.reference.json`.
"""

from __future__ import annotations

import glob
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import ModuleType

    from google.cloud.storage import Blob, Bucket, Client

SCHEME = "gs://"
MAX_TRANSFERS = 16  # clips are small, so latency dominates

_outputs: list[Path] = []
_checkpoints: list[Path] = []
_fetched: dict[Path, tuple[int, int]] = {}


class RemotePathError(OSError):
    """An object or bucket in Cloud Storage does not exist, cannot be accessed, or does not respond."""


def scratch() -> Path:
    """Return the local folder for remote objects: `CALLMOOD_SCRATCH`, or a folder for temporary files."""
    return Path(os.environ.get("CALLMOOD_SCRATCH") or Path(tempfile.gettempdir()) / "callmood").resolve()


def local(address: str) -> Path:
    """Return the local path of an address; a local path is returned unchanged.

    Examples
    --------
    >>> local("gs://acme/runs/7").relative_to(scratch())
    PosixPath('acme/runs/7')
    """
    if not address.startswith(SCHEME):
        return Path(address)
    path = (scratch() / address.removeprefix(SCHEME)).resolve()
    if not path.is_relative_to(scratch()) or path.parent == scratch().parent or path == scratch():
        raise RemotePathError(f"invalid address {address}; use gs://BUCKET/NAME")
    return path


def address(path: Path) -> str:
    """Return the address of a local path, the inverse of `local`."""
    return SCHEME + path.relative_to(scratch()).as_posix() if path.is_relative_to(scratch()) else str(path)


def input_path(text: str) -> Path:
    """Return the local path of a file or folder that a command reads, which must exist if it is remote.

    Raises
    ------
    RemotePathError
        The address has no object, or cannot be read.
    """
    path = local(text)
    if text.startswith(SCHEME) and not fetch([text]):
        raise RemotePathError(f"{text} does not exist")
    return path


def output_path(text: str) -> Path:
    """Return the local path of a file or folder that a command writes; it is uploaded only after a success.

    Files that an earlier command left at the local path are removed.
    """
    path = local(text)
    if text.startswith(SCHEME):
        _outputs.append(path)
        for stale in set(_files(path)) - set(_fetched):
            stale.unlink()
    return path


def checkpoint_path(text: str) -> Path:
    """Return the local path of a file or folder that a command continues; it is uploaded even after a failure.

    Each file must be written atomically (`model.files.atomic_write`).
    """
    path = local(text)
    if text.startswith(SCHEME):
        _checkpoints.append(path)
        fetch([text])
    return path


@contextmanager
def transfers() -> Iterator[None]:
    """Upload a command's outputs when it ends; after a failure or SIGTERM, only its checkpoints.

    Raises
    ------
    RemotePathError
        An upload failed.
    """
    _outputs.clear()
    _checkpoints.clear()
    in_main_thread = threading.current_thread() is threading.main_thread()
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM)) if in_main_thread else None
    succeeded = False
    try:
        yield
        succeeded = True
    finally:
        try:
            put([*_checkpoints, *(_outputs if succeeded else [])])
        except RemotePathError as error:
            raise RemotePathError(f"{error}; the results remain in {scratch()}") from None
        finally:
            if in_main_thread:
                signal.signal(signal.SIGTERM, before)


def fetch(addresses: Iterable[str]) -> int:
    """Download objects and folders; unchanged local files are not downloaded again.

    Returns
    -------
    int
        Number of objects.

    Raises
    ------
    RemotePathError
        Cloud Storage does not respond or denies access.
    """
    with _cloud() as (client, transfers):
        blobs = [blob for address in addresses for blob in _objects(client, address) if not blob.name.endswith("/")]
        paths = {local(f"{SCHEME}{blob.bucket.name}/{blob.name}"): blob for blob in blobs}
        missing = [(blob, str(path)) for path, blob in paths.items() if not _is_current(blob, path)]
        for _, path in missing:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
        transfers.download_many(missing, worker_type="thread", max_workers=MAX_TRANSFERS, raise_exception=True)
    _fetched.update({path: _state(path) for path in paths})
    return len(paths)


def put(paths: Iterable[Path]) -> None:
    """Upload changed files, including those in folders.

    Raises
    ------
    RemotePathError
        Cloud Storage does not respond or denies access.
    """
    files = {file for path in paths for file in _files(path) if _fetched.get(file) != _state(file)}
    if not files:
        return
    with _cloud() as (client, transfers):
        pairs = [(str(file), _bucket(client, address(file)).blob(_name(address(file)))) for file in sorted(files)]
        transfers.upload_many(pairs, worker_type="thread", max_workers=MAX_TRANSFERS, raise_exception=True)


def _files(path: Path) -> Iterator[Path]:
    """Yield complete files at a path, below it, and with its stem."""
    siblings = path.parent.glob(f"{glob.escape(path.stem)}.*") if path.suffix else ()
    return (file for file in (*siblings, *path.rglob("*")) if file.is_file() and not file.name.startswith("."))


@contextmanager
def _cloud() -> Iterator[tuple[Client, ModuleType]]:
    """Yield a client and its library's transfer manager; their errors become `RemotePathError`."""
    from google.api_core.exceptions import GoogleAPIError
    from google.auth.exceptions import GoogleAuthError
    from google.cloud.storage import Client, transfer_manager
    from google.cloud.storage.exceptions import DataCorruption
    from requests import RequestException

    try:
        yield Client(), transfer_manager
    except (GoogleAPIError, GoogleAuthError, DataCorruption, RequestException, ValueError) as error:
        raise RemotePathError(f"Cloud Storage: {error}") from error


def _objects(client: Client, address: str) -> Iterator[Blob]:
    """Yield objects at an address, below it, and with its stem; none if the named object does not exist."""
    bucket, name = _bucket(client, address), _name(address)
    yield from bucket.list_blobs(prefix=f"{name}/" if name else None)
    if Path(name).suffix:
        siblings = list(bucket.list_blobs(prefix=name.removesuffix(Path(name).suffix) + ".", delimiter="/"))
        if any(blob.name == name for blob in siblings):
            yield from siblings


def _name(address: str) -> str:
    return address.removeprefix(SCHEME).partition("/")[2].rstrip("/")


def _bucket(client: Client, address: str) -> Bucket:
    return client.bucket(address.removeprefix(SCHEME).partition("/")[0])


def _is_current(blob: Blob, path: Path) -> bool:
    """Return whether a file has the object's size and time; downloads preserve it (as `gsutil rsync -P`)."""
    if not path.is_file():
        return False
    stat = path.stat()
    return bool(stat.st_size == blob.size and int(stat.st_mtime) == int(blob.updated.timestamp()))


def _state(path: Path) -> tuple[int, int]:
    stat = path.stat()
    return stat.st_size, stat.st_mtime_ns
