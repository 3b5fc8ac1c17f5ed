"""Provide playable audio for the page of a call: a link to the recording, or a copy that browsers can play."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import numpy as np
import soundfile

from callmood.audio.legs import open_legs
from callmood.audio.raw import raw_setting
from callmood.audio.stream import AudioStream, open_audio
from callmood.errors import BadRecording
from callmood.types import SAMPLE_RATE, JsonRow

if TYPE_CHECKING:
    from numpy.typing import NDArray

# A moment is easier to judge with what precedes it; `static/player.js` starts playback as early.
_RUN_UP_S = 3.0
_RUN_OUT_S = 2.0

BROWSER_FORMATS = {
    *(("wav", f"pcm_{encoding}") for encoding in ("u8", "s16", "s24", "s32", "f32", "mulaw", "alaw")),
    *(("flac", "flac"), ("mp3", "mp3"), ("mp4", "aac"), ("ogg", "opus"), ("ogg", "vorbis"), ("webm", "opus")),
}
"""set of (str, str): containers and codecs that Chromium, Firefox, and Safari play without conversion."""


# With these warnings, browsers play only the first recording, the stated length, or the first track.
_PARTLY_PLAYED = ("joined", "header_too_short", "mono_tracks")


@dataclass(frozen=True)
class Clip:
    """A part of a recording as a file of the report.

    Parameters
    ----------
    start_s, end_s : float
        Position in the recording in seconds.
    url : str
        Relative address.
    """

    start_s: float
    end_s: float
    url: str


@dataclass(frozen=True)
class AudioSource:
    """Playable audio of a call.

    Parameters
    ----------
    url : str or None
        Relative or absolute address; None where no audio is available.
    message : str
        Why no audio is available; otherwise empty.
    clips : tuple of Clip
        Short parts of the recording in the folder of the report.
    """

    url: str | None
    message: str = ""
    clips: tuple[Clip, ...] = ()


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
    return path if os.path.isfile(path) else None  # noqa: PTH113 - Path.is_file raises an error if a folder is unreadable


def is_browser_playable(recording: JsonRow) -> bool:
    """Return whether browsers play the recording without conversion, from its start to its end.

    Parameters
    ----------
    recording : dict
        With ``container``, ``codec``, and ``warnings``.
    """
    if recording.get("legs"):
        return False
    is_partial = any(code in (recording["warnings"] or "") for code in _PARTLY_PLAYED)
    return (recording["container"], recording["codec"]) in BROWSER_FORMATS and not is_partial


def open_recording(recording: JsonRow, path: Path) -> AudioStream:
    """Open a recording on this machine as its analysis did, also without a header.

    Parameters
    ----------
    recording : dict
        With ``container``, ``codec``, ``sample_rate``, and ``channels``; with ``legs`` if each party has a file.
    path : Path
        The file.

    Raises
    ------
    BadRecording
        The recording cannot be decoded.
    """
    is_raw = recording["container"] == "raw"
    legs = [Path(leg["object"]) for leg in recording.get("legs") or []]
    channels = 1 if legs else recording["channels"]
    setting = raw_setting(recording["codec"], recording["sample_rate"], channels) if is_raw else None
    if legs and all(map(os.path.isfile, legs)):
        return open_legs([(leg, leg.suffix) for leg in legs], setting)
    if not is_raw:
        return open_audio(path)
    return open_audio(path, path.suffix, setting)


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


def transcode_to_mp3(recording: JsonRow, path: Path, target: Path) -> bool:
    """Decode a recording and write it as MP3, which every browser can play and seek.

    Parameters
    ----------
    recording : dict
        As in `open_recording`.
    path : Path
        Its file, in any supported format.
    target : Path
        The MP3 file. Missing parent folders are created.

    Returns
    -------
    bool
        False if the recording cannot be decoded; then no file is left.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        with open_recording(recording, path) as stream:
            channels = min(stream.info.channels, 2)  # MP3 has at most two channels; more are mixed down to one
            with soundfile.SoundFile(target, "w", SAMPLE_RATE, channels, format="MP3", bitrate_mode="CONSTANT") as file:
                for block in stream.blocks():
                    mixed = block if len(block) == channels else block.mean(axis=0, keepdims=True)
                    file.write(np.ascontiguousarray(mixed.T))
    except BadRecording:
        target.unlink(missing_ok=True)
        return False
    return True


