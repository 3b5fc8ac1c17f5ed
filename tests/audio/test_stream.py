"""Decoding of all supported formats, and of damaged and unusual recordings."""

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
    tone_frequencies,
    tone_levels,
    tones,
    video,
    wav,
    write_soundfile,
)

from callmood.audio.stream import AudioInfo, open_audio
from callmood.errors import BadRecording
from callmood.types import SAMPLE_RATE


def decode(audio) -> tuple[np.ndarray, list[str]]:
    with open_audio(audio) as stream:
        samples = np.concatenate(list(stream.blocks()), axis=1)
        return samples, stream.warnings


CASES = [
    pytest.param(f, rate, channels, id=f"{f}-{rate}Hz-{channels}ch")
    for f in FORMATS
    for rate in f.rates
    for channels in f.channels
    if channels <= 2 or rate == f.rates[0]  # files with many channels are slow to write
]


@pytest.mark.parametrize(("kind", "rate", "channels"), CASES)
def test_each_channel_of_each_format_keeps_its_frequency_level_and_time(kind: Format, rate: int, channels: int):
    with open_audio(kind.example(rate, channels)) as stream:
        samples = np.concatenate(list(stream.blocks()), axis=1)

    assert stream.info == AudioInfo(kind.container, kind.codec, kind.stated_rate(rate), channels)
    assert stream.warnings == []
    assert samples.dtype == np.float32
    assert samples.shape == (channels, pytest.approx(LENGTH_S * SAMPLE_RATE, abs=kind.time_tolerance_s * SAMPLE_RATE))
    tone = samples[:, round(0.7 * SAMPLE_RATE) : round(1.3 * SAMPLE_RATE)]
    frequencies = np.abs(np.fft.rfft(tone)).argmax(axis=1) / 0.6
    assert frequencies == pytest.approx(tone_frequencies(channels), abs=1)
    assert tone.std(axis=1) * 2**0.5 == pytest.approx(tone_levels(channels), rel=kind.level_tolerance)
    for channel in samples:
        audible = np.flatnonzero(np.abs(channel) > 0.12) / SAMPLE_RATE
        assert audible[[0, -1]] == pytest.approx([ONSET_S, END_S], abs=kind.time_tolerance_s + 0.001)


@pytest.mark.parametrize("rate", [4000, 6000, 11127, 37800, 96000, 192000])
def test_unusual_sample_rates_are_resampled_to_the_exact_length(rate):
    samples, warnings = decode(write_soundfile(tones(rate, 1), rate, container="WAV", subtype="PCM_16"))
    assert samples.shape == (1, pytest.approx(LENGTH_S * SAMPLE_RATE, abs=1))
    assert warnings == []


@pytest.mark.parametrize("rate", [8000, 11025, 44100, 48000])
def test_resampling_in_chunks_equals_resampling_at_once(rate):
    noise = np.random.default_rng(0).normal(0, 0.1, (rate * 3 + 17, 2)).astype(np.float32)
    samples, _ = decode(write_soundfile(noise, rate, container="WAV", subtype="FLOAT"))
    at_once = soxr.resample(noise, rate, SAMPLE_RATE, quality="HQ").T
    assert samples.shape[1] == pytest.approx(at_once.shape[1], abs=1)
    n = min(samples.shape[1], at_once.shape[1])
    np.testing.assert_allclose(samples[:, :n], at_once[:, :n], atol=1e-5)


@pytest.mark.parametrize("seconds", [0.01, 0.3, 10.0])
def test_blocks_have_the_requested_length_and_contain_all_samples(seconds):
    expected, _ = decode(wav(noise(), rate=8000))
    with open_audio(wav(noise(), rate=8000)) as stream:
        blocks = list(stream.blocks(seconds))
    assert {block.shape for block in blocks[:-1]} <= {(1, round(seconds * SAMPLE_RATE))}
    assert 0 < blocks[-1].shape[1] <= round(seconds * SAMPLE_RATE)
    np.testing.assert_array_equal(np.concatenate(blocks, axis=1), expected)


