"""Transforms, codecs, and random telephone channels."""

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError
from voices import voice

from callmood.audio.stream import open_audio
from callmood.emotion.log_mel import log_mel
from model.augmentation import transforms
from model.augmentation.codecs import CODECS, encode, transcode
from model.augmentation.telephone import DEFAULT_CHANNEL, TelephoneChannel, sample_channel
from model.data.corpora import CorpusError

VOICE = voice(2.0)
RNG = np.random.default_rng


def level_db(samples):
    return 10 * np.log10(np.mean(np.square(samples)) + 1e-12)


def share_above(samples, hz):
    spectrum = np.abs(np.fft.rfft(samples)) ** 2
    return spectrum[int(hz * len(samples) / 16000) :].sum() / spectrum.sum()


TRANSFORMS = {
    "gain": lambda x, rng: transforms.gain(x, rng, db=12),
    "clip": lambda x, rng: transforms.clip(x, rng, over_db=6),
    "band_pass": lambda x, rng: transforms.band_pass(x, rng, low_hz=300, high_hz=3400),
    "noise": lambda x, rng: transforms.noise(x, rng, snr_db=10, tilt_db=-6),
    "hum": lambda x, rng: transforms.hum(x, rng, snr_db=20, mains_hz=50),
    "background": lambda x, rng: transforms.background(x, rng, sound=transforms.hold_music(rng), snr_db=10),
    "reverberate": lambda x, rng: transforms.reverberate(
        x, rng, response=transforms.room_response(rng, rt60_s=0.4, direct_db=3)
    ),
    "lose_packets": lambda x, rng: transforms.lose_packets(x, rng, loss_rate=0.5, burst_length=2),
    "pitch": lambda x, rng: transforms.pitch(x, rng, semitones=2),
} | {name: lambda x, _, codec=codec: transcode(x, codec) for name, codec in CODECS.items()}


@pytest.mark.parametrize("name", TRANSFORMS)
@pytest.mark.parametrize("n", [3201, 32000])
def test_transform_keeps_length_and_is_deterministic(name, n):
    once, again = (TRANSFORMS[name](VOICE[:n], RNG(3)) for _ in range(2))
    assert once.dtype == np.float32
    assert once.shape == (n,)
    assert np.abs(once).max() < 2
    np.testing.assert_array_equal(once, again)
    assert np.abs(once - VOICE[:n]).max() > 1e-4


@pytest.mark.parametrize("name", TRANSFORMS)
def test_transform_keeps_silence(name):
    assert np.abs(TRANSFORMS[name](np.zeros(16000, np.float32), RNG(0))).max() < 0.01


@pytest.mark.parametrize("name", CODECS)
def test_codec_writes_its_format_at_its_bit_rate(name):
    content = encode(voice(10.0), CODECS[name])
    with open_audio(content) as stream:
        assert {
            "amr": "amr_nb",
            "opus": "opus",
            "mp3": "mp3",
            "gsm": "gsm_ms",
            "mu": "pcm_mulaw",
            "a": "pcm_alaw",
            "g726": "adpcm_g726",
            "g722": "adpcm_g722",
            "g723": "g723_1",
        }[name.split("_")[0]] == stream.info.codec
    assert len(content) * 8 / 10 == pytest.approx(CODECS[name].bit_rate, rel=0.12)  # headers of a file included


@pytest.mark.parametrize("name", CODECS)
def test_codec_keeps_speech_and_removes_frequencies_above_its_band(name):
    processed = transcode(VOICE, CODECS[name])
    assert level_db(processed) == pytest.approx(level_db(VOICE), abs=2)
    low_bands = [log_mel(samples)[:, :30] for samples in (processed, VOICE)]  # up to 1.2 kHz
    assert np.corrcoef(low_bands[0].ravel(), low_bands[1].ravel())[0, 1] > 0.8
    if CODECS[name].rate == 8000:
        assert share_above(transcode(transforms.noise(VOICE, RNG(0), snr_db=0, tilt_db=0), CODECS[name]), 4100) < 1e-3


