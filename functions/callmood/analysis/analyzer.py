"""The analysis of one recording: audio in, classified segments out. No network, no clock, no environment."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from callmood.analysis.channel import ChannelAnalyzer, Segment, Utterance
from callmood.analysis.speakers import classify_speakers
from callmood.audio import stream
from callmood.audio.legs import open_legs
from callmood.audio.offset import OffsetFilter
from callmood.audio.stream import AudioInfo, AudioStream, open_audio
from callmood.config import AnalysisConfig
from callmood.emotion.baseline import SpeakerBaseline
from callmood.emotion.model import EmotionModel
from callmood.errors import BadRecording
from callmood.speech.crosstalk import MARGIN_DB, CrosstalkFilter
from callmood.types import METADATA_WARNINGS, ROLES, SAMPLE_RATE, Recording, Role

ANALYSIS_VERSION = 3
"""int: version of the analysis. Increase it with every change of results; tests/analysis/golden.json checks it."""

WARNINGS = {
    **stream.WARNINGS,
    "dual_mono": "Two channels have the same content, in all or a part of the recording. There, they were analyzed as "
    "one channel with several speakers.",
    "silent_channel": "A channel contains no signal of its own: nothing, or only crosstalk of another channel.",
    "crosstalk": "A channel contains speech of another channel (an echo or a leak), which was removed. The column "
    "`crosstalk_s` of `recordings` has its duration.",
    "quiet_channel": "The speech in a channel is very quiet (below -35 dBFS), so parts of it may be missing.",
    "speakers_not_separated": "A channel with several parties could not be separated into speakers, so the role of its "
    "speech is `unknown`.",
    "no_speech": "The recording contains no speech, so it has no segments.",
    **METADATA_WARNINGS,
}
"""dict of str to str: every code in the `warnings` column of `recordings`, and its meaning."""

# MAX_DURATION_S applies to two channels. The time of more channels is bounded by their sum.
_CHANNELS = 2

# A quieter channel is empty: it stays below the last bit of a 16-bit file.
_EMPTY_PEAK = 2.0**-15

QUIET_DBFS = -35.0
"""float: level of a channel's speech below which the warning `quiet_channel` is given, in dB relative to full scale."""

_MIN_CROSSTALK_S = 1.0
_EARLY_SHARE = 0.8  # of a segment, which its source covers
_MIN_TOO_QUIET_S = 3.0  # of speech without segments cause the warning `quiet_channel`, too


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
    crosstalk_s : float
        Seconds of crosstalk that were removed from all channels.
    warnings : tuple of str
        Keys of `WARNINGS`.
    model_version : str
        Version of the emotion model.
    population_version : str or None
        Version of the population that the model is calibrated with.
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
    crosstalk_s: float
    warnings: tuple[str, ...]
    model_version: str
    population_version: str | None = None
    baselines: dict[int, SpeakerBaseline] = field(default_factory=dict)


