"""Detection of formats: invalid files are rejected with a code, unusual files are decoded."""

import time

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from invalid_recordings import EXAMPLES, GOOD, INVALID, UNUSUAL

from callmood.audio.stream import WARNINGS, open_audio
from callmood.errors import BadRecording


@pytest.mark.parametrize("name", INVALID)
def test_invalid_file_is_rejected_with_a_code_and_a_message(name, tmp_path):
    data, code, words = INVALID[name]
    path = tmp_path / "call.wav"
    path.write_bytes(data)
    for audio in (data, path):
        with pytest.raises(BadRecording) as error, open_audio(audio) as stream:
            list(stream.blocks())
        assert (error.value.code, words in error.value.message) == (code, True), error.value.message
        assert error.value.message[0].isupper()
        assert error.value.message.endswith(".")


@pytest.mark.parametrize("name", UNUSUAL)
def test_unusual_file_is_decoded(name):
    data, seconds, warnings = UNUSUAL[name]
    with open_audio(data) as stream:
        samples = np.concatenate(list(stream.blocks()), axis=1)
    assert samples.shape[1] / 16_000 == pytest.approx(seconds, abs=0.1 if seconds > 2 else 0.01)
    assert stream.warnings == warnings
    assert np.isfinite(samples).all()


def test_disguised_playlist_opens_no_other_file(tmp_path):
    """FFmpeg follows playlists and concatenation scripts to other files and URLs."""
    secret = tmp_path / "secret.wav"
    secret.write_bytes(GOOD)
    for script in (f"ffconcat version 1.0\nfile '{secret}'\n", f"#EXTM3U\n#EXTINF:1,\n{secret}\n", f"concat:{secret}"):
        with pytest.raises(BadRecording) as error:
            open_audio(script.encode())
        assert error.value.code == "not_audio"


def damage(kind: str, flips: list[tuple[float, int]], cut: float) -> bytes:
    data = bytearray(EXAMPLES[kind])
    for position, value in flips:
        # Squared, because most errors are possible in the header.
        data[int(position**2 * len(data))] ^= value
    return bytes(data[: max(1, int(cut * len(data)))])


flips = st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(1, 255)), max_size=12)


@settings(max_examples=1000, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(sorted(EXAMPLES)), flips, st.just(1.0) | st.floats(0, 1))
def test_damaged_file_is_decoded_or_rejected_within_limits(kind, flips, cut):
    began = time.monotonic()
    samples = 0
    try:
        with open_audio(damage(kind, flips, cut)) as stream:
            for block in stream.blocks():
                samples += block.shape[1]
                assert block.dtype == np.float32
                assert block.shape[0] == stream.info.channels
                assert np.abs(block).max(initial=0) <= 1  # false for NaN
                if samples > 3600 * 16_000:
                    break  # callers limit the duration
        assert set(stream.warnings) <= set(WARNINGS)
    except BadRecording:
        pass  # its constructor rejects unknown codes
    assert time.monotonic() - began < 20
