"""From a call to something a browser plays: a link to where the recording lies, or a playable copy beside the page."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import numpy as np
import soundfile

from callmood.audio.stream import open_audio
from callmood.errors import BadRecording
from callmood.types import SAMPLE_RATE, JsonRow

PLAYABLE = {
    *(("wav", f"pcm_{kind}") for kind in ("u8", "s16", "s24", "s32", "f32", "mulaw", "alaw")),
    *(("flac", "flac"), ("mp3", "mp3"), ("mp4", "aac"), ("ogg", "opus"), ("ogg", "vorbis"), ("webm", "opus")),
}
"""set of (str, str): containers and codecs that Chromium, Firefox and Safari play as they are."""


@dataclass(frozen=True)
class Sound:
    """What the page plays.

    Parameters
    ----------
    href : str or None
        Relative or absolute address; None where there is nothing to play.
    note : str
        Why there is nothing to play; else empty.
    """

    href: str | None
    note: str = ""


def local_file(row: JsonRow) -> Path | None:
    """The file on this machine that a call was read from, if it was and is still there.

    Parameters
    ----------
    row : dict
        With the recording's ``bucket`` and ``object``.
    """
    if row["bucket"]:
        return None
    path = Path(row["object"])
    return path if path.is_file() else None


def is_playable(row: JsonRow) -> bool:
    """Whether browsers play the recording as it is.

    Parameters
    ----------
    row : dict
        With the recording's ``container`` and ``codec``.
    """
    return (row["container"], row["codec"]) in PLAYABLE


def relative_link(path: Path, folder: Path) -> str:
    """Address of a file as seen from a folder's pages.

    Parameters
    ----------
    path : Path
        An absolute path.
    folder : Path
        Where the pages lie.

    Examples
    --------
    >>> relative_link(Path("/calls/50% off #1.wav"), Path("/reports/new"))
    '../../calls/50%25%20off%20%231.wav'
    """
    try:
        relative = os.path.relpath(path, folder)
    except ValueError:  # another drive
        return path.as_uri()
    return quote(Path(relative).as_posix())


def playable_copy(path: Path, copy: Path) -> bool:
    """Decode a recording and write it as MP3, which every browser plays and seeks.

    Parameters
    ----------
    path : Path
        A recording in any format that callmood reads.
    copy : Path
        Where the MP3 goes; its folder is made.

    Returns
    -------
    bool
        False where the recording cannot be read any more.
    """
    copy.parent.mkdir(parents=True, exist_ok=True)
    try:
        with open_audio(path) as stream:
            channels = min(stream.info.channels, 2)  # MP3 has no more; of more, all are heard in one
            with soundfile.SoundFile(copy, "w", SAMPLE_RATE, channels, format="MP3", bitrate_mode="CONSTANT") as file:
                for block in stream.blocks():
                    heard = block if len(block) == channels else block.mean(axis=0, keepdims=True)
                    file.write(np.ascontiguousarray(heard.T))
    except BadRecording:
        copy.unlink(missing_ok=True)
        return False
    return True


def sound_for(row: JsonRow, folder: Path, sign: Callable[[str, str], str] | None = None) -> Sound:
    """What the page of a call in `folder` plays, made there if need be.

    Parameters
    ----------
    row : dict
        With the recording's ``recording_id``, ``uri``, ``bucket``, ``object``, ``container`` and ``codec``.
    folder : Path
        Where the pages lie, absolute.
    sign : callable, optional
        From bucket and object to an address that plays for a while; None: objects in buckets are not played.
    """
    if row["bucket"]:
        if sign:
            return Sound(sign(row["bucket"], row["object"]))
        return Sound(None, f"The recording lies in a bucket, {row['uri']}. Build with --sign-urls to hear it here.")
    path = local_file(row)
    if path is None:
        return Sound(None, f"The recording is no longer where it was: {row['object']}")
    if is_playable(row):
        return Sound(relative_link(path, folder))
    copy = folder / "audio" / f"{row['recording_id']}.mp3"
    if playable_copy(path, copy):
        return Sound(f"audio/{copy.name}")
    return Sound(None, f"The recording can no longer be read: {row['object']}")
