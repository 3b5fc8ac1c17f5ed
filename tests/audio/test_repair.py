"""Recordings whose headers state too little, that are joined in one file, padded, or in several tracks."""

import io
import struct

import av
import numpy as np
import pytest
from audio_files import FORMATS, encode_ffmpeg, tones, wav, write_ffmpeg, write_soundfile

from callmood.audio.stream import open_audio
from callmood.types import SAMPLE_RATE


def decode(audio, **options):
    with open_audio(audio, **options) as stream:
        return np.concatenate(list(stream.blocks()), axis=1), stream.warnings


def noise(seconds, channels=1, rate=8000, seed=0):
    """16-bit noise."""
    count = round(seconds * rate)
    return np.random.default_rng(seed).integers(-3000, 3000, (count, channels), dtype="<i2").tobytes()


def chunk(kind, data):
    return kind + struct.pack("<I", len(data)) + data + bytes(len(data) & 1)


def seconds(samples):
    return samples.shape[1] / SAMPLE_RATE


@pytest.mark.parametrize("stated_s", [0.5, 1, 5.9])
@pytest.mark.parametrize("channels", [1, 2])
def test_audio_after_a_stated_end_is_decoded(stated_s, channels):
    data = noise(6, channels)
    samples, warnings = decode(wav(data, channels=channels, data_size=round(stated_s * 16_000) * channels))
    assert warnings == ["header_too_short"]
    assert seconds(samples) == pytest.approx(6, abs=0.001)
    complete, _ = decode(wav(data, channels=channels))
    np.testing.assert_array_equal(samples, complete)