def provide_audio(
    recording: JsonRow, folder: Path, new: Path, sign_url: Callable[[str, str], str] | None = None
) -> AudioSource:
    """Link a recording for the page in `folder`, or write a playable copy.

    Parameters
    ----------
    recording : dict
        With ``recording_id``, ``uri``, ``bucket``, ``object``, ``container``, and ``codec``.
    folder : Path
        Absolute path of the folder that contains the pages.
    new : Path
        Folder to which a copy is written.
    sign_url : callable, optional
        Maps bucket and object to a temporary address. None: recordings in buckets are not playable.
    """
    if recording["bucket"]:
        if sign_url and not recording.get("legs"):
            return AudioSource(sign_url(recording["bucket"], recording["object"]))
        uri = recording["uri"]
        if recording.get("legs"):
            return AudioSource(None, f"The recording has one file per party, in a bucket: {uri}. Play the files there.")
        return AudioSource(None, f"The recording is in a bucket: {uri}. To play it here, use --sign-urls.")
    path = find_local_file(recording)
    if path is None:
        return AudioSource(None, f"Recording not found: {recording['object']}")
    if is_browser_playable(recording):
        return AudioSource(relative_url(path, folder))
    copy = new / "audio" / f"{recording['recording_id']}.mp3"
    if transcode_to_mp3(recording, path, copy):
        return AudioSource(f"audio/{copy.name}")
    return AudioSource(None, f"Cannot decode the recording: {recording['object']}")


def write_clips(recording: JsonRow, moments: Sequence[tuple[float, float]], folder: Path) -> tuple[Clip, ...]:
    """Write short clips of a recording on this machine as MP3, so that a copied folder plays them.

    Parameters
    ----------
    recording : dict
        With ``recording_id``, ``bucket``, and ``object``.
    moments : sequence of (float, float)
        Start and end of each moment in seconds. A clip also contains some seconds before and after it.
    folder : Path
        Absolute path of the folder that contains the pages.

    Returns
    -------
    tuple of Clip
        By start. Overlapping clips are merged. Empty if the recording is not on this machine or cannot be decoded.
    """
    path = find_local_file(recording)
    spans = _merge((max(0.0, start - _RUN_UP_S), end + _RUN_OUT_S) for start, end in moments)
    if path is None or not spans:
        return ()
    try:
        samples = _read_spans(recording, path, spans)
    except BadRecording:
        return ()
    clips = []
    (folder / "clips").mkdir(exist_ok=True)
    for (start_s, _), part in zip(spans, samples, strict=True):
        if part.size:
            url = f"clips/{recording['recording_id']}-{round(start_s)}.mp3"
            soundfile.write(folder / url, part, SAMPLE_RATE, format="MP3")
            clips.append(Clip(start_s, start_s + len(part) / SAMPLE_RATE, url))
    return tuple(clips)


def _merge(spans: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    merged: list[tuple[float, float]] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(end, merged[-1][1])
        else:
            merged.append((start, end))
    return merged


def _read_spans(recording: JsonRow, path: Path, spans: Sequence[tuple[float, float]]) -> list[NDArray[np.float32]]:
    """Return the samples of each span, with at most two channels. Stop reading after the last span."""
    parts: list[list[NDArray[np.float32]]] = [[] for _ in spans]
    position = 0
    with open_recording(recording, path) as stream:
        channels = min(stream.info.channels, 2)
        for block in stream.blocks():
            mixed = block if len(block) == channels else block.mean(axis=0, keepdims=True)
            for part, (start_s, end_s) in zip(parts, spans, strict=True):
                start, end = (max(0, round(second * SAMPLE_RATE) - position) for second in (start_s, end_s))
                if start < mixed.shape[1] and end > 0:
                    part.append(mixed[:, start:end].T)
            position += mixed.shape[1]
            if position > spans[-1][1] * SAMPLE_RATE:
                break
    return [np.concatenate(part) if part else np.empty((0, 1), np.float32) for part in parts]
