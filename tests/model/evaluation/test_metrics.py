"""The figures, against scikit-learn's and against what can be worked out by hand."""

import numpy as np
import pytest
from sklearn.metrics import f1_score, log_loss, precision_score, recall_score, roc_auc_score

from callmood.types import EMOTIONS
from model.evaluation.metrics import Answers, assess, auc, recall_at


def made(n=400, seed=0, **changed):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 6, n)
    probabilities = rng.dirichlet(np.ones(6), n).astype(np.float32)
    probabilities[np.arange(n), labels] += 0.3
    answers = {
        "labels": labels,
        "probabilities": probabilities / probabilities.sum(axis=1, keepdims=True),
        "speakers": rng.choice(list("abcdef"), n),
        "groups": {},
    }
    return Answers(**answers | changed)


def sure(labels, answers, confidence=0.94):
    rest = (1 - confidence) / 5
    return np.where(np.eye(6)[answers] > 0, confidence, rest).astype(np.float32)[: len(labels)]


def test_agrees_with_scikit_learn():
    answers = made()
    heard = answers.probabilities.argmax(axis=1)
    found = assess(answers)
    for name, score in {"recall": recall_score, "precision": precision_score, "f1": f1_score}.items():
        ours = [found["emotions"][emotion][name] for emotion in EMOTIONS]
        np.testing.assert_allclose(ours, 100 * score(answers.labels, heard, average=None), atol=1e-3)
    assert found["accuracy"] == pytest.approx(100 * np.mean(heard == answers.labels), abs=1e-3)
    assert found["uar"] == pytest.approx(100 * recall_score(answers.labels, heard, average="macro"), abs=1e-3)
    assert found["log_loss"] == pytest.approx(log_loss(answers.labels, answers.probabilities), abs=1e-3)
    scores, positive = answers.probabilities[:, 0], answers.labels == 0
    assert auc(scores, positive) == pytest.approx(roc_auc_score(positive, scores))


def test_calibration_error_by_hand():
    labels = np.zeros(10, int)
    # 94 % sure, 8 times of 10 right: one bin, 14 points off.
    found = assess(made(labels=labels, probabilities=sure(labels, [0] * 8 + [1] * 2), speakers=np.array(["a"] * 10)))
    assert found["ece"] == pytest.approx(14, abs=0.01)
    assert found["calibration"] == [{"from": 93.3333, "to": 100, "clips": 10, "confidence": 94, "accuracy": 80}]


def test_a_corpus_without_an_emotion_is_judged_on_the_others():
    labels = np.array([0, 0, 4, 4])
    found = assess(made(labels=labels, probabilities=sure(labels, [0, 1, 4, 4]), speakers=np.array(list("abab"))))
    assert list(found["emotions"]) == ["anger", "neutral"]
    assert (found["accuracy"], found["uar"]) == (75, 75)
    assert found["emotions"]["anger"]["recall"] == 50
    assert np.array(found["confusion"])[0].tolist() == [1, 1, 0, 0, 0, 0]


def test_intervals_come_from_speakers_not_from_clips():
    labels = np.zeros(200, int)
    half_right = sure(labels, np.repeat([0, 1], 100))
    alike = assess(made(labels=labels, probabilities=half_right, speakers=np.tile(list("abcdefghij"), 20)))
    apart = assess(made(labels=labels, probabilities=half_right, speakers=np.repeat(list("abcdefghij"), 20)))
    assert alike["intervals"]["accuracy"] == [50, 50]  # every speaker is half right
    low, high = apart["intervals"]["accuracy"]  # five are always right, five never: 0.5 +- 1.96 sqrt(0.25 / 10)
    assert low == pytest.approx(20, abs=5)
    assert high == pytest.approx(80, abs=5)


def test_one_speaker_has_figures_but_no_intervals():
    found = assess(made(speakers=np.array(["a"] * 400)))
    assert found["accuracy"] > 0
    assert found["intervals"] == {}


def test_a_gap_is_that_of_the_two_groups_farthest_apart():
    labels = np.zeros(120, int)
    answers = [0] * 40 + [0] * 20 + [1] * 20 + [0] * 10 + [1] * 30
    found = assess(
        made(
            labels=labels,
            probabilities=sure(labels, answers),
            speakers=np.array([f"{group}{i % 4}" for group in "xyz" for i in range(40)]),
            groups={"race": np.repeat(["x", "y", "z"], 40)},
        )
    )["groups"]["race"]
    assert {name: group["accuracy"] for name, group in found["groups"].items()} == {"x": 100, "y": 50, "z": 25}
    gap = found["gaps"]["accuracy"]
    assert (gap["points"], gap["best"], gap["worst"]) == (75, "x", "z")
    assert gap["interval"][0] <= 75 <= gap["interval"][1]
    assert found["gaps"]["anger"]["points"] == 75
    assert "fear" not in found["gaps"]


def test_who_is_not_known_is_in_no_group_and_one_speaker_makes_no_gap():
    answers = made(groups={"sex": np.array(["female"] * 200 + [""] * 200)})
    assert list(assess(answers)["groups"]["sex"]["groups"]) == ["female"]
    assert assess(answers)["groups"]["sex"]["gaps"] == {}
    by_speaker = assess(made(groups={"age": made().speakers}))
    assert by_speaker["groups"]["age"]["gaps"] == {}


def test_clips_asked_twice_count_once():
    answers = made()
    twice = Answers(
        *(np.tile(a, (2, 1)[: a.ndim]) for a in vars(answers).values() if isinstance(a, np.ndarray)), {}, 0.5
    )
    assert assess(twice) == assess(answers)


def test_recall_at_a_rate_of_false_alarms():
    scores = [*np.linspace(0, 1, 21), 0.98, 0.93, 0.5]
    angry = [False] * 21 + [True] * 3
    assert recall_at(scores, angry, 0.05) == pytest.approx(1 / 3)  # one of 21 may score higher: above 0.95
    assert recall_at(scores, angry, 0.10) == pytest.approx(2 / 3)
    assert recall_at([0.0, 1.0], [False, True], 0.05) == 1
    assert np.isnan(recall_at([1.0], [True], 0.05))
    assert auc([0.5, 0.5], [True, False]) == 0.5
