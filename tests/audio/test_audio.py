"""Recordings as recorders write them: decoded to the right sound."""

import io
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import av
import numpy as np
import pytest
import soxr
from audio_files import (
    END_S,
    FORMATS,
    LENGTH_S,
    ONSET_S,
    Format,
    encode_ffmpeg,
    tone_levels,
    tone_pitches,
    tones,
    video,
    wav,
    write_soundfile,
)

from callmood.audio.stream import AudioInfo, open_audio
from callmood.errors import BadRecording
from callmood.types import SAMPLE_RATE


def hear(audio) -> tuple[np.ndarray, list[str]]:
    with open_audio(audio) as stream:
        sound = np.concatenate(list(stream.blocks()), axis=1)
        return sound, stream.warnings


CASES = [
    pytest.param(f, rate, channels, id=f"{f}-{rate}Hz-{channels}ch")
    for f in FORMATS
    for rate in f.rates
    for channels in f.channels
    if channels <= 2 or rate == f.rates[0]  # many channels are slow to write
]


@pytest.mark.parametrize(("kind", "rate", "channels"), CASES)
def test_every_format_gives_every_channel_its_own_sound_at_its_own_time(kind: Format, rate: int, channels: int):
    with open_audio(kind.example(rate, channels)) as stream:
        sound = np.concatenate(list(stream.blocks()), axis=1)

    assert stream.info == AudioInfo(kind.container, kind.codec, kind.stated_rate(rate), channels)
    assert stream.warnings == []
    assert sound.dtype == np.float32
    assert sound.shape == (channels, pytest.approx(LENGTH_S * SAMPLE_RATE, abs=kind.slack_s * SAMPLE_RATE))
    tone = sound[:, round(0.7 * SAMPLE_RATE) : round(1.3 * SAMPLE_RATE)]
    pitches = np.abs(np.fft.rfft(tone)).argmax(axis=1) / 0.6
    assert pitches == pytest.approx(tone_pitches(channels), abs=1)
    assert tone.std(axis=1) * 2**0.5 == pytest.approx(tone_levels(channels), rel=kind.level_slack)
    for channel in sound:
        audible = np.flatnonzero(np.abs(channel) > 0.12) / SAMPLE_RATE
        assert audible[[0, -1]] == pytest.approx([ONSET_S, END_S], abs=kind.slack_s + 0.001)


@pytest.mark.parametrize("rate", [4000, 6000, 11127, 37800, 96000, 192000])
def test_unusual_sample_rates_are_resampled_to_the_sample(rate):
    sound, warnings = hear(write_soundfile(tones(rate, 1), rate, container="WAV", subtype="PCM_16"))
    assert sound.shape == (1, pytest.approx(LENGTH_S * SAMPLE_RATE, abs=1))
    assert warnings == []


@pytest.mark.parametrize("rate", [8000, 11025, 44100, 48000])
def test_resampling_in_pieces_is_as_good_as_in_one(rate):
    speechlike = np.random.default_rng(0).normal(0, 0.1, (rate * 3 + 17, 2)).astype(np.float32)
    sound, _ = hear(write_soundfile(speechlike, rate, container="WAV", subtype="FLOAT"))
    in_one = soxr.resample(speechlike, rate, SAMPLE_RATE, quality="HQ").T
    assert sound.shape[1] == pytest.approx(in_one.shape[1], abs=1)
    n = min(sound.shape[1], in_one.shape[1])
    np.testing.assert_allclose(sound[:, :n], in_one[:, :n], atol=1e-5)


@pytest.mark.parametrize("seconds", [0.01, 0.3, 10.0])
def test_blocks_have_the_length_asked_for_and_lose_nothing(seconds):
    whole, _ = hear(wav(noise(), rate=8000))
    with open_audio(wav(noise(), rate=8000)) as stream:
        blocks = list(stream.blocks(seconds))
    assert {block.shape for block in blocks[:-1]} <= {(1, round(seconds * SAMPLE_RATE))}
    assert 0 < blocks[-1].shape[1] <= round(seconds * SAMPLE_RATE)
    np.testing.assert_array_equal(np.concatenate(blocks, axis=1), whole)


def test_a_block_stays_as_it_was_when_the_next_is_read():
    with open_audio(wav(noise())) as stream:
        first, *_ = kept = list(stream.blocks(0.1))
    assert not any(np.array_equal(first, other) for other in kept[1:])


@pytest.mark.parametrize(
    "name",
    [
        "call.wav",
        "call.mp3",
        "call",
        "call.txt",
        "ein Anruf.m4a",
        "gespräch №7 📞.wav",
        "a#b?c=d%20.wav",
        "two\nlines.wav",
        "http:",
        "-",
    ],
)
@pytest.mark.parametrize("kind", [FORMATS[6], FORMATS[25], FORMATS[31]], ids=str)
def test_the_name_of_a_file_means_nothing(kind, name, tmp_path):
    path = tmp_path / name
    path.write_bytes(kind.example())
    with open_audio(path) as stream:
        assert (stream.info.container, stream.info.codec) == (kind.container, kind.codec)
        assert sum(block.shape[1] for block in stream.blocks()) > 30_000