def test_later_blocks_do_not_overwrite_a_block():
    with open_audio(wav(noise())) as stream:
        first, *others = stream.blocks(0.1)
    assert not any(np.array_equal(first, other) for other in others)


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
def test_format_does_not_depend_on_the_file_name(kind, name, tmp_path):
    path = tmp_path / name
    path.write_bytes(kind.example())
    with open_audio(path) as stream:
        assert (stream.info.container, stream.info.codec) == (kind.container, kind.codec)
        assert sum(block.shape[1] for block in stream.blocks()) > 30_000


def test_missing_file_raises_file_not_found(tmp_path):
    with pytest.raises(FileNotFoundError):
        open_audio(tmp_path / "none.wav")


@pytest.mark.parametrize("kind", FORMATS, ids=str)
def test_truncated_file_is_decoded_as_far_as_possible(kind):
    seconds = 2.0 if kind.codec == "amr_wb" else 20.0
    whole = kind.example(seconds=seconds)
    cut = whole[: len(whole) * 2 // 3]
    if kind.container == "mp4" and "fragmented" not in kind.name:
        with pytest.raises(BadRecording) as error:
            decode(cut)
        assert error.value.code == "damaged"
        return
    samples, warnings = decode(cut)
    assert samples.shape[1] / SAMPLE_RATE == pytest.approx(seconds * 2 / 3, rel=0.3)
    if str(kind) not in WITHOUT_LENGTH:
        assert {"truncated", "decode_errors"} & set(warnings)


WITHOUT_LENGTH = {
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
def test_audio_after_a_damaged_part_is_decoded(kind):
    data = bytearray(kind.example(seconds=20))
    middle = len(data) // 2
    data[middle : middle + 200] = np.random.default_rng(1).bytes(200)
    samples, _ = decode(bytes(data))
    assert samples.shape[1] / SAMPLE_RATE == pytest.approx(20, abs=1)
    # The tone ends half a second before the end.
    assert np.abs(samples[0, -2 * SAMPLE_RATE : -SAMPLE_RATE]).max() > 0.2


@pytest.mark.parametrize("stated", [0, 0x7FFF_F000, 0x8000_0000, 0xFFFF_FFFF])
def test_wav_of_a_streaming_recorder_is_read_to_its_end(stated):
    samples, warnings = decode(wav(noise(), data_size=stated))
    assert (samples.shape, warnings) == ((1, 2 * 8000), [])


def test_wav_that_states_too_much_audio_has_the_warning_truncated():
    samples, warnings = decode(wav(noise(), data_size=20_000))
    assert (samples.shape, warnings) == ((1, 2 * 8000), ["truncated"])


def test_chunks_after_the_audio_of_a_wav_are_ignored():
    samples, warnings = decode(wav(noise(), trailer=b"LIST\x04\x00\x00\x00INFO" + b"junk" * 100))
    assert (samples.shape, warnings) == ((1, 2 * 8000), [])


@pytest.mark.parametrize("codec", ["<f4", "<f8"])
def test_non_finite_samples_become_zero(codec):
    given = np.full(8000, 0.5)
    given[[0, 4000, 7999]] = np.nan, np.inf, -np.inf
    samples, warnings = decode(wav(given.astype(codec).tobytes(), tag=3, rate=16000, bits=8 * np.dtype(codec).itemsize))
    assert warnings == ["non_finite_samples"]
    assert samples[0, [0, 4000, 7999]].tolist() == [0, 0, 0]
    assert np.count_nonzero(samples == 0.5) == 7997


def test_samples_far_beyond_full_scale_are_clipped_with_a_warning():
    scaled_as_integers = (noise_samples() * 32768).astype("<f4")
    samples, warnings = decode(wav(scaled_as_integers.tobytes(), tag=3, bits=32))
    assert warnings == ["over_full_scale"]
    assert np.abs(samples).max() <= 1


def test_small_overshoot_of_a_codec_is_clipped_without_a_warning():
    loud = np.sign(np.sin(np.arange(16000) / 7)).astype(np.float32)[:, None]
    samples, warnings = decode(write_soundfile(loud, 16000, container="OGG", subtype="VORBIS"))
    assert warnings == []
    assert np.abs(samples).max() == 1


def test_gaps_in_timestamps_are_filled_with_silence():
    """Discontinuous transmission (DTX) leaves gaps in the timestamps during silence."""
    file = io.BytesIO()
    with av.open(file, "w", format="webm") as output:
        packets = encode_ffmpeg(output, tones(48000, 1, 6), 48000, encoder="libopus")
        output.mux([packet for packet in packets if not 2 <= packet.pts * packet.time_base < 4])
    samples, warnings = decode(file.getvalue())
    assert warnings == ["gaps_filled"]
    assert samples.shape[1] == pytest.approx(6 * SAMPLE_RATE, abs=200)
    assert np.abs(samples[0, round(2.2 * SAMPLE_RATE) : round(3.9 * SAMPLE_RATE)]).max() == 0
    audible = np.flatnonzero(np.abs(samples[0]) > 0.2) / SAMPLE_RATE
    assert audible[[0, -1]] == pytest.approx([0.5, 5.5], abs=0.03)


def test_audio_of_a_video_is_decoded():
    with open_audio(video([tones(16000, 2)])) as stream:
        samples = np.concatenate(list(stream.blocks()), axis=1)
    assert (stream.info.codec, stream.warnings) == ("aac", [])
    assert samples.shape == (2, pytest.approx(2 * SAMPLE_RATE, abs=2000))


def test_first_of_several_audio_streams_is_decoded_with_a_warning():
    samples, warnings = decode(video([tones(16000, 1), np.zeros((32000, 2), np.float32)]))
    assert warnings == ["extra_audio_streams"]
    assert np.abs(samples).max() > 0.4


def test_stream_is_decoded_up_to_a_change_of_its_sample_rate():
    adts = next(f for f in FORMATS if f.name == "ADTS")
    samples, warnings = decode(adts.example(16000, 1, seconds=4) + adts.example(44100, 1))
    assert "format_changed" in warnings
    assert samples.shape[1] / SAMPLE_RATE == pytest.approx(4, abs=0.2)


@pytest.mark.parametrize("kind", [f for f in FORMATS if str(f) in ("MP3 mp3", "ADTS aac", "FLAC flac")], ids=str)
def test_tag_with_a_picture_before_the_audio_is_skipped(kind):
    picture = b"\xff\xd8\xff\xe0" + bytes(100_000)
    size = bytes((len(picture) >> shift) & 0x7F for shift in (21, 14, 7, 0))
    samples, _ = decode(b"ID3\x04\x00\x00" + size + picture + kind.example())
    assert np.abs(samples).max() > 0.4


def test_mp3_that_starts_within_a_frame_is_decoded():
    data = next(f for f in FORMATS if f.name == "MP3").example(8000, 1, seconds=6)
    samples, _ = decode(data[1001:])
    assert samples.shape[1] / SAMPLE_RATE == pytest.approx(5.5, abs=0.5)
    assert np.abs(samples).max() > 0.4


def test_real_calls_are_decoded_completely(data_root):
    lengths = {}
    for path in sorted((data_root / "calls").glob("*.wav")):
        samples, warnings = decode(path)
        assert warnings == []
        assert 0.05 < np.abs(samples).max() <= 1
        lengths[path.name[:8]] = (samples.shape[0], round(samples.shape[1] / SAMPLE_RATE))
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


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads peak memory from /proc, which only Linux has")
@pytest.mark.parametrize("kind", [f for f in FORMATS if str(f) in ("WAV pcm_mulaw", "FLAC flac")], ids=str)
def test_memory_does_not_grow_with_duration(kind, tmp_path):
    """Ten minutes of stereo at 16 kHz are 77 MB, but need no more memory than one minute."""
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
    """Run code in a new process, and return its output."""
    functions = Path(__file__).parents[2] / "functions"
    environment = os.environ | {"PYTHONPATH": str(functions)}
    command = [sys.executable, "-c", textwrap.dedent(code)]
    return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout


def noise_samples() -> np.ndarray:
    return np.random.default_rng(0).normal(0, 0.1, 8000)


def noise() -> bytes:
    """One second of 16-bit noise at 8 kHz."""
    return (noise_samples() * 32768).astype("<i2").tobytes()
