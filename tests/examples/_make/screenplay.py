"""Parse the calls of `dialogues.toml`: metadata, voices, and a script."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

LINE = re.compile(r"(?P<who>agent|customer)(?: \((?P<emotion>\w+) (?P<strength>[\d.]+)\))?(?P<cue>:| <) (?P<text>.+)")
SOUND = re.compile(r"\[(?P<sound>\w+) (?P<seconds>[\d.]+)\]")


@dataclass(frozen=True)
class Utterance:
    """An utterance of one party; `interrupts` if it begins before the other party has finished."""

    who: str
    text: str
    emotion: str
    strength: float
    interrupts: bool


@dataclass(frozen=True)
class Sound:
    """A sound of the telephone line on the agent's side, or `silence` on both sides."""

    name: str
    seconds: float


@dataclass(frozen=True)
class Call:
    """One call: `channels` names the party on each channel, or ``mixed`` for both on one.

    `echo_db` is the level of the other party's echo on each side, relative to its own level.
    """

    id: str
    queue: str
    agent: str
    customer: str
    started_at: datetime
    about: str
    channels: tuple[str, ...]
    voices: dict[str, str]
    script: tuple[Utterance | Sound, ...]
    echo_db: float = -40.0

    @property
    def name(self) -> str:
        """File name without suffix, which callmood's default pattern reads."""
        started = self.started_at.strftime("%Y-%m-%dT%H-%M-%SZ")
        return f"{started}_call-{self.id}_queue-{self.queue}_agent-{self.agent}_customer-{self.customer}"


def read_calls(path: Path) -> list[Call]:
    """Read all calls of a file; a ValueError names a line that is neither an utterance nor a sound."""
    calls = tomllib.loads(path.read_text("utf-8"))["call"]
    return [
        Call(**{**c, "channels": tuple(c["channels"]), "script": tuple(map(_line, c["script"].strip().splitlines()))})
        for c in calls
    ]


def _line(line: str) -> Utterance | Sound:
    if said := LINE.fullmatch(line):
        return Utterance(
            said["who"], said["text"], said["emotion"] or "neutral", float(said["strength"] or 0), said["cue"] == " <"
        )
    if sound := SOUND.fullmatch(line):
        return Sound(sound["sound"], float(sound["seconds"]))
    raise ValueError(f"neither `who: words` nor `[sound seconds]`: {line!r}")
