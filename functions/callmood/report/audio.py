"""Provide playable audio for the page of a call: a link to the recording, or a copy that browsers can play."""

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

BROWSER_FORMATS = {
    *(("wav", f"pcm_{encoding}") for encoding in ("u8", "s16", "s24", "s32", "f32", "mulaw", "alaw")),
    *(("flac", "flac"), ("mp3", "mp3"), ("mp4", "aac"), ("ogg", "opus"), ("ogg", "vorbis"), ("webm", "opus")),
}
"""set of (str, str): containers and codecs that Chromium, Firefox, and Safari play without conversion."""


@dataclass(frozen=True)
class AudioSource:
    """Playable audio of a call.

    Parameters
    ----------
    url : str or None
        Relative or absolute address; None where no audio is available.
    message : str
        Why no audio is available; otherwise empty.
    """

    url: str | None
    message: str = ""


def find_local_file(recording: JsonRow) -> Path | None:
    """Return the path of a recording on this machine, or None where the file is in a bucket or missing.

    Parameters
    ----------
    recording : dict
        With ``bucket`` and ``object``.
    """
    if recording["bucket"]:
        return None
    path = Path(recording["object"])
    return path if path.is_file() else None


def is_browser_playable(recording: JsonRow) -> bool:
    """Return whether browsers play the recording without conversion.

    Parameters
    ----------
    recording : dict
        With ``container`` and ``codec``.
    """
    return (recording["container"], recording["codec"]) in BROWSER_FORMATS


def relative_url(path: Path, folder: Path) -> str:
    """Return the address of a file relative to a folder.

    Parameters
    ----------
    path : Path
        Absolute path of the file.
    folder : Path
        Absolute path of the folder that contains the pages.

    Examples
    --------
    >>> relative_url(Path("/calls/50% off #1.wav"), Path("/reports/new"))
    '../../calls/50%25%20off%20%231.wav'
    """
    try:
        relative = os.path.relpath(path, folder)
    except ValueError:  # a different drive
        return path.as_uri()
    return quote(Path(relative).as_posix())


def transcode_to_mp3(path: Path, target: Path) -> bool:
    """Decode a recording and write it as MP3, which every browser can play and seek.

    Parameters
    ----------
    path : Path
        A recording in any supported format.
    target : Path
        The MP3 file. Missing parent folders are created.

    Returns
    -------
    bool
        False if the recording cannot be decoded; then no file is left.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        with open_audio(path) as stream:
            channels = min(stream.info.channels, 2)  # MP3 has at most two channels; more are mixed down to one
            with soundfile.SoundFile(target, "w", SAMPLE_RATE, channels, format="MP3", bitrate_mode="CONSTANT") as file:
                for block in stream.blocks():
                    mixed = block if len(block) == channels else block.mean(axis=0, keepdims=True)
                    file.write(np.ascontiguousarray(mixed.T))
    except BadRecording:
        target.unlink(missing_ok=True)
        return False
    return True


def provide_audio(recording: JsonRow, folder: Path, sign_url: Callable[[str, str], str] | None = None) -> AudioSource:
    """Link a recording for the page in `folder`, or write a playable copy there.

    Parameters
    ----------
    recording : dict
        With ``recording_id``, ``uri``, ``bucket``, ``object``, ``container``, and ``codec``.
    folder : Path
        Absolute path of the folder that contains the pages.
    sign_url : callable, optional
        Maps bucket and object to a temporary address. None: recordings in buckets are not playable.
    """
    if recording["bucket"]:
        if sign_url:
            return AudioSource(sign_url(recording["bucket"], recording["object"]))
        uri = recording["uri"]
        return AudioSource(None, f"The recording is in a bucket: {uri}. To play it here, use --sign-urls.")
    path = find_local_file(recording)
    if path is None:
        return AudioSource(None, f"Recording not found: {recording['object']}")
    if is_browser_playable(recording):
        return AudioSource(relative_url(path, folder))
    copy = folder / "audio" / f"{recording['recording_id']}.mp3"
    if transcode_to_mp3(path, copy):
        return AudioSource(f"audio/{copy.name}")
    return AudioSource(None, f"Cannot decode the recording: {recording['object']}")
