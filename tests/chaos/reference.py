"""A small reference model: the visible state that follows from a set of events, in any order and number."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Content(StrEnum):
    """What an upload contains."""

    GOOD = "good"
    POISON = "poison"  # can never be analyzed
    DENIED = "denied"  # cannot be read, so its event is dead-lettered


@dataclass(frozen=True)
class Event:
    """A notification of Cloud Storage, and whether it was dead-lettered."""

    name: str
    generation: int
    kind: str  # OBJECT_FINALIZE or OBJECT_DELETE
    content: Content
    overwrote: int | None = None
    overwritten_by: int | None = None
    is_dead_letter: bool = False


@dataclass(frozen=True)
class Visible:
    """The visible state of an object: its generation, and whether it is a recording or a failure."""

    generation: int
    is_recording: bool


def visible_state(events: Iterable[Event]) -> dict[str, Visible]:
    """Return the visible state of each object after all events."""
    by_name: dict[str, set[Event]] = {}
    for event in events:
        by_name.setdefault(event.name, set()).add(event)
    states = {name: _state(known) for name, known in by_name.items()}
    return {name: state for name, state in states.items() if state is not None}


def _state(events: set[Event]) -> Visible | None:
    newest = max(event.generation for event in events)
    of_newest = [event for event in events if event.generation == newest]
    if any(event.kind == "OBJECT_DELETE" and not event.is_dead_letter for event in of_newest):
        return None
    analyzed = any(
        event.kind == "OBJECT_FINALIZE" and event.content is Content.GOOD and not event.is_dead_letter
        for event in of_newest
    )
    return Visible(newest, analyzed)
