"""The run folder: chain, seal, units that a kill cut short."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import stop
from stop.chain import NEEDED, BadFolder, check_seal, link, read_lines
from stop.records import Busy, Records
from stop.scaffold import sha

EMPTY = sha("")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A sealed folder with one finished unit of two calls."""
    records = Records(tmp_path)
    calls = [{"unit": "seed", "key": str(i), "reply": "r"} for i in range(2)]
    version = dict.fromkeys(NEEDED["lineage.jsonl"], "") | {"unit": "seed", "id": 0, "sha": EMPTY}
    records.put("sources", f"{EMPTY}.py", "")
    decision = {"unit": "seed", "id": 0}
    records.commit({"calls.jsonl": calls, "lineage.jsonl": [version], "decisions.jsonl": [decision]})
    records.seal()
    records.close()
    return tmp_path


def test_lines_are_chained_and_a_whole_folder_is_sealed_whole(folder: Path) -> None:
    rows, broken = read_lines(folder / "calls.jsonl")
    assert [r["key"] for r in rows] == ["0", "1"] and rows[0]["prev"] == "" and len(rows[1]["prev"]) == 64
    assert broken is None and check_seal(folder) == ("whole", [])


def test_an_edited_line_is_found_at_the_line_behind_it(folder: Path) -> None:
    path = folder / "calls.jsonl"
    path.write_text(path.read_text().replace('"reply":"r"', '"reply":"R"', 1))
    state, breaks = check_seal(folder)
    assert state == "broken" and "calls.jsonl line 2" in str(breaks[0])


def test_a_removed_last_line_is_found_by_the_seal(folder: Path) -> None:
    path = folder / "calls.jsonl"
    path.write_bytes(path.read_bytes().split(b"\n")[0] + b"\n")
    state, breaks = check_seal(folder)
    assert state == "broken" and "sealed with 2 lines, found 1" in str(breaks[0])


def test_lines_added_since_the_seal_are_an_open_end_not_a_break(folder: Path) -> None:
    with (folder / "incidents.jsonl").open("ab") as f:
        f.write(b'{"unit":"step 1","prev":""}\n')
    (folder / "decisions.jsonl").write_bytes((folder / "decisions.jsonl").read_bytes())
    assert check_seal(folder) == ("whole", [])
    lines = (folder / "calls.jsonl").read_bytes()
    with (folder / "calls.jsonl").open("ab") as f:
        f.write(b'{"unit":"step 1","key":"2","reply":"","prev":"' + link(lines.splitlines()[-1]).encode() + b'"}\n')
    assert check_seal(folder) == ("open", [])


def test_a_folder_that_is_open_for_writing_is_not_sealed(folder: Path) -> None:
    records = Records(folder)
    assert check_seal(folder) == ("none", [])
    records.seal()
    records.close()
    assert check_seal(folder) == ("whole", [])


@pytest.mark.parametrize("torn", [b'{"unit":"step 1","ke', b'{"unit":"step 1","prev":""}', b'{"unit\n'])
def test_a_torn_last_line_is_cut_off_with_one_notice(folder: Path, torn: bytes) -> None:
    with (folder / "calls.jsonl").open("ab") as f:
        f.write(torn)
    records = Records(folder)
    assert len(records.rows["calls.jsonl"]) == 2 and len(records.notices) == 1
    records.close()


def test_a_torn_line_of_measured_times_is_cut_off_in_silence(folder: Path) -> None:
    (folder / "timing.jsonl").write_bytes(b'{"kind":"unit"}\n{"ki')
    Records(folder).close()
    assert (folder / "timing.jsonl").read_bytes() == b'{"kind":"unit"}\n'


def test_records_that_were_edited_since_the_seal_are_refused(folder: Path) -> None:
    path = folder / "decisions.jsonl"
    path.write_text(path.read_text().replace('"id":0', '"id":7'))
    with pytest.raises(BadFolder, match="decisions.jsonl line 1: edited since"):
        Records(folder)


def test_a_damaged_line_before_the_last_is_refused(folder: Path) -> None:
    path = folder / "calls.jsonl"
    path.write_bytes(b"{" + path.read_bytes())
    with pytest.raises(BadFolder, match="calls.jsonl line 1"):
        Records(folder)


def test_a_unit_without_its_end_is_cut_off_and_its_answers_are_kept(folder: Path) -> None:
    records = Records(folder)
    records.commit({"calls.jsonl": [{"unit": "step 1", "key": "2", "reply": "paid"}]})  # killed before its decision
    records.close()
    records = Records(folder)
    kept = records.unfinished({"seed"})
    assert [r["reply"] for r in kept] == ["paid"] and len(records.rows["calls.jsonl"]) == 2
    records.close()


def test_what_was_noted_before_a_kill_is_there_afterwards_but_for_a_torn_line(tmp_path: Path) -> None:
    records = Records(tmp_path)
    records.note({"kind": "evaluation", "unit": "seed", "key": "a"})
    with (tmp_path / "pending.jsonl").open("ab") as f:
        f.write(b'{"kind":"call","unit":"se')
    records.close()
    again = Records(tmp_path)
    assert [r["key"] for r in again.unfinished(set())] == ["a"]
    again.close()


def test_a_folder_in_use_is_refused_by_name(folder: Path) -> None:
    first = Records(folder)
    with pytest.raises(Busy, match="in use by another process"):
        Records(folder)
    first.close()


def test_texts_are_written_once_and_keep_lone_surrogates(tmp_path: Path) -> None:
    records = Records(tmp_path)
    records.put("texts", "x", "a\ud800b")
    records.put("texts", "x", "other")
    assert (tmp_path / "texts" / "x").read_bytes().decode("utf-8", "surrogatepass") == "a\ud800b"
    records.close()


def test_records_are_read_in_parts_up_to_the_first_line_that_does_not_hold(tiny_run: Path, tmp_path: Path) -> None:
    run = stop.load(tiny_run)
    parts = list(run.in_parts("outcomes.jsonl", 5))
    assert [len(part) for part in parts[:-1]] == [5] * (len(parts) - 1) and len(parts) > 2
    assert [row for part in parts for row in part.to_dict("records")] == run.outcomes.to_dict("records")
    copy = shutil.copytree(tiny_run, tmp_path / "copy")
    lines = (copy / "outcomes.jsonl").read_bytes().split(b"\n")
    (copy / "outcomes.jsonl").write_bytes(b"\n".join([*lines[:7], lines[7].replace(b'"ok"', b'"no"'), *lines[8:]]))
    assert sum(len(part) for part in stop.load(copy).in_parts("outcomes.jsonl", 5)) == 8  # the next line tells
    assert list(stop.load(copy).in_parts("nothing.jsonl")) == []


@pytest.mark.parametrize(
    "line", [b' {"unit":"u"}', b'{"unit":"u"} ', b'\xef\xbb\xbf{"unit":"u"}', b'{"unit":"u"}\r', b"", b"[]"]
)
def test_a_line_that_no_run_writes_is_no_record(line: bytes, tmp_path: Path) -> None:
    (tmp_path / "incidents.jsonl").write_bytes(line + b"\n")
    records, broken = read_lines(tmp_path / "incidents.jsonl")
    assert records == [] and broken is not None and broken.why == "not a whole record"
