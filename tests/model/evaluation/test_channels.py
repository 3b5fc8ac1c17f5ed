"""Calls with one channel and with echoes, against the same calls with two channels."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
from model_corpus import write_cremad
from model_program import model_output

from callmood.emotion.model import load_model
from callmood.types import SAMPLE_RATE
from model.evaluation import channels
from model.evaluation.channels import ANGER, NEUTRAL, add_echo, role_seconds, sample_dialog
from model.evaluation.composition import Speaker


def speaker(name, neutral, angry):
    second = np.ones(SAMPLE_RATE, np.float32)
    return Speaker(name, [neutral * second, angry * second], np.array([NEUTRAL, ANGER]))


@pytest.mark.parametrize("is_angry", [False, True])
def test_agent_begins_and_the_customer_becomes_angry_in_the_second_half(is_angry):
    call = sample_dialog(speaker("c", 0.2, 0.4), speaker("a", 0.1, 0.9), is_angry, np.random.default_rng(0))
    agent, customer = call.T
    assert np.flatnonzero(agent)[0] == 0
    assert not np.any((agent != 0) & (customer != 0))
    assert set(agent) == {0, np.float32(0.1)}
    angry = np.flatnonzero(customer == np.float32(0.4))
    assert bool(len(angry)) is is_angry
    if is_angry:
        assert angry[0] > np.flatnonzero(customer == np.float32(0.2))[-1]
        assert len(angry) / np.count_nonzero(customer) == pytest.approx(0.5, abs=0.05)


def test_echo_is_the_agent_later_and_quieter():
    call = np.zeros((SAMPLE_RATE, 2), np.float32)
    call[100, 0] = 0.5
    changed = add_echo(call, -20, 0.25)
    assert np.array_equal(changed[:, 0], call[:, 0])
    assert np.flatnonzero(changed[:, 1]) == [100 + SAMPLE_RATE // 4]
    assert changed[100 + SAMPLE_RATE // 4, 1] == pytest.approx(0.05)


def analysis(*segments):
    found = [SimpleNamespace(role=role, start_s=start_s, end_s=end_s) for role, start_s, end_s in segments]
    return SimpleNamespace(duration_s=20.0, segments=found)


def test_roles_are_compared_where_one_party_speaks():
    reference = analysis(("agent", 0.0, 4.0), ("customer", 3.0, 10.0))  # both from 3 to 4 s
    one = analysis(("agent", 0.0, 5.0), ("customer", 5.0, 8.0), ("unknown", 8.0, 9.0), ("customer", 12.0, 14.0))
    assert role_seconds(reference, one) == (6.0, 1.0, 2.0)
    assert role_seconds(reference, reference) == (9.0, 0.0, 0.0)


def test_command_prints_and_writes_a_report(tmp_path, monkeypatch):
    monkeypatch.setattr(channels, "UTTERANCES", 4)
    monkeypatch.setattr(channels, "ECHOES", ((-20, 0.12),))
    root, out = write_cremad(tmp_path / "cremad", speakers=2, takes=2), tmp_path / "channels.json"
    arguments = ["--corpus", "cremad", "--root", root, "--split", "all", "--calls", 1, "--json", out]
    printed = model_output("channels", *arguments)
    report = json.loads(out.read_text())
    assert (report["model"], report["speakers"], report["calls"]) == (load_model().version, 2, 2)
    assert report["right_role"] + report["other_role"] + report["no_role"] in (0, pytest.approx(100, abs=0.2))
    assert f"calls with the same verdict as in two channels {report['same_verdict']:.1f}" in printed
