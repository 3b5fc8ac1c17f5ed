"""The speakers of a channel: separate them, give each a role, and classify each relative to its own baseline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from callmood.analysis.channel import ChannelAnalyzer, Segment, Speaker, Utterance, describe_voice
from callmood.config import AnalysisConfig
from callmood.emotion.baseline import SpeakerBaseline
from callmood.emotion.model import EmotionModel
from callmood.speech.diarization import (
    UNASSIGNED,
    Separation,
    SpeakerSpace,
    read_speaker_space,
    separate,
    shipped_speaker_space,
)
from callmood.types import Role

_DECAY = 0.4  # weight of each next segment, in the decision who speaks first: the first one may be uncertain
_FIRST_NUMBER = 2  # of separated speakers; 1 is the party of a channel that is mixed only in a part of the call
_MAX_SPEAKERS = 4  # with more, the parties are not known


@dataclass(frozen=True)
class ClassifiedChannel:
    """The segments of one channel.

    Parameters
    ----------
    segments : list of Segment
        By speaker.
    baseline : SpeakerBaseline or None
        Baseline for the next chunk of the call: of the only speaker of the channel, or of the customer.
    is_separated : bool or None
        Whether the speakers of a channel with several parties were separated. None for a channel with one party.
    """

    segments: list[Segment]
    baseline: SpeakerBaseline | None
    is_separated: bool | None = None


def classify_speakers(
    channel: ChannelAnalyzer, direction: str | None, config: AnalysisConfig, has_parties: bool = False
) -> ClassifiedChannel:
    """Find the speakers of a channel, and classify each relative to its own baseline.

    Parameters
    ----------
    channel : ChannelAnalyzer
        Finished.
    direction : str or None
        Direction of the call.
    config : AnalysisConfig
        Which speaker is the agent, and which roles are classified.
    has_parties : bool
        Whether other channels contain the agent and the customer. Then the roles of further speakers are unknown.

    Returns
    -------
    ClassifiedChannel
        Every utterance once.
    """
    mixed = [one for one in channel.utterances if one.is_mixed]
    speakers = [(one, Speaker(channel.role)) for one in channel.utterances if not one.is_mixed]
    is_separated = None
    if mixed:
        first_is_agent = _first_is_agent(direction, config) if channel.role == "mixed" and not has_parties else None
        found = _separate(mixed, _speaker_space(channel.model), first_is_agent, channel.prior_baseline)
        is_separated = any(speaker.role in ("agent", "customer") for speaker in found)
        speakers += zip(mixed, found, strict=True)
    groups: dict[tuple[Role, int | None], list[tuple[Utterance, Speaker]]] = {}
    for one, speaker in speakers:
        groups.setdefault((speaker.role, speaker.number), []).append((one, speaker))
    segments: list[Segment] = []
    for group in groups.values():
        utterances = [one for one, _ in group]
        classified = describe_voice(channel.classify(utterances, group[0][1]), utterances)
        segments += [
            replace(segment, role_confidence=speaker.confidence)
            for segment, (_, speaker) in zip(classified, group, strict=True)
        ]
    role: Role = "customer" if is_separated else channel.role
    own = [one for one, speaker in speakers if speaker.role == role]
    return ClassifiedChannel(segments, channel.baseline_of(own, role), is_separated)


def _first_is_agent(direction: str | None, config: AnalysisConfig) -> bool | None:
    """Return whether the first speaker is the agent, or None if the roles are unknown."""
    if config.single_channel_agent == "unknown":
        return None
    return (config.single_channel_agent == "first") != (direction == "outbound")


def _speaker_space(model: EmotionModel) -> SpeakerSpace | None:
    """Return the discriminant for the embeddings of a model; None if it was not fitted for its encoder."""
    space = read_speaker_space(model.speakers) if model.speakers else shipped_speaker_space()
    return space if space.encoder == model.encoder else None


def _separate(
    utterances: Sequence[Utterance],
    space: SpeakerSpace | None,
    first_is_agent: bool | None,
    prior: SpeakerBaseline | None,
) -> list[Speaker]:
    """Return the speaker of each utterance of a channel with several parties."""
    if space is None:
        return [Speaker("unknown", None, None)] * len(utterances)
    embeddings = np.stack([one.embedding for one in utterances if one.embedding is not None])
    durations_s = np.array([one.duration_s for one in utterances])
    separation = separate(space, embeddings, durations_s)
    customer = None
    if prior is not None and separation.speakers > 1:
        customer = separation.nearest(space.project(prior.embedding[None])[0])
    roles = _roles(separation, durations_s, first_is_agent, customer)
    return [
        Speaker("mixed", None, None)
        if label == UNASSIGNED
        else Speaker(roles[label], int(label) + _FIRST_NUMBER, float(confidence) if roles[label] != "unknown" else None)
        for label, confidence in zip(separation.labels, separation.confidence, strict=True)
    ]


def _roles(
    separation: Separation, durations_s: NDArray[np.float64], first_is_agent: bool | None, customer: int | None
) -> list[Role]:
    """Return the role of each speaker.

    Parameters
    ----------
    separation : Separation
        The speakers.
    durations_s : ndarray of float, shape (k,)
        Duration of each segment.
    first_is_agent : bool or None
        Whether the first of the two parties is the agent. None if unknown.
    customer : int or None
        The speaker whose voice is that of the customer in an earlier chunk of the call.
    """
    roles: list[Role] = ["unknown"] * separation.speakers
    if not 2 <= separation.speakers <= _MAX_SPEAKERS:
        return roles
    seconds = np.bincount(separation.labels[separation.labels >= 0], durations_s[separation.labels >= 0], len(roles))
    if customer is not None:
        agent = int(np.argmax(np.where(np.arange(len(roles)) == customer, -1, seconds)))
    elif first_is_agent is None:
        return roles
    else:
        first = _first_speaker(separation)
        # Of more than two speakers, the first one and the one who speaks most are the parties.
        second = int(np.argmax(np.where(np.arange(len(roles)) == first, -1, seconds)))
        agent, customer = (first, second) if first_is_agent else (second, first)
    roles[agent], roles[customer] = "agent", "customer"
    return roles


def _first_speaker(separation: Separation) -> int:
    """Return the speaker of the first segments, weighted by position and by how much more likely than chance it is."""
    is_assigned = separation.labels != UNASSIGNED
    weights = _DECAY ** np.arange(np.count_nonzero(is_assigned)) * (2 * separation.confidence[is_assigned] - 1)
    return int(np.argmax(np.bincount(separation.labels[is_assigned], weights, separation.speakers)))
