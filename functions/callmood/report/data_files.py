"""Write the data of a report as scripts, because pages on a disk cannot fetch JSON. `static/data.js` reads them."""

from __future__ import annotations

import gzip
import json
from base64 import b64encode
from pathlib import Path
from typing import Any

from callmood.report.templates import render_script

# A file of details has about 400 kB, so that a call page loads in milliseconds.
_SEGMENTS_PER_FILE = 5_000
_MAX_BUFFER_CHARS = 64_000_000

KEY_DIGITS = 10
"""int: leading digits of a recording id that identify its file of details."""


def encode_json(value: Any) -> str:
    """Return compact JSON.

    Parameters
    ----------
    value : object
        JSON-serializable, without NaN.
    """
    return json.dumps(value, separators=(",", ":"), allow_nan=False)


def compress(value: Any) -> str:
    """Encode a value as JSON, compress it with gzip, and return it in base64.

    Parameters
    ----------
    value : object
        JSON-serializable.
    """
    return b64encode(gzip.compress(encode_json(value).encode(), 9, mtime=0)).decode()


def write_data(folder: Path, name: str, value: Any) -> None:
    """Write one data file.

    Parameters
    ----------
    folder : Path
        An existing folder.
    name : str
        Name by which the page requests the value.
    value : object
        JSON-serializable.
    """
    path = folder / f"{name}.js"
    path.write_text(render_script("callmood.provide", name, compress(value)), encoding="utf-8")


def file_number(recording_id: str, files: int) -> int:
    """Return the number of the file that contains the details of a call, as `static/data.js` computes it.

    Parameters
    ----------
    recording_id : str
        Id of the recording, or its first `KEY_DIGITS` digits.
    files : int
        Number of files, at least 1.

    Examples
    --------
    >>> file_number("0123456789", 7) == file_number("0123456789abcdef", 7)
    True
    """
    value = 0
    for character in recording_id[:KEY_DIGITS]:
        value = (value * 31 + ord(character)) % 0x100000000
    return value % files


class DetailFiles:
    """Distribute the details of calls over a moderate number of files by a hash of the recording id.

    Use it as a context manager: at its end, it writes what it has buffered.

    Parameters
    ----------
    folder : Path
        An existing folder without files of details.
    segments : int
        Number of segments of all calls.
    """

    def __init__(self, folder: Path, segments: int) -> None:
        self.count = max(1, round(segments / _SEGMENTS_PER_FILE))
        self._folder = folder
        self._buffers: dict[int, list[str]] = {}
        self._buffered = 0

    def __enter__(self) -> DetailFiles:
        return self

    def __exit__(self, *_: object) -> None:
        self._flush()
        for number in range(self.count):  # a link to an unknown call must not request a missing file
            (self._folder / f"details-{number}.js").touch()

    def add(self, recording_id: str, payload: dict[str, Any]) -> None:
        """Add one call.

        Parameters
        ----------
        recording_id : str
            Id of the recording.
        payload : dict
            Result of `call_payload`.
        """
        script = render_script("callmood.provide", f"call-{recording_id}", payload)
        self._buffers.setdefault(file_number(recording_id, self.count), []).append(script)
        self._buffered += len(script)
        if self._buffered > _MAX_BUFFER_CHARS:
            self._flush()

    def _flush(self) -> None:
        for number, scripts in self._buffers.items():
            with (self._folder / f"details-{number}.js").open("a", encoding="utf-8") as file:
                file.writelines(scripts)
        self._buffers.clear()
        self._buffered = 0
