"""Sidecar files: files beside recordings that are not recordings."""

from __future__ import annotations

from pathlib import PurePosixPath

_SUFFIXES = {
    *(".json", ".jsonl", ".xml", ".csv", ".tsv", ".txt", ".log", ".srt", ".vtt"),  # metadata and transcripts
    *(".md", ".html", ".pdf", ".docx", ".xlsx", ".md5", ".sha256"),
    *(".tmp", ".part", ".crdownload"),  # incomplete uploads
}


def is_sidecar(name: str) -> bool:
    """Return whether an object is not a recording, by its name alone.

    Folders (names that end in a slash or in ``_$folder$``, the placeholder of Hadoop), hidden files, everything below a
    path part that starts with a dot or an underscore, and files that recorders write beside audio: transcripts,
    metadata, checksums, incomplete uploads.
    Any other name, whatever its suffix, is a recording, and its bytes decide.

    Parameters
    ----------
    name : str
        Object name, or path below the folder.

    Examples
    --------
    >>> [is_sidecar(n) for n in ("2026/a.wav", "2026/a.wav.json", "2026/", "2026_$folder$", "_done/a.wav", "a")]
    [False, True, True, True, True, False]
    """
    path = PurePosixPath(name)
    return (
        name.endswith(("/", "$folder$"))
        or any(part.startswith((".", "_")) for part in path.parts)
        or path.suffix.lower() in _SUFFIXES
    )
