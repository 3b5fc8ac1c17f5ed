"""Raw audio without a header: guessed from its suffix and statistics, and decoded if `RAW_AUDIO` states its format."""

import io
import subprocess
import sys
import zlib
from itertools import cycle
from pathlib import Path

import numpy as np
import pytest
import soundfile
from audio_files import FORMATS, write_soundfile
from invalid_recordings import INVALID, RANDOM
from pydantic import ValidationError

from callmood.audio.content import BytesContent
from callmood.audio.raw import ALAW, MULAW, guess_raw
from callmood.audio.stream import open_audio
from callmood.config import AnalysisConfig
from callmood.errors import BadRecording
from callmood.types import SAMPLE_RATE

EXAMPLES = sorted((Path(__file__).parents[1] / "examples").glob("*.wav"))
SUBTYPES = {"ulaw": "ULAW", "alaw": "ALAW", "slin": "PCM_16"}
SUFFIXES = {"ulaw": ".ulaw", "alaw": ".alaw", "slin": ".sln"}


def raw(codec, channels=1, path=EXAMPLES[0], start_s=0.0):
    """Speech of an example call as raw samples at 8 kHz."""
    samples, _ = soundfile.read(path, start=round(start_s * 8000), dtype="float32", always_2d=True)
    file = io.BytesIO()
    samples = samples[:, :1] if channels == 1 else np.repeat(samples[:, :1], channels, axis=1)
    with soundfile.SoundFile(file, "w", 8000, channels, SUBTYPES[codec], format="RAW") as out:
        out.write(samples)
    return file.getvalue()


def decode(audio, **options):
    with open_audio(audio, **options) as stream:
        return np.concatenate(list(stream.blocks()), axis=1), stream.warnings


def test_tables_are_those_of_g711():
    codes = bytes(range(256))
    for subtype, table in (("ULAW", MULAW), ("ALAW", ALAW)):
        decoded, _ = soundfile.read(
            io.BytesIO(codes), samplerate=8000, channels=1, subtype=subtype, format="RAW", dtype="float32"
        )
        np.testing.assert_array_equal(table, decoded)


@pytest.mark.parametrize("path", EXAMPLES[::2], ids=lambda path: path.name[22:31])
@pytest.mark.parametrize("start_s", [0, 7.3])
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("codec", SUBTYPES)
def test_speech_without_a_header_is_recognized_by_its_bytes(codec, channels, start_s, path):
    guess = guess_raw(BytesContent(raw(codec, channels, path, start_s)), "")
    assert guess is not None
    assert guess.codec == codec


@pytest.mark.parametrize("suffix", [".bin", ".dat", "", ".wav"])
@pytest.mark.parametrize("codec", SUBTYPES)
def test_failure_of_raw_audio_names_the_codec_and_the_setting(codec, suffix):
    with pytest.raises(BadRecording, match=f"RAW_AUDIO={codec}/8000/1") as error:
        open_audio(raw(codec), suffix)
    assert error.value.code == "not_audio"


@pytest.mark.parametrize(
    ("start", "suffix", "setting"),
    [
        (b"\xff\xfe", ".ulaw", "ulaw/8000/1"),  # a byte order mark of UTF-16
        (b"\xff\xfb\x90\x64", ".ulaw", "ulaw/8000/1"),  # the sync word of MP3
        (b"MZ", ".alaw", "alaw/8000/1"),
        (bytes(40_000), ".sln", "slin/8000/1"),
        (bytes(40_000), ".sln16", "slin/16000/1"),
        (b"\x84\x01\x03", ".sln", "slin/8000/1"),  # a PGP packet
        (RANDOM(20_000), ".g729", "g729/8000/1"),
    ],
)
def test_suffix_decides_where_raw_audio_starts_like_another_file(start, suffix, setting):
    with pytest.raises(BadRecording, match=f"RAW_AUDIO={setting}"):
        open_audio(start + RANDOM(2000), suffix)


