"""Detection of formats: invalid files are rejected with a code, unusual files are decoded."""

import numpy as np
import pytest
from invalid_recordings import GOOD, INVALID, UNUSUAL

from callmood.audio.stream import open_audio
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


@pytest.mark.parametrize("suffix", ["", ".ulaw", ".raw"])
def test_message_contains_no_byte_of_the_file(tmp_path, suffix):
    """A link in a folder of recordings can lead to a file of another kind, and failures are shown to others."""
    secret = b"\x01\x02s3cr3t-key-0123456789\xff\xfe"
    (tmp_path / "secret").write_bytes(secret)
    link = tmp_path / f"call{suffix}"
    link.symlink_to(tmp_path / "secret")
    with pytest.raises(BadRecording) as error:
        open_audio(link, suffix)
    message = error.value.message
    assert "s3cr3t" not in message
    assert secret[:4].hex(" ") not in message
    assert secret[:4].hex() not in message
    assert str(tmp_path) not in message
