"""The simulation of angry calls."""

import json

import numpy as np
import pytest
from model_corpus import write_cremad
from model_program import model_output

from callmood.audio.stream import open_audio
from callmood.emotion.model import load_model
from model.data.corpora import CorpusError
from model.data.selection import find_clips
from model.evaluation import simulate
from model.evaluation.simulate import ANGER, NEUTRAL, SCENARIOS, GroundTruth, Scenario, SimulatedCall

LABELS = np.repeat(np.arange(6), 3)


def test_call_is_mostly_neutral_with_at_most_one_angry_stretch():
    rng = np.random.default_rng(0)
    for scenario in SCENARIOS.values():
        for _ in range(30):
            calm = LABELS[simulate.sample_utterances(LABELS, scenario, False, rng)]
            angry = LABELS[simulate.sample_utterances(LABELS, scenario, True, rng)]
            assert ANGER not in calm
            positions = np.flatnonzero(angry == ANGER)
            assert scenario.stretch[0] <= len(positions) <= scenario.stretch[1]
            assert np.ptp(positions) == len(positions) - 1
            assert scenario.utterances[0] <= len(angry) <= scenario.utterances[1]
            assert 0.5 < np.mean(calm == NEUTRAL) <= 1


def test_angry_stretch_has_the_stated_position():
    rng = np.random.default_rng(0)
    tone = np.full(16_000, 0.5, np.float32)
    customer = [(0.5 * tone, False), (tone, True), (tone, True), (0.5 * tone, False)]
    call = simulate.assemble_call("one", customer, [0.1 * tone], rng)
    with open_audio(call.audio) as stream:
        agent, recorded = np.concatenate(list(stream.blocks()), axis=1)
    loud = np.flatnonzero(np.abs(recorded) > 0.4) / 16_000
    assert call.angry_s == pytest.approx((loud[0], loud[-1]), abs=0.01)
    assert np.max(np.abs(agent)) == pytest.approx(0.05, abs=0.01)
    assert not np.any((np.abs(agent) > 0.01) & (np.abs(recorded) > 0.01))


def row(score, start_s=None, end_s=None):
    return {"anger_score": score, "anger_start_s": start_s, "anger_end_s": end_s}


def test_metrics_of_four_calls():
    truth = [
        GroundTruth("a", (0.0, 4.0)),
        GroundTruth("a", None),
        GroundTruth("b", (10.0, 14.0)),
        GroundTruth("b", None),
    ]
    rows = [row(0.9, 2.0, 4.0), row(0.1), row(0.3), row(0.5, 1.0, 2.0)]
    metrics, bounds = simulate.score(truth, rows)
    assert metrics == {
        "auc": 0.75,
        "recall": 0.5,
        "overlap": 0.25,
        "stretch_recall": 0.5,
        "stretch_false_positive_rate": 0.5,
    }
    assert bounds["auc"] == [0, 1]  # only the calls of b, or only those of a
    assert simulate.score(truth[:2], rows[:2])[1] == {}


def test_call_without_a_score_counts_as_not_angry():
    assert simulate.score([GroundTruth("a", (0.0, 4.0)), GroundTruth("a", None)], [row(None), row(0.2)])[0]["auc"] == 0


@pytest.fixture(scope="module")
def cremad(tmp_path_factory):
    return write_cremad(tmp_path_factory.mktemp("data") / "cremad", speakers=3, takes=2)


def test_command_writes_a_report(cremad, tmp_path, monkeypatch):
    monkeypatch.setitem(SCENARIOS, "short", Scenario((4, 4), (2, 2)))
    out = tmp_path / "calls.json"
    arguments = ["--corpus", "cremad", "--root", cremad, "--split", "all", "--calls", 2, "--json", out]
    printed = model_output("simulate", *arguments)
    report = json.loads(out.read_text())
    assert (report["calls"], report["angry_calls"], report["speakers"]) == (6, 3, 3)
    assert (report["model"], report["channel"], report["scenario"]) == (load_model().version, "telephone", "short")
    assert report["intervals"].keys() == set(simulate.METRIC_TITLES)
    assert "6 calls" in printed


def test_speakers_without_angry_clips_are_not_eligible(cremad):
    clips = [clip for clip in find_clips(None, "cremad", cremad, "all").clips if clip.emotion != "anger"]
    with pytest.raises(CorpusError, match="no speaker has two angry and two neutral clips"):
        simulate.eligible_speakers(clips)


def test_same_seed_gives_the_same_calls(cremad):
    clips = find_clips(None, "cremad", cremad, "valid").clips

    def first_call(seed):
        speakers = simulate.eligible_speakers(clips)
        return next(simulate.simulate_calls(clips, speakers, Scenario((3, 3), (2, 2)), "clean", 1, seed))

    assert isinstance(first_call(1), SimulatedCall)
    assert first_call(1) == first_call(1)
    assert first_call(1) != first_call(2)
