"""One live call: frames in, an update a second out. No network, no clock."""

from __future__ import annotations

import math
from typing import Any

from callmood.analysis.channel import Segment, Voice
from callmood.analysis.rows import segment_facts
from callmood.emotion.model import EmotionModel
from callmood.realtime.pcm import Encoding, Sound
from callmood.realtime.session_tokens import Session
from callmood.settings import Settings
from callmood.types import Role

BLOCK = 2
"""int: chunks that the detector hears at once: 64 ms, so that an update tells of all but that of what was sent."""


class LiveCall:
    """One voice, listened to while it speaks.

    Parameters
    ----------
    encoding, sample_rate
        Of the frames, as `Sound` takes them.
    role : {"agent", "customer", "mixed"}
        Whose voice it is.
    model : EmotionModel
        Embeds and classifies.
    settings : Settings
        Prior, threshold, and whether agents are judged.
    session : Session
        What earlier parts of the call left behind.
    """

    def __init__(
        self,
        encoding: Encoding,
        sample_rate: int,
        role: Role,
        model: EmotionModel,
        settings: Settings,
        session: Session,
    ) -> None:
        self._sound = Sound(encoding, sample_rate)
        self._voice = Voice(0, role, model, settings, session.averages.get(0), BLOCK)
        self._session = session
        self._told = 0  # segments that an update has told of
        self._second = 0  # the last whole second that an update was for

    def hear(self, frames: bytes) -> dict[str, Any] | None:
        """Take the next frames.

        Parameters
        ----------
        frames : bytes
            One or more, whole samples.

        Returns
        -------
        dict or None
            An update, where another whole second was heard: one, however many seconds came at once.
        """
        self._voice.hear(self._sound.decode(frames))
        if math.floor(self._voice.heard_s) <= self._second:
            return None
        self._second = math.floor(self._voice.heard_s)
        finished = self._voice.segments(since=self._told)
        self._told += len(finished)
        return {
            "type": "update",
            "heard_s": round(self._voice.heard_s, 3),
            "segments": self._facts(finished),
            "unfinished": self._facts(self._voice.unfinished()),
        }

    def end(self) -> tuple[dict[str, Any], Session]:
        """End the call.

        Returns
        -------
        tuple of (dict, Session)
            The result: all segments, each judged relative to the whole of the call, as an analysis of its recording
            finds them; and what it leaves to a next part.
        """
        self._voice.hear(self._sound.decode(b"", last=True))
        self._voice.end()
        duration_s = self._voice.sound_s
        average = self._voice.average()
        result = {
            "type": "result",
            "offset_s": self._session.offset_s,
            "duration_s": round(duration_s, 3),
            "segments": self._facts(self._voice.segments()),
        }
        return result, self._session.after(duration_s, {0: average} if average else {})

    def _facts(self, segments: list[Segment]) -> list[dict[str, Any]]:
        return [segment_facts(segment.later(self._session.offset_s)) for segment in segments]