def test_a_missing_file_is_no_bad_recording(tmp_path):
    with pytest.raises(FileNotFoundError):
        open_audio(tmp_path / "none.wav")


@pytest.mark.parametrize("kind", FORMATS, ids=str)
def test_a_file_cut_short_is_heard_as_far_as_it_goes(kind):
    seconds = 2.0 if kind.codec == "amr_wb" else 20.0
    whole = kind.example(seconds=seconds)
    cut = whole[: len(whole) * 2 // 3]
    if kind.container == "mp4" and "fragmented" not in kind.name:
        with pytest.raises(BadRecording) as refused:
            hear(cut)
        assert refused.value.code == "damaged"
        return
    sound, warnings = hear(cut)
    assert sound.shape[1] / SAMPLE_RATE == pytest.approx(seconds * 2 / 3, rel=0.3)
    if str(kind) not in STATE_NO_LENGTH:
        assert {"truncated", "decode_errors"} & set(warnings)


STATE_NO_LENGTH = {
    "CAF pcm_s16",
    "AVI pcm_u8",
    "AVI mp3",
    "MP2 mp2",
    "AVI pcm_s16",
    "AMR-WB amr_wb",
    "AMR amr_nb",
    "ADTS aac",
}


@pytest.mark.parametrize(
    "kind", [f for f in FORMATS if f.name in ("FLAC", "Ogg", "MP3", "M4A", "ADTS", "AMR", "WMA")], ids=str
)
def test_a_file_with_a_hole_keeps_what_lies_behind_it(kind):
    data = bytearray(kind.example(seconds=20))
    middle = len(data) // 2
    data[middle : middle + 200] = np.random.default_rng(1).bytes(200)
    sound, _ = hear(bytes(data))
    assert sound.shape[1] / SAMPLE_RATE == pytest.approx(20, abs=1)
    # The tone ends half a second before the end.
    assert np.abs(sound[0, -2 * SAMPLE_RATE : -SAMPLE_RATE]).max() > 0.2


@pytest.mark.parametrize("stated", [0, 0x7FFF_F000, 0x8000_0000, 0xFFFF_FFFF])
def test_a_wav_of_a_recorder_that_streams_is_read_to_its_end(stated):
    sound, warnings = hear(wav(noise(), data_size=stated))
    assert (sound.shape, warnings) == ((1, 2 * 8000), [])


def test_a_wav_that_states_more_than_there_is_is_read_to_its_end_with_a_warning():
    sound, warnings = hear(wav(noise(), data_size=20_000))
    assert (sound.shape, warnings) == ((1, 2 * 8000), ["truncated"])


def test_what_follows_the_audio_in_a_wav_is_not_heard():
    sound, warnings = hear(wav(noise(), trailer=b"LIST\x04\x00\x00\x00INFO" + b"junk" * 100))
    assert (sound.shape, warnings) == ((1, 2 * 8000), [])


@pytest.mark.parametrize("codec", ["<f4", "<f8"])
def test_samples_that_are_no_numbers_are_silence(codec):
    samples = np.full(8000, 0.5)
    samples[[0, 4000, 7999]] = np.nan, np.inf, -np.inf
    sound, warnings = hear(wav(samples.astype(codec).tobytes(), tag=3, rate=16000, bits=8 * np.dtype(codec).itemsize))
    assert warnings == ["non_finite_samples"]
    assert sound[0, [0, 4000, 7999]].tolist() == [0, 0, 0]
    assert np.count_nonzero(sound == 0.5) == 7997


def test_samples_scaled_as_integers_are_clipped_with_a_warning():
    samples = (noise_samples() * 32768).astype("<f4")
    sound, warnings = hear(wav(samples.tobytes(), tag=3, bits=32))
    assert warnings == ["over_full_scale"]
    assert np.abs(sound).max() <= 1


def test_a_codec_that_overshoots_a_little_is_clipped_without_a_warning():
    loud = np.sign(np.sin(np.arange(16000) / 7)).astype(np.float32)[:, None]
    sound, warnings = hear(write_soundfile(loud, 16000, container="OGG", subtype="VORBIS"))
    assert warnings == []
    assert np.abs(sound).max() == 1


def test_silence_that_was_not_sent_keeps_its_place():
    """A phone that sends nothing while its owner is silent (DTX) leaves holes in the timestamps."""
    file = io.BytesIO()
    with av.open(file, "w", format="webm") as output:
        packets = encode_ffmpeg(output, tones(48000, 1, 6), 48000, encoder="libopus")
        output.mux([packet for packet in packets if not 2 <= packet.pts * packet.time_base < 4])
    sound, warnings = hear(file.getvalue())
    assert warnings == ["gaps_filled"]
    assert sound.shape[1] == pytest.approx(6 * SAMPLE_RATE, abs=200)
    assert np.abs(sound[0, round(2.2 * SAMPLE_RATE) : round(3.9 * SAMPLE_RATE)]).max() == 0
    audible = np.flatnonzero(np.abs(sound[0]) > 0.2) / SAMPLE_RATE
    assert audible[[0, -1]] == pytest.approx([0.5, 5.5], abs=0.03)


def test_the_sound_of_a_video_is_heard():
    with open_audio(video([tones(16000, 2)])) as stream:
        sound = np.concatenate(list(stream.blocks()), axis=1)
    assert (stream.info.codec, stream.warnings) == ("aac", [])
    assert sound.shape == (2, pytest.approx(2 * SAMPLE_RATE, abs=2000))


def test_the_first_of_several_audio_streams_is_heard_with_a_warning():
    sound, warnings = hear(video([tones(16000, 1), np.zeros((32000, 1), np.float32)]))
    assert warnings == ["extra_audio_streams"]
    assert np.abs(sound).max() > 0.4


def test_a_stream_that_changes_its_rate_is_heard_up_to_the_change():
    adts = next(f for f in FORMATS if f.name == "ADTS")
    sound, warnings = hear(adts.example(16000, 1, seconds=4) + adts.example(44100, 1))
    assert "format_changed" in warnings
    assert sound.shape[1] / SAMPLE_RATE == pytest.approx(4, abs=0.2)


@pytest.mark.parametrize("kind", [f for f in FORMATS if str(f) in ("MP3 mp3", "ADTS aac", "FLAC flac")], ids=str)
def test_a_tag_with_a_picture_before_the_audio_is_passed_over(kind):
    picture = b"\xff\xd8\xff\xe0" + bytes(100_000)
    size = bytes((len(picture) >> shift) & 0x7F for shift in (21, 14, 7, 0))
    sound, _ = hear(b"ID3\x04\x00\x00" + size + picture + kind.example())
    assert np.abs(sound).max() > 0.4


def test_an_mp3_that_begins_within_a_frame_is_heard():
    data = next(f for f in FORMATS if f.name == "MP3").example(8000, 1, seconds=6)
    sound, _ = hear(data[1001:])
    assert sound.shape[1] / SAMPLE_RATE == pytest.approx(5.5, abs=0.5)
    assert np.abs(sound).max() > 0.4


def test_real_calls_are_heard_whole(data_root):
    lengths = {}
    for path in sorted((data_root / "calls").glob("*.wav")):
        sound, warnings = hear(path)
        assert warnings == []
        assert 0.05 < np.abs(sound).max() <= 1
        lengths[path.name[:8]] = (sound.shape[0], round(sound.shape[1] / SAMPLE_RATE))
    assert lengths == {"Auto0_GU": (1, 278), "auto_rep": (2, 245), "commerci": (1, 45)}


def test_ffmpeg_is_not_loaded_for_a_wav(tmp_path):
    path = tmp_path / "call.wav"
    path.write_bytes(wav(noise(), tag=7, bits=8))
    python(f"""
        import sys
        from pathlib import Path
        from callmood.audio.stream import open_audio
        with open_audio(Path({str(path)!r})) as stream:
            assert sum(block.shape[1] for block in stream.blocks()) == 32000
        assert "av" not in sys.modules
    """)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads a process's peak memory from Linux's /proc")
@pytest.mark.parametrize("kind", [f for f in FORMATS if str(f) in ("WAV pcm_mulaw", "FLAC flac")], ids=str)
def test_memory_does_not_grow_with_length(kind, tmp_path):
    """Ten minutes of stereo at 16 kHz are 77 MB; hearing them must not take more than hearing one minute."""
    peaks_mb = []
    for minutes in (1, 10):
        path = tmp_path / f"{minutes}"
        path.write_bytes(kind.example(8000, 2, seconds=60 * minutes))
        peak_kb = python(f"""
            import re
            from pathlib import Path
            from callmood.audio.stream import open_audio
            with open_audio(Path({str(path)!r})) as stream:
                assert sum(block.shape[1] for block in stream.blocks()) == {minutes} * 60 * 16000
            print(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])
        """)
        peaks_mb.append(int(peak_kb) / 1024)
    assert peaks_mb[1] < peaks_mb[0] + 10


def python(code: str) -> str:
    """Run code in a process of its own."""
    functions = Path(__file__).parents[2] / "functions"
    environment = os.environ | {"PYTHONPATH": str(functions)}
    command = [sys.executable, "-c", textwrap.dedent(code)]
    return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout


def noise_samples() -> np.ndarray:
    return np.random.default_rng(0).normal(0, 0.1, 8000)


def noise() -> bytes:
    """One second of 16-bit noise at 8 kHz."""
    return (noise_samples() * 32768).astype("<i2").tobytes()
