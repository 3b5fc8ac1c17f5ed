"""Checks of a manifest, on clips with defects."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from corpora_made import CREMAD, tone, write_corpus
from model_program import run_model

from callmood.resources import MODEL
from model.data import ingest, manifest, validate
from model.data.corpora import read


@pytest.fixture
def rows(tmp_path):
    """Rows of two CREMA-D actors with a clip of each emotion; one in "test", one in "train"."""
    clips = read("cremad", write_corpus(tmp_path / "cremad", CREMAD)).clips
    return [manifest.row(clip, seconds) for clip, seconds in zip(clips, ingest.durations(clips), strict=True)]


@pytest.fixture
def validated(tmp_path):
    """Run `python -m model validate` on rows; return its exit code, its report, and its output."""

    def run(rows, *arguments):
        manifest.write(rows, tmp_path / "manifest.parquet")
        report = tmp_path / "report.json"
        result = run_model("validate", tmp_path / "manifest.parquet", "--json", report, *arguments)
        return result.exit_code, json.loads(report.read_text()), result.stdout

    return run


def found(report):
    return {check: facts["found"] for check, facts in report["checks"].items() if facts["found"]}


def test_valid_corpus_passes(rows, validated):
    code, report, printed = validated(rows)
    assert code == 0
    assert report["ok"]
    assert not report["findings"]
    assert (report["clips"], report["speakers"]) == (12, 2)
    assert report["checks"].keys() == validate.CHECKS.keys()
    assert "12 clips, 0.0 h: valid" in printed


def damage(path, what):
    samples, rate = soundfile.read(path)
    match what:
        case "half":
            path.write_bytes(path.read_bytes()[:30])
        case "truncated":
            path.write_bytes(path.read_bytes()[:5000])
        case "gone":
            path.unlink()
        case "not numbers":
            samples[100] = np.nan
            soundfile.write(path, samples, rate, subtype="FLOAT")
        case "nothing":
            soundfile.write(path, 0 * samples, rate)
        case "no samples":
            soundfile.write(path, samples[:0], rate)
        case "faint":
            soundfile.write(path, samples * 0.001, rate)  # -63 dBFS
        case "quiet":
            soundfile.write(path, samples * 0.01, rate)  # -43 dBFS
        case "overdriven":
            soundfile.write(path, np.clip(5 * samples, -1, 1), rate)
        case "loud":
            soundfile.write(path, samples * 0.99 / np.abs(samples).max(), rate)
        case "low rate":
            soundfile.write(path, samples[::4], rate // 4)
        case "other rate":
            soundfile.write(path, samples, 2 * rate)


@pytest.mark.parametrize(
    ("what", "check"),
    [
        *(("half", "unreadable"), ("truncated", "unreadable"), ("gone", "unreadable"), ("not numbers", "unreadable")),
        *(("nothing", "silent"), ("no samples", "silent"), ("faint", "silent"), ("quiet", None)),
        *(("overdriven", "clipped"), ("loud", None)),
        *(("low rate", "sample_rate"), ("other rate", "sample_rate")),
    ],
)
def test_defective_clip_is_reported(rows, validated, what, check):
    damage(Path(rows[4].path), what)
    code, report, printed = validated(rows)
    assert found(report) == ({check: 1} if check else {})
    assert code == (1 if check else 0)
    if check:
        assert report["findings"][0]["clips"] == [rows[4].path]
        assert f"error: {check}, 1" in printed
        assert rows[4].path in printed


def test_low_sample_rate_of_all_clips_is_reported(rows, validated):
    for row in rows:
        tone(Path(row.path), rate=6000)
    assert found(validated(rows)[1]) == {"sample_rate": 12}


@pytest.mark.parametrize(("copy_of", "check", "code"), [(1, "conflicting_duplicate", 1), (6, "duplicate", 0)])
def test_duplicate_audio_is_reported(rows, validated, copy_of, check, code):
    shutil.copy(rows[0].path, rows[copy_of].path)  # 0 and 6 are anger, 1 is disgust
    ended, report, _ = validated(rows)
    assert ended == code
    assert found(report) == {check: 1}
    assert report["findings"][0]["clips"] == [rows[0].path, rows[copy_of].path]


def test_speaker_in_two_splits_is_reported(rows, validated):
    moved = [replace(row, split="train", speaker="1002") if row.speaker == "1001" else row for row in rows]
    assert validated(moved)[0] == 0
    moved[0] = replace(moved[0], split="valid")
    code, report, _ = validated(moved, "--allow", "class_imbalance")
    assert code == 1
    finding = next(f for f in report["findings"] if f["check"] == "speaker_in_two_splits")
    assert finding["message"] == "cremad: 1002 is in train and valid"
    assert len(finding["clips"]) == 12


def test_speakers_of_two_corpora_may_share_a_name(rows, validated):
    other = [replace(row, corpus="acme", split="valid") for row in rows]
    assert "speaker_in_two_splits" not in found(validated(rows + other)[1])


def test_missing_emotion_is_reported(rows, validated):
    code, report, _ = validated([row for row in rows if (row.speaker, row.emotion) != ("1002", "fear")])
    assert code == 1
    assert [f["message"] for f in report["findings"]] == ["cremad, train: 1 of anger, 0 of fear"]


def test_dominant_speaker_is_reported(rows, tmp_path, validated):
    many = [
        replace(rows[i % 6], clip=f"more{i}", path=str(tone(tmp_path / f"more{i}.wav")), speaker="1003")
        for i in range(66)
    ]
    code, report, _ = validated(rows + many)
    assert code == 1
    assert [f["message"] for f in report["findings"]] == ["cremad: 1003 has 66 clips, the median speaker 6"]


def test_allowed_check_is_a_warning(rows, validated):
    neutral = [row for row in rows if row.emotion == "neutral"]
    assert validated(neutral)[0] == 1
    code, report, printed = validated(neutral, "--allow", "class_imbalance")
    assert code == 0
    assert report["ok"]
    assert report["checks"]["class_imbalance"]["level"] == "warning"
    assert "warning: class_imbalance" in printed


def test_readme_documents_all_checks():
    readme = (MODEL / "README.md").read_text()
    for check, (level, meaning) in validate.CHECKS.items():
        assert f"| `{check}` | {level} | {meaning} |" in readme


@pytest.mark.parametrize("content", [None, b"PAR1 but no Parquet"])
def test_invalid_manifest_is_reported_and_nothing_is_written(tmp_path, content):
    path = tmp_path / "manifest.parquet"
    if content:
        path.write_bytes(content)
    result = run_model("validate", path, "--json", tmp_path / "report.json")
    assert result.exit_code == 2
    assert str(path) in result.stderr
    assert not (tmp_path / "report.json").exists()


def test_sample_of_shared_corpora_is_valid(data_root):
    for corpus in ("cremad", "emodb"):
        clips = read(corpus, data_root / corpus).clips[::150]
        sounds = [validate.measure(manifest.row(clip, 1.0)) for clip in clips]
        assert not list(validate.check_audio(sounds))