def analysis_id(
    recording_id: str,
    model_version: str,
    config: AnalysisConfig,
    population_version: str | None = None,
    *,
    is_joined: bool = False,
) -> str:
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
    population_version : str, optional
        Version of the population that the model is calibrated with.
    is_joined : bool
        Whether the recording is a call of two legs, and not one leg alone.

    Returns
    -------
    str
        32 hexadecimal digits.
    """
    versions = [ANALYSIS_VERSION, model_version, population_version, *(["joined"] if is_joined else [])]
    key = json.dumps([recording_id, *versions, config.row_fields()], sort_keys=True)
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
    by_setting = config.roles_of_channels(recording.call.direction) if channels > 1 else ()
    stated = recording.call.channel_roles or by_setting
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
    has_parties = {"agent", "customer"} <= {channel.role for channel in decoded.channels}
    voices = [classify_speakers(channel, recording.call.direction, config, has_parties) for channel in decoded.channels]
    segments = sorted(
        (segment for voice in voices for segment in voice.segments),
        key=lambda segment: (segment.start_s, segment.channel),
    )
    roles = [
        _reported_role(channel, peak, decoded) for channel, peak in zip(decoded.channels, decoded.peaks, strict=True)
    ]
    covered, overlapped = speaking_time((segment.start_s, segment.end_s) for segment in segments)
    crosstalk_s = float(decoded.crosstalk.crosstalk_s.sum())
    found = {
        "dual_mono": bool(decoded.crosstalk.duplicates),
        "silent_channel": "silent" in roles,
        "crosstalk": crosstalk_s >= _MIN_CROSSTALK_S,
        "quiet_channel": any(map(_is_quiet, decoded.channels)),
        "speakers_not_separated": any(voice.is_separated is False for voice in voices),
        "no_speech": not segments,
    }
    return Analysis(
        recording=recording,
        analysis_id=analysis_id(
            recording.ref.recording_id,
            model.version,
            config,
            model.population_version,
            is_joined=bool(recording.legs),
        ),
        info=decoded.info,
        duration_s=decoded.duration_s,
        roles=tuple(roles),
        segments=tuple(_number_speakers(segments)),
        talk_s=_talk_s(segments, decoded.channels, roles),
        silence_s=max(decoded.duration_s - covered, 0.0),
        overlap_s=overlapped,
        crosstalk_s=crosstalk_s,
        warnings=(*decoded.warnings, *(code for code, is_given in found.items() if is_given)),
        model_version=model.version,
        population_version=model.population_version,
        baselines={
            channel.channel: voice.baseline
            for channel, voice in zip(decoded.channels, voices, strict=True)
            if voice.baseline
        },
    )


@dataclass(frozen=True)
class _Decoded:
    """All that one pass over the audio leaves."""

    channels: list[ChannelAnalyzer]
    peaks: NDArray[np.float32]
    crosstalk: CrosstalkFilter
    info: AudioInfo
    duration_s: float
    warnings: Sequence[str]


def _decode(
    recording: Recording, model: EmotionModel, config: AnalysisConfig, prior_baselines: Mapping[int, SpeakerBaseline]
) -> _Decoded:
    """Read the audio once, in constant memory: only embeddings are kept."""
    with _open(recording, config) as audio:
        roles = channel_roles(audio.info.channels, recording, config)
        channels = [
            ChannelAnalyzer(channel, role, model, config, prior_baselines.get(channel), separates=role == "mixed")
            for channel, role in enumerate(roles)
        ]
        peaks = np.zeros(len(channels), np.float32)
        crosstalk = CrosstalkFilter(len(channels))
        offset = OffsetFilter(len(channels))
        samples = 0
        for block in map(offset.process, audio.blocks()):
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
            peaks = np.maximum(peaks, np.abs(block).max(axis=1, initial=0.0))
            for channel, channel_samples in zip(channels, crosstalk.process(block), strict=True):
                channel.process(channel_samples, _mixed_parts(channel.channel, roles, crosstalk))
        for channel in channels:
            channel.finish(_mixed_parts(channel.channel, roles, crosstalk))
        for channel in channels:
            channel.utterances = [
                one for one in channel.utterances if not _belongs_to_other(one, channel, channels, crosstalk)
            ]
        return _Decoded(channels, peaks, crosstalk, audio.info, samples / SAMPLE_RATE, audio.warnings)


def _open(recording: Recording, config: AnalysisConfig) -> AudioStream:
    if recording.legs:
        legs = [(leg.audio, PurePosixPath(leg.ref.name).suffix) for leg in recording.legs]
        return open_legs(legs, config.raw_audio)
    return open_audio(recording.audio, PurePosixPath(recording.ref.name).suffix, config.raw_audio)


def _mixed_parts(channel: int, roles: Sequence[Role], crosstalk: CrosstalkFilter) -> list[tuple[float, float]]:
    """Return the parts, in seconds, in which a channel contains the party of its duplicate, too."""
    return [
        (span.start_s, span.end_s)
        for span in crosstalk.duplicates
        if span.kept == channel and roles[span.dropped] != roles[channel]
    ]


def _belongs_to_other(
    utterance: Utterance, channel: ChannelAnalyzer, channels: Sequence[ChannelAnalyzer], crosstalk: CrosstalkFilter
) -> bool:
    """Return whether a segment is crosstalk that was processed before there was evidence for it."""
    for source in crosstalk.sources(channel.channel):
        spoken = [one for one in channels[source.channel].utterances if one.end_s > utterance.start_s]
        shared_s = sum(
            max(0.0, min(one.end_s + source.delay_s, utterance.end_s) - max(one.start_s, utterance.start_s))
            for one in spoken
            if utterance.level_dbfs <= one.level_dbfs + source.gain_db + MARGIN_DB
        )
        if utterance.start_s < source.since_s and shared_s >= _EARLY_SHARE * utterance.duration_s:
            return True
    return False


def _reported_role(channel: ChannelAnalyzer, peak: float, decoded: _Decoded) -> str:
    """Return the role of a channel, or ``silent`` or ``duplicate`` if it contains nothing of its own."""
    kept = [span for span in decoded.crosstalk.duplicates if span.kept == channel.channel]
    if peak <= _EMPTY_PEAK:
        return "silent"
    if channel.utterances:
        return "mixed" if all(one.is_mixed for one in channel.utterances) else channel.role
    if any(span.dropped == channel.channel for span in decoded.crosstalk.duplicates):
        return "duplicate"
    return "silent" if decoded.crosstalk.sources(channel.channel) and not kept else channel.role


def _is_quiet(channel: ChannelAnalyzer) -> bool:
    """Return whether a channel's speech is so quiet that parts of it may be missing."""
    total_s = sum(one.duration_s for one in channel.utterances)
    energy = sum(10 ** (one.level_dbfs / 10) * one.duration_s for one in channel.utterances)
    is_quiet = total_s > 0 and energy < 10 ** (QUIET_DBFS / 10) * total_s
    return is_quiet or channel.too_quiet_s >= max(_MIN_TOO_QUIET_S, total_s)


def _talk_s(
    segments: Sequence[Segment], channels: Sequence[ChannelAnalyzer], roles: Sequence[str]
) -> dict[Role, float]:
    """Return the seconds of speech by role: for each role of a segment, or of a channel without speech."""
    present = {segment.role for segment in segments} | {
        channel.role
        for channel, role in zip(channels, roles, strict=True)
        if role != "duplicate" and not channel.utterances
    }
    return {
        role: sum(segment.end_s - segment.start_s for segment in segments if segment.role == role)
        for role in ROLES
        if role in present
    }


def _number_speakers(segments: Sequence[Segment]) -> list[Segment]:
    """Replace the numbers of speakers within channels by numbers within the recording, in order of first speech."""
    numbers: dict[tuple[int, int], int] = {}
    return [
        segment
        if segment.speaker is None
        else replace(segment, speaker=numbers.setdefault((segment.channel, segment.speaker), len(numbers) + 1))
        for segment in segments
    ]
