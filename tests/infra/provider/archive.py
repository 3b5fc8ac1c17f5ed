"""The data source `archive_file` with `source_dir`, compatible with hashicorp/archive 2.7.

It follows links to files and folders, and matches `excludes` with paths in the archive. The archive does not contain
times or file modes, so equal files result in equal hashes.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import io
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def glob_pattern(glob: str) -> re.Pattern[str]:
    """Translate a glob to a regular expression: `**` matches any number of folders, and `*` any part of a name."""
    parts = {"**/": "(?:[^/]+/)*", "/**": "(?:/.*)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    tokens = re.split(r"(\*\*/|/\*\*|\*\*|\*|\?)", glob)
    return re.compile("".join(parts.get(token, re.escape(token)) for token in tokens))


def members(folder: Path, excludes: list[str]) -> Iterator[tuple[str, Path]]:
    """Yield (path in the archive, file) in the order of a walk that follows links and skips excluded folders."""
    patterns = [glob_pattern(glob) for glob in excludes]

    def walk(folder: Path, prefix: str) -> Iterator[tuple[str, Path]]:
        for path in sorted(folder.iterdir()):
            archived = prefix + path.name
            if any(pattern.fullmatch(archived) for pattern in patterns):
                continue
            if path.is_dir():
                yield from walk(path, archived + "/")
            else:
                yield archived, path

    return walk(folder, "")


@functools.lru_cache(maxsize=1)
def zip_file(files: tuple[tuple[str, bytes], ...], mode: int) -> bytes:
    """Return a zip file with these names and contents. Most plans of a test compress the same files."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files:
            info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            info.external_attr = mode << 16
            archive.writestr(info, data, zipfile.ZIP_DEFLATED)
    return content.getvalue()


def archive_file(config: dict[str, Any], working: Path) -> dict[str, Any]:
    """Write the archive of a configuration, and return the state of the data source.

    Parameters
    ----------
    config : dict
        Configuration of the data source.
    working : Path
        Folder in which Terraform runs.

    Raises
    ------
    ValueError
        The stand-in does not support the configuration, or the archive is empty.
    """
    if config["type"] != "zip" or not config["source_dir"]:
        raise ValueError("the stand-in supports zip files of a source_dir only")
    found = members(working / config["source_dir"], config["excludes"] or [])
    files = tuple((name, path.read_bytes()) for name, path in found)
    if not files:
        raise ValueError("archive has not been created as it would be empty")
    content = zip_file(files, int(config["output_file_mode"] or "0644", 8))
    output = working / config["output_path"]
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_bytes(content)
    sha1, sha256, sha512 = (hashlib.new(name, content) for name in ("sha1", "sha256", "sha512"))
    return config | {
        "id": sha1.hexdigest(),
        "output_size": len(content),
        "output_md5": hashlib.md5(content).hexdigest(),
        "output_sha": sha1.hexdigest(),
        "output_sha256": sha256.hexdigest(),
        "output_sha512": sha512.hexdigest(),
        "output_base64sha256": base64.b64encode(sha256.digest()).decode(),
        "output_base64sha512": base64.b64encode(sha512.digest()).decode(),
    }
