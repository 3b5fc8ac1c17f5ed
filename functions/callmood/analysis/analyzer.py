"""The analysis of one recording: audio in, segments with their emotion out. No network, no clock, no environment."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from callmood import __version__
from callmood.analysis.channel import Average, Segment, Voice
from callmood.audio import stream
from callmood.audio.stream import AudioInfo, open_audio
from callmood.emotion.model import EmotionModel
from callmood.errors import BadRecording
from callmood.recording import Recording
from callmood.settings import Settings
from callmood.types import SAMPLE_RATE, Role

WARNINGS = {
    **stream.WARNINGS,
    "dual_mono": "Two channels carry the same sound; they are analyzed as one channel with both parties.",
    "silent_channel": "A channel is empty: nothing was recorded on it.",
    "no_speech": "Nobody speaks; the recording has no segments.",
}
"""dict of str to str: every code in the `recordings` table's `warnings`, and what it means."""

# Two channels are one where their correlation is above this: codecs blur copies a little, two parties never come near.
_SAME_CHANNEL = 0.98
# Below a 16-bit file's last bit nothing was recorded.
_EMPTY_PEAK = 2.0**-15


@dataclass(frozen=True)
class Analysis:
    """All that one model version has to say of one recording.

    Parameters
    ----------
    recording : Recording
        What was analyzed.
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
    averages : dict of int to Average
        What each channel's voice sounds like, earlier parts included: the `past` of a next part of the same call.
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
    averages: dict[int, Average] = field(default_factory=dict)


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
    recording: Recording, model: EmotionModel, settings: Settings, past: Mapping[int, Average]
) -> tuple[list[Voice], NDArray[np.float32], _Likeness, AudioInfo, float, list[str]]:
    """One pass over the audio: memory stays flat, since only embeddings are kept of what was heard."""
    with open_audio(recording.audio) as stream:
        roles = channel_roles(stream.info.channels, recording, settings)
        voices = [Voice(channel, role, model, settings, past.get(channel)) for channel, role in enumerate(roles)]
        peaks = np.zeros(len(voices), np.float32)
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
            peaks = np.maximum(peaks, np.abs(block).max(axis=1, initial=0.0))
            for voice, heard in zip(voices, block, strict=True):
                voice.hear(heard)
        for voice in voices:
            voice.end()
        return voices, peaks, likeness, stream.info, samples / SAMPLE_RATE, list(stream.warnings)


def _merge_copies(voices: Sequence[Voice], copies: Iterable[tuple[int, int]]) -> list[Voice]:
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


def _said_role(voice: Voice, peak: float, kept: Sequence[Voice]) -> str:
    if peak <= _EMPTY_PEAK:
        return "silent"
    return voice.role if voice in kept else "copy"


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


def analyze(
    recording: Recording, model: EmotionModel, settings: Settings, past: Mapping[int, Average] = MappingProxyType({})
) -> Analysis:
    """Find the spoken segments of a recording and say what each sounds like.

    Parameters
    ----------
    recording : Recording
        The audio and what is known of it.
    model : EmotionModel
        Embeds and classifies segments.
    settings : Settings
        Roles, limits, prior and threshold.
    past : mapping of int to Average
        What the channels' voices sounded like in earlier parts of the same call, where this is a part of one.

    Returns
    -------
    Analysis
        The same for the same input, always.

    Raises
    ------
    BadRecording
        The bytes can never be analyzed; its code says why.
    """
    voices, peaks, likeness, info, duration_s, warnings = _listen(recording, model, settings, past)
    copies = likeness.copies()
    kept = _merge_copies(voices, copies)
    if copies:
        warnings.append("dual_mono")
    roles = [_said_role(voice, peak, kept) for voice, peak in zip(voices, peaks, strict=True)]
    if "silent" in roles:
        warnings.append("silent_channel")

    segments = sorted(
        (segment for voice in kept for segment in voice.segments()),
        key=lambda segment: (segment.start_s, segment.channel),
    )
    if not segments:
        warnings.append("no_speech")
    covered, overlapped = speaking_time((segment.start_s, segment.end_s) for segment in segments)
    talk_s = {voice.role: 0.0 for voice in kept}
    for voice in kept:
        talk_s[voice.role] += sum(end - start for start, end, *_ in voice.spans)
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
        averages={voice.channel: average for voice in kept if (average := voice.average())},
    )
