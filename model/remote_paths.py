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
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import ModuleType

    from google.cloud.storage import Blob, Bucket, Client

SCHEME = "gs://"
AT_ONCE = 16  # transfers; clips are small, and most of the time goes into waiting

_targets: list[Path] = []
_kept: list[Path] = []
_fetched: dict[Path, tuple[int, int]] = {}


class PlaceError(OSError):
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
        raise PlaceError(f"{address} is no address; write gs://BUCKET/NAME")
    return path


def address(path: Path) -> str:
    """Address of a path on this machine: what `local` undoes."""
    return SCHEME + path.relative_to(scratch()).as_posix() if path.is_relative_to(scratch()) else str(path)


def source(text: str) -> Path:
    """Argument that a command reads: a file or a folder, which has to be there.

    Raises
    ------
    argparse.ArgumentTypeError
        In Cloud Storage there is nothing, or it cannot be read.
    """
    return _argument(text, [], must_be_there=True)


def target(text: str) -> Path:
    """Argument that a command writes, put back only where it ends well; nothing older is left in its place here."""
    return _argument(text, _targets, fetched=False)


def kept(text: str) -> Path:
    """Argument that a command goes on with, or a report that it leaves also where it fails: put back in any case.

    Every file of it must be written whole or not at all (`model.files.replacing`).
    """
    return _argument(text, _kept)


def _argument(text: str, put_back: list[Path], fetched: bool = True, must_be_there: bool = False) -> Path:
    try:
        path = local(text)
        if text.startswith(SCHEME):
            put_back.append(path)
            if fetched:
                there = fetch([text])
                if must_be_there and not there:
                    raise PlaceError(f"{text} is not there")
            else:
                for stale in set(_files(path)) - set(_fetched):
                    stale.unlink()
    except PlaceError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return path


def run(main: Callable[[], None]) -> None:
    """Run a command, and put back what it wrote; when it is told to stop (SIGTERM), what it keeps too."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    succeeded = False
    try:
        main()
        succeeded = True
    except PlaceError as error:
        sys.exit(f"error: {error}")
    except SystemExit as end:
        succeeded = not end.code
        raise
    finally:
        try:
            put([*_kept, *(_targets if succeeded else [])])
        except PlaceError as error:
            sys.exit(f"error: what was made stays in {scratch()}: {error}")


def fetch(addresses: Iterable[str]) -> int:
    """Bring objects, and all that is below folders, to this machine; what is here already is not fetched again.

    Returns
    -------
    int
        How many objects there are.

    Raises
    ------
    PlaceError
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
    PlaceError
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
    """Hand out a client and its library's transfers; what goes wrong with them is a `PlaceError`."""
    from google.api_core.exceptions import GoogleAPIError
    from google.auth.exceptions import GoogleAuthError
    from google.cloud.storage import Client, transfer_manager
    from google.cloud.storage.exceptions import DataCorruption
    from requests import RequestException

    try:
        yield Client(), transfer_manager
    except (GoogleAPIError, GoogleAuthError, DataCorruption, RequestException, ValueError) as error:
        raise PlaceError(f"Cloud Storage: {error}") from error


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
