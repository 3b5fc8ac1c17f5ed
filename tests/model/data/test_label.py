"""Sampling of clips to label, and the folder with clips and page."""

import csv
from collections import Counter
from datetime import date

import numpy as np
import pytest
import soundfile
from model_program import run_model
from tone_calls import SEGMENTS, create_tone_calls, tone_frequency

from callmood.types import EMOTIONS
from model.data import labeling

EVER = date(1970, 1, 1)


@pytest.fixture
def store(tmp_path):
    return create_tone_calls(tmp_path)


def run(store, *arguments):
    return run_model("label", "--store", store.path, *arguments)


def rows_of(folder):
    with (folder / "clips.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def segment(number, call, **p):
    return {"segment_id": str(number), "recording_id": call, **{f"p_{e}": p.get(e, 0.02) for e in EMOTIONS}}


def test_clip_contains_exactly_the_customers_segment(store, tmp_path):
    assert run(store, "--out", tmp_path / "set").exit_code == 0
    rows = rows_of(tmp_path / "set")
    assert len(rows) == 4 * SEGMENTS
    for row in rows:
        samples, rate = soundfile.read(tmp_path / "set" / row["path"])
        assert (len(samples), rate) == (3 * 16000, 16000)
        call, i = int(row["segment_id"][:16]), int(row["segment_id"][16:])
        loudest = np.abs(np.fft.rfft(samples)).argmax() / 3
        assert loudest == pytest.approx(tone_frequency(call, i), abs=1)


def test_customer_is_one_pseudonymous_speaker_in_all_calls(store, tmp_path):
    assert run(store, "--out", tmp_path / "set").exit_code == 0
    rows = rows_of(tmp_path / "set")
    by_call = {row["call_date"]: row["speaker"] for row in rows}
    assert by_call["2026-11-01"] == by_call["2026-11-04"]
    assert len(set(by_call.values())) == 3
    assert "c1" not in {row["speaker"] for row in rows}


def test_random_sampling_is_uniform():
    rows = [segment(i, f"call {i % 7}", neutral=0.9) for i in range(50)]
    times = Counter()
    for seed in range(400):
        chosen = labeling.sample(rows, 10, 0.5, np.random.default_rng(seed))
        drawn = [row["segment_id"] for row, kind in chosen if kind == "random"]
        assert len(set(drawn)) == 5
        times.update(drawn)
    # Each of the 50 is expected 40 times of 400, with a standard deviation of 6.
    assert min(times.values()) > 15
    assert max(times.values()) < 70
    assert len(times) == 50


def test_other_clips_have_the_lowest_and_highest_confidence():
    unsure = [segment(f"u{i}", f"call {i}", anger=0.46, neutral=0.44 - i / 100) for i in range(3)]
    sure = [segment(f"{e}{i}", f"call {i}", **{e: 0.9 - i / 100}) for e in ("anger", "sadness") for i in range(5)]
    chosen = labeling.sample(sure + unsure, 6, 0.0, np.random.default_rng(0))
    assert {row["segment_id"] for row, kind in chosen if kind == "uncertain"} == {"u0", "u1", "u2"}
    high_confidence = [row["segment_id"] for row, kind in chosen if kind == "high_confidence"]
    assert sorted(high_confidence) in (["anger0", "anger1", "sadness0"], ["anger0", "sadness0", "sadness1"])


def test_sampling_alternates_between_calls():
    rows = [segment(i, f"call {i // 5}", anger=0.46, neutral=0.45 - i / 1000) for i in range(20)]
    chosen = labeling.sample(rows, 8, 0.0, np.random.default_rng(0))
    uncertain = [row["recording_id"] for row, kind in chosen if kind == "uncertain"]
    assert sorted(uncertain) == ["call 0", "call 1", "call 2", "call 3"]


@pytest.mark.parametrize(("share", "kind"), [(1.0, "random"), (0.0, "uncertain")])
def test_all_segments_are_sampled_once_if_there_are_few(store, share, kind):
    rows = labeling.candidates(store, EVER)
    chosen = labeling.sample(rows, 1000, share, np.random.default_rng(0))
    assert len({row["segment_id"] for row, _ in chosen}) == len(chosen) == 4 * SEGMENTS
    assert kind in {kind for _, kind in chosen}


def test_deleted_or_replaced_recording_is_skipped_and_reported(store, tmp_path):
    (tmp_path / "calls/0.wav").unlink()
    soundfile.write(tmp_path / "calls/1.wav", np.zeros(8000), 8000)
    result = run(store, "--out", tmp_path / "set")
    assert result.exit_code == 0
    assert "calls/0.wav: The file was moved or deleted" in result.stderr
    assert "calls/1.wav: The file was replaced" in result.stderr
    assert f"{2 * SEGMENTS} clips" in result.stdout
    assert {row["call_date"] for row in rows_of(tmp_path / "set")} == {"2026-11-03", "2026-11-04"}


def test_nothing_is_written_without_readable_recordings(store, tmp_path):
    for path in (tmp_path / "calls").iterdir():
        path.unlink()
    before = sorted(tmp_path.iterdir())
    result = run(store, "--out", tmp_path / "set")
    assert result.exit_code == 1
    assert "none of the 4 recordings can be read" in result.stderr
    assert sorted(tmp_path.iterdir()) == before


def test_folder_with_labels_is_not_overwritten(store, tmp_path):
    (tmp_path / "set").mkdir()
    (tmp_path / "set/labels.csv").write_text("work of an afternoon")
    result = run(store, "--out", tmp_path / "set")
    assert result.exit_code == 1
    assert "may contain labels" in result.stderr
    assert [path.name for path in (tmp_path / "set").iterdir()] == ["labels.csv"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["--since", "2027-01-01"], "nothing to label"), (["--store", "none.duckdb"], "store none.duckdb does not exist")],
)
def test_missing_store_or_segments_are_reported(store, tmp_path, arguments, message):
    result = run(store, "--out", tmp_path / "set", *arguments)
    assert result.exit_code == 1
    assert message in result.stderr
