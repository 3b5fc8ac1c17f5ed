"""A folder in a bucket's place: which files are recordings, and how one is read."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from callmood.config import AnalysisConfig
from callmood.errors import BadRecording, CallmoodError
from callmood.sources.metadata import call_metadata
from callmood.sources.sidecar import is_sidecar
from callmood.types import ObjectRef, Recording


def find_recordings(paths: Iterable[Path]) -> Iterator[Path]:
    """Files that may be recordings: those named, and those below folders that are named.

    Parameters
    ----------
    paths : iterable of Path
        Files and folders. A named file is always taken; below a folder hidden files and side files
        (`sidecar.is_sidecar`) are passed over.

    Yields
    ------
    Path
        Absolute and free of `..` and linked folders, so that a file has one name from wherever it is looked at; sorted
        within each folder, each once.

    Raises
    ------
    CallmoodError
        A path does not exist, or is neither a file nor a folder.
    """
    seen = set()
    for path in paths:
        if not path.exists():
            raise CallmoodError(f"{path} does not exist")
        if path.is_dir():
            root = path.resolve()
            inside = [
                file
                for file in sorted(root.rglob("*"))
                if file.is_file() and not is_sidecar(file.relative_to(root).as_posix())
            ]
        elif path.is_file():
            inside = [path.parent.resolve() / path.name]
        else:  # a pipe would be waited for, for ever
            raise CallmoodError(f"{path} is neither a file nor a folder")
        for file in inside:
            if file not in seen:
                seen.add(file)
                yield file


def file_ref(path: Path) -> ObjectRef:
    r"""Identity of a file as it is now: its path and the time of its last change.

    Parameters
    ----------
    path : Path
        An existing file.

    Returns
    -------
    ObjectRef
        With an empty bucket. Bytes of the name that are no UTF-8 are written as ``\xe9``: no row could hold them.

    Raises
    ------
    OSError
        The file is gone, or its folder may not be read.
    """
    name = os.fsencode(path.absolute()).decode(errors="backslashreplace")
    return ObjectRef("", name, path.stat().st_mtime_ns)


def read_file(path: Path, config: AnalysisConfig) -> Recording:
    """Take a file in hand: its identity, hash and what its name says of the call.

    Parameters
    ----------
    path : Path
        An existing file.
    config : AnalysisConfig
        File-name pattern, time zone and size limit.

    Returns
    -------
    Recording
        Its audio is the path itself: nothing is read into memory.

    Raises
    ------
    BadRecording
        The file is gone, may not be read, is larger than `config.max_size_bytes`, or has a name that no row can hold.
    """
    try:
        ref, stat = file_ref(path), path.stat()
        if ref.name != str(path.absolute()):
            raise BadRecording("bad_name", "The file's name is no UTF-8, so no row can hold it. Rename the file.")
        if stat.st_size > config.max_size_bytes:
            raise too_large(stat.st_size, config)
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        raise BadRecording("gone", "The file was moved or deleted before it could be analyzed.") from None
    except PermissionError:
        raise BadRecording("forbidden", "The file may not be read. Give callmood's user read access.") from None
    return Recording(
        ref=ref,
        audio=path,
        size_bytes=stat.st_size,
        content_sha256=digest,
        uploaded_at=datetime.fromtimestamp(stat.st_mtime, UTC),
        call=call_metadata(path.absolute().as_posix(), {}, config),
    )


def too_large(size_bytes: int, config: AnalysisConfig) -> BadRecording:
    """The failure of an object above the size limit.

    Parameters
    ----------
    size_bytes : int
        Size of the object.
    config : AnalysisConfig
        Its `max_size_bytes` is the limit.
    """
    return BadRecording(
        "too_large",
        f"The recording has {size_bytes / 2**20:.0f} MiB, the limit is {config.max_size_bytes / 2**20:.0f}. "
        "Split it, or raise MAX_SIZE_BYTES.",
    )
