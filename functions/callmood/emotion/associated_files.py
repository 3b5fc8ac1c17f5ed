"""Files that are packed into a model file: a ZIP archive after the TFLite content.

This is the convention of TFLite metadata (https://ai.google.dev/edge/litert/models/metadata): the runtimes ignore the
archive, and the hash of the file covers it.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping

BASELINE = "baseline.npz"
"""str: parameters of the speaker baseline (`baseline.BaselineParameters`)."""

POPULATION = "population.json"
"""str: the population of callers that the model is calibrated with (`population.Population`)."""

SPEAKERS = "speakers.npz"
"""str: the discriminant of speakers, for a model with another encoder than the shipped one
(`speech.diarization.SpeakerSpace`)."""

# A fixed date, so that equal files have equal hashes. It is the first one that ZIP can represent.
_DATE = (1980, 1, 1, 0, 0, 0)


def read_files(content: bytes) -> dict[str, bytes]:
    """Return the packed files of a model file by name; empty without an archive.

    Raises
    ------
    ValueError
        The archive is damaged.
    """
    source = io.BytesIO(content)
    if not zipfile.is_zipfile(source):
        return {}
    try:
        with zipfile.ZipFile(source) as archive:
            return {name: archive.read(name) for name in archive.namelist()}
    except zipfile.BadZipFile as error:
        raise ValueError(f"the archive of the model file is damaged: {error}") from None


def pack_files(content: bytes, files: Mapping[str, bytes]) -> bytes:
    """Return a model file with other packed files.

    Parameters
    ----------
    content : bytes
        The model file, with or without an archive.
    files : mapping of str to bytes
        All packed files by name. Equal arguments give an equal file.
    """
    packed = io.BytesIO()
    packed.write(_without_archive(content))
    if files:
        with zipfile.ZipFile(packed, "a", zipfile.ZIP_DEFLATED) as archive:
            for name in sorted(files):
                entry = zipfile.ZipInfo(name, _DATE)
                entry.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(entry, files[name])
    return packed.getvalue()


def _without_archive(content: bytes) -> bytes:
    source = io.BytesIO(content)
    if not zipfile.is_zipfile(source):
        return content
    with zipfile.ZipFile(source) as archive:
        starts = [entry.header_offset for entry in archive.infolist()]
        return content[: min(starts, default=archive.start_dir)]
