"""What happens to a voice on its way to the recorder."""

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
from model.augmentation.codecs import CODECS, encode, through
from model.augmentation.telephone import USUAL, Line, draw
from model.data.corpora import CorpusError

VOICE = voice(2.0)
RNG = np.random.default_rng


def level_db(samples):
    return 10 * np.log10(np.mean(np.square(samples)) + 1e-12)


def share_above(samples, hz):
    spectrum = np.abs(np.fft.rfft(samples)) ** 2
    return spectrum[int(hz * len(samples) / 16000) :].sum() / spectrum.sum()


EFFECTS = {
    "gain": lambda x, rng: transforms.gain(x, rng, db=12),
    "clip": lambda x, rng: transforms.clip(x, rng, over_db=6),
    "band_pass": lambda x, rng: transforms.band_pass(x, rng, low_hz=300, high_hz=3400),
    "noise": lambda x, rng: transforms.noise(x, rng, snr_db=10, tilt_db=-6),
    "hum": lambda x, rng: transforms.hum(x, rng, snr_db=20, mains_hz=50),
    "background": lambda x, rng: transforms.background(x, rng, sound=transforms.melody(rng), snr_db=10),
    "reverberate": lambda x, rng: transforms.reverberate(
        x, rng, response=transforms.room_response(rng, rt60_s=0.4, direct_db=3)
    ),
    "lose_packets": lambda x, rng: transforms.lose_packets(x, rng, share=0.5, burst=2),
    "pitch": lambda x, rng: transforms.pitch(x, rng, semitones=2),
} | {name: lambda x, _, codec=codec: through(x, codec) for name, codec in CODECS.items()}


@pytest.mark.parametrize("name", EFFECTS)
@pytest.mark.parametrize("n", [3201, 32000])
def test_length_stays_and_the_same_chance_gives_the_same_samples(name, n):
    once, again = (EFFECTS[name](VOICE[:n], RNG(3)) for _ in range(2))
    assert once.dtype == np.float32
    assert once.shape == (n,)
    assert np.abs(once).max() < 2
    np.testing.assert_array_equal(once, again)
    assert np.abs(once - VOICE[:n]).max() > 1e-4


@pytest.mark.parametrize("name", EFFECTS)
def test_silence_stays_silent(name):
    assert np.abs(EFFECTS[name](np.zeros(16000, np.float32), RNG(0))).max() < 0.01


@pytest.mark.parametrize("name", CODECS)
def test_a_codec_writes_its_own_format_at_its_bit_rate(name):
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
def test_a_codec_keeps_the_voice_and_nothing_above_its_band(name):
    heard = through(VOICE, CODECS[name])
    assert level_db(heard) == pytest.approx(level_db(VOICE), abs=2)
    low_bands = [log_mel(samples)[:, :30] for samples in (heard, VOICE)]  # up to 1.2 kHz
    assert np.corrcoef(low_bands[0].ravel(), low_bands[1].ravel())[0, 1] > 0.8
    if CODECS[name].rate == 8000:
        assert share_above(through(transforms.noise(VOICE, RNG(0), snr_db=0, tilt_db=0), CODECS[name]), 4100) < 1e-3


def test_noise_has_its_level_and_its_tilt():
    added = transforms.noise(VOICE, RNG(0), snr_db=12, tilt_db=-6) - VOICE
    assert level_db(VOICE) - level_db(added) == pytest.approx(12, abs=0.1)
    bands = [transforms.band_pass(added, RNG(0), low_hz=hz / 1.2, high_hz=hz * 1.2) for hz in (500, 1000, 2000)]
    # An octave is twice as wide as the one below.
    assert np.diff([level_db(band) for band in bands]) == pytest.approx([-3, -3], abs=1)


def test_clipping_flattens_the_peaks_only():
    clipped = transforms.clip(VOICE, RNG(0), over_db=6)
    assert np.abs(clipped).max() == pytest.approx(np.abs(VOICE).max() / 2, rel=0.01)
    quiet = np.abs(VOICE) < np.abs(clipped).max()
    np.testing.assert_array_equal(clipped[quiet], VOICE[quiet])


def test_a_band_has_limits():
    white = RNG(0).standard_normal(32000).astype(np.float32)
    passed = transforms.band_pass(white, RNG(0), low_hz=300, high_hz=3400)
    assert share_above(passed, 4500) < 1e-3
    assert share_above(passed, 200) > 0.999


def test_a_room_rings_as_long_as_it_says():
    response = transforms.room_response(RNG(0), rt60_s=0.5, direct_db=0)
    energy = np.cumsum(response[::-1].astype(float) ** 2)[::-1]  # Schroeder, 1965
    decay = 10 * np.log10(energy / energy[1])
    at = [np.flatnonzero(decay < level)[0] / 16000 for level in (-5, -25)]
    assert 3 * (at[1] - at[0]) == pytest.approx(0.5, rel=0.1)
    assert np.sum(response[1:] ** 2) == pytest.approx(response[0] ** 2, rel=1e-3)


def test_losses_are_as_many_and_as_long_as_they_should():
    sure = np.ones(16000 * 200, np.float32)
    kept = transforms.lose_packets(sure, RNG(0), share=0.3, burst=3)[16000:]
    touched = (kept.reshape(-1, 320)[:, 300] < 0.999).astype(int)  # by then it fades
    runs = np.diff(np.flatnonzero(np.diff(np.concatenate([[0], touched, [0]]))))[::2]
    assert touched.mean() == pytest.approx(0.3, abs=0.03)
    assert runs.mean() == pytest.approx(3, abs=0.6)