@pytest.mark.parametrize(("kind", "suffix"), list(zip(FORMATS, cycle([".ulaw", ".raw"]))), ids=str)
def test_file_with_a_header_is_not_raw_audio(kind, suffix):
    with open_audio(kind.example(seconds=2.0), suffix) as stream:
        assert stream.info.container == kind.container


@pytest.mark.parametrize("name", INVALID)
def test_other_files_are_not_decoded_as_raw_audio(name):
    """With RAW_AUDIO, only files that seem to be raw audio are decoded; pictures and error pages still fail."""
    data, code, _ = INVALID[name]
    if name in ("headerless mu-law", "raw 16-bit samples"):
        return
    with pytest.raises(BadRecording) as error, open_audio(data, ".wav", "ulaw/8000/1") as stream:
        list(stream.blocks())
    assert error.value.code == code


@pytest.mark.parametrize("codec", SUBTYPES)
@pytest.mark.parametrize("channels", [1, 2])
def test_raw_audio_with_a_stated_format_is_decoded(codec, channels):
    samples, warnings = decode(raw(codec, channels), suffix=SUFFIXES[codec], raw_audio=f"{codec}/8000/{channels}")
    assert warnings == ["raw_audio"]
    expected, _ = decode(
        write_soundfile(
            np.repeat(soundfile.read(EXAMPLES[0], dtype="float32", always_2d=True)[0][:, :1], channels, axis=1),
            8000,
            container="WAV",
            subtype=SUBTYPES[codec],
        )
    )
    assert samples.shape == expected.shape
    np.testing.assert_allclose(samples, expected, atol=1e-6)


def test_g729_with_a_stated_format_is_decoded():
    """Ten bytes are 10 ms."""
    frames = np.random.default_rng(0).bytes(10 * 300)
    samples, warnings = decode(frames, suffix=".g729", raw_audio="g729/8000/1")
    assert "raw_audio" in warnings
    assert samples.shape == (1, pytest.approx(3 * SAMPLE_RATE, abs=400))


def test_frames_of_g729_are_recognized_by_their_period():
    random = np.random.default_rng(1)
    frames = random.integers(0, 256, (1000, 10), dtype=np.uint8)
    frames[:, 0] = random.choice([0x12, 0x34, 0x56, 0x78], 1000)  # the predictor of most frames is one of a few
    frames[:, 5] = random.choice([0x9A, 0xBC], 1000)
    with pytest.raises(BadRecording, match=r"raw G\.729 audio"):
        open_audio(frames.tobytes())


OTHER = {
    "random": RANDOM(50_000),
    "text": b"Dear customer, " * 500,
    "zeros": bytes(9000),
    "program": Path(sys.executable).resolve().read_bytes()[:2_000_000],
    "archive": zlib.compress(b"".join(b"%d," % i for i in range(50_000))),
}


@pytest.mark.parametrize("data", OTHER.values(), ids=OTHER)
def test_other_bytes_are_not_taken_for_raw_audio(data):
    assert guess_raw(BytesContent(data), "") is None


@pytest.mark.parametrize(
    "value", ["ulaw", "ulaw/8000", "mp3/8000/1", "ulaw/0/1", "ulaw/8000/0", "slin/999999/1", "g729/16000/1"]
)
def test_invalid_setting_is_rejected(value):
    with pytest.raises(ValidationError):
        AnalysisConfig(raw_audio=value)


@pytest.mark.slow
def test_setting_analyzes_raw_files_on_the_command_line(tmp_path):
    folder = tmp_path / "calls"
    folder.mkdir()
    (folder / "call.ulaw").write_bytes(raw("ulaw"))
    command = [
        sys.executable,
        "-m",
        "callmood",
        "analyze",
        str(folder),
        "--json",
        "--store",
        str(tmp_path / "c.duckdb"),
    ]
    environment = {"PYTHONPATH": "functions", "RAW_AUDIO": "ulaw/8000/1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert '"raw_audio"' in done.stdout
