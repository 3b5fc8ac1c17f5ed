"""One channel of a call while it is listened to: where somebody speaks, and how that sounds for this voice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from callmood.emotion.model import EmotionModel
from callmood.emotion.projection import project
from callmood.settings import Settings
from callmood.speech.segmenter import Segmenter, SpeechSegment
from callmood.speech.silero import MEMORY
from callmood.types import EMOTIONS, SAMPLE_RATE, Role

UNCERTAIN = "uncertain"

Embedding = NDArray[np.float32]
Span = tuple[float, float, float, float]


@dataclass(frozen=True)
class Segment:
    """One stretch of speech in one channel.

    Parameters
    ----------
    channel : int
        Channel of the recording, from 0.
    role : {"agent", "customer", "mixed"}
        Whose channel it is.
    start_s, end_s : float
        Seconds from the start of the recording.
    level_dbfs : float
        Root mean square level in dB relative to full scale.
    noise_dbfs : float or None
        Level of what is heard between the words, in dB relative to full scale.
    probabilities : tuple of float or None
        In the order of `EMOTIONS`, summing to one; None where emotion is not inferred for the role.
    emotion : str or None
        The most probable emotion, or ``uncertain`` below the confidence threshold.
    voice : tuple of float
        The embedding in few numbers (`projection.project`); empty where emotion is not inferred for the role.
    """

    channel: int
    role: Role
    start_s: float
    end_s: float
    level_dbfs: float
    noise_dbfs: float | None = None
    probabilities: tuple[float, ...] | None = None
    emotion: str | None = None
    voice: tuple[float, ...] = ()

    @property
    def confidence(self) -> float | None:
        """Probability of the most probable emotion."""
        return max(self.probabilities) if self.probabilities else None

    def later(self, by_s: float) -> Segment:
        """The same segment in a call of which this recording is a part that begins so many seconds in."""
        return replace(self, start_s=self.start_s + by_s, end_s=self.end_s + by_s)


@dataclass(frozen=True)
class Average:
    """What a voice has sounded like so far: all that must be kept of it to judge what it says next.

    Parameters
    ----------
    embedding : numpy.ndarray
        (d,) float32: the mean of its segments, weighted by duration.
    seconds : float
        How much speech that is.
    """

    embedding: Embedding
    seconds: float


class Voice:
    """One channel.

    Of what was heard only embeddings are kept, so memory grows by some 12 kB a segment.

    Parameters
    ----------
    channel : int
        From 0.
    role : {"agent", "customer", "mixed"}
        Whose it is; emotion is inferred for an agent only where the settings say so.
    model : EmotionModel
        Embeds and classifies.
    settings : Settings
        Prior, threshold, and whether agents are judged.
    past : Average, optional
        What the same voice sounded like in earlier parts of the call.
    block : int
        As `Segmenter` takes it: how soon a segment comes out.

    Attributes
    ----------
    spans : list of (float, float, float, float)
        start_s, end_s, level_dbfs and noise_dbfs of each segment so far.
    sound_s : float
        Seconds of sound that were taken.
    """

    def __init__(
        self,
        channel: int,
        role: Role,
        model: EmotionModel,
        settings: Settings,
        past: Average | None = None,
        block: int = MEMORY,
    ) -> None:
        self.channel = channel
        self.role = role
        self.infer_emotion = role != "agent" or settings.analyze_agent_emotion
        self.spans: list[Span] = []
        self.sound_s = 0.0
        self._embeddings: list[Embedding] = []
        self._segmenter = Segmenter(block)
        self._model = model
        self._settings = settings
        self._past = past

    @property
    def heard_s(self) -> float:
        """Seconds of sound that have been listened to: less than `sound_s` by less than a block."""
        return self._segmenter.heard_s

    def hear(self, samples: NDArray[np.float32]) -> None:
        """Take more sound: (n,) float32 at 16 kHz in [-1, 1]."""
        self.sound_s += len(samples) / SAMPLE_RATE
        self._keep(self._segmenter.push(samples))

    def end(self) -> None:
        """The channel has ended: what was still being said is its last segment."""
        self._keep(self._segmenter.flush())

    def _keep(self, segments: Sequence[SpeechSegment]) -> None:
        spans, embeddings = self._described(segments)
        self.spans += spans
        self._embeddings += embeddings

    def _described(self, segments: Sequence[SpeechSegment]) -> tuple[list[Span], list[Embedding]]:
        spans = [(segment.start_s, segment.end_s, segment.level_dbfs, segment.noise_dbfs) for segment in segments]
        return spans, [self._model.embed(segment.samples) for segment in segments] if self.infer_emotion else []

    def segments(self, since: int = 0) -> list[Segment]:
        """The segments from number `since` on, each judged relative to all that was heard of the voice."""
        return self._judged(self.spans[since:], self._embeddings[since:], self.average())

    def unfinished(self) -> list[Segment]:
        """What is being said right now, judged as if it ended here; mostly one segment or none."""
        spans, embeddings = self._described(self._segmenter.unfinished())
        return self._judged(spans, embeddings, self._averaged(spans, embeddings, self.average()))

    def average(self) -> Average | None:
        """What the voice sounds like over all that was heard of it; None where that is nothing."""
        return self._averaged(self.spans, self._embeddings, self._past)

    @staticmethod
    def _averaged(spans: Sequence[Span], embeddings: Sequence[Embedding], past: Average | None) -> Average | None:
        if not embeddings:
            return past
        durations = np.array([end - start for start, end, *_ in spans], np.float32)
        total, seconds = durations @ np.stack(embeddings), float(durations.sum())
        if past:
            total, seconds = total + past.embedding * np.float32(past.seconds), seconds + past.seconds
        return Average(total / np.float32(seconds), seconds)

    def _judged(self, spans: Sequence[Span], embeddings: Sequence[Embedding], average: Average | None) -> list[Segment]:
        if average is None or not embeddings:
            return [Segment(self.channel, self.role, *span) for span in spans]
        # All that was heard of the voice counts as one long segment that sounds like its mean.
        baseline = self._model.baseline(average.embedding[None], np.array([average.seconds], np.float32))
        probabilities = self._model.classify(np.stack(embeddings), baseline, self._settings.prior)
        threshold = self._settings.confidence_threshold
        if threshold is None:
            threshold = self._model.confidence_threshold
        return [
            Segment(
                self.channel,
                self.role,
                *span,
                tuple(map(float, p)),
                EMOTIONS[int(p.argmax())] if p.max() >= threshold else UNCERTAIN,
                tuple(map(float, numbers)),
            )
            for span, p, numbers in zip(spans, probabilities, project(np.stack(embeddings)), strict=True)
        ]
