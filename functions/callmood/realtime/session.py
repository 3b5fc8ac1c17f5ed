"""Analysis of one real-time stream: frames in, one update per second out. No network, no clock."""

from __future__ import annotations

import math

from callmood.analysis.channel import ChannelAnalyzer, Segment, describe_voice
from callmood.analysis.rows import segment_fields
from callmood.audio.pcm import Encoding, PcmDecoder
from callmood.config import AnalysisConfig
from callmood.emotion.model import EmotionModel
from callmood.realtime.session_tokens import SessionState
from callmood.types import JsonRow, Role

DETECTOR_BLOCK = 2
"""int: chunks that the speech detector processes at once. 2 chunks (64 ms) bound the delay of an update."""


class StreamSession:
    """Analyze one speaker's audio while it arrives.

    Parameters
    ----------
    encoding, sample_rate
        Format of the frames, as in `PcmDecoder`.
    role : {"agent", "customer", "mixed", "unknown"}
        Role of the speaker.
    model : EmotionModel
        Embeds and classifies segments.
    config : AnalysisConfig
        Prior, confidence threshold, and whether emotion is inferred for agents.
    state : SessionState
        State after the earlier chunks of the call.
    """

    def __init__(
        self,
        encoding: Encoding,
        sample_rate: int,
        role: Role,
        model: EmotionModel,
        config: AnalysisConfig,
        state: SessionState,
    ) -> None:
        self._decoder = PcmDecoder(encoding, sample_rate)
        self._channel = ChannelAnalyzer(0, role, model, config, state.baselines.get(0), DETECTOR_BLOCK)
        self._state = state
        self._sent = 0  # segments in earlier updates
        self._second = 0  # last whole second with an update

    def process(self, frames: bytes) -> JsonRow | None:
        """Process the next frames.

        Parameters
        ----------
        frames : bytes
            One or more frames of whole samples.

        Returns
        -------
        dict or None
            An `update` message if another whole second was processed: one, even if several seconds arrived at once.
        """
        self._channel.process(self._decoder.decode(frames))
        if math.floor(self._channel.processed_s) <= self._second:
            return None
        self._second = math.floor(self._channel.processed_s)
        finished = self._channel.segments(since=self._sent)
        self._sent += len(finished)
        return {
            "type": "update",
            "processed_s": round(self._channel.processed_s, 3),
            "segments": self._fields(finished),
            "partial": self._fields(self._channel.partial()),
        }

    def finish(self) -> tuple[JsonRow, SessionState]:
        """Process the end of the stream.

        Returns
        -------
        tuple of (dict, SessionState)
            The `result` message, and the state for the next chunk of the call. The message contains all segments, each
            relative to the whole stream, as the analysis of the stream's recording returns them.
        """
        self._channel.process(self._decoder.decode(b"", last=True))
        self._channel.finish()
        duration_s = self._channel.received_s
        baseline = self._channel.baseline()
        result = {
            "type": "result",
            "offset_s": self._state.offset_s,
            "duration_s": round(duration_s, 3),
            "segments": self._fields(describe_voice(self._channel.segments(), self._channel.utterances)),
        }
        return result, self._state.advance(duration_s, {0: baseline} if baseline else {})

    def _fields(self, segments: list[Segment]) -> list[JsonRow]:
        return [segment_fields(segment.shifted(self._state.offset_s)) for segment in segments]
