"""One channel of a call: detect its segments, embed them, and classify them relative to the speaker."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from callmood.config import AnalysisConfig
from callmood.emotion.baseline import Embedding, SpeakerBaseline, unknown_speaker
from callmood.emotion.model import EmotionModel
from callmood.emotion.projection import project
from callmood.speech.segmenter import Segmenter, SpeechSegment
from callmood.speech.silero import STATE_CHUNKS
from callmood.types import EMOTIONS, SAMPLE_RATE, Role

UNCERTAIN = "uncertain"

Span = tuple[float, float, float, float]


@dataclass(frozen=True)
class Segment:
    """One stretch of speech in one channel.

    Parameters
    ----------
    channel : int
        Channel of the recording, from 0.
    role : {"agent", "customer", "mixed"}
        Role of the channel.
    start_s, end_s : float
        Seconds from the start of the recording.
    level_dbfs : float
        Root mean square level, in dB relative to full scale.
    noise_dbfs : float or None
        Level of the pauses between words, in dB relative to full scale.
    probabilities : tuple of float or None
        In the order of `EMOTIONS`; they sum to 1. None if the role is not classified.
    emotion : str or None
        The most probable emotion, or ``uncertain`` below the confidence threshold.
    embedding_proj : tuple of float
        Projection of the embedding (`projection.project`). Empty if the role is not classified.
    """

    channel: int
    role: Role
    start_s: float
    end_s: float
    level_dbfs: float
    noise_dbfs: float | None = None
    probabilities: tuple[float, ...] | None = None
    emotion: str | None = None
    embedding_proj: tuple[float, ...] = ()

    @property
    def confidence(self) -> float | None:
        """Return the probability of the most probable emotion."""
        return max(self.probabilities) if self.probabilities else None

    def shifted(self, offset_s: float) -> Segment:
        """Return the segment in the time of a call, of which this recording is a chunk that starts at `offset_s`."""
        return replace(self, start_s=self.start_s + offset_s, end_s=self.end_s + offset_s)


class ChannelAnalyzer:
    """Analyze one channel as its samples arrive.

    Only embeddings are kept, so memory grows by about 12 kB per segment.

    Parameters
    ----------
    channel : int
        Channel of the recording, from 0.
    role : {"agent", "customer", "mixed"}
        Role of the channel. An agent is classified only if the configuration says so.
    model : EmotionModel
        Embeds and classifies segments.
    config : AnalysisConfig
        Prior, confidence threshold, and whether agents are classified.
    prior_baseline : SpeakerBaseline, optional
        Baseline of the same speaker from earlier chunks of the call.
    block : int
        Passed to `Segmenter`: how soon a segment is emitted.

    Attributes
    ----------
    spans : list of (float, float, float, float)
        start_s, end_s, level_dbfs, and noise_dbfs of each finished segment.
    received_s : float
        Seconds of audio received.
    """

    def __init__(
        self,
        channel: int,
        role: Role,
        model: EmotionModel,
        config: AnalysisConfig,
        prior_baseline: SpeakerBaseline | None = None,
        block: int = STATE_CHUNKS,
    ) -> None:
        self.channel = channel
        self.role = role
        self.classifies = role != "agent" or config.analyze_agent_emotion
        self.spans: list[Span] = []
        self.received_s = 0.0
        self._embeddings: list[Embedding] = []
        self._segmenter = Segmenter(block)
        self._model = model
        self._config = config
        self._prior_baseline = prior_baseline

    @property
    def processed_s(self) -> float:
        """Return the seconds of audio processed: less than `received_s` by less than a block."""
        return self._segmenter.processed_s

    def process(self, samples: NDArray[np.float32]) -> None:
        """Process more samples: (n,) float32 at 16 kHz in [-1, 1]."""
        self.received_s += len(samples) / SAMPLE_RATE
        self._add(self._segmenter.process(samples))

    def finish(self) -> None:
        """End the channel and emit its last segment."""
        self._add(self._segmenter.finish())

    def segments(self, since: int = 0) -> list[Segment]:
        """Return the finished segments from index `since`, classified relative to all speech so far."""
        return self._classify(self.spans[since:], self._embeddings[since:], self.baseline())

    def partial(self) -> list[Segment]:
        """Return the segment in progress, classified as if it ended now. Usually one segment or none."""
        spans, embeddings = self._embed(self._segmenter.partial())
        return self._classify(spans, embeddings, self._update(self.baseline(), spans, embeddings))

    def baseline(self) -> SpeakerBaseline | None:
        """Return the speaker's baseline over all speech so far, or None without any."""
        return self._update(self._prior_baseline, self.spans, self._embeddings)

    def _add(self, segments: Sequence[SpeechSegment]) -> None:
        spans, embeddings = self._embed(segments)
        self.spans += spans
        self._embeddings += embeddings

    def _embed(self, segments: Sequence[SpeechSegment]) -> tuple[list[Span], list[Embedding]]:
        spans = [(segment.start_s, segment.end_s, segment.level_dbfs, segment.noise_dbfs) for segment in segments]
        return spans, [self._model.embed(segment.samples) for segment in segments] if self.classifies else []

    @staticmethod
    def _update(
        baseline: SpeakerBaseline | None, spans: Sequence[Span], embeddings: Sequence[Embedding]
    ) -> SpeakerBaseline | None:
        if not embeddings:
            return baseline
        stacked = np.stack(embeddings)
        durations_s = np.array([end - start for start, end, *_ in spans], np.float32)
        return (baseline or unknown_speaker(stacked.shape[1])).update(stacked, durations_s)

    def _classify(
        self, spans: Sequence[Span], embeddings: Sequence[Embedding], baseline: SpeakerBaseline | None
    ) -> list[Segment]:
        if baseline is None or not embeddings:
            return [Segment(self.channel, self.role, *span) for span in spans]
        stacked = np.stack(embeddings)
        probabilities = self._model.classify(stacked, baseline, self._config.prior)
        threshold = self._config.confidence_threshold
        if threshold is None:
            threshold = self._model.confidence_threshold
        return [
            Segment(
                self.channel,
                self.role,
                *span,
                tuple(map(float, p)),
                EMOTIONS[int(p.argmax())] if p.max() >= threshold else UNCERTAIN,
                tuple(map(float, projection)),
            )
            for span, p, projection in zip(spans, probabilities, project(stacked), strict=True)
        ]
