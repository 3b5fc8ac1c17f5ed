"""Levels of the parties of one channel, equalized for the detector."""

import numpy as np

from callmood.speech.leveling import Leveler

RATE = 16_000


def leveled(samples, cuts=()):
    leveler = Leveler()
    parts = [leveler.process(part) for part in np.split(samples, cuts)]
    return np.concatenate([*parts, leveler.finish()])


def level_dbfs(samples):
    return 10 * np.log10(np.mean(np.square(samples)))


def party(seconds, dbfs):
    noise = np.random.default_rng(0).standard_normal(round(seconds * RATE))
    return (10 ** (dbfs / 20) * noise).astype(np.float32)


def test_quiet_party_is_as_loud_as_the_other_after_a_second():
    found = leveled(np.concatenate([party(2, -11), party(2, -29), party(2, -11)]))
    levels = [level_dbfs(found[round(at * RATE) :][: RATE // 2]) for at in (1.0, 3.0, 4.0)]
    np.testing.assert_allclose(levels, -10.6, atol=1)


def test_gain_is_limited():
    quiet = party(2, -60)
    np.testing.assert_allclose(leveled(quiet), 10 * quiet, rtol=1e-5)


def test_length_and_samples_do_not_depend_on_the_split_of_the_stream():
    samples = party(1.003, -20)
    whole = leveled(samples)
    assert len(whole) == len(samples)
    np.testing.assert_allclose(leveled(samples, (1, 200, 257, 4000, 16001)), whole, rtol=1e-5)
    assert len(leveled(samples[:0])) == 0
