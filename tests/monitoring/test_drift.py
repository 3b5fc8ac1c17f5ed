"""Drift detection: false alarms are rare for any number of calls, changes are detected, few calls prove nothing."""

import numpy as np
import pytest
from call_feature_rows import EMOTION_SHARES, METRICS, feature_rows, random_reference, reference_content
from scipy.stats import ks_2samp

from callmood.errors import ModelError
from callmood.monitoring.drift import (
    COUNT_METRICS,
    FALSE_ALARM_RATE,
    MEAN_METRICS,
    Reference,
    compare,
    ks_distance,
    ks_threshold,
    population_stability,
)


def drifts(rows, reference, tests=METRICS):
    return {result.metric for result in compare(rows, reference, tests) if result.is_drift}


@pytest.fixture(scope="module")
def many():
    return feature_rows(1200, np.random.default_rng(0))


@pytest.mark.parametrize("n", [1, 2, 5, 30, 1000])
def test_fewer_than_two_of_a_hundred_days_without_drift_raise_an_alarm(many, n):
    rng = np.random.default_rng(n)
    alarms = 0
    for _ in range(100):
        drawn = [many[i] for i in rng.permutation(len(many))]
        alarms += bool(drifts(drawn[:n], Reference(reference_content(drawn[n : n + 150]))))
    assert alarms < 2


@pytest.mark.parametrize("n", [60, 400])
def test_only_shifted_metrics_are_detected(n):
    rng = np.random.default_rng(1)
    found = drifts(feature_rows(n, rng, shift=1.5, only=("noise_db", "embedding_proj_3")), random_reference(rng))
    assert found == {"noise_db", "embedding_proj_3"}


def test_changed_emotion_mix_is_detected():
    rng = np.random.default_rng(2)
    angry = np.array(EMOTION_SHARES)[[4, 1, 2, 3, 0, 5, 6]]
    assert drifts(feature_rows(80, rng, emotions=angry), random_reference(rng)) == {"emotions"}


def test_small_shift_is_not_drift_for_any_number_of_calls():
    rng = np.random.default_rng(3)
    results = compare(feature_rows(1500, rng, shift=0.3), random_reference(rng, 1500), METRICS)
    assert {result.threshold for result in results} == {0.25}
    assert not any(result.is_drift for result in results)


def test_few_calls_are_not_drift():
    rng = np.random.default_rng(4)
    reference = random_reference(rng)
    assert drifts(feature_rows(3, rng, shift=3.0), reference) == set()
    assert drifts(feature_rows(30, rng, shift=3.0), reference) >= {"level_dbfs", "noise_db"}


def test_calls_of_one_speaker_count_as_one_observation():
    rng = np.random.default_rng(5)
    rows = feature_rows(120, rng)
    many_speakers, few_speakers = Reference(reference_content(rows)), Reference(reference_content(rows, speakers=10))
    assert (many_speakers.speakers, few_speakers.speakers) == (120, 10)
    thresholds = [
        [result.threshold for result in compare(feature_rows(50, rng), reference, METRICS) if result.test == "ks"]
        for reference in (many_speakers, few_speakers)
    ]
    assert min(thresholds[1]) > 1.5 * max(thresholds[0])


def test_thresholds_grow_with_the_number_of_tests():
    rng = np.random.default_rng(6)
    reference, rows = random_reference(rng), feature_rows(40, rng)
    few, many = ([r.threshold for r in compare(rows, reference, tests)] for tests in (METRICS, 20 * METRICS))
    assert all(more >= less for less, more in zip(few, many, strict=True))
    assert max(many) > max(few)


def test_calls_without_projections_are_compared_by_the_other_metrics():
    rng = np.random.default_rng(7)
    rows = [row | {"embedding_proj_1": None, "noise_db": None} for row in feature_rows(30, rng)]
    metrics = {result.metric for result in compare(rows, random_reference(rng), METRICS)}
    assert metrics == {*MEAN_METRICS, *COUNT_METRICS} - {"embedding_proj_1", "noise_db"}


def test_distance_equals_scipy():
    rng = np.random.default_rng(8)
    one, other = rng.normal(size=37), np.sort(rng.normal(0.5, 1, size=91).round(1))
    assert ks_distance(one.round(1), other) == pytest.approx(ks_2samp(one.round(1), other).statistic)


def test_thresholds_are_exceeded_at_the_stated_rate(many):
    rng = np.random.default_rng(9)
    distances = [ks_distance(rng.normal(size=40), np.sort(rng.normal(size=60))) for _ in range(1000)]
    assert 0.5 * 0.05 < np.mean(np.array(distances) > ks_threshold(40, 60, 0.05)) < 1.2 * 0.05
    levels = np.array([[call[column] for column in COUNT_METRICS["levels"]] for call in many])
    drawn = [levels[rng.permutation(len(levels))[:150]] for _ in range(500)]
    exceeded = [
        index > threshold for index, threshold in (population_stability(each[:60], each[60:], 0.05) for each in drawn)
    ]
    assert 0.01 < np.mean(exceeded) < 0.08
    assert FALSE_ALARM_RATE < 0.02


def test_index_of_a_new_category_is_finite():
    counts = np.tile([10.0, 0.0], (50, 1))
    index, threshold = population_stability(np.tile([0.0, 10.0], (50, 1)), counts, 0.001)
    assert np.isfinite([index, threshold]).all()
    assert index > max(threshold, 0.25)


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b'{"model_version": "1", "source": "", "speaker": [1]}'])
def test_invalid_reference_is_rejected(content):
    with pytest.raises(ModelError, match="Invalid reference"):
        Reference(content)
