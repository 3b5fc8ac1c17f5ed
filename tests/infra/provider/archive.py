"""The data source `archive_file` with `source_dir`, doing what hashicorp/archive 2.7 does.

Links to files and folders are followed, `excludes` are globs over the path inside the archive, and neither time nor
file mode reaches the bytes, so the same files give the same hash.
"""

from __future__ import annotations

import base64
import hashlib
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def glob_pattern(glob: str) -> re.Pattern[str]:
    """Translate a glob in which `**` stands for any number of folders and `*` for any part of one name."""
    parts = {"**/": "(?:[^/]+/)*", "/**": "(?:/.*)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    tokens = re.split(r"(\*\*/|/\*\*|\*\*|\*|\?)", glob)
    return re.compile("".join(parts.get(token, re.escape(token)) for token in tokens))


def members(folder: Path, excludes: list[str]) -> Iterator[tuple[str, Path]]:
    """Yield (path in the archive, file) in the order of a walk that follows links and skips excluded folders."""
    patterns = [glob_pattern(glob) for glob in excludes]

    def walk(here: Path, inside: str) -> Iterator[tuple[str, Path]]:
        for path in sorted(here.iterdir()):
            archived = inside + path.name
            if any(pattern.fullmatch(archived) for pattern in patterns):
                continue
            if path.is_dir():
                yield from walk(path, archived + "/")
            else:
                yield archived, path

    return walk(folder, "")


def archive_file(config: dict[str, Any]) -> dict[str, Any]:
    """Write the archive that a configuration describes and return the data source's whole state.

    Raises
    ------
    ValueError
        The configuration asks for what this stand-in does not do, or the archive would be empty.
    """
    if config["type"] != "zip" or not config["source_dir"]:
        raise ValueError("the stand-in makes zip files of a source_dir only")
    files = list(members(Path(config["source_dir"]), config["excludes"] or []))
    if not files:
        raise ValueError("archive has not been created as it would be empty")
    mode = int(config["output_file_mode"] or "0644", 8)
    output = Path(config["output_path"])
    output.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(output, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, path in files:
            info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            info.external_attr = mode << 16
            archive.writestr(info, path.read_bytes(), zipfile.ZIP_DEFLATED)
    content = output.read_bytes()
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
