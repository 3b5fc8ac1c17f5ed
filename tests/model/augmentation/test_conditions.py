"""Acoustic conditions of training clips."""

import numpy as np
import pytest
from model_corpus import write_cremad

from model.augmentation.conditions import AcousticCondition, apply_condition, telephone
from model.augmentation.telephone import Gain
from model.data.corpora import read


def level_db(samples):
    return 10 * np.log10(np.mean(samples**2))


def tone(hz, seconds=1.0):
    return (0.3 * np.sin(2 * np.pi * hz * np.arange(int(seconds * 16000)) / 16000)).astype(np.float32)


@pytest.mark.parametrize(("hz", "passes"), [(60, False), (1000, True), (3000, True), (3900, False), (6000, False)])
def test_telephone_passes_300_to_3400_hz(hz, passes):
    processed = telephone(tone(hz))
    assert processed.dtype == np.float32
    assert processed.shape == (16000,)
    loss = level_db(tone(hz)) - level_db(processed[1000:-1000])
    assert loss < 1 if passes else loss > 20


def test_telephone_quantizes_to_8_bits():
    quiet = telephone(0.001 * tone(1000))
    assert (
        5 < level_db(quiet) - level_db(quiet - 0.001 * tone(1000)) < 30
    )  # dB above the rounding, which 16 bits keep at 50


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    return read("cremad", write_cremad(tmp_path_factory.mktemp("cremad"), speakers=1)).clips


def test_clean_whole_clips_are_unchanged(clips):
    for sound in apply_condition(clips, AcousticCondition("clean", "whole")):
        assert len(sound) == pytest.approx(3.0 * 16000, abs=400)


def test_random_crops_are_short_and_deterministic(clips):
    once, again = (apply_condition(clips, AcousticCondition("telephone", "random")) for _ in range(2))
    for one, other in zip(once, again, strict=True):
        assert 0.6 * 16000 - 1 <= len(one) <= 2.0 * 16000
        np.testing.assert_array_equal(one, other)
    assert len({len(sound) for sound in once}) > 1


def test_clips_of_a_speaker_share_a_gain(clips):
    whole = [level_db(sound) for sound in apply_condition(clips, AcousticCondition("clean", "whole"))]
    leveled = [level_db(sound) for sound in apply_condition(clips, AcousticCondition("clean", "speech"))]
    assert -33 < np.mean(leveled) < -13
    np.testing.assert_allclose(np.diff(leveled), np.diff(whole), atol=1.5)


def test_clips_of_a_speaker_share_a_channel_that_depends_on_the_seed(clips):
    first, again, other = (
        apply_condition(clips, AcousticCondition("random_telephone", "whole", take)) for take in (1, 1, 2)
    )
    for one, same, another in zip(first, again, other, strict=True):
        np.testing.assert_array_equal(one, same)
        assert len(one) != len(another) or (one != another).any()
    whole = apply_condition(clips, AcousticCondition("clean", "whole"))
    assert len({round(len(processed) / len(clip), 2) for processed, clip in zip(first, whole, strict=True)}) == 1


def test_telephone_channel_can_be_configured(clips):
    quiet = AcousticCondition("random_telephone", "whole", telephone_channel=(Gain(db=(-20, -20)),))
    for processed, clip in zip(
        apply_condition(clips, quiet), apply_condition(clips, AcousticCondition("clean", "whole")), strict=True
    ):
        np.testing.assert_allclose(processed, 0.1 * clip, rtol=1e-5)


def test_cache_key_contains_the_telephone_channel():
    assert "DEFAULT_CHANNEL" not in repr(AcousticCondition("random_telephone", "whole"))
    assert "packet_loss" in repr(AcousticCondition("random_telephone", "whole"))
    assert repr(AcousticCondition("random_telephone", "whole")) != repr(
        AcousticCondition("random_telephone", "whole", telephone_channel=(Gain(),))
    )
