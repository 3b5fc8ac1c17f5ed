"""The analysis of one recording: audio in, classified segments out. No network, no clock, no environment."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from callmood.analysis.channel import ChannelAnalyzer, Segment
from callmood.audio import stream
from callmood.audio.stream import AudioInfo, open_audio
from callmood.config import AnalysisConfig
from callmood.emotion.baseline import SpeakerBaseline
from callmood.emotion.model import EmotionModel
from callmood.errors import BadRecording
from callmood.speech.crosstalk import ChannelCorrelation
from callmood.types import METADATA_WARNINGS, SAMPLE_RATE, Recording, Role

ANALYSIS_VERSION = 2
"""int: version of the analysis. Increase it with every change of results; tests/analysis/golden.json checks it."""

WARNINGS = {
    **stream.WARNINGS,
    "dual_mono": "Two channels have the same content. They were analyzed as one channel with both parties.",
    "silent_channel": "A channel contains no signal.",
    "no_speech": "The recording contains no speech, so it has no segments.",
    **METADATA_WARNINGS,
}
"""dict of str to str: every code in the `warnings` column of `recordings`, and its meaning."""

# MAX_DURATION_S applies to two channels. The time of more channels is bounded by their sum.
_CHANNELS = 2

# A quieter channel is empty: it stays below the last bit of a 16-bit file.
_EMPTY_PEAK = 2.0**-15


@dataclass(frozen=True)
class Analysis:
    """The result of one analysis.

    Parameters
    ----------
    recording : Recording
        The recording.
    analysis_id : str
        See `analysis_id`.
    info : AudioInfo
        Format of the file.
    duration_s : float
        Duration of the decoded audio, in seconds.
    roles : tuple of str
        Role of each channel; ``silent`` for an empty channel, ``duplicate`` for a duplicate channel.
    segments : tuple of Segment
        Sorted by start, then channel.
    talk_s : dict of str to float
        Seconds of speech by role, for roles with a channel.
    silence_s, overlap_s : float
        Seconds in which no channel, and in which at least two channels contain speech.
    warnings : tuple of str
        Keys of `WARNINGS`.
    model_version : str
        Version of the emotion model.
    baselines : dict of int to SpeakerBaseline
        Baseline of each channel, including earlier chunks: the `prior_baselines` of the next chunk of the call.
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
    baselines: dict[int, SpeakerBaseline] = field(default_factory=dict)


def analysis_id(recording_id: str, model_version: str, config: AnalysisConfig) -> str:
    """Return a deterministic ID for a recording, the analysis version, a model version, and row-affecting settings.

    Views never mix segments of two analyses.

    Parameters
    ----------
    recording_id : str
        ID of the recording.
    model_version : str
        Version of the emotion model.
    config : AnalysisConfig
        Only `row_fields` count.

    Returns
    -------
    str
        32 hexadecimal digits.
    """
    key = json.dumps([recording_id, ANALYSIS_VERSION, model_version, config.row_fields()], sort_keys=True)
    return hashlib.sha256(key.encode()).hexdigest()[:32]


def channel_roles(channels: int, recording: Recording, config: AnalysisConfig) -> tuple[Role, ...]:
    """Return the role of every channel.

    Parameters
    ----------
    channels : int
        Number of channels in the file. A single channel carries both parties.
    recording : Recording
        Its `call.channel_roles` take precedence.
    config : AnalysisConfig
        `channel_roles` for recordings with two or more channels.

    Returns
    -------
    tuple of str
        One role per channel; ``mixed`` for channels without a stated role.
    """
    stated = recording.call.channel_roles or (config.channel_roles if channels > 1 else ())
    unstated: list[Role] = ["mixed"] * channels
    return (*stated, *unstated)[:channels]


