"""The analysis of one recording: audio in, segments with their emotion out. No network, no clock, no environment."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from callmood import __version__, audio
from callmood.audio import SAMPLE_RATE, AudioInfo, open_audio
from callmood.emotion import EmotionModel
from callmood.errors import BadRecording
from callmood.recording import EMOTIONS, Recording, Role
from callmood.settings import Settings
from callmood.speech import Segmenter, SpeechSegment

UNCERTAIN = "uncertain"

WARNINGS = {
    **audio.WARNINGS,
    "dual_mono": "Two channels carry the same sound; they are analysed as one channel with both parties.",
    "silent_channel": "A channel is empty: nothing was recorded on it.",
    "no_speech": "Nobody speaks; the recording has no segments.",
}
"""dict of str to str: every code in the `recordings` table's `warnings`, and what it means."""

# Two channels are one where their correlation is above this: codecs blur copies a little, two parties never come near.
_SAME_CHANNEL = 0.98
# Below a 16-bit file's last bit nothing was recorded.
_EMPTY_PEAK = 2.0**-15


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
    probabilities : tuple of float or None
        In the order of `EMOTIONS`, summing to one; None where emotion is not inferred for the role.
    emotion : str or None
        The most probable emotion, or ``uncertain`` below the confidence threshold.
    """

    channel: int
    role: Role
    start_s: float
    end_s: float
    level_dbfs: float
    probabilities: tuple[float, ...] | None = None
    emotion: str | None = None

    @property
    def confidence(self) -> float | None:
        """Probability of the most probable emotion."""
        return max(self.probabilities) if self.probabilities else None


@dataclass(frozen=True)
class Analysis:
    """All that one model version has to say of one recording.

    Parameters
    ----------
    recording : Recording
        What was analysed.
    analysis_id : str
        32 hexadecimal digits: the same recording, software, model and settings give the same id.
    info : AudioInfo
        Format of the file.
    duration_s : float
        Length of the audio as decoded, in seconds.
    roles : tuple of str
        Role of each channel in order; ``silent`` for an empty one.
    segments : tuple of Segment
        By start, then channel.
    talk_s : dict of str to float
        Seconds of speech by role, for the roles that have a channel.
    silence_s, overlap_s : float
        Seconds in which nobody, and in which two or more channels speak.
    warnings : tuple of str
        Codes of what was odd.
    model_version : str
        Version of the emotion model.
    """

    recording: Recording
    analysis_id: str
    info: AudioInfo
    duration_s: float
    roles: tuple[str, ...]
    segments: tuple[Segment, ...]
    talk_s: dict[Role, float]
    silence_s: float
    overlap_s: float
    warnings: tuple[str, ...]
    model_version: str


def analysis_id(recording_id: str, model_version: str, settings: Settings) -> str:
    """Id of the analysis of a recording by this software and a model under the settings that change its rows.

    Another version of the software may cut segments elsewhere, and views must not mix the two.

    Parameters
    ----------
    recording_id : str
        Id of the recording.
    model_version : str
        Version of the emotion model.
    settings : Settings
        Only those that change rows count.

    Returns
    -------
    str
        32 hexadecimal digits.
    """
    what_counts = settings.model_dump(
        mode="json",
        include={
            "channel_roles",
            "analyze_agent_emotion",
            "filename_pattern",
            "time_zone",
            "prior",
            "confidence_threshold",
        },
    )
    key = json.dumps([recording_id, __version__, model_version, what_counts], sort_keys=True)
    return hashlib.sha256(key.encode()).hexdigest()[:32]


def channel_roles(channels: int, recording: Recording, settings: Settings) -> tuple[Role, ...]:
    """Role of every channel: the object's own word, else the settings'; one channel holds both parties.

    Parameters
    ----------
    channels : int
        Channels in the file.
    recording : Recording
        Its `call.channel_roles` wins.
    settings : Settings
        `channel_roles` for recordings with two or more channels.

    Returns
    -------
    tuple of str
        As many roles as channels; ``mixed`` where nothing is said of a channel.
    """
    stated = recording.call.channel_roles or (settings.channel_roles if channels > 1 else ())
    unstated: list[Role] = ["mixed"] * channels
    return (*stated, *unstated)[:channels]


@dataclass
class _Voice:
    """One channel while it is listened to."""

    channel: int
    role: Role
    infer_emotion: bool
    segmenter: Segmenter = field(default_factory=Segmenter)
    peak: float = 0.0
    spans: list[tuple[float, float, float]] = field(default_factory=list)  # start_s, end_s, level_dbfs
    embeddings: list[NDArray[np.float32]] = field(default_factory=list)


class _Likeness:
    """Running correlation of every pair of channels."""

    def __init__(self, channels: int) -> None:
        self.products = np.zeros((channels, channels))

    def push(self, block: NDArray[np.float32]) -> None:
        self.products += block @ block.T

    def copies(self) -> list[tuple[int, int]]:
        """Pairs (earlier, later) of channels that carry the same sound."""
        energy = np.sqrt(np.diag(self.products))
        alike = np.abs(self.products) > _SAME_CHANNEL * np.outer(energy, energy)
        heard = energy > 0
        return [(int(i), int(j)) for i, j in np.argwhere(np.triu(alike & np.outer(heard, heard), 1))]


def _listen(
    recording: Recording, model: EmotionModel, settings: Settings
) -> tuple[list[_Voice], _Likeness, AudioInfo, float, list[str]]:
    """One pass over the audio: memory stays flat, since only embeddings are kept of what was heard."""
    with open_audio(recording.audio) as stream:
        roles = channel_roles(stream.info.channels, recording, settings)
        inferred = {"customer", "mixed"} | ({"agent"} if settings.analyze_agent_emotion else set())
        voices = [_Voice(channel, role, role in inferred) for channel, role in enumerate(roles)]
        likeness = _Likeness(len(voices))
        samples = 0
        for block in stream.blocks():
            samples += block.shape[1]
            if samples > settings.max_duration_s * SAMPLE_RATE:
                raise BadRecording(
                    "too_long",
                    f"The recording is longer than {settings.max_duration_s / 3600:g} hours. "
                    "Split it, or raise MAX_DURATION_S.",
                )
            if len(voices) > 1:
                likeness.push(block)
            for voice, heard in zip(voices, block, strict=True):
                voice.peak = max(voice.peak, float(np.abs(heard).max(initial=0.0)))
                _hear(voice, voice.segmenter.push(heard), model)
        for voice in voices:
            _hear(voice, voice.segmenter.flush(), model)
        return voices, likeness, stream.info, samples / SAMPLE_RATE, list(stream.warnings)


def _hear(voice: _Voice, segments: Iterable[SpeechSegment], model: EmotionModel) -> None:
    for segment in segments:
        voice.spans.append((segment.start_s, segment.end_s, segment.level_dbfs))
        if voice.infer_emotion:
            voice.embeddings.append(model.embed(segment.samples))


def _merge_copies(voices: Sequence[_Voice], copies: Iterable[tuple[int, int]]) -> list[_Voice]:
    """Drop channels that repeat another; the one that is kept holds both parties."""
    kept = list(voices)
    for first, second in copies:
        pair = [voice for voice in kept if voice.channel in (first, second)]
        if len(pair) < 2:
            continue
        keep, drop = sorted(pair, key=lambda voice: (not voice.infer_emotion, voice.channel))
        if keep.role != drop.role:
            keep.role = "mixed"
        kept.remove(drop)
    return kept


def _said_role(voice: _Voice, kept: Sequence[_Voice]) -> str:
    if voice.peak <= _EMPTY_PEAK:
        return "silent"
    return voice.role if voice in kept else "copy"


def _classified(voice: _Voice, model: EmotionModel, settings: Settings) -> list[Segment]:
    segments = [Segment(voice.channel, voice.role, *span) for span in voice.spans]
    if not voice.embeddings:
        return segments
    embeddings = np.stack(voice.embeddings)
    durations = np.array([end - start for start, end, _ in voice.spans], np.float32)
    probabilities = model.classify(embeddings, model.baseline(embeddings, durations), settings.prior)
    threshold = model.confidence_threshold if settings.confidence_threshold is None else settings.confidence_threshold
    return [
        Segment(
            voice.channel,
            voice.role,
            *span,
            tuple(map(float, p)),
            EMOTIONS[int(p.argmax())] if p.max() >= threshold else UNCERTAIN,
        )
        for span, p in zip(voice.spans, probabilities, strict=True)
    ]


def speaking_time(spans: Iterable[tuple[float, float]]) -> tuple[float, float]:
    """Seconds covered by at least one span, and by at least two.

    Parameters
    ----------
    spans : iterable of (float, float)
        Start and end in seconds, in any order.

    Returns
    -------
    tuple of float
        (covered, overlapped)

    Examples
    --------
    >>> speaking_time([(0.0, 2.0), (1.0, 4.0), (5.0, 6.0)])
    (5.0, 1.0)
    """
    edges = sorted(edge for start, end in spans for edge in ((start, 1), (end, -1)))
    covered = overlapped = 0.0
    speaking, since = 0, 0.0
    for at, step in edges:
        covered += (at - since) * (speaking >= 1)
        overlapped += (at - since) * (speaking >= 2)
        speaking, since = speaking + step, at
    return covered, overlapped


def analyse(recording: Recording, model: EmotionModel, settings: Settings) -> Analysis:
    """Find the spoken segments of a recording and say what each sounds like.

    Parameters
    ----------
    recording : Recording
        The audio and what is known of it.
    model : EmotionModel
        Embeds and classifies segments.
    settings : Settings
        Roles, limits, prior and threshold.

    Returns
    -------
    Analysis
        The same for the same input, always.

    Raises
    ------
    BadRecording
        The bytes can never be analysed; its code says why.
    """
    voices, likeness, info, duration_s, warnings = _listen(recording, model, settings)
    copies = likeness.copies()
    kept = _merge_copies(voices, copies)
    if copies:
        warnings.append("dual_mono")
    roles = [_said_role(voice, kept) for voice in voices]
    if "silent" in roles:
        warnings.append("silent_channel")

    segments = sorted(
        (segment for voice in kept for segment in _classified(voice, model, settings)),
        key=lambda segment: (segment.start_s, segment.channel),
    )
    if not segments:
        warnings.append("no_speech")
    covered, overlapped = speaking_time((segment.start_s, segment.end_s) for segment in segments)
    talk_s = {voice.role: 0.0 for voice in kept}
    for voice in kept:
        talk_s[voice.role] += sum(end - start for start, end, _ in voice.spans)
    return Analysis(
        recording=recording,
        analysis_id=analysis_id(recording.ref.recording_id, model.version, settings),
        info=info,
        duration_s=duration_s,
        roles=tuple(roles),
        segments=tuple(segments),
        talk_s=talk_s,
        silence_s=max(duration_s - covered, 0.0),
        overlap_s=overlapped,
        warnings=tuple(warnings),
        model_version=model.version,
    )
