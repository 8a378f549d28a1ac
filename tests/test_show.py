"""`python -m stop.show`: the lineage as a table, one version with its diff, and what hostile text may do: nothing."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import run_json

import stop
from stop.lineage import Decision, Spent, Version
from stop.records import Records
from stop.scaffold import digest
from stop.show import main

HOSTILE = "\x1b[2J\x1b]0;title\x07[bold red]markup[/]\u202e\r\n"


@pytest.fixture
def hostile_run(tmp_path: Path) -> Path:
    """A run folder whose texts try to reach the terminal; versions 1 and 2 have one sha, version 3 has no text."""
    out = tmp_path / "hostile"
    out.mkdir()
    records = Records(out, run_json(f"$x${HOSTILE}"))
    texts = "one = 1\n", f"two = 2  # {HOSTILE}", f"two = 2  # {HOSTILE}", ""
    for number, sha in enumerate(digest(text)[:12] for text in texts):
        standing = ("seed", "kept", "not_better", "failed")[number]
        version = Version(number, sha, "", None if not number else number - 1, number, number, standing,
                          0.5, None, 0 if number == 3 else 2, Spent(3), HOSTILE if number == 3 else "")  # fmt: skip
        decision = Decision(number, number, "better", {"child": 0.5}, 2, None, 0, standing, "rule", f"why {HOSTILE}")
        records.put("sources", f"{sha}.py", texts[number])
        unit = f"step {number}"
        records.commit({"lineage.jsonl": [version.record(unit)], "decisions.jsonl": [decision.record(unit)]}, [])
    records.seal()
    records.close()
    return out


def refused(*argv: str) -> int:
    with pytest.raises(SystemExit) as left:
        main(argv)
    return int(str(left.value.code))


def on_a_terminal(*argv: str) -> str:
    """What the command writes to a real terminal of 100 columns."""
    ours, theirs = pty.openpty()
    environment = os.environ | {"COLUMNS": "100", "TERM": "xterm"}
    environment.pop("NO_COLOR", None)
    command = [sys.executable, "-m", "stop.show", *argv]
    subprocess.run(command, stdout=theirs, check=True, env=environment, cwd=Path(__file__).parents[1], timeout=60)
    os.close(theirs)
    return os.read(ours, 1 << 16).decode()


def test_without_an_id_every_version_is_a_line_of_the_table(
    small_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(small_run)]) == 0
    lines = capsys.readouterr().out.splitlines()
    run = stop.load(small_run)
    assert lines[0].split()[:5] == ["id", "parent", "step", "gen", "standing"]
    for row, line in zip(run.versions.itertuples(), lines[1:], strict=False):
        assert line.split()[0] == str(row.id) and row.sha in line and run.standing[row.id] in line


def test_below_the_table_stand_the_seal_and_what_to_try_next(
    small_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main([str(small_run)])
    looks, seal, after = capsys.readouterr().out.splitlines()[-3:]
    assert looks == "looks at test: 1 (test after step 2)" and seal == "seal: whole"
    assert after.startswith(f"next: python -m stop.show {small_run}")


def test_the_seed_is_shown_with_its_whole_source(small_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main([str(small_run), "0"])
    shown = capsys.readouterr().out
    run = stop.load(small_run)
    assert shown.endswith(run.source(run.sha(0)))
    assert "parent:       none" in shown


def test_a_child_is_shown_with_its_decision_and_the_diff_to_its_parent(
    small_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main([str(small_run), "1"])
    shown = capsys.readouterr().out
    run = stop.load(small_run)
    assert run.diff(0, 1) in shown
    assert str(run.decisions.why[1]) in shown


def test_the_beginning_of_a_sha_names_a_version(small_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main([str(small_run), stop.load(small_run).sha(0)[:6]])
    assert capsys.readouterr().out.startswith("version:      0 ")


def test_a_sha_that_names_several_versions_is_answered_with_their_ids(
    hostile_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prefix = stop.load(hostile_run).sha(1)[:6]
    assert refused(str(hostile_run), prefix) == 2
    assert f"{prefix!r} names the versions 1, 2." in capsys.readouterr().err


@pytest.mark.parametrize("wanted", ["77", "-1", "ffff", "", "01", "\x1b[2J", "9" * 5000])
def test_an_unknown_id_is_one_line_that_says_what_exists(
    hostile_run: Path, capsys: pytest.CaptureFixture[str], wanted: str
) -> None:
    assert refused(str(hostile_run), "--", wanted) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and said.startswith("python -m stop.show: ") and "\x1b" not in said


def test_an_unknown_run_is_one_line_that_names_the_runs_beside_it(
    small_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert refused(str(small_run.parent / "smal")) == 2
    said = capsys.readouterr().err
    assert said.startswith("python -m stop.show: ") and f"Found: {small_run}" in said and said.count("\n") == 1


def test_a_run_without_a_version_says_how_to_go_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Records(tmp_path, run_json("maxcut")).close()
    assert refused(str(tmp_path)) == 2
    assert "no version is finished yet" in capsys.readouterr().err


def test_a_failed_version_without_text_is_shown_with_its_reason(
    hostile_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main([str(hostile_run), "3"])
    assert "no text: \\x1b[2J" in capsys.readouterr().out


def test_a_child_with_the_text_of_its_parent_says_so(hostile_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main([str(hostile_run), "2"])
    assert "no difference: the text is that of its parent" in capsys.readouterr().out


@pytest.mark.parametrize("wanted", [[], ["1"], ["3"]])
def test_hostile_text_reaches_neither_a_pipe_nor_a_terminal(
    hostile_run: Path, capsys: pytest.CaptureFixture[str], wanted: list[str]
) -> None:
    main([str(hostile_run), *wanted])
    shown, drawn = capsys.readouterr().out, on_a_terminal(str(hostile_run), *wanted)
    assert not set("\x1b\x07\r\u202e") & set(shown)
    assert not [s for s in ("\x1b[2J", "\x1b]", "\x07", "\u202e") if s in drawn]
    assert "[bold red]" in shown


def test_a_diff_is_coloured_on_a_terminal_only(hostile_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main([str(hostile_run), "1"])
    assert "\x1b" not in capsys.readouterr().out
    assert "\x1b[31m-one = 1" in on_a_terminal(str(hostile_run), "1")
    assert "\x1b[32m+two = 2" in on_a_terminal(str(hostile_run), "1")


def test_a_reader_that_leaves_early_is_no_error(small_run: Path) -> None:
    command = f"{sys.executable} -m stop.show {small_run} 0 | head -n 1"
    ran = subprocess.run(["bash", "-c", command], capture_output=True, text=True, cwd=Path(__file__).parents[1])
    assert ran.stdout.startswith("version:") and ran.stderr == ""


def test_help_imports_nothing_heavy() -> None:
    heavy = "{'numpy', 'pandas', 'matplotlib', 'rich'}"
    code = f"import sys, stop.show, stop.plot, stop.tasks; sys.exit(str({heavy} & set(sys.modules) or ''))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert ran.stderr.strip() == ""