@pytest.mark.parametrize("kind", [f for f in FORMATS if f.name == "WAV"], ids=str)
def test_stale_header_of_every_codec_loses_no_audio(kind):
    whole = bytearray(kind.example(seconds=6.0))
    position = whole.index(b"data")
    stated = struct.unpack_from("<I", whole, position + 4)[0]
    # A whole number of blocks of every codec.
    block = max(1, struct.unpack_from("<H", whole, 32)[0])
    struct.pack_into("<I", whole, position + 4, stated // 3 // block * block)
    samples, warnings = decode(bytes(whole))
    assert "header_too_short" in warnings
    assert seconds(samples) == pytest.approx(6, abs=0.3)


@pytest.mark.parametrize(
    ("container", "subtype", "position"), [("AU", "PCM_16", 8), ("AU", "ULAW", 8), ("AIFF", "PCM_16", b"SSND")]
)
def test_stale_size_of_au_and_aiff_loses_no_audio(container, subtype, position):
    whole = bytearray(write_soundfile(tones(8000, 2, 6.0), 8000, container=container, subtype=subtype))
    complete, warnings = decode(bytes(whole))
    assert warnings == []
    position = position if isinstance(position, int) else whole.index(position) + 4
    struct.pack_into(">I", whole, position, 16_008)
    samples, warnings = decode(bytes(whole))
    assert warnings == ["header_too_short"]
    np.testing.assert_array_equal(samples, complete)


@pytest.mark.parametrize("stated_s", [1, 0, None])
def test_rf64_with_a_stale_size_is_decoded(stated_s):
    whole = bytearray(write_soundfile(tones(8000, 2, 6.0), 8000, container="RF64", subtype="PCM_16"))
    complete, _ = decode(bytes(whole))
    if stated_s is not None:
        struct.pack_into("<Q", whole, whole.index(b"ds64") + 16, stated_s * 32_000)
    samples, warnings = decode(bytes(whole))
    assert warnings == (["header_too_short"] if stated_s else [])
    np.testing.assert_array_equal(samples, complete)


def test_recorder_that_never_updates_its_header_after_a_silent_start():
    silence_then_noise = bytes(16_000 * 30) + noise(2)
    samples, warnings = decode(wav(silence_then_noise, data_size=16_000))
    assert (seconds(samples), warnings) == (32, ["header_too_short"])


@pytest.mark.parametrize(
    "trailer",
    [
        chunk(b"LIST", b"INFOISFT\x04\0\0\0Rec\0"),
        chunk(b"id3 ", bytes(100)),
        b"TAG" + bytes(125),
        bytes(5000),
        b"<?xml version='1.0'?><recording>" + b"<note/>" * 100,
        b'{"agent": "Kim"}' * 100,
        b"\x01\x02\x03",
    ],
    ids=lambda trailer: repr(trailer[:8]),
)
def test_what_follows_complete_audio_is_not_audio(trailer):
    samples, warnings = decode(wav(noise(1), trailer=trailer))
    assert (seconds(samples), warnings) == (1, [])


def test_metadata_at_the_end_is_no_audio_of_a_stale_header():
    data = noise(3) + chunk(b"LIST", b"INFOISFT\x04\0\0\0Rec\0")
    samples, warnings = decode(wav(data, data_size=16_000))
    assert (seconds(samples), warnings) == (3, ["header_too_short"])


def test_all_data_chunks_are_decoded():
    first, second = noise(1, seed=1), noise(2, seed=2)
    whole, _ = decode(wav(first + second))
    for between in (b"", chunk(b"LIST", b"INFO"), chunk(b"junk", bytes(7))):
        samples, warnings = decode(wav(first, trailer=between + chunk(b"data", second)))
        assert warnings == ["joined"]
        np.testing.assert_array_equal(samples, whole)


@pytest.mark.parametrize("count", [2, 5])
def test_joined_wavs_are_decoded_one_after_the_other(count):
    parts = [noise(1 + i, seed=i) for i in range(count)]
    samples, warnings = decode(b"".join(wav(part) for part in parts))
    assert warnings == ["joined"]
    expected = np.concatenate([decode(wav(part))[0] for part in parts], axis=1)
    np.testing.assert_array_equal(samples, expected)


def test_joined_wavs_may_differ_in_rate_codec_and_channels():
    parts = [wav(noise(1)), write_soundfile(tones(16_000, 2), 16_000, container="WAV", subtype="ULAW"), wav(noise(1))]
    samples, warnings = decode(b"".join(parts))
    assert warnings == ["joined"]
    assert samples.shape == (2, 4 * SAMPLE_RATE)
    np.testing.assert_array_equal(samples[0, :SAMPLE_RATE], samples[1, :SAMPLE_RATE])
    assert np.abs(samples[0, SAMPLE_RATE:-SAMPLE_RATE]).max() > 0.4


def test_wav_after_a_wav_with_a_stale_header_is_separate():
    samples, warnings = decode(wav(noise(3), data_size=1600) + wav(noise(2, channels=2), channels=2))
    assert set(warnings) == {"header_too_short", "joined"}
    assert samples.shape == (2, 5 * SAMPLE_RATE)


def test_joined_wav_whose_last_part_is_cut_has_both_warnings():
    samples, warnings = decode(wav(noise(1)) + wav(noise(2))[:-16_000])
    assert set(warnings) == {"joined", "truncated"}
    assert seconds(samples) == pytest.approx(2, abs=0.01)


def vbr_mp3(channels=1, length=4.0):
    return write_ffmpeg(tones(16_000, channels, length), 16_000, muxer="mp3", encoder="libmp3lame")


def test_joined_mp3s_are_complete_and_without_false_warnings():
    parts = [vbr_mp3(length=length) for length in (4.0, 9.0, 2.0)]
    id3v1 = b"TAG" + bytes(125)
    for between in (b"", id3v1):
        samples, warnings = decode(between.join(parts))
        assert warnings == ["joined"]
        assert seconds(samples) == pytest.approx(15, abs=0.1)


def plain_mp3(channels=1, length=4.0):
    """An MP3 file without a Xing header."""
    signal = tones(16_000, channels, length)
    return write_ffmpeg(signal, 16_000, muxer="mp3", encoder="libmp3lame", options={"write_xing": "0"})


@pytest.mark.parametrize(
    ("parts", "seconds_in_all"),
    [
        ([plain_mp3(1), vbr_mp3(2)], 8),
        ([vbr_mp3(2), plain_mp3(2)], 8),
        ([vbr_mp3(1), b"ID3\x04\0\0\0\0\x02\0" + bytes(256), vbr_mp3(1), vbr_mp3(2)], 12),
        ([vbr_mp3(1), bytes(500), vbr_mp3(1)], 8),
    ],
    ids=["no header first", "no header last", "tag between", "zeros between"],
)
def test_joined_mp3s_of_any_kind_lose_no_audio(parts, seconds_in_all):
    samples, warnings = decode(b"".join(parts))
    assert seconds(samples) == pytest.approx(seconds_in_all, abs=0.2)
    assert set(warnings) - {"decode_errors"} == {"joined"}
    assert "truncated" not in warnings


def test_joined_mp3s_may_differ_in_channels():
    samples, warnings = decode(vbr_mp3(1) + vbr_mp3(2))
    assert warnings == ["joined"]
    assert samples.shape == (2, pytest.approx(8 * SAMPLE_RATE, rel=0.02))
    assert np.abs(samples[1, : 4 * SAMPLE_RATE]).max() > 0.2


OGG = {f.codec: f for f in FORMATS if f.container == "ogg"}


@pytest.mark.parametrize("codec", OGG)
@pytest.mark.parametrize(("first", "second"), [(2, 2), (1, 2), (2, 1)])
def test_chained_ogg_streams_may_differ_in_channels(codec, first, second):
    kind = OGG[codec]
    samples, warnings = decode(kind.example(16_000, first) + kind.example(16_000, second))
    assert warnings == ["joined"]
    assert samples.shape == (max(first, second), pytest.approx(4 * SAMPLE_RATE, rel=0.02))
    for channel in samples:
        for half in np.array_split(channel, 2):
            assert np.abs(half).max() > 0.2


def test_damaged_link_of_a_chain_is_skipped_with_a_warning():
    links = [bytearray(OGG["opus"].example(16_000, 1)) for _ in range(3)]
    links[1][28:36] = b"Opusxxxx"
    samples, warnings = decode(b"".join(map(bytes, links)))
    assert {"joined", "decode_errors"} <= set(warnings)
    assert seconds(samples) == pytest.approx(4, abs=0.2)


@pytest.mark.parametrize("subtype", ["IMA_ADPCM", "MS_ADPCM"])
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("length", [2.0, 12.0, 12.03])
def test_padding_of_adpcm_is_removed(subtype, channels, length):
    data = write_soundfile(tones(8000, channels, length), 8000, container="WAV", subtype=subtype)
    samples, warnings = decode(with_fact(data, round(8000 * length)))
    assert seconds(samples) == pytest.approx(length, abs=0.001)
    assert warnings == []


@pytest.mark.parametrize("stated", [0, 10, 1_000_000])
def test_wrong_fact_chunk_is_ignored(stated):
    data = write_soundfile(tones(8000, 1, 4.0), 8000, container="WAV", subtype="IMA_ADPCM")
    samples, _ = decode(with_fact(data, stated))
    assert seconds(samples) == pytest.approx(4, abs=0.13)


def with_fact(data, samples):
    """State this number of samples in the `fact` chunk."""
    position = data.index(b"fact")
    return data[: position + 8] + struct.pack("<I", samples) + data[position + 12 :]


def tracks(muxer, encoder, *signals, rate=16_000):
    file = io.BytesIO()
    with av.open(file, "w", format=muxer) as output:
        packets = [encode_ffmpeg(output, signal, rate, encoder=encoder) for signal in signals]
        output.mux([packet for each in packets for packet in each])
    return file.getvalue()


@pytest.mark.parametrize(
    ("muxer", "encoder"), [("mp4", "aac"), ("matroska", "libopus"), ("matroska", "pcm_s16le"), ("mov", "alac")]
)
@pytest.mark.parametrize("count", [2, 3])
def test_mono_tracks_are_channels(muxer, encoder, count):
    signal = tones(16_000, count)
    samples, warnings = decode(tracks(muxer, encoder, *(signal[:, [i]] for i in range(count))))
    assert warnings == ["mono_tracks"]
    assert samples.shape == (count, pytest.approx(2 * SAMPLE_RATE, abs=2500))
    tone = samples[:, round(0.7 * SAMPLE_RATE) : round(1.3 * SAMPLE_RATE)]
    frequencies = np.abs(np.fft.rfft(tone)).argmax(axis=1) / 0.6
    assert frequencies == pytest.approx(400 + 50 * np.arange(count), abs=1)


def test_shorter_mono_track_ends_with_silence():
    samples, _ = decode(tracks("matroska", "pcm_s16le", tones(16_000, 1, 6.0), tones(16_000, 1, 2.0)))
    assert samples.shape == (2, pytest.approx(6 * SAMPLE_RATE, abs=100))
    assert np.abs(samples[1, 3 * SAMPLE_RATE :]).max() == 0
    assert np.abs(samples[0, 3 * SAMPLE_RATE :]).max() > 0.4


def test_mono_track_that_starts_later_keeps_its_time():
    file = io.BytesIO()
    with av.open(file, "w", format="matroska") as output:
        first = encode_ffmpeg(output, tones(16_000, 1, 6.0), 16_000, encoder="pcm_s16le")
        second = encode_ffmpeg(output, tones(16_000, 1), 16_000, encoder="pcm_s16le")
        for packet in second:
            if packet.pts is not None:
                packet.pts += round(3 / packet.time_base)
                packet.dts = packet.pts
        output.mux([*first, *second])
    samples, _ = decode(file.getvalue())
    audible = np.flatnonzero(np.abs(samples[1]) > 0.2) / SAMPLE_RATE
    assert audible[[0, -1]] == pytest.approx([3.5, 4.5], abs=0.05)


def test_mono_track_beside_a_stereo_track_is_not_a_channel():
    samples, warnings = decode(tracks("matroska", "aac", tones(16_000, 2), tones(16_000, 1)))
    assert (samples.shape[0], warnings) == (2, ["extra_audio_streams"])
