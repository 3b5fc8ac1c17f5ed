"""Files that are no recordings, or broken ones: refused with a code and a plain message, or heard as far as they go."""

import base64
import bz2
import gzip
import io
import lzma
import struct
import tarfile
import time
import zipfile

import av
import numpy as np
import pytest
from audio_files import FORMATS, encode_ffmpeg, tones, video, wav
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from callmood.audio.stream import WARNINGS, open_audio
from callmood.errors import BadRecording

GOOD = wav(np.random.default_rng(0).integers(-3000, 3000, 8000, dtype="<i2").tobytes())
KINDS = {str(kind): kind.example(seconds=2.0) for kind in FORMATS}
RANDOM = np.random.default_rng(7).bytes


def archive(kind: str) -> bytes:
    file = io.BytesIO()
    if kind == "tar":
        with tarfile.open(fileobj=file, mode="w") as tar:
            member = tarfile.TarInfo("call.wav")
            member.size = len(GOOD)
            tar.addfile(member, io.BytesIO(GOOD))
    else:
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("call.wav", GOOD)
    return file.getvalue()


def locked_zip() -> bytes:
    """A ZIP whose first member is marked as encrypted (Python's zipfile can read such, but not write them)."""
    data = bytearray(archive("zip"))
    data[6] |= 1
    return bytes(data)


def common_encryption() -> bytes:
    file = io.BytesIO()
    options = {"encryption_scheme": "cenc-aes-ctr", "encryption_key": "5" * 32, "encryption_kid": "7" * 32}
    with av.open(file, "w", format="mp4", options=options) as output:
        output.mux(encode_ffmpeg(output, tones(16000, 1), 16000, encoder="aac"))
    return file.getvalue()


def fairplay() -> bytes:
    """An M4A whose sample entry is named as in files of Apple's shop."""
    return KINDS["M4A aac"].replace(b"mp4a\0\0\0\0", b"drms\0\0\0\0")


def webm(*more_of_track: bytes) -> bytes:
    """A WebM of one Opus track and one block, as the Matroska specification (RFC 9559) writes it."""
    opus_head = b"OpusHead" + struct.pack("<BBHIHB", 1, 1, 0, 48000, 0, 0)
    track = [ebml("d7", b"\1"), ebml("73c5", b"\1"), ebml("83", b"\2"), ebml("86", b"A_OPUS"), ebml("63a2", opus_head)]
    sound = ebml("e1", ebml("b5", struct.pack(">d", 48000.0)), ebml("9f", b"\1"))
    tracks = ebml("1654ae6b", ebml("ae", *track, sound, *more_of_track))
    cluster = ebml("1f43b675", ebml("e7", b"\0"), ebml("a3", b"\x81\0\0\x80" + b"\xf8\xff\xfe"))
    return ebml("1a45dfa3", ebml("4282", b"webm")) + ebml("18538067", tracks, cluster)


def ebml(number: str, *content: bytes) -> bytes:
    body = b"".join(content)
    return bytes.fromhex(number) + struct.pack(">I", 0x1000_0000 | len(body)) + body


def encrypted_webm() -> bytes:
    encryption = ebml("5035", ebml("47e1", b"\5"), ebml("47e2", b"key-of-the-call!"))
    return webm(ebml("6d80", ebml("6240", ebml("5031", b"\0"), ebml("5032", b"\1"), ebml("5033", b"\1"), encryption)))


def picture(kind: str) -> bytes:
    file = io.BytesIO()
    with av.open(file, "w", format="image2pipe") as output:
        stream = output.add_stream(kind, rate=1, width=64, height=64)
        stream.pix_fmt = stream.codec_context.codec.video_formats[0].name
        frame = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")
        output.mux([*stream.encode(frame.reformat(format=stream.pix_fmt)), *stream.encode()])
    return file.getvalue()


PGP_KEY_PACKET = bytes.fromhex("85010c03") + RANDOM(300)
PGP_PASSWORD_PACKET = bytes.fromhex("8c0d04090302") + RANDOM(300)

