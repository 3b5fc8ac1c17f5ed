"""Segments of calls, telephone prompts, tones, and music."""

import io
import json
import tracemalloc
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st

from callmood.speech.segmenter import MAX_SEGMENT_S, MIN_SEGMENT_S, Segmenter

RATE = 16_000
EXAMPLES = sorted((Path(__file__).parents[1] / "examples").glob("2026*.json"))


def read(path, channel=0):
    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    return soxr.resample(samples[:, channel], rate, RATE)


def telephone(samples):
    """Apply a telephone channel: 300 to 3400 Hz at 8 kHz, mu-law, and back to 16 kHz."""
    narrow = soxr.resample(samples, RATE, 8000)
    spectrum, hertz = np.fft.rfft(narrow), np.fft.rfftfreq(len(narrow), 1 / 8000)
    narrow = np.fft.irfft(np.where((hertz > 300) & (hertz < 3400), spectrum, 0), len(narrow))
    file = io.BytesIO()
    soundfile.write(file, np.clip(narrow, -1, 1), 8000, subtype="ULAW", format="WAV")
    file.seek(0)
    return read(file)


def silence(seconds):
    return np.zeros(round(seconds * RATE), np.float32)


def tone(seconds, *frequencies):
    t = np.arange(round(seconds * RATE)) / RATE
    return np.mean([0.2 * np.sin(2 * np.pi * f * t) for f in frequencies], axis=0).astype(np.float32)


def noise(seconds, level_dbfs):
    samples = np.random.default_rng(1).standard_normal(round(seconds * RATE)).astype(np.float32)
    return samples * np.float32(10 ** (level_dbfs / 20))


def segments(samples, cuts=(), is_mixed=False):
    segmenter = Segmenter(is_mixed=is_mixed)
    found = [segment for block in np.split(samples, sorted(cuts)) for segment in segmenter.process(block)]
    return found + segmenter.finish()


