"""Decide what to do with local files: the generation of each content, and which contents need no analysis.

A local file has no generation of its own, and its modification time can be any time. The store counts: a content that
differs from the newest known content of the path is a new generation, also if the same content was there before.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import unquote, urlsplit

from callmood.sources.folder import file_ref
from callmood.types import JsonRow, ObjectRef, text_sha256
from callmood.warehouse.base import Warehouse

_ANALYSES = """
SELECT uri, object, generation, recording_id, content_sha256, call_id, analysis_id, legs
FROM recordings
WHERE
  bucket = ''
  AND (
    uri IN UNNEST(@uris)
    OR content_sha256 IN UNNEST(@contents)
    OR EXISTS (SELECT 1 FROM UNNEST(legs) AS leg WHERE leg.content_sha256 IN UNNEST(@contents))
  )
"""

_FAILURES = """
SELECT uri, object, generation, recording_id, content_sha256, call_id
FROM failures
WHERE bucket = '' AND (uri IN UNNEST(@uris) OR content_sha256 IN UNNEST(@contents))
"""

_ERASURES = """
SELECT
  recording_id, reason, object_sha256, generation, content_sha256, call_id_sha256, customer_id_sha256
FROM erasures_current
WHERE
  object_sha256 IN UNNEST(@objects)
  OR content_sha256 IN UNNEST(@contents)
  OR recording_id IN UNNEST(@recording_ids)