# Each: what it is, its bytes, the code, and words of the message.
REFUSED = {
    "empty": (b"", "empty_file", "0 bytes"),
    "png": (picture("png"), "not_audio", "PNG picture"),
    "jpeg": (picture("mjpeg"), "not_audio", "JPEG picture"),
    "bmp": (picture("bmp"), "not_audio", "BMP picture"),
    "tiff": (picture("tiff"), "not_audio", "TIFF picture"),
    "webp": (picture("libwebp"), "not_audio", "WebP picture"),
    "gif": (base64.b64decode("R0lGODlhAQABAIAAAP///wAAACwAAAAAAQABAAACAkQBADs="), "not_audio", "GIF picture"),
    "pdf": (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n", "not_audio", "PDF document"),
    "html error page": (b"<!DOCTYPE html><html><body>404 Not Found</body></html>", "not_audio", "HTML page"),
    "html after blank lines": (b"\n\n <HTML><head>", "not_audio", "HTML page"),
    "xml error": (b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>', "not_audio", "XML document"),
    "json error": (b'{"error": {"code": 403}}', "not_audio", "JSON document"),
    "text": (b"Call with Mrs Miller, 3 p.m.\n", "not_audio", "is text"),
    "umlauts": ("Gespräch mit Frau Müller".encode("latin-1"), "not_audio", "is text"),
    "utf-16 text": ("call".encode("utf-16"), "not_audio", "is text"),
    "csv": (b"call_id,agent\n1,Kim\n" * 2000, "not_audio", "is text"),
    "one byte": (b"R", "not_audio", "is text"),
    "base64 of a wav": (base64.b64encode(GOOD), "not_audio", "base64"),
    "data uri": (b"data:audio/wav;base64," + base64.b64encode(GOOD), "not_audio", "base64"),
    "playlist": (b"#EXTM3U\nhttp://127.0.0.1/call.ts\n", "not_audio", "playlist"),
    "midi": (b"MThd\0\0\0\6\0\1\0\1\0\x60MTrk", "not_audio", "MIDI"),
    "sqlite": (b"SQLite format 3\0" + bytes(100), "not_audio", "SQLite"),
    "program": (b"\x7fELF\2\1\1" + bytes(100), "not_audio", "program"),
    "zip": (archive("zip"), "not_audio", "ZIP archive"),
    "tar": (archive("tar"), "not_audio", "tar archive"),
    "gzip": (gzip.compress(GOOD), "not_audio", "gzip archive"),
    "bzip2": (bz2.compress(GOOD), "not_audio", "bzip2 archive"),
    "xz": (lzma.compress(GOOD), "not_audio", "xz archive"),
    "zeros": (bytes(50_000), "not_audio", "zero bytes"),
    "random": (b"\1" + RANDOM(50_000), "not_audio", "no audio format"),
    "headerless mu-law": (b"\x00\x80" * 4000, "not_audio", "raw audio without a header"),
    "raw 16-bit samples": (GOOD[44:], "not_audio", "raw audio without a header"),
    "openssl": (b"Salted__" + RANDOM(4000), "encrypted", "OpenSSL"),
    "openssl base64": (base64.b64encode(b"Salted__" + RANDOM(4000)), "encrypted", "OpenSSL"),
    "pgp armor": (b"-----BEGIN PGP MESSAGE-----\n\nhQEMA", "encrypted", "PGP message"),
    "pgp by key": (PGP_KEY_PACKET, "encrypted", "PGP message"),
    "pgp by password": (PGP_PASSWORD_PACKET, "encrypted", "PGP message locked by a password"),
    "age": (b"age-encryption.org/v1\n-> X25519 abc\n", "encrypted", "by age"),
    "aes crypt": (b"AES\2\0" + RANDOM(300), "encrypted", "AES Crypt"),
    "locked zip": (locked_zip(), "encrypted", "ZIP archive locked"),
    "m4a, common encryption": (common_encryption(), "encrypted", "mp4"),
    "m4a, fairplay": (fairplay(), "encrypted", "mp4"),
    "webm, encrypted": (encrypted_webm(), "encrypted", "webm"),
    "wav, 4 bytes": (GOOD[:4], "damaged", "wav"),
    "wav, 20 bytes": (GOOD[:20], "damaged", "wav"),
    "wav without a data chunk": (GOOD[:36], "damaged", "wav"),
    "wav of zeros but for its name": (b"RIFF\0\0\0\0WAVE" + bytes(5000), "damaged", "wav"),
    "wav, header only": (wav(b""), "no_audio", "no samples"),
    "wav, header that claims data": (wav(b"", data_size=16_000), "no_audio", "no samples"),
    "wav, sample rate 0": (wav(rate=0), "invalid_format", "sample rate"),
    "wav, sample rate 1": (wav(rate=1), "invalid_format", "1 Hz"),
    "wav, sample rate 2^31 - 1": (wav(rate=2**31 - 1), "invalid_format", "2147483647 Hz"),
    "wav, sample rate 2^32 - 1": (wav(rate=2**32 - 1), "invalid_format", "sample rate"),
    "wav, no channels": (wav(channels=0), "invalid_format", "zero channels"),
    "wav, 65 channels": (wav(channels=65), "invalid_format", "65 channels"),
    "wav, 1024 channels": (wav(bytes(20_480), channels=1024), "invalid_format", "1024 channels"),
    "wav, 65535 channels": (wav(channels=65_535), "invalid_format", "channels"),
    "wav, unknown codec": (wav(tag=0xDEAD), "unsupported_codec", "0xdead"),
    "wav, codec 0": (wav(tag=0), "unsupported_codec", "0x0000"),
    "wav, 0 bits": (wav(bits=0), "unsupported_codec", "0x0001"),
    "wav, 64-bit integers": (wav(bits=64), "unsupported_codec", "64-bit"),
    "wav, mp3 that is none": (wav(RANDOM(5000), tag=0x55), "damaged", "mp3"),
    "flac, 30 bytes": (KINDS["FLAC flac"][:30], "damaged", "flac"),
    "flac, header only": (KINDS["FLAC flac"][:42], "damaged", "flac"),
    "ogg, first page only": (KINDS["Ogg opus"][:47], "damaged", "ogg"),
    "mp3 tag and nothing else": (b"ID3\4\0\0\0\0\1\0" + bytes(128), "damaged", "mp3"),
    "mp3 tag before a picture": (b"ID3\4\0\0\0\0\1\0" + bytes(128) + picture("png"), "damaged", "mp3"),
    "m4a without its index": (KINDS["M4A aac"][: KINDS["M4A aac"].index(b"moov") - 4], "damaged", "index"),
    "m4a, first box only": (KINDS["M4A aac"][:32], "damaged", "mp4"),
    "mp4 without sound": (video([]), "no_audio", "no audio stream"),
    "mkv without sound": (video([], "matroska"), "no_audio", "no audio stream"),
    "avi without sound": (video([], "avi"), "no_audio", "no audio stream"),
    "webm, header only": (KINDS["WebM opus"][:60], "damaged", "webm"),
    "webm, codec unknown": (webm().replace(b"A_OPUS", b"A_NEWS"), "unsupported_codec", "webm"),
    "amr, magic only": (b"#!AMR\n", "no_audio", "amr"),
    "caf, 8 bytes": (KINDS["CAF pcm_s16"][:8], "damaged", "caf"),
    "wma, 40 bytes": (KINDS["WMA wmav2"][:40], "damaged", "asf"),
    "au, header only": (KINDS["AU pcm_mulaw"][:24], "no_audio", "au"),
    "aiff, 12 bytes": (KINDS["AIFF pcm_s16"][:12], "invalid_format", "zero channels"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused_with_a_code_and_a_plain_message(name, tmp_path):
    data, code, words = REFUSED[name]
    path = tmp_path / "call.wav"
    path.write_bytes(data)
    for audio in (data, path):
        with pytest.raises(BadRecording) as refused, open_audio(audio) as stream:
            list(stream.blocks())
        assert (refused.value.code, words in refused.value.message) == (code, True), refused.value.message
        assert refused.value.message[0].isupper()
        assert refused.value.message.endswith(".")


# What is odd, but holds sound: its bytes, its length in seconds, its warnings.
HEARD = {
    "wav, 12 bits": (wav(bits=12), 0.5, []),
    "wav, block align 0": (wav(block_align=0), 0.5, []),
    "wav, half a sample at its end": (wav(bytes(8001)), 0.5, []),
    "wav, one sample": (wav(bytes(2)), 1 / 8000, []),
    "wav, silence": (wav(bytes(16000)), 1, []),
    "wav, 64 channels": (wav(bytes(128_000), channels=64), 0.125, []),
    "wav, claims 1 GB": (wav(data_size=2**30), 0.5, ["truncated"]),
    "wav, claims 4 GB": (wav(data_size=2**32 - 1), 0.5, []),
    "wav, RIFF length 0": (GOOD[:4] + bytes(4) + GOOD[8:], 1, []),
    "wav, all NaN": (wav(np.full(8000, np.nan, "<f4").tobytes(), tag=3, bits=32), 1, ["non_finite_samples"]),
    "wav, 1e300": (wav(np.full(8000, 1e300).tobytes(), tag=3, bits=64), 1, ["non_finite_samples"]),
    "wav, 1e38": (wav(np.full(8000, 1e38, "<f4").tobytes(), tag=3, bits=32), 1, ["over_full_scale"]),
    "webm of one packet": (webm(), 0.02, []),
    "two wavs joined": (GOOD + GOOD, 1, []),
    "two oggs joined": (KINDS["Ogg opus"] * 2, 4, []),
    "two mp3s joined": (KINDS["MP3 mp3"] * 2, 4.2, ["decode_errors"]),
}


@pytest.mark.parametrize("name", HEARD)
def test_it_is_odd_but_heard(name):
    data, seconds, warnings = HEARD[name]
    with open_audio(data) as stream:
        sound = np.concatenate(list(stream.blocks()), axis=1)
    assert sound.shape[1] / 16_000 == pytest.approx(seconds, abs=0.1 if seconds > 2 else 0.01)
    assert stream.warnings == warnings
    assert np.isfinite(sound).all()


def test_a_playlist_in_disguise_opens_no_other_file(tmp_path):
    """FFmpeg would follow a playlist, a concatenation script or a reference movie to other files and addresses."""
    secret = tmp_path / "secret.wav"
    secret.write_bytes(GOOD)
    for script in (f"ffconcat version 1.0\nfile '{secret}'\n", f"#EXTM3U\n#EXTINF:1,\n{secret}\n", f"concat:{secret}"):
        with pytest.raises(BadRecording) as refused:
            open_audio(script.encode())
        assert refused.value.code == "not_audio"


def damaged(kind: str, flips: list[tuple[float, int]], cut: float) -> bytes:
    data = bytearray(KINDS[kind])
    for place, value in flips:
        # Squared, since most of what can go wrong is in the header.
        data[int(place**2 * len(data))] ^= value
    return bytes(data[: max(1, int(cut * len(data)))])


flips = st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(1, 255)), max_size=12)


@settings(max_examples=1000, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(sorted(KINDS)), flips, st.just(1.0) | st.floats(0, 1))
def test_whatever_is_damaged_is_heard_or_refused_within_bounds(kind, flips, cut):
    began = time.monotonic()
    samples = 0
    try:
        with open_audio(damaged(kind, flips, cut)) as stream:
            for block in stream.blocks():
                samples += block.shape[1]
                assert block.dtype == np.float32
                assert block.shape[0] == stream.info.channels
                assert np.abs(block).max(initial=0) <= 1  # which NaN is not
                if samples > 3600 * 16_000:
                    break  # a caller's limit of length ends what never ends
        assert set(stream.warnings) <= set(WARNINGS)
    except BadRecording:
        pass  # its class lets no unknown code exist
    assert time.monotonic() - began < 20
