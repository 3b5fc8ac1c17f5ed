"""Annotations imported from a CSV file: all lines or none; errors name their line."""

import csv
from datetime import UTC, datetime

import pytest
from table_rows import commit_row
from typer.testing import CliRunner

from callmood.cli.app import app
from callmood.errors import AnnotationError
from callmood.monitoring.annotations import read_annotations
from callmood.warehouse.duckdb import DuckDBWarehouse

NOW = datetime(2026, 11, 23, tzinfo=UTC)
LINE = {
    "path": "clips/0001.wav",
    "speaker": "e639de8424e7",
    "emotion": "Anger",
    "annotated_by": "Ada",
    "sampling": "random",
    "recording_id": "r1",
    "call_date": "2026-11-02",
    "channel": "1",
    "start_s": "34.144",
    "end_s": "37.36",
    "verdict": "",
}


def write(path, *lines, delimiter=",", encoding="utf-8"):
    with path.open("w", newline="", encoding=encoding) as file:
        writer = csv.DictWriter(file, LINE, delimiter=delimiter)
        writer.writeheader()
        writer.writerows(LINE | line for line in lines)
    return path


@pytest.mark.parametrize(("delimiter", "encoding"), [(",", "utf-8"), (";", "utf-8-sig")])
def test_annotated_line_becomes_a_row(tmp_path, delimiter, encoding):
    store = DuckDBWarehouse(tmp_path / "calls.duckdb")
    file = write(tmp_path / "labels.csv", {}, {"emotion": "", "start_s": "40"}, delimiter=delimiter, encoding=encoding)
    run = CliRunner().invoke(app, ["import-labels", str(file), "--store", str(store.path)])
    assert run.exit_code == 0, run.output
    assert "1 label imported" in run.output
    [row] = store.query("SELECT * FROM annotations")
    assert (row["emotion"], row["channel"], row["start_s"], row["end_s"]) == ("anger", 1, 34.144, 37.36)
    assert (row["annotated_by"], row["sampling"], row["call_date"].isoformat()) == ("Ada", "random", "2026-11-02")


def test_lines_of_unknown_recordings_are_counted(tmp_path):
    store = DuckDBWarehouse(tmp_path / "calls.duckdb")
    store.append("recordings", [commit_row(recording_id="r1", call_date="2026-11-02")])
    review = {"emotion": "", "recording_id": "r3", "verdict": "agree"}
    file = write(tmp_path / "labels.csv", {}, {"recording_id": "r2"}, review)
    run = CliRunner().invoke(app, ["import-labels", str(file), "--store", str(store.path)])
    assert run.exit_code == 0
    assert run.output == (
        "2 labels and 1 review imported.\n2 lines have no effect: the warehouse does not contain the recording_id.\n"
    )
    assert len(store.query("SELECT 1 FROM annotations")) == 2


def test_id_depends_on_segment_and_annotator(tmp_path):
    file = write(tmp_path / "labels.csv", {}, {}, {"annotated_by": "Bo"}, {"annotated_by": ""})
    ids = [row["annotation_id"] for row in read_annotations(file, NOW).segments]
    assert ids[0] == ids[1]
    assert len(set(ids)) == 3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"emotion": "rage"}, "line 3: unknown emotion 'rage'; choose one of anger"),
        ({"sampling": "me"}, "line 3: unknown sampling 'me'"),
        ({"start_s": "34,144"}, "line 3: could not convert"),
        ({"call_date": "2. 11."}, "line 3: Invalid isoformat"),
        ({"end_s": "34.144"}, "line 3: 34.144 s to 34.144 s is not a segment"),
        ({"start_s": "-1"}, "line 3: -1 s to 37.36 s is not a segment"),
        ({"end_s": "inf"}, "line 3: 34.144 s to inf s is not a segment"),
        ({"recording_id": " "}, "line 3: the recording_id is empty"),
        ({"recording_id": "", "emotion": "", "verdict": "agree"}, "line 3: the recording_id is empty"),
    ],
)
def test_invalid_line_is_named_and_nothing_is_imported(tmp_path, change, message):
    store = DuckDBWarehouse(tmp_path / "calls.duckdb")
    file = write(tmp_path / "labels.csv", {}, change)
    with pytest.raises(AnnotationError, match=message):
        read_annotations(file, NOW)
    assert CliRunner().invoke(app, ["import-labels", str(file), "--store", str(store.path)]).exit_code == 2
    assert store.query("SELECT * FROM annotations") == []


@pytest.mark.parametrize("line", ["clips/0001.wav,,anger", "clips/0001.wav,,anger,Ada,random"])
def test_line_with_too_few_cells_is_invalid(tmp_path, line):
    file = write(tmp_path / "labels.csv")
    file.write_text(file.read_text() + line)
    with pytest.raises(AnnotationError, match=r"line 2: (unknown sampling ''|the recording_id is empty)"):
        read_annotations(file, NOW)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read"),
        (b"a,b\n1,2\n", "lacks the columns recording_id"),
        (b"\xff\xfe", "not a CSV file in UTF-8"),
    ],
)
def test_file_of_another_kind_is_an_error(tmp_path, content, message):
    if content is not None:
        (tmp_path / "labels.csv").write_bytes(content)
    with pytest.raises(AnnotationError, match=message):
        read_annotations(tmp_path / "labels.csv", NOW)
