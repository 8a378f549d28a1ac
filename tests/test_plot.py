"""`python -m stop.plot`: two figures of a run, the same bytes each time, and foreign text only as text."""

from __future__ import annotations

import xml.etree.ElementTree
from pathlib import Path

import pytest
from conftest import ONE, run_json

import stop
from stop.lineage import Spent, Version
from stop.plot import LOOKS, curve, heights, main, save, tree
from stop.records import Records
from stop.run import main as run_main


def version(number: int, parent: int | None) -> Version:
    return Version(number, f"{number:012x}", "", parent, number, 0, "kept", 0.5, 0.1, 2, Spent())


def texts(figure: object) -> str:
    """Everything written on a figure."""
    from matplotlib.text import Text

    return "\n".join(t.get_text() for t in figure.findobj(Text))  # type: ignore[attr-defined]


def test_both_pictures_are_written_and_named(
    small_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(small_run), "--out", str(tmp_path / "a" / "b")]) == 0
    paths = capsys.readouterr().out.split()
    assert [Path(p).name for p in paths] == ["curve.svg", "tree.svg"]
    for path in paths:
        assert xml.etree.ElementTree.parse(path).getroot().tag.endswith("svg")


def test_the_same_run_gives_the_same_bytes(small_run: Path, tmp_path: Path) -> None:
    for folder in ("one", "two"):
        main([str(small_run), "--out", str(tmp_path / folder)])
    for name in ("curve.svg", "tree.svg"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
        assert b"<dc:date>" not in (tmp_path / "one" / name).read_bytes()


def test_the_curve_says_on_what_and_on_how_much_it_rests(small_run: Path) -> None:
    run = stop.load(small_run)
    said = " ".join(texts(curve(run)).split())
    assert "Tasks: maxcut." in said
    assert f"n={run.versions.n[0]}" in said
    assert f"seed {run.test_utility(0):.3f}" in said


def test_the_tree_names_every_version_with_its_standing(small_run: Path) -> None:
    run = stop.load(small_run)
    said = texts(tree(run))
    for number, standing in run.standing.items():
        assert f"{number}: {standing.replace('_', ' ')}" in said


def test_a_run_of_the_seed_alone_can_be_drawn(tmp_path: Path) -> None:
    out = tmp_path / "seed"
    assert run_main(["maxcut", "--generations", "0", *ONE, "--out", str(out)]) == 0
    assert main([str(out)]) == 0
    assert (out / "curve.svg").stat().st_size > 1000 and (out / "tree.svg").stat().st_size > 1000


def test_a_run_without_a_look_at_test_has_no_panel_for_it(tmp_path: Path, small_run: Path) -> None:
    for name in ("run.json", "lineage.jsonl", "decisions.jsonl"):
        (tmp_path / name).write_bytes((small_run / name).read_bytes())
    assert len(curve(stop.load(tmp_path)).axes) == 1
    assert len(curve(stop.load(small_run)).axes) == 2


def test_foreign_text_is_no_mathematics_and_every_standing_can_be_drawn(tmp_path: Path) -> None:
    records = Records(tmp_path, run_json(r"$\frac{1}{$", "\x1b[31mred"))
    for number, standing in enumerate(["seed", *LOOKS, "never heard of"]):
        row = version(number, number - 1 if number else None).record("u") | {"n": number % 3, "status": standing}
        decision = {"unit": "u", "id": number, "verdict": standing, "evidence": {"parent": 0.4}, "why": ""}
        records.commit({"lineage.jsonl": [row], "decisions.jsonl": [decision]}, [])
    records.close()
    run = stop.load(tmp_path)
    for figure in (curve(run), tree(run)):
        save(figure, tmp_path / "drawn.svg")
        assert "\x1b" not in texts(figure)
    assert r"$\frac{1}{$" in texts(curve(run)) and "other" in texts(tree(run))


def test_a_version_stands_at_the_mean_of_its_leaves() -> None:
    family = [version(0, None), version(1, 0), version(2, 0), version(3, 1), version(4, 1)]
    assert heights(family) == [1.0, 0.5, 2.0, 0.0, 1.0]


def test_a_chain_of_thousands_is_no_problem() -> None:
    assert set(heights([version(i, i - 1 if i else None) for i in range(3000)])) == {0.0}


@pytest.mark.parametrize("argv", [["no/such/run"], [], ["--nope", "x"]])
def test_wrong_usage_is_one_line_and_status_2(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(argv)
    said = capsys.readouterr().err
    assert left.value.code == 2 and said.startswith("python -m stop.plot: ") and said.count("\n") == 1


def test_a_folder_that_cannot_be_made_is_one_line_and_status_2(
    small_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        main([str(small_run), "--out", str(small_run / "run.json")])
    assert left.value.code == 2 and capsys.readouterr().err.count("\n") == 1
