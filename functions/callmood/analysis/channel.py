"""One channel of a call: detect its segments, embed them, and classify them relative to the speaker."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from callmood.analysis.voice import NO_DIFFERENCE, VoiceDifference, VoiceSample, voice_differences
from callmood.config import AnalysisConfig
from callmood.emotion.baseline import Embedding, SpeakerBaseline
from callmood.emotion.model import EmotionModel
from callmood.emotion.projection import project
from callmood.speech.prosody import Prosody, measure_prosody
from callmood.speech.segmenter import Segmenter, SpeechSegment
from callmood.speech.silero import RECORDING_BLOCK
from callmood.types import EMOTIONS, SAMPLE_RATE, Role

UNCERTAIN = "uncertain"

_NEUTRAL = EMOTIONS.index("neutral")


@dataclass(frozen=True)
class Speaker:
    """The speaker of a segment.

    Parameters
    ----------
    role : {"agent", "customer", "mixed", "unknown"}
        Role of the speaker. ``mixed``: the segment belongs to one of several speakers, but not clearly to one.
    number : int or None
        Number of the speaker in the channel, from 1. None if the segment is ``mixed``.
    confidence : float or None
        Probability that the segment belongs to this speaker, 0 to 1. 1 for a channel with one speaker; None for
        ``mixed`` and ``unknown``.
    """

    role: Role
    number: int | None = 1
    confidence: float | None = 1.0


@dataclass(frozen=True)
class Utterance:
    """One segment before classification.

    Parameters
    ----------
    start_s, end_s : float
        Seconds from the start of the recording.
    level_dbfs, noise_dbfs : float
        As in `SpeechSegment`.
    embedding : ndarray of float32, shape (d,), optional
        From `EmotionModel.embed`. None if the segment is not classified.
    prosody : Prosody, optional
        None if the segment is not classified.
    is_mixed : bool
        Whether the channel contains several speakers here.
    """

    start_s: float
    end_s: float
    level_dbfs: float
    noise_dbfs: float
    embedding: Embedding | None = None
    prosody: Prosody | None = None
    is_mixed: bool = False

    @property
    def duration_s(self) -> float:
        """Return the duration in seconds."""
        return self.end_s - self.start_s


@dataclass(frozen=True)
class Segment:
    """One stretch of speech in one channel.

    Parameters
    ----------
    channel : int
        Channel of the recording, from 0.
    role : {"agent", "customer", "mixed", "unknown"}
        Role of the speaker.
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
    speaker : int or None
        Number of the speaker in the channel, as in `Speaker`.
    role_confidence : float or None
        As in `Speaker`.
    voice : VoiceDifference
        Difference to the speaker's own neutral speech.
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
    speaker: int | None = None
    role_confidence: float | None = None
    voice: VoiceDifference = NO_DIFFERENCE

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
    role : {"agent", "customer", "mixed", "unknown"}
        Role of the channel. `AnalysisConfig.classifies` decides whether its emotion is inferred.
    model : EmotionModel
        Embeds and classifies segments.
    config : AnalysisConfig
        Prior, confidence threshold, and the roles to classify.
    prior_baseline : SpeakerBaseline, optional
        Baseline of the same speaker from earlier chunks of the call.
    block : int
        Passed to `Segmenter`: how soon a segment is emitted.
    separates : bool
        Whether the speakers of the channel are separated later. Then every segment is embedded.

    Attributes
    ----------
    utterances : list of Utterance
        The finished segments.
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
        block: int = RECORDING_BLOCK,
        separates: bool = False,
    ) -> None:
        self.channel = channel
        self.role = role
        self.utterances: list[Utterance] = []
        self.received_s = 0.0
        self.separates = separates
        self.prior_baseline = prior_baseline
        self._segmenter = Segmenter(block, separates)
        self.model = model
        self._config = config

    @property
    def processed_s(self) -> float:
        """Return the seconds of audio processed: less than `received_s` by less than a block."""
        return self._segmenter.processed_s

    @property
    def too_quiet_s(self) -> float:
        """Return the seconds of speech that were too quiet for a segment."""
        return self._segmenter.too_quiet_s

    def process(self, samples: NDArray[np.float32], mixed: Sequence[tuple[float, float]] = ()) -> None:
        """Process more samples.

        Parameters
        ----------
        samples : ndarray of float32, shape (n,)
            At 16 kHz in [-1, 1].
        mixed : sequence of (float, float)
            Parts of the recording, in seconds, in which the channel contains several speakers.
        """
        self.received_s += len(samples) / SAMPLE_RATE
        self._add(self._segmenter.process(samples), mixed)

    def finish(self, mixed: Sequence[tuple[float, float]] = ()) -> None:
        """End the channel and emit its last segment."""
        self._add(self._segmenter.finish(), mixed)

    def segments(self, since: int = 0) -> list[Segment]:
        """Return the finished segments from index `since`, classified relative to all speech so far."""
        return self.classify(self.utterances, Speaker(self.role), since)

    def partial(self) -> list[Segment]:
        """Return the segment in progress, classified as if it ended now. Usually one segment or none."""
        unfinished = [self._embedded(segment, is_mixed=False) for segment in self._segmenter.partial()]
        if not unfinished:
            return []
        return self.classify([*self.utterances, *unfinished], Speaker(self.role), len(self.utterances))

    def baseline(self) -> SpeakerBaseline | None:
        """Return the baseline of the channel's only speaker over all speech so far, or None without any."""
        return self.baseline_of(self.utterances)

    def baseline_of(self, utterances: Sequence[Utterance], role: Role | None = None) -> SpeakerBaseline | None:
        """Return the baseline of one speaker of the channel, or None without any speech.

        Parameters
        ----------
        utterances : sequence of Utterance
            All utterances of the speaker in this recording.
        role : str, optional
            Role of the speaker. Default: that of the channel. The baseline of earlier chunks of the call is that of
            the channel's only speaker, or of the customer.
        """
        prior = self.prior_baseline if role in (None, self.role, "customer") else None
        embedded = [(one.embedding, one.duration_s) for one in utterances if one.embedding is not None]
        if not embedded:
            return prior
        stacked = np.stack([embedding for embedding, _ in embedded])
        durations_s = np.array([duration_s for _, duration_s in embedded], np.float32)
        return self.model.estimate_baseline(stacked, durations_s, prior, self._config.prior)

    def classify(self, utterances: Sequence[Utterance], speaker: Speaker, since: int = 0) -> list[Segment]:
        """Return the segments of one speaker of the channel.

        Parameters
        ----------
        utterances : sequence of Utterance
            All utterances of the speaker so far.
        speaker : Speaker
            Its role decides whether emotion is inferred.
        since : int
            Index of the first utterance to return.
        """
        found = utterances[since:]
        plain = [
            Segment(
                self.channel,
                speaker.role,
                one.start_s,
                one.end_s,
                one.level_dbfs,
                one.noise_dbfs,
                speaker=speaker.number,
                role_confidence=speaker.confidence,
            )
            for one in found
        ]
        baseline = self.baseline_of(utterances, speaker.role)
        if baseline is None or not found or not self._config.classifies(speaker.role):
            return plain
        stacked = np.stack([one.embedding for one in found if one.embedding is not None])
        probabilities = self.model.classify(stacked, baseline, self._config.prior)
        threshold = self._config.confidence_threshold
        if threshold is None:
            threshold = self.model.confidence_threshold
        return [
            replace(
                segment,
                probabilities=tuple(map(float, p)),
                emotion=EMOTIONS[int(p.argmax())] if p.max() >= threshold else UNCERTAIN,
                embedding_proj=tuple(map(float, projection)),
            )
            for segment, p, projection in zip(plain, probabilities, project(stacked), strict=True)
        ]

    def _add(self, segments: Sequence[SpeechSegment], mixed: Sequence[tuple[float, float]]) -> None:
        for segment in segments:
            middle_s = (segment.start_s + segment.end_s) / 2
            is_mixed = self.separates or any(start_s <= middle_s < end_s for start_s, end_s in mixed)
            utterance = self._embedded(segment, is_mixed)
            if utterance.embedding is not None:
                utterance = replace(utterance, prosody=measure_prosody(segment.samples))
            self.utterances.append(utterance)

    def _embedded(self, segment: SpeechSegment, is_mixed: bool) -> Utterance:
        needed = is_mixed or self._config.classifies(self.role)
        return Utterance(
            segment.start_s,
            segment.end_s,
            segment.level_dbfs,
            segment.noise_dbfs,
            self.model.embed(segment.samples) if needed else None,
            is_mixed=is_mixed,
        )


def describe_voice(segments: Sequence[Segment], utterances: Sequence[Utterance]) -> list[Segment]:
    """Add the difference to the speaker's own neutral speech to each segment of one speaker.

    Parameters
    ----------
    segments : sequence of Segment
        All segments of the speaker, from `ChannelAnalyzer.classify`.
    utterances : sequence of Utterance
        Their utterances.

    Returns
    -------
    list of Segment
        Unchanged if the speaker is not classified.
    """
    samples = [
        VoiceSample(one.duration_s, one.level_dbfs, one.prosody, segment.probabilities[_NEUTRAL])
        for segment, one in zip(segments, utterances, strict=True)
        if segment.probabilities and one.prosody
    ]
    if len(samples) < len(segments):
        return list(segments)
    return [replace(segment, voice=voice) for segment, voice in zip(segments, voice_differences(samples), strict=True)]
