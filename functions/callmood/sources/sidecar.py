"""Sidecar files: files beside recordings that are not recordings."""

from __future__ import annotations

from pathlib import PurePosixPath

_SUFFIXES = {
    *(".json", ".jsonl", ".xml", ".csv", ".tsv", ".txt", ".log", ".srt", ".vtt"),  # metadata and transcripts
    *(".md", ".html", ".pdf", ".docx", ".xlsx", ".md5", ".sha256"),
    *(".duckdb", ".wal", ".db"),  # a local store beside the recordings
}
# Names of incomplete files: synchronizers, browsers, recorders, and editors rename them at the end.
_PARTIAL_SUFFIXES = {
    *(".tmp", ".temp", ".part", ".partial", ".filepart", ".crdownload", ".download", ".opdownload", ".inprogress"),
    *(".in_progress", ".incomplete", ".uploading", ".writing", ".wip", ".lock", ".swp", ".aria2"),
    *(".!ut", ".bc!", ".!qb", ".!sync", ".syncing", ".rsync"),
}
# Hadoop and older tools of Cloud Storage represent a folder by such an object.
_FOLDER_SUFFIX = "$folder$"


def is_sidecar(name: str) -> bool:
    """Return whether an object is not a recording, by its name alone.

    Folders (names that end in a slash or in ``_$folder$``), hidden files, everything below a path part that starts
    with a dot or an underscore, files that recorders write beside audio (transcripts, metadata, checksums), local
    stores, and incomplete files (``.filepart``, ``.part``, ``.tmp``, ``.inprogress``, ``~``, and others).
    Any other name, whatever its suffix, is a recording, and its bytes decide.

    Parameters
    ----------
    name : str
        Object name, or path below the folder.

    Examples
    --------
    >>> [is_sidecar(n) for n in ("2026/a.wav", "2026/a.wav.json", "2026/", "_done/a.wav", "a")]
    [False, True, True, True, False]
    >>> [is_sidecar(n) for n in ("a.wav.filepart", "a.wav~", "2026_$folder$")]
    [True, True, True]
    """
    path = PurePosixPath(name)
    return (
        name.endswith(("/", "~", _FOLDER_SUFFIX))
        or any(part.startswith((".", "_", "~$")) for part in path.parts)
        or path.suffix.lower() in _SUFFIXES | _PARTIAL_SUFFIXES
    )
