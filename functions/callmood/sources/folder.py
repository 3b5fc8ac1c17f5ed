"""Recordings in a local folder: find the files, and read one."""

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
    """Find the files that may be recordings.

    Parameters
    ----------
    paths : iterable of Path
        Files and folders. A file is always included. In a folder, hidden files and sidecar files are skipped (see
        `sidecar.is_sidecar`).

    Yields
    ------
    Path
        Absolute, with `..` and linked folders resolved, so that a file always has the same path. Sorted within each
        folder. Each path only once.

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
            files = [
                file
                for file in sorted(root.rglob("*"))
                if file.is_file() and not is_sidecar(file.relative_to(root).as_posix())
            ]
        elif path.is_file():
            files = [path.parent.resolve() / path.name]
        else:  # reading a pipe would block
            raise CallmoodError(f"{path} is neither a file nor a folder")
        for file in files:
            if file not in seen:
                seen.add(file)
                yield file


def file_ref(path: Path) -> ObjectRef:
    r"""Return the reference to the current version of a file: its path and modification time.

    Parameters
    ----------
    path : Path
        An existing file.

    Returns
    -------
    ObjectRef
        With an empty bucket. Bytes of the name that are not valid UTF-8 are escaped as in ``\xe9``.

    Raises
    ------
    OSError
        The file no longer exists, or its folder is not readable.
    """
    name = os.fsencode(path.absolute()).decode(errors="backslashreplace")
    return ObjectRef("", name, path.stat().st_mtime_ns)


def read_file(path: Path, config: AnalysisConfig) -> Recording:
    """Return a file as a recording: its reference, its hash, and the metadata in its name.

    Parameters
    ----------
    path : Path
        An existing file.
    config : AnalysisConfig
        File name pattern, time zone, and size limit.

    Returns
    -------
    Recording
        Its audio is the path; the content is not loaded into memory.

    Raises
    ------
    BadRecording
        The file no longer exists, is not readable, is larger than `config.max_size_bytes`, or has a name that is not
        valid UTF-8.
    """
    try:
        ref, stat = file_ref(path), path.stat()
        if ref.name != str(path.absolute()):
            raise BadRecording("bad_name", "The file name is not valid UTF-8. Rename the file.")
        if stat.st_size > config.max_size_bytes:
            raise too_large(stat.st_size, config)
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        raise BadRecording("gone", "The file was moved or deleted before it could be analyzed.") from None
    except PermissionError:
        raise BadRecording("forbidden", "The file is not readable. Give read access to the user of callmood.") from None
    return Recording(
        ref=ref,
        audio=path,
        size_bytes=stat.st_size,
        content_sha256=digest,
        uploaded_at=datetime.fromtimestamp(stat.st_mtime, UTC),
        call=call_metadata(path.absolute().as_posix(), {}, config),
    )


def too_large(size_bytes: int, config: AnalysisConfig) -> BadRecording:
    """Return the error for a file above the size limit.

    Parameters
    ----------
    size_bytes : int
        Size of the file.
    config : AnalysisConfig
        With the limit, `max_size_bytes`.
    """
    return BadRecording(
        "too_large",
        f"The recording has {size_bytes / 2**20:.0f} MiB; the limit is {config.max_size_bytes / 2**20:.0f} MiB. "
        "Split it, or increase MAX_SIZE_BYTES.",
    )