def test_a_lost_packet_sounds_on_and_fades():
    buzz = voice(1.0, pitch_hz=150)
    lost = np.zeros(50, bool)
    lost[20:25] = True
    heard = transforms.conceal(buzz, lost)
    gap = slice(20 * 320, 25 * 320)
    np.testing.assert_array_equal(heard[: 20 * 320 - 60], buzz[: 20 * 320 - 60])
    np.testing.assert_array_equal(heard[25 * 320 + 60 :], buzz[25 * 320 + 60 :])
    first, last = heard[gap][:160], heard[gap][1000:]
    assert np.corrcoef(first, buzz[gap][:160])[0, 1] > 0.9
    assert np.abs(last).max() < 1e-6  # after 60 ms
    steps = np.abs(np.diff(heard))
    assert steps[20 * 320 - 80 : 25 * 320 + 80].max() < 1.5 * np.abs(np.diff(buzz)).max()  # no click


def test_speed_shortens_and_pitch_does_not():
    hz = 400
    tone = (0.3 * np.sin(2 * np.pi * hz * np.arange(32000) / 16000)).astype(np.float32)
    faster = transforms.speed(tone, RNG(0), factor=1.25)
    higher = transforms.pitch(tone, RNG(0), semitones=12)
    assert len(faster) == pytest.approx(32000 / 1.25, abs=2)
    for samples, expected in ((faster, 500), (higher, 800)):
        peak = np.abs(np.fft.rfft(samples)).argmax() * 16000 / len(samples)
        assert peak == pytest.approx(expected, rel=0.01)


def test_spec_augment_hides_stretches_and_leaves_the_rest():
    mel = log_mel(VOICE)
    hidden = transforms.spec_augment(mel, RNG(1), frames=40, bands=20)
    changed = hidden != mel
    rows, columns = changed.all(axis=1), changed.all(axis=0)
    assert 0 < rows.sum() <= 80
    assert 0 < columns.sum() <= 40
    np.testing.assert_array_equal(changed[~rows][:, ~columns], False)
    assert (transforms.spec_augment(mel[:3], RNG(1), frames=40, bands=0) == mel[:3]).all()


@given(seed=st.integers(0, 2**32 - 1), seconds=st.floats(0.1, 1.5))
@settings(max_examples=25, deadline=None)
def test_every_line_gives_samples_that_can_be_heard(seed, seconds):
    line = draw(USUAL, RNG(seed))
    heard = line(VOICE[: int(seconds * 16000)], RNG(seed))
    assert heard.dtype == np.float32
    assert np.isfinite(heard).all()
    assert np.abs(heard).max() <= 1
    assert 0.9 < len(heard) / int(seconds * 16000) < 1.12
    np.testing.assert_array_equal(heard, draw(USUAL, RNG(seed))(VOICE[: int(seconds * 16000)], RNG(seed)))


def test_a_line_is_the_same_for_a_whole_call():
    line = draw(read_line([{"kind": "noise", "snr_db": [5, 40], "tilt_db": [0, 0]}]), RNG(5))
    first, second = (line(VOICE, RNG(seed)) - VOICE for seed in (1, 2))
    assert level_db(first) == pytest.approx(level_db(second), abs=0.1)
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.05


def read_line(tables):
    return TypeAdapter(Line).validate_python(tables)


def test_a_step_has_its_chance():
    steps = read_line([{"kind": "gain", "db": [-20, -20], "probability": 0.25}])
    levels = [draw(steps, RNG(seed))(VOICE, RNG(0)).max() for seed in range(400)]
    assert np.mean(np.array(levels) < 0.5 * VOICE.max()) == pytest.approx(0.25, abs=0.06)


@pytest.mark.parametrize(
    ("table", "complaint"),
    [
        ({"kind": "echo"}, "echo"),
        ({"kind": "noise", "snr_db": [30, 10]}, "from low to high"),
        ({"kind": "noise", "snr": [10, 30]}, "snr"),
        ({"kind": "codec", "codecs": ["amr_wb"]}, "no codec; these are: mu_law"),
        ({"kind": "gain", "probability": 1.5}, "less than or equal to 1"),
    ],
)
def test_a_wrong_line_is_refused_by_name(table, complaint):
    with pytest.raises(ValidationError, match=complaint):
        read_line([table])


def test_a_users_own_music_is_laid_under_the_speech(tmp_path):
    t = np.arange(44100) / 44100
    soundfile.write(tmp_path / "music.flac", np.stack([np.sin(2 * np.pi * 2500 * t)] * 2, axis=1), 44100)
    music = draw(read_line([{"kind": "background", "snr_db": [6, 6], "folder": str(tmp_path)}]), RNG(0))(VOICE, RNG(0))
    added = music - VOICE
    assert level_db(VOICE) - level_db(added) == pytest.approx(6, abs=0.1)
    assert np.abs(np.fft.rfft(added)).argmax() * 16000 / len(added) == pytest.approx(2500, abs=5)


def test_a_folder_without_sound_is_named(tmp_path):
    line = read_line([{"kind": "background", "folder": str(tmp_path)}])
    with pytest.raises(CorpusError, match=f"{tmp_path} holds no sound"):
        draw(line, RNG(0))
    (tmp_path / "torn.wav").write_bytes(b"RIFF")
    with pytest.raises(CorpusError, match=r"torn\.wav cannot be read"):
        draw(line, RNG(0))