def test_noise_has_the_given_level_and_tilt():
    added = transforms.noise(VOICE, RNG(0), snr_db=12, tilt_db=-6) - VOICE
    assert level_db(VOICE) - level_db(added) == pytest.approx(12, abs=0.1)
    bands = [transforms.band_pass(added, RNG(0), low_hz=hz / 1.2, high_hz=hz * 1.2) for hz in (500, 1000, 2000)]
    # An octave is twice as wide as the one below.
    assert np.diff([level_db(band) for band in bands]) == pytest.approx([-3, -3], abs=1)


def test_clipping_changes_peaks_only():
    clipped = transforms.clip(VOICE, RNG(0), over_db=6)
    assert np.abs(clipped).max() == pytest.approx(np.abs(VOICE).max() / 2, rel=0.01)
    quiet = np.abs(VOICE) < np.abs(clipped).max()
    np.testing.assert_array_equal(clipped[quiet], VOICE[quiet])


def test_band_pass_removes_frequencies_outside_the_band():
    white = RNG(0).standard_normal(32000).astype(np.float32)
    passed = transforms.band_pass(white, RNG(0), low_hz=300, high_hz=3400)
    assert share_above(passed, 4500) < 1e-3
    assert share_above(passed, 200) > 0.999


def test_room_response_has_the_given_reverberation_time():
    response = transforms.room_response(RNG(0), rt60_s=0.5, direct_db=0)
    energy = np.cumsum(response[::-1].astype(float) ** 2)[::-1]  # Schroeder, 1965
    decay = 10 * np.log10(energy / energy[1])
    at = [np.flatnonzero(decay < level)[0] / 16000 for level in (-5, -25)]
    assert 3 * (at[1] - at[0]) == pytest.approx(0.5, rel=0.1)
    assert np.sum(response[1:] ** 2) == pytest.approx(response[0] ** 2, rel=1e-3)


def test_packet_loss_has_the_given_rate_and_burst_length():
    ones = np.ones(16000 * 200, np.float32)
    kept = transforms.lose_packets(ones, RNG(0), loss_rate=0.3, burst_length=3)[16000:]
    touched = (kept.reshape(-1, 320)[:, 300] < 0.999).astype(int)  # by then it fades
    runs = np.diff(np.flatnonzero(np.diff(np.concatenate([[0], touched, [0]]))))[::2]
    assert touched.mean() == pytest.approx(0.3, abs=0.03)
    assert runs.mean() == pytest.approx(3, abs=0.6)


def test_concealment_repeats_the_pitch_period_and_fades():
    buzz = voice(1.0, pitch_hz=150)
    lost = np.zeros(50, bool)
    lost[20:25] = True
    processed = transforms.conceal(buzz, lost)
    gap = slice(20 * 320, 25 * 320)
    np.testing.assert_array_equal(processed[: 20 * 320 - 60], buzz[: 20 * 320 - 60])
    np.testing.assert_array_equal(processed[25 * 320 + 60 :], buzz[25 * 320 + 60 :])
    first, last = processed[gap][:160], processed[gap][1000:]
    assert np.corrcoef(first, buzz[gap][:160])[0, 1] > 0.9
    assert np.abs(last).max() < 1e-6  # after 60 ms
    steps = np.abs(np.diff(processed))
    assert steps[20 * 320 - 80 : 25 * 320 + 80].max() < 1.5 * np.abs(np.diff(buzz)).max()  # no click


def test_speed_changes_length_and_pitch_does_not():
    hz = 400
    tone = (0.3 * np.sin(2 * np.pi * hz * np.arange(32000) / 16000)).astype(np.float32)
    faster = transforms.speed(tone, RNG(0), factor=1.25)
    higher = transforms.pitch(tone, RNG(0), semitones=12)
    assert len(faster) == pytest.approx(32000 / 1.25, abs=2)
    for samples, expected in ((faster, 500), (higher, 800)):
        peak = np.abs(np.fft.rfft(samples)).argmax() * 16000 / len(samples)
        assert peak == pytest.approx(expected, rel=0.01)


