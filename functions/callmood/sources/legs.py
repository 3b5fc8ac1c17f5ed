"""Join calls that are recorded as one file per party: find the other leg by its name, and combine two recordings."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from callmood.config import AnalysisConfig
from callmood.names.legs import find_leg
from callmood.sources.metadata import read_name
from callmood.types import CallMetadata, LegAudio, ObjectRef, Recording, Role

MISSING = "leg_missing"
"""str: warning about a leg that is analyzed alone."""


@dataclass(frozen=True)
class LegNames:
    """The names of the two files of a call.

    Parameters
    ----------
    agent, customer : str
        Object names or file paths of the two legs, in the order of the channels.
    other : str
        The one of them that was not asked about.
    """

    agent: str
    customer: str
    other: str


def leg_names(name: str, config: AnalysisConfig) -> LegNames | None:
    """Return the names of both legs of the call of a file, or None if the file is not a leg.

    The names of the two legs differ only in the group ``leg`` of the pattern.

    Parameters
    ----------
    name : str
        Object name or file path, with slashes.
    config : AnalysisConfig
        Patterns, and the values of legs.
    """
    fields = read_name(name, config)
    if fields is None or fields.leg_span is None:
        return None
    start, end = fields.leg_span
    # Without a direction: which file is the first must not depend on metadata.
    leg = find_leg(name[start:end], None, config.leg_names)
    if leg is None:
        return None
    other = name[:start] + leg.other + name[end:]
    return LegNames(name, other, other) if leg.role == "agent" else LegNames(other, name, other)


def join_legs(legs: Sequence[Recording], ref: ObjectRef) -> Recording:
    """Combine the two legs of a call.

    Parameters
    ----------
    legs : sequence of Recording
        In the order of the channels.
    ref : ObjectRef
        Identifies the call.

    Returns
    -------
    Recording
        With the metadata of both legs. Where they differ, those of the first leg count.
    """
    return Recording(
        ref=ref,
        audio=legs[0].audio,
        size_bytes=sum(leg.size_bytes for leg in legs),
        content_sha256=joined_sha256([leg.content_sha256 for leg in legs]),
        uploaded_at=max(leg.uploaded_at for leg in legs),
        call=_joined_call([leg.call for leg in legs]),
        legs=tuple(LegAudio(leg.ref, leg.audio, leg.content_sha256) for leg in legs),
    )


def joined_sha256(contents: Sequence[str]) -> str:
    """Return the SHA-256 that identifies the content of several legs, from the SHA-256 of each."""
    return hashlib.sha256("\n".join(contents).encode()).hexdigest()


def without_other_leg(recording: Recording) -> Recording:
    """Return a leg with the warning that it is analyzed alone."""
    return replace(recording, call=replace(recording.call, warnings=(*recording.call.warnings, MISSING)))


def _joined_call(calls: Sequence[CallMetadata]) -> CallMetadata:
    first, second = calls
    fields = {
        name: value if value is not None else getattr(second, name)
        for name, value in vars(first).items()
        if name not in ("channel_roles", "labels", "warnings")
    }
    roles: list[Role] = [call.channel_roles[0] if call.channel_roles else "unknown" for call in calls]
    return CallMetadata(
        **fields,
        channel_roles=tuple(roles),
        labels=dict(sorted({**second.labels, **first.labels}.items())),
        warnings=tuple(dict.fromkeys((*first.warnings, *second.warnings))),
    )
