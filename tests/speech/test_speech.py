"""Segments of calls, telephone prompts, tones and music, found as a user would find them."""

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
from callmood.speech.silero import SileroDetector

RATE = 16_000
EXAMPLES = sorted((Path(__file__).parents[1] / "examples").glob("2026*.json"))


def read(path, channel=0):
    sound, rate = soundfile.read(path, dtype="float32", always_2d=True)
    return soxr.resample(sound[:, channel], rate, RATE)


def telephone(sound):
    """300 to 3400 Hz at 8 kHz, mu-law, and back to 16 kHz."""
    narrow = soxr.resample(sound, RATE, 8000)
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


def segments(sound, cuts=()):
    segmenter = Segmenter()
    found = [segment for block in np.split(sound, sorted(cuts)) for segment in segmenter.process(block)]
    return found + segmenter.finish()


def mask(intervals, length):
    """Frames of 10 ms that lie in the intervals of seconds."""
    frames = np.zeros(length // 160 + 1, bool)
    for start, end in intervals:
        frames[round(start * 100) : round(end * 100)] = True
    return frames


def found_mask(found, length):
    return mask([(s.start_s, s.end_s) for s in found], length)


def places(found):
    return [(s.start_s, s.end_s, s.level_dbfs) for s in found]


@pytest.fixture(scope="module")
def call():
    """The agent's channel of the first example call, a minute long."""
    return read(EXAMPLES[0].with_suffix(".wav"))


@pytest.fixture(scope="module")
def utterance(call):
    """One of its sentences, 2.7 s."""
    speech = json.loads(EXAMPLES[0].read_text())["channels"][0]["intervals"][0]
    return call[round(speech["start_s"] * RATE) : round(speech["end_s"] * RATE)]


def test_the_examples_speech_is_covered_and_little_else():
    spoken, heard, both = 0, 0, 0
    for truth in EXAMPLES:
        for channel in json.loads(truth.read_text())["channels"]:
            sound = read(truth.with_suffix(".wav"), channel["channel"])
            speech = mask(
                [(i["start_s"], i["end_s"]) for i in channel["intervals"] if i["kind"] == "speech"], len(sound)
            )
            found = found_mask(segments(sound), len(sound))
            spoken, heard, both = spoken + speech.sum(), heard + found.sum(), both + (speech & found).sum()
    assert both / spoken >= 0.98
    assert both / heard >= 0.96


def test_segments_keep_their_limits_and_their_sound(call):
    found = segments(call)
    assert len(found) >= 10
    for segment in found:
        assert MIN_SEGMENT_S <= segment.end_s - segment.start_s <= MAX_SEGMENT_S
        sound = call[round(segment.start_s * RATE) : round(segment.end_s * RATE)]
        np.testing.assert_array_equal(segment.samples, sound)
        assert segment.level_dbfs == pytest.approx(10 * np.log10(np.mean(np.square(sound.astype(float)))))
    for one, following in pairwise(found):
        assert one.end_s <= following.start_s


@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_the_cut_of_the_stream_changes_nothing(call, data):
    cuts = data.draw(st.lists(st.integers(0, len(call)), max_size=60))
    assert places(segments(call, cuts)) == places(segments(call))


def test_steps_of_ten_milliseconds_change_nothing(call):
    part = call[: 12 * RATE]
    assert places(segments(part, range(160, len(part), 160))) == places(segments(part))


@pytest.mark.parametrize(("pause_s", "count"), [(0.2, 1), (0.8, 2)])
def test_only_short_pauses_are_joined(utterance, pause_s, count):
    found = segments(np.concatenate([silence(1), utterance, silence(pause_s), utterance, silence(1)]))
    long = [s for s in found if s.end_s - s.start_s > 1]
    assert len(long) == count


def test_a_monologue_is_split_with_nothing_lost(utterance):
    monologue = np.tile(utterance, 10)
    found = segments(np.concatenate([silence(1), monologue, silence(1)]))
    assert max(s.end_s - s.start_s for s in found) <= MAX_SEGMENT_S
    assert sum(s.end_s - s.start_s for s in found) >= 0.95 * len(monologue) / RATE


def test_a_single_word_is_widened(utterance):
    (word,) = segments(np.concatenate([silence(2), utterance[: round(0.35 * RATE)], silence(2)]))
    assert word.end_s - word.start_s == pytest.approx(MIN_SEGMENT_S)
    assert word.start_s < 2.0 < 2.35 < word.end_s


@pytest.mark.parametrize(
    "sound",
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
def test_lines_on_which_nobody_speaks_have_no_segments(sound):
    assert segments(telephone(sound)) == []


def test_a_sentence_after_ringing_is_heard(utterance):
    ringing = np.tile(np.concatenate([tone(2, 440, 480), silence(4)]), 4)
    found = segments(telephone(np.concatenate([ringing, utterance, silence(1)])))
    start, end = len(ringing) / RATE, (len(ringing) + len(utterance)) / RATE
    assert sum(min(s.end_s, end) - max(s.start_s, start) for s in found) >= 0.9 * (end - start)


@pytest.mark.parametrize("gain_db", [-20, 12])
def test_quiet_and_loud_calls_are_heard_alike(call, gain_db):
    normal = found_mask(segments(call), len(call))
    other = found_mask(segments(np.clip(call * np.float32(10 ** (gain_db / 20)), -1, 1)), len(call))
    assert (normal & other).sum() >= 0.95 * normal.sum()


def test_minutes_of_silence_and_a_jump_of_level_hide_nothing(utterance):
    found = segments(np.concatenate([utterance, silence(180), utterance * np.float32(0.05), silence(1)]))
    assert found[0].start_s < 0.2
    assert found[-1].end_s == pytest.approx(180 + 2 * len(utterance) / RATE, abs=0.3)


def test_memory_stays_flat(call):
    segmenter = Segmenter()
    segmenter.process(call)
    tracemalloc.start()
    for _ in range(5):
        for block in np.array_split(call, 60):
            segmenter.process(block)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 5_000_000
    assert segmenter.speech_s > 100


def vowels(seconds):
    """A buzz whose pitch and formants wander."""
    t = np.arange(round(seconds * RATE)) / RATE
    pitch = 2 * np.pi * (120 * t - 3 * np.cos(2 * np.pi * 1.5 * t))
    low, high = 500 + 250 * np.sin(2 * np.pi * 2 * t), 1500 + 500 * np.cos(2 * np.pi * 3 * t)
    buzz = sum(
        np.cos(k * pitch) * (np.exp(-(((k * 120 - low) / 150) ** 2)) + 0.5 * np.exp(-(((k * 120 - high) / 200) ** 2)))
        for k in range(1, 30)
    )
    return (0.1 * buzz * np.sin(2 * np.pi * 2 * t) ** 2).astype(np.float32)


def test_the_network_is_the_published_one():
    """The first probabilities of Silero VAD 6.2.3's silero_vad_16k_op15.onnx, by onnxruntime, on the same sound."""
    # fmt: off
    published = [
        0.01, 0.04, 0.35, 0.81, 0.85, 0.90, 0.95, 0.97, 0.96, 0.99, 0.99, 0.99, 0.99, 0.99, 0.99, 1.00,
        0.99, 0.96, 0.91, 0.89, 0.84, 0.82, 0.81, 0.78, 0.71, 0.90, 0.91, 0.93, 0.97, 0.98, 0.99, 0.99,
        0.95, 0.91, 0.84, 0.77, 0.82, 0.75, 0.72, 0.75, 0.86, 0.95, 0.96, 0.96, 0.96, 0.96, 0.95, 0.93,
        0.93, 0.86, 0.81, 0.83, 0.81, 0.83, 0.86, 0.81, 0.90, 0.96, 0.96, 0.95, 0.92, 0.95, 0.94, 0.87,
    ]
    # fmt: on
    np.testing.assert_allclose(SileroDetector().process(vowels(64 * 0.032)), published, atol=0.01)


def test_prompts_are_found(data_root):
    shares = []
    for path in sorted((data_root / "line").glob("prompt-*.wav")):
        sound = read(path)
        power = np.square(sound[: len(sound) // 160 * 160]).reshape(-1, 160).mean(axis=1)
        voiced = power > np.quantile(power, 0.95) * 10**-3
        for heard in (sound, telephone(sound)):
            found = found_mask(segments(heard), len(sound))[: len(voiced)]
            shares.append((found & voiced).sum() / voiced.sum())
    assert np.mean(np.array(shares) > 0) >= 0.95
    assert np.mean(shares) >= 0.95


def test_hold_music_is_no_speech(data_root):
    for path in sorted((data_root / "line").glob("hold-music-*.opus")):
        music = read(path)
        for heard in (music, telephone(music)):
            assert found_mask(segments(heard), len(heard)).mean() < 0.02, path.name


@pytest.mark.parametrize("block", [2, 8])
def test_small_blocks_find_the_same_segments_sooner(call, block):
    fast, batch = Segmenter(block), segments(call)
    late, found = [], []
    for start in range(0, len(call), 320):
        for segment in fast.process(call[start : start + 320]):
            late.append((start + 320) / RATE - segment.end_s)
            found.append(segment)
    found += fast.finish()
    assert [(s.start_s, s.end_s) for s in found] == [(s.start_s, s.end_s) for s in batch]
    # 0.6 s of silence, what the detector lags behind, and the block; a breath makes it longer.
    assert np.median(late) < 0.75 + block * 0.032


def test_a_block_that_does_not_divide_the_memory_is_refused():
    with pytest.raises(ValueError, match="divide 64"):
        Segmenter(block=5)


def test_what_is_being_said_can_be_looked_at_and_changes_nothing(call):
    watched, seen = Segmenter(2), []
    found = []
    for start in range(0, len(call), 1600):
        found += watched.process(call[start : start + 1600])
        seen += [(watched.processed_s, segment) for segment in watched.partial()]
    found += watched.finish()
    assert places(found) == places(segments_of(Segmenter(2), call))
    assert len(seen) > 200
    assert all(segment.end_s <= heard_s for heard_s, segment in seen)
    # It is the beginning of a segment to come; a sound that what follows shows to be no speech is rare.
    begun = [any(s.start_s < segment.end_s and segment.start_s < s.end_s for s in found) for _, segment in seen]
    assert np.mean(begun) > 0.95


def segments_of(segmenter, sound):
    return segmenter.process(sound) + segmenter.finish()