def test_spec_augment_masks_ranges_only():
    mel = log_mel(VOICE)
    masked = transforms.spec_augment(mel, RNG(1), frames=40, bands=20)
    changed = masked != mel
    rows, columns = changed.all(axis=1), changed.all(axis=0)
    assert 0 < rows.sum() <= 80
    assert 0 < columns.sum() <= 40
    np.testing.assert_array_equal(changed[~rows][:, ~columns], False)
    assert (transforms.spec_augment(mel[:3], RNG(1), frames=40, bands=0) == mel[:3]).all()


@given(seed=st.integers(0, 2**32 - 1), seconds=st.floats(0.1, 1.5))
@settings(max_examples=25, deadline=None)
def test_default_channel_returns_valid_samples(seed, seconds):
    channel = sample_channel(DEFAULT_CHANNEL, RNG(seed))
    processed = channel(VOICE[: int(seconds * 16000)], RNG(seed))
    assert processed.dtype == np.float32
    assert np.isfinite(processed).all()
    assert np.abs(processed).max() <= 1
    assert 0.9 < len(processed) / int(seconds * 16000) < 1.12
    np.testing.assert_array_equal(
        processed, sample_channel(DEFAULT_CHANNEL, RNG(seed))(VOICE[: int(seconds * 16000)], RNG(seed))
    )


def test_channel_is_constant_within_a_call():
    channel = sample_channel(read_channel([{"kind": "noise", "snr_db": [5, 40], "tilt_db": [0, 0]}]), RNG(5))
    first, second = (channel(VOICE, RNG(seed)) - VOICE for seed in (1, 2))
    assert level_db(first) == pytest.approx(level_db(second), abs=0.1)
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.05


def read_channel(tables):
    return TypeAdapter(TelephoneChannel).validate_python(tables)


def test_transform_is_applied_with_its_probability():
    channel = read_channel([{"kind": "gain", "db": [-20, -20], "probability": 0.25}])
    levels = [sample_channel(channel, RNG(seed))(VOICE, RNG(0)).max() for seed in range(400)]
    assert np.mean(np.array(levels) < 0.5 * VOICE.max()) == pytest.approx(0.25, abs=0.06)


@pytest.mark.parametrize(
    ("table", "complaint"),
    [
        ({"kind": "echo"}, "echo"),
        ({"kind": "noise", "snr_db": [30, 10]}, "needs low <= high"),
        ({"kind": "noise", "snr": [10, 30]}, "snr"),
        ({"kind": "codec", "codecs": ["amr_wb"]}, "unknown codec 'amr_wb'; use one of: mu_law"),
        ({"kind": "gain", "probability": 1.5}, "less than or equal to 1"),
    ],
)
def test_invalid_channel_is_rejected(table, complaint):
    with pytest.raises(ValidationError, match=complaint):
        read_channel([table])


def test_background_mixes_in_a_sound_of_the_folder(tmp_path):
    t = np.arange(44100) / 44100
    soundfile.write(tmp_path / "music.flac", np.stack([np.sin(2 * np.pi * 2500 * t)] * 2, axis=1), 44100)
    music = sample_channel(read_channel([{"kind": "background", "snr_db": [6, 6], "folder": str(tmp_path)}]), RNG(0))(
        VOICE, RNG(0)
    )
    added = music - VOICE
    assert level_db(VOICE) - level_db(added) == pytest.approx(6, abs=0.1)
    assert np.abs(np.fft.rfft(added)).argmax() * 16000 / len(added) == pytest.approx(2500, abs=5)


def test_folder_without_sounds_is_reported(tmp_path):
    channel = read_channel([{"kind": "background", "folder": str(tmp_path)}])
    with pytest.raises(CorpusError, match=f"{tmp_path} contains no sound files"):
        sample_channel(channel, RNG(0))
    (tmp_path / "damaged.wav").write_bytes(b"RIFF")
    with pytest.raises(CorpusError, match=r"damaged\.wav cannot be read"):
        sample_channel(channel, RNG(0))
