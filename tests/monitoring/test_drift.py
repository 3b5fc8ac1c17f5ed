"""Drift: quiet on calm days of any size, found where something has changed, no surer than there are calls."""

import numpy as np
import pytest
from health_made import EMOTION_SHARES, calls, made_reference, reference_of
from scipy.stats import ks_2samp

from callmood.errors import ModelError
from callmood.monitoring.drift import COUNTS, FALSE_ALARMS, MEANS, Reference, compare, ks_distance, ks_limit, stability

TESTS = len(MEANS) + len(COUNTS)


def alarms(rows, reference, tests=TESTS):
    return {finding.metric for finding in compare(rows, reference, tests) if finding.is_drift}


@pytest.fixture(scope="module")
def many():
    return calls(1200, np.random.default_rng(0))


@pytest.mark.parametrize("n", [1, 2, 5, 30, 1000])
def test_fewer_than_two_calm_days_in_a_hundred_alarm(many, n):
    rng = np.random.default_rng(n)
    alarmed = 0
    for _ in range(100):
        drawn = [many[i] for i in rng.permutation(len(many))]
        alarmed += bool(alarms(drawn[:n], Reference(reference_of(drawn[n : n + 150]))))
    assert alarmed < 2


@pytest.mark.parametrize("n", [60, 400])
def test_a_figure_that_has_moved_is_found_and_no_other(n):
    rng = np.random.default_rng(1)
    found = alarms(calls(n, rng, shift=1.5, only=("noise_db", "embedding_proj_3")), made_reference(rng))
    assert found == {"noise_db", "embedding_proj_3"}


def test_another_mix_of_emotions_is_found():
    rng = np.random.default_rng(2)
    angry = np.array(EMOTION_SHARES)[[4, 1, 2, 3, 0, 5, 6]]
    assert alarms(calls(80, rng, emotions=angry), made_reference(rng)) == {"emotions"}


def test_a_shift_too_small_to_matter_is_none_however_many_calls_show_it():
    rng = np.random.default_rng(3)
    findings = compare(calls(1500, rng, shift=0.3), made_reference(rng, 1500), TESTS)
    assert {finding.threshold for finding in findings} == {0.25}
    assert not any(finding.is_drift for finding in findings)


def test_few_calls_prove_nothing():
    rng = np.random.default_rng(4)
    reference = made_reference(rng)
    assert alarms(calls(3, rng, shift=3.0), reference) == set()
    assert alarms(calls(30, rng, shift=3.0), reference) >= {"level_dbfs", "noise_db"}


def test_many_calls_of_one_voice_count_as_one():
    rng = np.random.default_rng(5)
    rows = calls(120, rng)
    alone, few = Reference(reference_of(rows)), Reference(reference_of(rows, voices=10))
    assert (alone.voices, few.voices) == (120, 10)
    limits = [[f.threshold for f in compare(calls(50, rng), one, TESTS) if f.test == "ks"] for one in (alone, few)]
    assert min(limits[1]) > 1.5 * max(limits[0])


def test_more_tests_a_day_ask_for_more_of_each():
    rng = np.random.default_rng(6)
    reference, rows = made_reference(rng), calls(40, rng)
    few, many = ([f.threshold for f in compare(rows, reference, tests)] for tests in (TESTS, 20 * TESTS))
    assert all(more >= less for less, more in zip(few, many, strict=True))
    assert max(many) > max(few)


def test_calls_without_projections_are_compared_by_what_they_have():
    rng = np.random.default_rng(7)
    rows = [row | {"embedding_proj_1": None, "noise_db": None} for row in calls(30, rng)]
    figures = {finding.metric for finding in compare(rows, made_reference(rng), TESTS)}
    assert figures == {*MEANS, *COUNTS} - {"embedding_proj_1", "noise_db"}


def test_the_distance_is_scipys():
    rng = np.random.default_rng(8)
    one, other = rng.normal(size=37), np.sort(rng.normal(0.5, 1, size=91).round(1))
    assert ks_distance(one.round(1), other) == pytest.approx(ks_2samp(one.round(1), other).statistic)


def test_chance_exceeds_the_limits_as_rarely_as_they_say(many):
    rng = np.random.default_rng(9)
    distances = [ks_distance(rng.normal(size=40), np.sort(rng.normal(size=60))) for _ in range(1000)]
    assert 0.5 * 0.05 < np.mean(np.array(distances) > ks_limit(40, 60, 0.05)) < 1.2 * 0.05
    levels = np.array([[call[column] for column in COUNTS["levels"]] for call in many])
    drawn = [levels[rng.permutation(len(levels))[:150]] for _ in range(500)]
    beyond = [index > limit for index, limit in (stability(each[:60], each[60:], 0.05) for each in drawn)]
    assert 0.01 < np.mean(beyond) < 0.08
    assert FALSE_ALARMS < 0.02


def test_an_emotion_that_nobody_had_before_is_no_infinity():
    counts = np.tile([10.0, 0.0], (50, 1))
    index, limit = stability(np.tile([0.0, 10.0], (50, 1)), counts, 0.001)
    assert np.isfinite([index, limit]).all()
    assert index > max(limit, 0.25)


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b'{"model_version": "1", "made_of": "", "voice": [1]}'])
def test_what_is_no_reference_is_refused(content):
    with pytest.raises(ModelError, match="no reference"):
        Reference(content)