def mask(intervals, length):
    """Return which frames of 10 ms are in the intervals, in seconds."""
    frames = np.zeros(length // 160 + 1, bool)
    for start, end in intervals:
        frames[round(start * 100) : round(end * 100)] = True
    return frames


def found_mask(found, length):
    return mask([(s.start_s, s.end_s) for s in found], length)


def spans(found):
    return [(s.start_s, s.end_s, s.level_dbfs) for s in found]


@pytest.fixture(scope="module")
def call():
    """Return the agent's channel of the first example call: one minute."""
    return read(EXAMPLES[0].with_suffix(".wav"))


@pytest.fixture(scope="module")
def utterance(call):
    """Return one sentence of it: 2.7 s."""
    speech = json.loads(EXAMPLES[0].read_text())["channels"][0]["intervals"][0]
    return call[round(speech["start_s"] * RATE) : round(speech["end_s"] * RATE)]


def test_segments_cover_the_speech_of_the_examples_and_little_else():
    n_spoken, n_found, n_both = 0, 0, 0
    # Crosstalk is removed before: in call 1008, segments also cover the agent's echo.
    for truth in (example for example in EXAMPLES if "call-1008" not in example.name):
        for channel in json.loads(truth.read_text())["channels"]:
            samples = read(truth.with_suffix(".wav"), channel["channel"])
            speech = mask(
                [(i["start_s"], i["end_s"]) for i in channel["intervals"] if i["kind"] == "speech"], len(samples)
            )
            found = found_mask(segments(samples), len(samples))
            n_spoken += speech.sum()
            n_found += found.sum()
            n_both += (speech & found).sum()
    assert n_both / n_spoken >= 0.98
    assert n_both / n_found >= 0.96


def test_segments_have_valid_durations_samples_and_levels(call):
    found = segments(call)
    assert len(found) >= 10
    for segment in found:
        assert MIN_SEGMENT_S <= segment.end_s - segment.start_s <= MAX_SEGMENT_S
        expected = call[round(segment.start_s * RATE) : round(segment.end_s * RATE)]
        np.testing.assert_array_equal(segment.samples, expected)
        assert segment.level_dbfs == pytest.approx(10 * np.log10(np.mean(np.square(expected.astype(float)))))
    for one, following in pairwise(found):
        assert one.end_s <= following.start_s


@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_segments_do_not_depend_on_the_split_of_the_stream(call, data):
    cuts = data.draw(st.lists(st.integers(0, len(call)), max_size=60))
    assert spans(segments(call, cuts)) == spans(segments(call))


@pytest.mark.parametrize("is_mixed", [False, True])
def test_segments_do_not_depend_on_steps_of_ten_milliseconds(call, is_mixed):
    part = call[: 12 * RATE]
    assert spans(segments(part, range(160, len(part), 160), is_mixed)) == spans(segments(part, (), is_mixed))


@pytest.mark.parametrize(("pause_s", "count"), [(0.2, 1), (0.8, 2)])
def test_only_short_pauses_are_joined(utterance, pause_s, count):
    found = segments(np.concatenate([silence(1), utterance, silence(pause_s), utterance, silence(1)]))
    long = [s for s in found if s.end_s - s.start_s > 1]
    assert len(long) == count


def test_monologue_is_split_without_losing_speech(utterance):
    monologue = np.tile(utterance, 10)
    found = segments(np.concatenate([silence(1), monologue, silence(1)]))
    assert max(s.end_s - s.start_s for s in found) <= MAX_SEGMENT_S
    assert sum(s.end_s - s.start_s for s in found) >= 0.95 * len(monologue) / RATE


def test_single_word_is_extended_to_the_minimum_duration(utterance):
    (word,) = segments(np.concatenate([silence(2), utterance[: round(0.35 * RATE)], silence(2)]))
    assert word.end_s - word.start_s == pytest.approx(MIN_SEGMENT_S)
    assert word.start_s < 2.0 < 2.35 < word.end_s


@pytest.mark.parametrize(
    "samples",
    [
        silence(20),
        noise(20, -60),
        noise(20, -35),
        np.tile(np.concatenate([tone(2, 440, 480), silence(4)]), 5),
        np.tile(np.concatenate([tone(0.5, 480, 620), silence(0.5)]), 20),
        tone(20, 350, 440),
        np.tile(np.concatenate([tone(0.12, 770, 1336), silence(0.1), tone(0.12, 941, 1209), silence(0.1)]), 40),
        np.where(np.arange(20 * RATE) % 9973 == 0, 0.9, 0).astype(np.float32),
    ],
    ids=["silence", "comfort noise", "loud noise", "ringing", "busy", "dial tone", "keys", "clicks"],
)
@pytest.mark.parametrize("is_mixed", [False, True])
def test_channels_without_speech_have_no_segments(samples, is_mixed):
    assert segments(telephone(samples), is_mixed=is_mixed) == []


def test_sentence_after_ringing_is_found(utterance):
    ringing = np.tile(np.concatenate([tone(2, 440, 480), silence(4)]), 4)
    found = segments(telephone(np.concatenate([ringing, utterance, silence(1)])))
    start, end = len(ringing) / RATE, (len(ringing) + len(utterance)) / RATE
    assert sum(min(s.end_s, end) - max(s.start_s, start) for s in found) >= 0.9 * (end - start)


@pytest.mark.parametrize("gain_db", [-20, 12])
def test_quiet_and_loud_calls_have_the_same_segments(call, gain_db):
    normal = found_mask(segments(call), len(call))
    other = found_mask(segments(np.clip(call * np.float32(10 ** (gain_db / 20)), -1, 1)), len(call))
    assert (normal & other).sum() >= 0.95 * normal.sum()


def test_quiet_speech_after_minutes_of_silence_is_found(utterance):
    found = segments(np.concatenate([utterance, silence(180), utterance * np.float32(0.05), silence(1)]))
    assert found[0].start_s < 0.2
    assert found[-1].end_s == pytest.approx(180 + 2 * len(utterance) / RATE, abs=0.3)


def test_memory_is_constant(call):
    segmenter = Segmenter()
    segmenter.process(call)
    tracemalloc.start()
    for _ in range(5):
        for block in np.array_split(call, 60):
            segmenter.process(block)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8_000_000
    assert segmenter.speech_s > 100


def test_speech_of_prompts_is_found(data_root):
    shares = []
    for path in sorted((data_root / "line").glob("prompt-*.wav")):
        samples = read(path)
        power = np.square(samples[: len(samples) // 160 * 160]).reshape(-1, 160).mean(axis=1)
        voiced = power > np.quantile(power, 0.95) * 10**-3
        for variant in (samples, telephone(samples)):
            found = found_mask(segments(variant), len(samples))[: len(voiced)]
            shares.append((found & voiced).sum() / voiced.sum())
    assert np.mean(np.array(shares) > 0) >= 0.95
    assert np.mean(shares) >= 0.95


def test_hold_music_is_not_speech(data_root):
    for path in sorted((data_root / "line").glob("hold-music-*.opus")):
        music = read(path)
        for variant in (music, telephone(music)):
            for is_mixed in (False, True):
                found = segments(variant, is_mixed=is_mixed)
                assert found_mask(found, len(variant)).mean() < 0.02, path.name


@pytest.mark.parametrize("quiet", [0, 1])
def test_party_that_is_26_db_quieter_in_the_same_channel_is_found(quiet):
    parties = [read(EXAMPLES[0].with_suffix(".wav"), channel)[: 40 * RATE] for channel in (0, 1)]
    own, other = (found_mask(segments(party), len(party)) for party in (parties[quiet], parties[1 - quiet]))
    channel = parties[1 - quiet] + np.float32(0.05) * parties[quiet]
    found = found_mask(segments(channel, is_mixed=True), len(channel))
    assert (found & own & ~other).sum() >= 0.6 * (own & ~other).sum()
    assert (found & ~own & ~other).sum() < 0.1 * found.sum()


@pytest.mark.parametrize("block", [2, 8])
def test_small_blocks_return_the_same_segments_earlier(call, block):
    segmenter, expected = Segmenter(block), segments(call)
    delays, found = [], []
    for start in range(0, len(call), 320):
        for segment in segmenter.process(call[start : start + 320]):
            delays.append((start + 320) / RATE - segment.end_s)
            found.append(segment)
    found += segmenter.finish()
    assert [(s.start_s, s.end_s) for s in found] == [(s.start_s, s.end_s) for s in expected]
    # 0.6 s of silence, the delay of the detector, and the block. A breath makes it longer.
    assert np.median(delays) < 0.75 + block * 0.032


@pytest.mark.parametrize("block", [5, 96])
def test_block_is_a_multiple_or_a_divisor_of_64(block):
    with pytest.raises(ValueError, match="multiple or a divisor of 64"):
        Segmenter(block=block)


def test_partial_segments_do_not_change_the_state(call):
    segmenter, partial, found = Segmenter(2), [], []
    for start in range(0, len(call), 1600):
        found += segmenter.process(call[start : start + 1600])
        partial += [(segmenter.processed_s, segment) for segment in segmenter.partial()]
    found += segmenter.finish()
    assert spans(found) == spans(segments_of(Segmenter(2), call))
    assert len(partial) > 200
    assert all(segment.end_s <= processed_s for processed_s, segment in partial)
    # Almost always, it is the start of a later segment. It rarely turns out not to be speech.
    overlaps = [any(s.start_s < segment.end_s and segment.start_s < s.end_s for s in found) for _, segment in partial]
    assert np.mean(overlaps) > 0.95


def segments_of(segmenter, samples):
    return segmenter.process(samples) + segmenter.finish()
