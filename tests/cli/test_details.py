"""Commands about the names and the details of calls: `names`, `details load`, and the count of each run."""

import pytest
from call_rows import call, classified
from command_line import json_lines, run
from warehouse_data import fill

from callmood.warehouse.duckdb import DuckDBWarehouse


@pytest.fixture
def store(tmp_path, monkeypatch):
    path = tmp_path / "calls.duckdb"
    monkeypatch.setenv("CALLMOOD_STORE", str(path))
    local = DuckDBWarehouse(path)
    for name in ("17.1", "17.2"):
        fill(local, call(name, queue=None, agent_id=None, customer=[classified(0, 6)], agent=[]))
    return local


def test_details_of_a_telephone_system_fill_fields(store, tmp_path):
    cdr = tmp_path / "cdr.csv"
    cdr.write_text(
        "\ufeffuniqueid;calldate;queue;agent;customer;direction;disposition\n"
        "17.1;2026-11-02 10:14:00;billing;a7;Müller;in;ANSWERED\n"
        '17.2;20261102101500;"sales; new";;;out;\n',
        encoding="utf-8",
    )
    output = run("details", "load", cdr, "--column", "uniqueid=call_id", "--column", "calldate=started_at")
    assert output == "2 calls loaded. 0 calls moved to the day of the start.\n"
    first, second = store.query(
        "SELECT queue, agent_id, customer_id, direction, labels FROM recordings_current ORDER BY call_id"
    )
    assert (first["queue"], first["agent_id"], first["customer_id"], first["direction"]) == (
        "billing",
        "a7",
        "Müller",
        "inbound",
    )
    assert first["labels"] == [{"key": "disposition", "value": "ANSWERED"}]
    assert (second["queue"], second["agent_id"], second["direction"]) == ("sales; new", None, "outbound")
    assert [row["queue"] for row in store.query("SELECT DISTINCT queue FROM calls ORDER BY queue")] == [
        "billing",
        "sales; new",
    ]
    run("erase", "--customer-id", "Müller", "--json", code=1)  # the audio is in a bucket; its results are hidden
    assert [row["call_id"] for row in store.query("SELECT call_id FROM calls")] == ["17.2"]
    assert [row["call_id"] for row in store.query("SELECT call_id FROM call_details")] == ["17.2"]


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        ("id,queue\n1,a\n", (), "no column call_id"),
        (
            "call_id,start_time\n1,yesterday\n,2026-11-02\n",
            (),
            "2 invalid rows, so nothing was loaded: line 2: the start",
        ),
        (f"call_id,note\n1,{'x' * 131_073}\n", (), "is not valid CSV after line 1"),
        ("call_id\n1\n", ("--column", "uniqueid=call_id"), "no column uniqueid"),
        ("call_id\n1\n", ("--column", "call_id"), "NAME=FIELD"),
    ],
)
def test_invalid_details_are_refused_completely(store, tmp_path, content, options, message):
    cdr = tmp_path / "cdr.csv"
    cdr.write_text(content)
    assert message in " ".join(run("details", "load", cdr, *options, code=2).split())
    assert store.query("SELECT 1 FROM call_details") == []


def test_later_load_replaces_an_earlier_one(store, tmp_path):
    cdr = tmp_path / "cdr.csv"
    for queue in ("old", "new"):
        cdr.write_text(f"call_id,queue\n17.1,{queue}\n")
        assert json_lines(run("details", "load", cdr, "--json")) == [{"loaded": 1, "moved": 0}]
    assert [row["queue"] for row in store.query("SELECT queue FROM calls WHERE call_id = '17.1'")] == ["new"]


def test_last_of_several_rows_of_one_call_counts(store, tmp_path):
    cdr = tmp_path / "cdr.csv"
    lines = (f"{call_id},{number}\n" for number in range(9) for call_id in ("17.1", "17.2"))
    cdr.write_text("call_id,queue\n" + "".join(lines))
    assert json_lines(run("details", "load", cdr, "--json")) == [{"loaded": 2, "moved": 0}]
    assert [row["queue"] for row in store.query("SELECT queue FROM calls")] == ["8", "8"]


def test_names_previews_a_pattern(tmp_path):
    for name in ("out-+4930123456-201-20240312-142233-1710253353.123.wav", "holiday.wav"):
        (tmp_path / name).write_bytes(b"RIFF")
    output = run("names", "freepbx", tmp_path, "--json", code=1)
    *lines, summary = output.splitlines()
    rows = {row["name"]: row for row in json_lines("\n".join(lines))}
    assert rows["holiday.wav"]["call_id"] is None
    known = rows["out-+4930123456-201-20240312-142233-1710253353.123.wav"]
    assert (known["call_id"], known["customer_id"], known["direction"]) == ("1710253353.123", "+4930123456", "outbound")
    assert summary.startswith("1 of 2 names have a call ID")
    assert "2 of 2 names have a call ID." in run("names", r"(?P<call_id>.+)", tmp_path)
    assert "not a valid regular expression" in run("names", "(", tmp_path, code=2)
