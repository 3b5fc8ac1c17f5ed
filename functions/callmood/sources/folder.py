"""Recordings in a local folder: find the files, and read one."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from callmood.config import AnalysisConfig
from callmood.errors import BadRecording, CallmoodError
from callmood.sources.legs import join_legs, leg_names
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
        folder. Each path only once. A folder that cannot be read is yielded itself; `read_file` rejects it.

    Raises
    ------
    CallmoodError
        A path does not exist, or is neither a file nor a folder.
    """
    seen = set()
    for path in paths:
        if not os.path.lexists(path):
            raise CallmoodError(f"{path} does not exist")
        # An entry of a folder that cannot be entered has no known type.
        if os.path.isdir(path):  # noqa: PTH112 - Path.is_dir raises an error there
            files = sorted(_walk(path.resolve()))
        elif os.path.isfile(path) or not os.access(path.parent, os.X_OK):  # noqa: PTH113
            files = [path.parent.resolve() / path.name]
        elif os.path.exists(path):  # noqa: PTH110 - reading a pipe would block
            raise CallmoodError(f"{path} is neither a file nor a folder")
        else:
            raise CallmoodError(f"{path} does not exist: it is a link to a missing file")
        for file in files:
            if file not in seen:
                seen.add(file)
                yield file


def _walk(root: Path) -> Iterator[Path]:
    """Return the files below a folder, and the folders that cannot be read."""
    unreadable: list[Path] = []

    def report(error: OSError) -> None:
        if not isinstance(error, FileNotFoundError):
            unreadable.append(Path(str(error.filename)))

    for folder, folders, names in os.walk(root, onerror=report):
        here = Path(folder)
        relative = here.relative_to(root)
        if not os.access(here, os.X_OK):
            unreadable.append(here)
            folders.clear()
            continue
        folders[:] = [name for name in folders if not is_sidecar((relative / name / "a").as_posix())]
        for name in names:
            file = here / name
            if not is_sidecar((relative / name).as_posix()) and os.path.isfile(file):  # noqa: PTH113
                yield file
    yield from unreadable


def file_ref(path: Path, generation: int = 1) -> ObjectRef:
    r"""Return the reference to a local file.

    Parameters
    ----------
    path : Path
        A file.
    generation : int
        Number of its content, which `local_files.plan_files` counts.

    Returns
    -------
    ObjectRef
        With an empty bucket. Bytes of the name that are not valid UTF-8 are escaped as in ``\xe9``.
    """
    name = os.fsencode(path.absolute()).decode(errors="backslashreplace")
    return ObjectRef("", name, generation)


def file_state(path: Path) -> tuple[int, ...]:
    """Return numbers that change when a file is written or replaced.

    Parameters
    ----------
    path : Path
        An existing file.

    Raises
    ------
    OSError
        The file no longer exists, or its folder is not readable.
    """
    stat = path.stat()
    return stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino


def content_sha256(path: Path) -> str:
    """Return the SHA-256 of a file.

    Parameters
    ----------
    path : Path
        A file.

    Raises
    ------
    BadRecording
        The file no longer exists, or is not readable.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        raise BadRecording("gone", "The file was moved or deleted before it could be analyzed.") from None
    except PermissionError:
        kind = "folder" if os.path.isdir(path) else "file"  # noqa: PTH112 - as above
        raise BadRecording(
            "forbidden", f"The {kind} is not readable. Give read access to the user of callmood."
        ) from None
    except IsADirectoryError:
        raise BadRecording(
            "forbidden", "The folder is not readable. Give read access to the user of callmood."
        ) from None
    except OSError as error:
        raise BadRecording("forbidden", f"The file cannot be read: {error.strerror}.") from None


def read_file(path: Path, config: AnalysisConfig, ref: ObjectRef | None = None) -> Recording:
    """Return a file as a recording: its reference, its hash, and the metadata in its name.

    Parameters
    ----------
    path : Path
        An existing file.
    config : AnalysisConfig
        File name pattern, time zone, and size limit.
    ref : ObjectRef, optional
        Reference with the generation of the content; default: the first.

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
    ref = ref or file_ref(path)
    if ref.name != str(path.absolute()):
        raise BadRecording("bad_name", "The file name is not valid UTF-8. Rename the file.")
    try:
        stat = path.stat()
    except FileNotFoundError:
        raise BadRecording("gone", "The file was moved or deleted before it could be analyzed.") from None
    except PermissionError:
        raise BadRecording("forbidden", "The file is not readable. Give read access to the user of callmood.") from None
    if stat.st_size > config.max_size_bytes:
        raise too_large(stat.st_size, config)
    return Recording(
        ref=ref,
        audio=path,
        size_bytes=stat.st_size,
        content_sha256=content_sha256(path),
        uploaded_at=datetime.fromtimestamp(stat.st_mtime, UTC),
        call=call_metadata(path.absolute().as_posix(), {}, config),
    )


def read_legs(legs: Sequence[Path], refs: Sequence[ObjectRef], config: AnalysisConfig) -> Recording:
    """Return the two files of a call with one file per party as a recording.

    Parameters
    ----------
    legs : sequence of Path
        In the order of the channels. The first identifies the call.
    refs : sequence of ObjectRef
        Their references.
    config : AnalysisConfig
        As for `read_file`.

    Raises
    ------
    BadRecording
        As `read_file`, for either leg.
    """
    return join_legs([read_file(leg, config, ref) for leg, ref in zip(legs, refs, strict=True)], refs[0])


def call_legs(path: Path, config: AnalysisConfig) -> tuple[Path, Path] | None:
    """Return both files of the call of a leg, in the order of the channels, or None if the file is not a leg.

    Parameters
    ----------
    path : Path
        A file.
    config : AnalysisConfig
        Patterns, and the values of legs.
    """
    names = leg_names(path.absolute().as_posix(), config)
    return (Path(names.agent), Path(names.customer)) if names else None


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
