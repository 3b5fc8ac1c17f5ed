"""Paths that a step reads and writes, on this machine or in Cloud Storage (`gs://BUCKET/NAME`).

A command's arguments are of type `source` (read), `target` (written) or `kept` (read where it is there, and written),
and its last line is `places.run(main)`. To the command itself they all are local paths: an object lives at one place
of this machine, `scratch()/BUCKET/NAME`, is fetched when the argument is parsed, and put back when the command ends.

A file brings along what belongs to it: with `emotion.tflite` go `emotion.json` and `emotion.reference.json`.
"""

from __future__ import annotations

import argparse
import glob
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import ModuleType

    from google.cloud.storage import Blob, Bucket, Client

SCHEME = "gs://"
AT_ONCE = 16  # transfers; clips are small, and most of the time goes into waiting

_outputs: list[Path] = []
_checkpoints: list[Path] = []
_fetched: dict[Path, tuple[int, int]] = {}


class RemotePathError(OSError):
    """Something in Cloud Storage is not there, not open to us, or does not answer; the message names it."""


def scratch() -> Path:
    """Folder that stands for Cloud Storage on this machine: `CALLMOOD_SCRATCH`, else one among temporary files."""
    return Path(os.environ.get("CALLMOOD_SCRATCH") or Path(tempfile.gettempdir()) / "callmood").resolve()


def local(address: str) -> Path:
    """Path on this machine of an address; a path is its own.

    Examples
    --------
    >>> local("gs://acme/runs/7").relative_to(scratch())
    PosixPath('acme/runs/7')
    """
    if not address.startswith(SCHEME):
        return Path(address)
    path = (scratch() / address.removeprefix(SCHEME)).resolve()
    if not path.is_relative_to(scratch()) or path.parent == scratch().parent or path == scratch():
        raise RemotePathError(f"{address} is no address; write gs://BUCKET/NAME")
    return path


def address(path: Path) -> str:
    """Address of a path on this machine: what `local` undoes."""
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
    except SystemExit as end:
        succeeded = not end.code
        raise
    finally:
        try:
            put([*_checkpoints, *(_outputs if succeeded else [])])
        except RemotePathError as error:
            raise RemotePathError(f"{error}; the results remain in {scratch()}") from None
        finally:
            if in_main_thread:
                signal.signal(signal.SIGTERM, before)


def source(text: str) -> Path:  # until no command uses argparse
    return _for_argparse(input_path, text)


def target(text: str) -> Path:
    return _for_argparse(output_path, text)


def kept(text: str) -> Path:
    return _for_argparse(checkpoint_path, text)


def _for_argparse(parse: Callable[[str], Path], text: str) -> Path:
    try:
        return parse(text)
    except RemotePathError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def run(main: Callable[[], None]) -> None:
    with transfers():
        main()


def fetch(addresses: Iterable[str]) -> int:
    """Bring objects, and all that is below folders, to this machine; what is here already is not fetched again.

    Returns
    -------
    int
        How many objects there are.

    Raises
    ------
    RemotePathError
        Cloud Storage does not answer, or refuses.
    """
    with _cloud() as (client, transfers):
        blobs = [blob for address in addresses for blob in _objects(client, address) if not blob.name.endswith("/")]
        here = {local(f"{SCHEME}{blob.bucket.name}/{blob.name}"): blob for blob in blobs}
        missing = [(blob, str(path)) for path, blob in here.items() if not _is_here(blob, path)]
        for _, path in missing:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
        transfers.download_many(missing, worker_type="thread", max_workers=AT_ONCE, raise_exception=True)
    _fetched.update({path: _state(path) for path in here})
    return len(here)


def put(paths: Iterable[Path]) -> None:
    """Put files, and all that is below folders, where they belong in Cloud Storage, but for what did not change.

    Raises
    ------
    RemotePathError
        Cloud Storage does not answer, or refuses.
    """
    files = {file for path in paths for file in _files(path) if _fetched.get(file) != _state(file)}
    if not files:
        return
    with _cloud() as (client, transfers):
        pairs = [(str(file), _bucket(client, address(file)).blob(_name(address(file)))) for file in sorted(files)]
        transfers.upload_many(pairs, worker_type="thread", max_workers=AT_ONCE, raise_exception=True)


def _files(path: Path) -> Iterator[Path]:
    """Whole files at a path, below it, and beside it under its name."""
    beside = path.parent.glob(f"{glob.escape(path.stem)}.*") if path.suffix else ()
    return (file for file in (*beside, *path.rglob("*")) if file.is_file() and not file.name.startswith("."))


@contextmanager
def _cloud() -> Iterator[tuple[Client, ModuleType]]:
    """Hand out a client and its library's transfers; what goes wrong with them is a `RemotePathError`."""
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
    """Objects at an address, below it, and beside it under its name; none where the one that is named is absent."""
    bucket, name = _bucket(client, address), _name(address)
    yield from bucket.list_blobs(prefix=f"{name}/" if name else None)
    if Path(name).suffix:
        beside = list(bucket.list_blobs(prefix=name.removesuffix(Path(name).suffix) + ".", delimiter="/"))
        if any(blob.name == name for blob in beside):
            yield from beside


def _name(address: str) -> str:
    return address.removeprefix(SCHEME).partition("/")[2].rstrip("/")


def _bucket(client: Client, address: str) -> Bucket:
    return client.bucket(address.removeprefix(SCHEME).partition("/")[0])


def _is_here(blob: Blob, path: Path) -> bool:
    """Whether a file is this object: downloads carry its time of change (as `gsutil rsync -P` has it)."""
    if not path.is_file():
        return False
    here = path.stat()
    return here.st_size == blob.size and int(here.st_mtime) == int(blob.updated.timestamp())


def _state(path: Path) -> tuple[int, int]:
    stat = path.stat()
    return stat.st_size, stat.st_mtime_ns