def speaking_time(spans: Iterable[tuple[float, float]]) -> tuple[float, float]:
    """Return the seconds covered by at least one span, and by at least two.

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
    recording: Recording,
    model: EmotionModel,
    config: AnalysisConfig,
    prior_baselines: Mapping[int, SpeakerBaseline] = MappingProxyType({}),
) -> Analysis:
    """Find the speech segments of a recording and classify the emotion of each.

    Parameters
    ----------
    recording : Recording
        The audio and the metadata of the call.
    model : EmotionModel
        Embeds and classifies segments.
    config : AnalysisConfig
        Roles, limits, prior, and threshold.
    prior_baselines : mapping of int to SpeakerBaseline
        Baseline of each channel from earlier chunks of the same call.

    Returns
    -------
    Analysis
        Always the same for the same input.

    Raises
    ------
    BadRecording
        The recording can never be analyzed; its code says why.
    """
    decoded = _decode(recording, model, config, prior_baselines)
    duplicates = decoded.correlation.duplicates()
    kept = _merge_duplicates(decoded.channels, duplicates)
    warnings = list(decoded.warnings)
    if duplicates:
        warnings.append("dual_mono")
    roles = [_reported_role(channel, peak, kept) for channel, peak in zip(decoded.channels, decoded.peaks, strict=True)]
    if "silent" in roles:
        warnings.append("silent_channel")

    segments = sorted(
        (segment for channel in kept for segment in channel.segments()),
        key=lambda segment: (segment.start_s, segment.channel),
    )
    if not segments:
        warnings.append("no_speech")
    covered, overlapped = speaking_time((segment.start_s, segment.end_s) for segment in segments)
    talk_s = {channel.role: 0.0 for channel in kept}
    for channel in kept:
        talk_s[channel.role] += sum(end - start for start, end, *_ in channel.spans)
    return Analysis(
        recording=recording,
        analysis_id=analysis_id(recording.ref.recording_id, model.version, config),
        info=decoded.info,
        duration_s=decoded.duration_s,
        roles=tuple(roles),
        segments=tuple(segments),
        talk_s=talk_s,
        silence_s=max(decoded.duration_s - covered, 0.0),
        overlap_s=overlapped,
        warnings=tuple(warnings),
        model_version=model.version,
        baselines={channel.channel: baseline for channel in kept if (baseline := channel.baseline())},
    )


@dataclass(frozen=True)
class _Decoded:
    """All that one pass over the audio leaves."""

    channels: list[ChannelAnalyzer]
    peaks: NDArray[np.float32]
    correlation: ChannelCorrelation
    info: AudioInfo
    duration_s: float
    warnings: Sequence[str]


def _decode(
    recording: Recording, model: EmotionModel, config: AnalysisConfig, prior_baselines: Mapping[int, SpeakerBaseline]
) -> _Decoded:
    """Read the audio once, in constant memory: only embeddings are kept."""
    suffix = PurePosixPath(recording.ref.name).suffix
    with open_audio(recording.audio, suffix, config.raw_audio) as audio:
        roles = channel_roles(audio.info.channels, recording, config)
        channels = [
            ChannelAnalyzer(channel, role, model, config, prior_baselines.get(channel))
            for channel, role in enumerate(roles)
        ]
        peaks = np.zeros(len(channels), np.float32)
        correlation = ChannelCorrelation(len(channels))
        samples = 0
        for block in audio.blocks():
            samples += block.shape[1]
            if samples > config.max_duration_s * SAMPLE_RATE:
                raise BadRecording(
                    "too_long",
                    f"The recording is longer than {config.max_duration_s / 3600:g} hours. "
                    "Split it, or raise MAX_DURATION_S.",
                )
            if samples * len(channels) > _CHANNELS * config.max_duration_s * SAMPLE_RATE:
                raise BadRecording(
                    "too_costly",
                    f"The recording has {len(channels)} channels and is longer than "
                    f"{_CHANNELS * config.max_duration_s / len(channels) / 3600:g} hours, the limit for this number. "
                    "Split it, or raise MAX_DURATION_S.",
                )
            if len(channels) > 1:
                correlation.process(block)
            peaks = np.maximum(peaks, np.abs(block).max(axis=1, initial=0.0))
            for channel, channel_samples in zip(channels, block, strict=True):
                channel.process(channel_samples)
        for channel in channels:
            channel.finish()
        return _Decoded(channels, peaks, correlation, audio.info, samples / SAMPLE_RATE, audio.warnings)


def _merge_duplicates(
    channels: Sequence[ChannelAnalyzer], duplicates: Iterable[tuple[int, int]]
) -> list[ChannelAnalyzer]:
    """Drop channels that duplicate another. The remaining one is mixed if their roles differ."""
    kept = list(channels)
    for first, second in duplicates:
        pair = [channel for channel in kept if channel.channel in (first, second)]
        if len(pair) < 2:
            continue
        keep, drop = sorted(pair, key=lambda channel: (not channel.classifies, channel.channel))
        if keep.role != drop.role:
            keep.role = "mixed"
        kept.remove(drop)
    return kept


def _reported_role(channel: ChannelAnalyzer, peak: float, kept: Sequence[ChannelAnalyzer]) -> str:
    if peak <= _EMPTY_PEAK:
        return "silent"
    return channel.role if channel in kept else "duplicate"
