"""How the voice of a segment differs from the speaker's own neutral speech: pitch, loudness, and speaking rate.

A description of the voice for readers. The model does not use it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from callmood.speech.prosody import Prosody

MIN_NEUTRAL_S = 3.0
"""float: minimum duration of a speaker's neutral speech that segments are compared with, in seconds."""


class VoiceDifference(NamedTuple):
    """Difference of a segment to the speaker's own neutral speech. None where it cannot be measured.

    Parameters
    ----------
    pitch_semitones : float or None
        Above 0 for a higher pitch.
    loudness_db : float or None
        Above 0 for a louder voice.
    rate_ratio : float or None
        Syllables per second, divided by those of neutral speech. Above 1 for faster speech.
    """

    pitch_semitones: float | None = None
    loudness_db: float | None = None
    rate_ratio: float | None = None


NO_DIFFERENCE = VoiceDifference()
"""VoiceDifference: nothing can be measured."""


@dataclass(frozen=True)
class VoiceSample:
    """What is compared: one segment of a speaker.

    Parameters
    ----------
    duration_s : float
        In seconds.
    level_dbfs : float
        Level in dB relative to full scale.
    prosody : Prosody
        Pitch and syllables.
    neutral : float
        Probability that the segment is neutral, 0 to 1.
    """

    duration_s: float
    level_dbfs: float
    prosody: Prosody
    neutral: float


def voice_differences(samples: Sequence[VoiceSample]) -> list[VoiceDifference]:
    """Compare each segment of one speaker with the speaker's neutral speech.

    Neutral speech are the segments that are more probably neutral than not. Pitch and level are compared with their
    median, weighted by duration; the syllable rate with the syllables per second of all of them.

    Parameters
    ----------
    samples : sequence of VoiceSample
        All segments of the speaker.

    Returns
    -------
    list of VoiceDifference
        One for each segment. All values are None with less than 3 s of neutral speech.
    """
    neutral = [sample for sample in samples if sample.neutral > 0.5]
    if sum(sample.duration_s for sample in neutral) < MIN_NEUTRAL_S:
        return [NO_DIFFERENCE] * len(samples)
    level = _weighted_median([(sample.level_dbfs, sample.duration_s) for sample in neutral])
    pitch = _weighted_median(
        [(sample.prosody.pitch_hz, sample.duration_s) for sample in neutral if sample.prosody.pitch_hz]
    )
    rated = [sample for sample in neutral if sample.prosody.syllables]
    rated_s = sum(sample.duration_s for sample in rated)
    rate = sum(sample.prosody.syllables or 0 for sample in rated) / rated_s if rated_s >= MIN_NEUTRAL_S else None
    return [_difference(sample, level, pitch, rate) for sample in samples]


def _difference(sample: VoiceSample, level: float | None, pitch: float | None, rate: float | None) -> VoiceDifference:
    pitch_hz, syllables = sample.prosody.pitch_hz, sample.prosody.syllables
    return VoiceDifference(
        12 * math.log2(pitch_hz / pitch) if pitch_hz and pitch else None,
        None if level is None else sample.level_dbfs - level,
        syllables / sample.duration_s / rate if syllables and rate else None,
    )


def _weighted_median(values: Sequence[tuple[float, float]]) -> float | None:
    """Return the value at half of the total weight of (value, weight), or None without any."""
    half = sum(weight for _, weight in values) / 2
    for value, weight in sorted(values):
        half -= weight
        if half <= 0:
            return value
    return None
