"""The simulation: what it says must come from who is angry when, and it hears calls as recordings are heard."""

import json
import sys

import numpy as np
import pytest
from model_corpus import write_cremad

from callmood.audio.stream import open_audio
from callmood.emotion.model import load_model
from model.data.corpora import CorpusError
from model.evaluation import simulate
from model.evaluation.simulate import ANGER, NEUTRAL, PLANS, Call, Plan, Truth

LABELS = np.repeat(np.arange(6), 3)


def test_a_call_is_mostly_neutral_and_angry_in_one_stretch_or_never():
    rng = np.random.default_rng(0)
    for plan in PLANS.values():
        for _ in range(30):
            calm = LABELS[simulate.script(LABELS, plan, False, rng)]
            angry = LABELS[simulate.script(LABELS, plan, True, rng)]
            assert ANGER not in calm
            places = np.flatnonzero(angry == ANGER)
            assert plan.stretch[0] <= len(places) <= plan.stretch[1]
            assert np.ptp(places) == len(places) - 1
            assert plan.utterances[0] <= len(angry) <= plan.utterances[1]
            assert 0.5 < np.mean(calm == NEUTRAL) <= 1


def test_what_is_angry_lies_where_the_call_says(tmp_path):
    rng = np.random.default_rng(0)
    tone = np.full(16_000, 0.5, np.float32)
    customer = [(0.5 * tone, False), (tone, True), (tone, True), (0.5 * tone, False)]
    call = simulate.record("one", customer, [0.1 * tone], rng)
    with open_audio(call.audio) as stream:
        agent, heard = np.concatenate(list(stream.blocks()), axis=1)
    loud = np.flatnonzero(np.abs(heard) > 0.4) / 16_000
    assert call.angry_s == pytest.approx((loud[0], loud[-1]), abs=0.01)
    assert np.max(np.abs(agent)) == pytest.approx(0.05, abs=0.01)
    assert not np.any((np.abs(agent) > 0.01) & (np.abs(heard) > 0.01))


def row(score, start_s=None, end_s=None):
    return {"anger_score": score, "anger_start_s": start_s, "anger_end_s": end_s}


def test_the_figures_by_hand():
    truth = [Truth("a", (0.0, 4.0)), Truth("a", None), Truth("b", (10.0, 14.0)), Truth("b", None)]
    rows = [row(0.9, 2.0, 4.0), row(0.1), row(0.3), row(0.5, 1.0, 2.0)]
    figures, bounds = simulate.judge(truth, rows)
    assert figures == {"auc": 0.75, "recall": 0.5, "overlap": 0.25, "stretch_found": 0.5, "stretch_false": 0.5}
    assert bounds["auc"] == [0, 1]  # all of it b's calls, or a's
    assert simulate.judge(truth[:2], rows[:2])[1] == {}


def test_calls_of_which_nothing_was_heard_are_not_angry():
    assert simulate.judge([Truth("a", (0.0, 4.0)), Truth("a", None)], [row(None), row(0.2)])[0]["auc"] == 0


@pytest.fixture(scope="module")
def cremad(tmp_path_factory):
    return write_cremad(tmp_path_factory.mktemp("data") / "cremad", speakers=3, takes=2)


def test_from_a_corpus_to_a_report(cremad, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(PLANS, "short", Plan((4, 4), (2, 2)))
    out = tmp_path / "calls.json"
    arguments = ["--corpus", "cremad", "--root", cremad, "--split", "all", "--calls", 2, "--json", out]
    monkeypatch.setattr(sys, "argv", ["simulate", *map(str, arguments)])
    simulate.main()
    report = json.loads(out.read_text())
    assert (report["calls"], report["angry_calls"], report["speakers"]) == (6, 3, 3)
    assert (report["model"], report["channel"], report["plan"]) == (load_model().version, "telephone", "short")
    assert report["intervals"].keys() == {"auc", "recall", "overlap", "stretch_found", "stretch_false"}
    assert "6 calls" in capsys.readouterr().out


def test_speakers_who_are_never_angry_make_no_calls(cremad):
    clips = [clip for clip in simulate.source(None, "cremad", cremad, "all").clips if clip.emotion != "anger"]
    with pytest.raises(CorpusError, match="no speaker has two angry and two neutral clips"):
        simulate.able(clips)


def test_the_same_seed_makes_the_same_calls(cremad):
    clips = simulate.source(None, "cremad", cremad, "valid").clips

    def made(seed):
        return next(simulate.calls(clips, simulate.able(clips), Plan((3, 3), (2, 2)), "clean", 1, seed))

    assert isinstance(made(1), Call)
    assert made(1) == made(1)
    assert made(1) != made(2)