"""


@dataclass(frozen=True)
class FilePlan:
    """What to do with one file.

    Parameters
    ----------
    ref : ObjectRef
        Path and generation of the content.
    action : {"analyze", "done", "erased"}
        Done: this content was analyzed with these settings. Erased: a request erased this content.
    replaces : ObjectRef or None
        The generation of this path that the content replaces.
    moved_from : tuple of ObjectRef
        Recordings that the analysis of this file replaces: of the same content and call at paths that do not exist
        any more, and of the other leg alone.
    other_leg : ObjectRef or None
        The other file of a call with one file per party.
    covering : dict or None
        Row of `erasures`: a request that erased this content of another call, so that it covers this file, unless the
        analysis finds no speech.
    """

    ref: ObjectRef
    action: Literal["analyze", "done", "erased"]
    replaces: ObjectRef | None = None
    moved_from: tuple[ObjectRef, ...] = ()
    other_leg: ObjectRef | None = None
    covering: JsonRow | None = None


@dataclass
class _Known:
    """What the store knows about the path of one file."""

    contents: dict[int, str | None] = field(default_factory=dict)
    erased_to: int = 0

    def newest(self) -> int:
        return max((*self.contents, self.erased_to), default=0)

    def shows(self, ref: ObjectRef) -> bool:
        """Return whether this is the current generation."""
        return self.erased_to < ref.generation == self.newest()

    def generation_of(self, content: str | None) -> int:
        """Return the generation of a content. None is a file that cannot be read: its newest content stays current."""
        newest = self.newest()
        is_known = newest in self.contents and (content is None or self.contents[newest] == content)
        return newest if is_known and newest > self.erased_to else newest + 1


@dataclass(frozen=True)
class FileContent:
    """The content of a file, or of both files of a call with one file per party.

    Parameters
    ----------
    sha256 : str or None
        SHA-256; of two legs, `legs.joined_sha256`. None for a file that cannot be read.
    other_leg : (Path, str) or None
        Path and SHA-256 of the other leg.
    call_id : str or None
        ID of the call in the name.
    """

    sha256: str | None
    other_leg: tuple[Path, str] | None = None
    call_id: str | None = None


def plan_files(
    store: Warehouse,
    files: Mapping[Path, FileContent],
    analysis_id: Callable[[str, bool], str],
    *,
    force: bool = False,
) -> dict[Path, FilePlan]:
    """Decide what to do with files.

    Parameters
    ----------
    store : Warehouse
        Knows earlier generations, analyses, and erasures.
    files : mapping of Path to FileContent
        Content of each file. A call with one file per party has the path of its first leg.
    analysis_id : callable
        Returns the ID of the analysis of a recording ID with the current settings; the second argument states whether
        it is of two legs.
    force : bool
        Analyze contents that were analyzed with these settings, too.

    Returns
    -------
    dict of Path to FilePlan
        One per file.
    """
    refs = {path: file_ref(path) for path in files}
    others = {file.other_leg[0]: file_ref(file.other_leg[0]) for file in files.values() if file.other_leg}
    hashes = sorted({file.sha256 for file in files.values() if file.sha256})
    parameters = {"uris": [ref.uri for ref in (*refs.values(), *others.values())], "contents": hashes}
    analyses = store.query(_ANALYSES, parameters)
    rows = [*analyses, *store.query(_FAILURES, parameters)]
    objects = {ref.object_sha256 for ref in (*refs.values(), *others.values(), *map(_ref, rows))}
    erasures = store.query(
        _ERASURES,
        {
            "objects": sorted(objects),
            "contents": hashes,
            "recording_ids": sorted({row["recording_id"] for row in rows}),
        },
    )
    known = _known_objects(rows, erasures)
    done = {row["analysis_id"] for row in analyses}
    requests = _requests_by_content(rows, erasures)

    joined = {
        (each, leg["content_sha256"])
        for row in analyses
        if known[_ref(row).object_sha256].shows(_ref(row))
        for leg in row["legs"]
        for each in (leg["object"], row["call_id"])
    }

    def plan(path: Path) -> FilePlan:
        file, here = files[path], known[refs[path].object_sha256]
        content = file.sha256
        ref = file_ref(path, here.generation_of(content))
        call_hash = text_sha256(file.call_id) if file.call_id else None
        covering = requests[content] if content and here.contents.get(ref.generation) != content else []
        # Another call with the same content is erased only if it has speech, which its analysis shows.
        is_same_call = any(
            request["call_id_sha256"] == call_hash or request["object_sha256"] == ref.object_sha256
            for request in covering
        )
        if covering and (file.call_id is None or is_same_call):
            return FilePlan(ref, "erased")
        if not force and analysis_id(ref.recording_id, file.other_leg is not None) in done:
            return FilePlan(ref, "done")
        # One leg of a call whose other file was removed after the analysis.
        if (ref.name, content) in joined or (file.call_id and (file.call_id, content) in joined):
            return FilePlan(ref, "done")
        newest = here.newest()
        replaces = file_ref(path, newest) if here.erased_to < newest < ref.generation else None
        moved = {
            _ref(row)
            for row in analyses
            if content
            and row["content_sha256"] == content
            and row["uri"] != ref.uri
            # The same bytes with another call ID are another call, such as one without speech.
            and (None in (row["call_id"], file.call_id) or row["call_id"] == file.call_id)
            and _is_gone(_path(row))
        }
        replaced = [old for old in moved if known[old.object_sha256].shows(old)]
        other_ref = None
        if file.other_leg:
            other, other_content = file.other_leg
            alone = known[others[other].object_sha256]
            other_ref = file_ref(other, alone.generation_of(other_content))
            if alone.newest() > alone.erased_to:
                replaced.append(file_ref(other, alone.newest()))
        return FilePlan(ref, "analyze", replaces, tuple(replaced), other_ref, covering[0] if covering else None)

    return {path: plan(path) for path in files}


def _is_gone(path: Path) -> bool:
    """Return whether a file was removed. In a folder that cannot be read, it may still exist."""
    try:
        return not path.exists()
    except OSError:
        return False


def _known_objects(rows: list[JsonRow], erasures: list[JsonRow]) -> defaultdict[str, _Known]:
    """Return what is known about each object, by the hash of its URI."""
    known: defaultdict[str, _Known] = defaultdict(_Known)
    erased_ids = {erasure["recording_id"] for erasure in erasures}
    for row in rows:
        ref = _ref(row)
        here = known[ref.object_sha256]
        here.contents[ref.generation] = row["content_sha256"] or here.contents.get(ref.generation)
        if ref.recording_id in erased_ids:
            here.erased_to = max(here.erased_to, ref.generation)
    for erasure in erasures:
        if erasure["object_sha256"]:
            here = known[erasure["object_sha256"]]
            here.erased_to = max(here.erased_to, erasure["generation"] or 0)
    return known


def _requests_by_content(rows: list[JsonRow], erasures: list[JsonRow]) -> defaultdict[str, list[JsonRow]]:
    """Return the requests that erased each content. Erasures of older versions state only the recording."""
    requests: defaultdict[str, list[JsonRow]] = defaultdict(list)
    known: defaultdict[str, list[JsonRow]] = defaultdict(list)
    for row in rows:
        known[row["recording_id"]].append(row)
    for erasure in erasures:
        if erasure["reason"] == "request":
            if erasure["content_sha256"]:
                requests[erasure["content_sha256"]].append(erasure)
            for row in known[erasure["recording_id"]]:
                call_hash = erasure["call_id_sha256"] or (text_sha256(row["call_id"]) if row["call_id"] else None)
                if row["content_sha256"]:
                    requests[row["content_sha256"]].append(erasure | {"call_id_sha256": call_hash})
    return requests


def _ref(row: JsonRow) -> ObjectRef:
    return ObjectRef("", row["object"], row["generation"])


def _path(row: JsonRow) -> Path:
    return Path(unquote(urlsplit(row["uri"]).path))
