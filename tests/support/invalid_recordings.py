"""Invalid and unusual audio files, with the expected result of each."""

import base64
import bz2
import gzip
import io
import lzma
import struct
import tarfile
import zipfile

import av
import numpy as np
from audio_files import FORMATS, encode_ffmpeg, tones, video, wav

GOOD = wav(np.random.default_rng(0).integers(-3000, 3000, 8000, dtype="<i2").tobytes())
EXAMPLES = {str(kind): kind.example(seconds=2.0) for kind in FORMATS}
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


def encrypted_zip() -> bytes:
    """Return a ZIP archive whose first member has the flag "encrypted"; Python's zipfile cannot write one."""
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
    """Return an M4A file with the sample entry of FairPlay."""
    return EXAMPLES["M4A aac"].replace(b"mp4a\0\0\0\0", b"drms\0\0\0\0")


def webm(*more_of_track: bytes) -> bytes:
    """Return a WebM file with one Opus track and one block (RFC 9559)."""
    opus_head = b"OpusHead" + struct.pack("<BBHIHB", 1, 1, 0, 48000, 0, 0)
    track = [ebml("d7", b"\1"), ebml("73c5", b"\1"), ebml("83", b"\2"), ebml("86", b"A_OPUS"), ebml("63a2", opus_head)]
    settings = ebml("e1", ebml("b5", struct.pack(">d", 48000.0)), ebml("9f", b"\1"))
    tracks = ebml("1654ae6b", ebml("ae", *track, settings, *more_of_track))
    cluster = ebml("1f43b675", ebml("e7", b"\0"), ebml("a3", b"\x81\0\0\x80" + b"\xf8\xff\xfe"))
    return ebml("1a45dfa3", ebml("4282", b"webm")) + ebml("18538067", tracks, cluster)


def ebml(number: str, *content: bytes) -> bytes:
    body = b"".join(content)
    return bytes.fromhex(number) + struct.pack(">I", 0x1000_0000 | len(body)) + body


def encrypted_webm() -> bytes:
    encryption = ebml("5035", ebml("47e1", b"\5"), ebml("47e2", b"key-of-the-call!"))
    return webm(ebml("6d80", ebml("6240", ebml("5031", b"\0"), ebml("5032", b"\1"), ebml("5033", b"\1"), encryption)))


def image(kind: str) -> bytes:
    file = io.BytesIO()
    with av.open(file, "w", format="image2pipe") as output:
        stream = output.add_stream(kind, rate=1, width=64, height=64)
        stream.pix_fmt = stream.codec_context.codec.video_formats[0].name
        frame = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")
        output.mux([*stream.encode(frame.reformat(format=stream.pix_fmt)), *stream.encode()])
    return file.getvalue()


PGP_KEY_PACKET = bytes.fromhex("85010c03") + RANDOM(300)
PGP_PASSWORD_PACKET = bytes.fromhex("8c0d04090302") + RANDOM(300)

# Name: (content, failure code, part of the message).
INVALID = {
    "empty": (b"", "empty_file", "0 bytes"),
    "png": (image("png"), "not_audio", "PNG image"),
    "jpeg": (image("mjpeg"), "not_audio", "JPEG image"),
    "bmp": (image("bmp"), "not_audio", "BMP image"),
    "tiff": (image("tiff"), "not_audio", "TIFF image"),
    "webp": (image("libwebp"), "not_audio", "WebP image"),
    "gif": (base64.b64decode("R0lGODlhAQABAIAAAP///wAAACwAAAAAAQABAAACAkQBADs="), "not_audio", "GIF image"),
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
    "random": (b"\1" + RANDOM(50_000), "not_audio", "Unknown audio format"),
    "headerless mu-law": (b"\x00\x80" * 4000, "not_audio", "RAW_AUDIO="),
    "raw 16-bit samples": (GOOD[44:], "not_audio", "RAW_AUDIO="),
    "openssl": (b"Salted__" + RANDOM(4000), "encrypted", "OpenSSL"),
    "openssl base64": (base64.b64encode(b"Salted__" + RANDOM(4000)), "encrypted", "OpenSSL"),
    "pgp armor": (b"-----BEGIN PGP MESSAGE-----\n\nhQEMA", "encrypted", "PGP message"),
    "pgp by key": (PGP_KEY_PACKET, "encrypted", "PGP message"),
    "pgp by password": (PGP_PASSWORD_PACKET, "encrypted", "PGP message protected by a password"),
    "age": (b"age-encryption.org/v1\n-> X25519 abc\n", "encrypted", "by age"),
    "aes crypt": (b"AES\2\0" + RANDOM(300), "encrypted", "AES Crypt"),
    "encrypted zip": (encrypted_zip(), "encrypted", "ZIP archive protected"),
    "m4a, common encryption": (common_encryption(), "encrypted", "mp4"),
    "m4a, fairplay": (fairplay(), "encrypted", "mp4"),
    "webm, encrypted": (encrypted_webm(), "encrypted", "webm"),
    "wav, 4 bytes": (GOOD[:4], "damaged", "wav"),
    "wav, 20 bytes": (GOOD[:20], "damaged", "wav"),
    "wav without a data chunk": (GOOD[:36], "damaged", "wav"),
    "wav of zeros after its signature": (b"RIFF\0\0\0\0WAVE" + bytes(5000), "damaged", "wav"),
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
    "wav, invalid mp3": (wav(RANDOM(5000), tag=0x55), "damaged", "mp3"),
    "flac, 30 bytes": (EXAMPLES["FLAC flac"][:30], "damaged", "flac"),
    "flac, header only": (EXAMPLES["FLAC flac"][:42], "damaged", "flac"),
    "ogg, first page only": (EXAMPLES["Ogg opus"][:47], "damaged", "ogg"),
    "mp3 tag only": (b"ID3\4\0\0\0\0\1\0" + bytes(128), "damaged", "mp3"),
    "mp3 tag before a picture": (b"ID3\4\0\0\0\0\1\0" + bytes(128) + image("png"), "damaged", "mp3"),
    "m4a without its index": (EXAMPLES["M4A aac"][: EXAMPLES["M4A aac"].index(b"moov") - 4], "damaged", "index"),
    "m4a, first box only": (EXAMPLES["M4A aac"][:32], "damaged", "mp4"),
    "mp4 without audio": (video([]), "no_audio", "no audio stream"),
    "mkv without audio": (video([], "matroska"), "no_audio", "no audio stream"),
    "avi without audio": (video([], "avi"), "no_audio", "no audio stream"),
    "webm, header only": (EXAMPLES["WebM opus"][:60], "damaged", "webm"),
    "webm, codec unknown": (webm().replace(b"A_OPUS", b"A_NEWS"), "unsupported_codec", "webm"),
    "amr, magic only": (b"#!AMR\n", "no_audio", "amr"),
    "caf, 8 bytes": (EXAMPLES["CAF pcm_s16"][:8], "damaged", "caf"),
    "wma, 40 bytes": (EXAMPLES["WMA wmav2"][:40], "damaged", "asf"),
    "au, header only": (EXAMPLES["AU pcm_mulaw"][:24], "no_audio", "au"),
    "aiff, 12 bytes": (EXAMPLES["AIFF pcm_s16"][:12], "invalid_format", "zero channels"),
}

# Name: (content, duration in seconds, warnings).
UNUSUAL = {
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
    "two wavs joined": (GOOD + GOOD, 2, ["joined"]),
    "two oggs joined": (EXAMPLES["Ogg opus"] * 2, 4, ["joined"]),
    "two mp3s joined": (EXAMPLES["MP3 mp3"] * 2, 4, ["joined"]),
}
