"""Metrics, compared with scikit-learn and with values computed by hand."""

import numpy as np
import pytest
from sklearn.metrics import f1_score, log_loss, precision_score, recall_score, roc_auc_score

from callmood.types import EMOTIONS
from model.evaluation.metrics import Predictions, assess, auc, recall_at


def random_predictions(n=400, seed=0, **changed):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 6, n)
    probabilities = rng.dirichlet(np.ones(6), n).astype(np.float32)
    probabilities[np.arange(n), labels] += 0.3
    fields = {
        "labels": labels,
        "probabilities": probabilities / probabilities.sum(axis=1, keepdims=True),
        "speakers": rng.choice(list("abcdef"), n),
        "groups": {},
    }
    return Predictions(**fields | changed)


def with_confidence(labels, predicted, confidence=0.94):
    rest = (1 - confidence) / 5
    return np.where(np.eye(6)[predicted] > 0, confidence, rest).astype(np.float32)[: len(labels)]


def test_metrics_agree_with_scikit_learn():
    predictions = random_predictions()
    predicted = predictions.probabilities.argmax(axis=1)
    report = assess(predictions)
    for name, score in {"recall": recall_score, "precision": precision_score, "f1": f1_score}.items():
        ours = [report["emotions"][emotion][name] for emotion in EMOTIONS]
        np.testing.assert_allclose(ours, 100 * score(predictions.labels, predicted, average=None), atol=1e-3)
    assert report["accuracy"] == pytest.approx(100 * np.mean(predicted == predictions.labels), abs=1e-3)
    assert report["uar"] == pytest.approx(100 * recall_score(predictions.labels, predicted, average="macro"), abs=1e-3)
    assert report["log_loss"] == pytest.approx(log_loss(predictions.labels, predictions.probabilities), abs=1e-3)
    scores, positive = predictions.probabilities[:, 0], predictions.labels == 0
    assert auc(scores, positive) == pytest.approx(roc_auc_score(positive, scores))


def test_calibration_error_of_one_bin():
    labels = np.zeros(10, int)
    # Confidence 94 %, 8 of 10 correct: one bin with a difference of 14 points.
    report = assess(
        random_predictions(
            labels=labels, probabilities=with_confidence(labels, [0] * 8 + [1] * 2), speakers=np.array(["a"] * 10)
        )
    )
    assert report["ece"] == pytest.approx(14, abs=0.01)
    assert report["calibration"] == [{"from": 93.3333, "to": 100, "clips": 10, "confidence": 94, "accuracy": 80}]


def test_uar_excludes_emotions_without_clips():
    labels = np.array([0, 0, 4, 4])
    report = assess(
        random_predictions(
            labels=labels, probabilities=with_confidence(labels, [0, 1, 4, 4]), speakers=np.array(list("abab"))
        )
    )
    assert list(report["emotions"]) == ["anger", "neutral"]
    assert (report["accuracy"], report["uar"]) == (75, 75)
    assert report["emotions"]["anger"]["recall"] == 50
    assert np.array(report["confusion"])[0].tolist() == [1, 1, 0, 0, 0, 0]


def test_intervals_depend_on_speakers_and_not_on_clips():
    labels = np.zeros(200, int)
    half_correct = with_confidence(labels, np.repeat([0, 1], 100))
    equal = assess(
        random_predictions(labels=labels, probabilities=half_correct, speakers=np.tile(list("abcdefghij"), 20))
    )
    unequal = assess(
        random_predictions(labels=labels, probabilities=half_correct, speakers=np.repeat(list("abcdefghij"), 20))
    )
    assert equal["intervals"]["accuracy"] == [50, 50]  # every speaker has 50 %
    low, high = unequal["intervals"]["accuracy"]  # five speakers with 100 %, five with 0 %: 0.5 +- 1.96 sqrt(0.25 / 10)
    assert low == pytest.approx(20, abs=5)
    assert high == pytest.approx(80, abs=5)


def test_one_speaker_has_metrics_without_intervals():
    report = assess(random_predictions(speakers=np.array(["a"] * 400)))
    assert report["accuracy"] > 0
    assert report["intervals"] == {}


def test_gap_is_between_the_best_and_the_worst_group():
    labels = np.zeros(120, int)
    predicted = [0] * 40 + [0] * 20 + [1] * 20 + [0] * 10 + [1] * 30
    report = assess(
        random_predictions(
            labels=labels,
            probabilities=with_confidence(labels, predicted),
            speakers=np.array([f"{group}{i % 4}" for group in "xyz" for i in range(40)]),
            groups={"race": np.repeat(["x", "y", "z"], 40)},
        )
    )["groups"]["race"]
    assert {name: group["accuracy"] for name, group in report["groups"].items()} == {"x": 100, "y": 50, "z": 25}
    gap = report["gaps"]["accuracy"]
    assert (gap["points"], gap["best"], gap["worst"]) == (75, "x", "z")
    assert gap["interval"][0] <= 75 <= gap["interval"][1]
    assert report["gaps"]["anger"]["points"] == 75
    assert "fear" not in report["gaps"]


def test_speakers_of_unknown_group_are_excluded_and_one_speaker_has_no_gap():
    predictions = random_predictions(groups={"sex": np.array(["female"] * 200 + [""] * 200)})
    assert list(assess(predictions)["groups"]["sex"]["groups"]) == ["female"]
    assert assess(predictions)["groups"]["sex"]["gaps"] == {}
    by_speaker = assess(random_predictions(groups={"age": random_predictions().speakers}))
    assert by_speaker["groups"]["age"]["gaps"] == {}


def test_weight_compensates_repeated_predictions():
    predictions = random_predictions()
    twice = Predictions(
        *(np.tile(a, (2, 1)[: a.ndim]) for a in vars(predictions).values() if isinstance(a, np.ndarray)), {}, 0.5
    )
    assert assess(twice) == assess(predictions)


def test_recall_at_a_false_positive_rate():
    scores = [*np.linspace(0, 1, 21), 0.98, 0.93, 0.5]
    angry = [False] * 21 + [True] * 3
    assert recall_at(scores, angry, 0.05) == pytest.approx(1 / 3)  # one of 21 may score higher: above 0.95
    assert recall_at(scores, angry, 0.10) == pytest.approx(2 / 3)
    assert recall_at([0.0, 1.0], [False, True], 0.05) == 1
    assert np.isnan(recall_at([1.0], [True], 0.05))
    assert auc([0.5, 0.5], [True, False]) == 0.5
