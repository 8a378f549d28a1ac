"""`python -m stop.plot`: figures of a run, the same bytes each time, no text over another, foreign text."""

from __future__ import annotations

import importlib.util
import itertools
import sys
import xml.etree.ElementTree
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import ONE, run_json

import stop
from stop.lineage import Spent, Version
from stop.plot import LOOKS, compared, credit, curve, decision, heights, save, strategies, tasks, transfer, tree
from stop.plot.__main__ import FIGURES, main
from stop.records import Records
from stop.run import main as run_main

FILE = Path(__file__).resolve().parent.parent / "benchmarks" / "lineage_scale.py"
DRAWN: list[Callable[..., Any]] = [curve, tree, tasks, strategies, decision, credit]


@pytest.fixture(scope="module")
def lineage(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], stop.Run]:
    """A run of so many versions that is made up, as the benchmark makes it."""
    spec = importlib.util.spec_from_file_location("lineage_scale", FILE)
    assert spec is not None and spec.loader is not None
    module = sys.modules["lineage_scale"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    folder = tmp_path_factory.mktemp("lineages")
    return lambda n: stop.load(folder / str(n) if (folder / str(n)).is_dir() else module.made(folder / str(n), n))


def version(number: int, parent: int | None) -> Version:
    return Version(number, f"{number:012x}", "", parent, number, 0, "kept", 0.5, 0.1, 2, Spent())


def texts(figure: Any) -> str:
    """Everything written on a figure."""
    from matplotlib.text import Text

    return "\n".join(t.get_text() for t in figure.findobj(Text))


def written(figure: Any) -> list[tuple[str, Any]]:
    """(text, its box in pixels, without the line to its point) of all that a reader sees."""
    from matplotlib.text import Text

    figure.canvas.draw()
    found = list(figure.texts)
    for axes in figure.axes:
        found += [*axes.texts, axes.title, axes._left_title, axes.xaxis.label, axes.yaxis.label]
        found += axes.get_legend().get_texts() if axes.get_legend() else []
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            ticks = [tick for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]
            found += [label for tick in ticks for label in (tick.label1, tick.label2)] if axes.axison else []
    return [(t.get_text(), Text.get_window_extent(t)) for t in found if t.get_visible() and t.get_text().strip()]


def lie_over_each_other(figure: Any) -> list[tuple[str, str]]:
    return [
        (a, b)
        for (a, one), (b, other) in itertools.combinations(written(figure), 2)
        if min(one.x1, other.x1) - max(one.x0, other.x0) > 1 and min(one.y1, other.y1) - max(one.y0, other.y0) > 1
    ]


def cut_off(figure: Any) -> list[str]:
    edge = figure.bbox
    return [t for t, b in written(figure) if b.x0 < edge.x0 or b.y0 < edge.y0 or b.x1 > edge.x1 or b.y1 > edge.y1]


# -- what a reader sees ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("draw", DRAWN, ids=lambda f: f.__name__)
@pytest.mark.parametrize("versions", [5, 50, 500])
def test_no_text_is_cut_or_lies_over_another(lineage: Callable, draw: Callable, versions: int) -> None:
    if draw is credit and versions == 500:
        pytest.skip("an ancestry of forty edits is drawn at fifty versions already")
    figure = draw(lineage(versions))
    assert lie_over_each_other(figure) == [] and cut_off(figure) == []
    assert max(figure.get_size_inches()) <= 20


@pytest.mark.parametrize("draw", DRAWN, ids=lambda f: f.__name__)
def test_the_same_run_gives_the_same_bytes(lineage: Callable, draw: Callable, tmp_path: Path) -> None:
    for name in ("a.svg", "b.svg"):
        save(draw(stop.load(lineage(5).path)), tmp_path / name)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
    assert b"<dc:date>" not in (tmp_path / "a.svg").read_bytes()


def test_the_curve_says_on_what_and_on_how_much_it_rests(tiny_run: Path) -> None:
    run = stop.load(tiny_run)
    said = " ".join(texts(curve(run)).split())
    assert "Tasks: cut." in said
    assert f"n={run.versions.n[0]}" in said
    assert f"seed {run.test_utility(0):.3f}" in said


def test_the_curve_shows_every_try_the_best_so_far_train_and_test(tiny_run: Path) -> None:
    run = stop.load(tiny_run)
    axes, beside = curve(run).axes
    by_label = {line.get_label(): line for line in axes.lines}
    tries = [y for label in ("seed", "kept", "not better") if label in by_label for y in by_label[label].get_ydata()]
    assert sorted(tries) == pytest.approx(sorted(run.versions.meta_utility[run.versions.n > 0]))
    best = list(by_label["best so far"].get_ydata())
    assert best == sorted(best) and best[0] == pytest.approx(run.versions.meta_utility[0])
    assert len(by_label["on train"].get_ydata()) == 1 + sum(s == "kept" for s in run.standing.values())
    assert run.test_utility(0) in [pytest.approx(y) for line in beside.lines for y in line.get_ydata()]


@pytest.mark.parametrize("over, last", [("steps", 4), ("llm_calls", None), ("tokens", None), ("usd", None)])
def test_the_curve_over_what_was_spent(lineage: Callable, over: str, last: int | None) -> None:
    from stop.analysis.curves import spending

    run = lineage(5)
    spent, _ = spending(run, over)
    line = next(line for line in curve(run, over).axes[0].lines if line.get_label() == "best so far")
    assert line.get_xdata()[-1] == max(spent.values()) and (last is None or max(spent.values()) == last)


def test_a_curve_over_what_is_not_known_says_so(lineage: Callable) -> None:
    with pytest.raises(LookupError, match="no time is recorded of the unit 'seed'"):
        curve(lineage(5), "seconds")
    with pytest.raises(ValueError, match="no cost 'days'; found: steps, llm_calls, tokens, usd, seconds"):
        curve(lineage(5), "days")


def test_the_tree_names_every_version_with_its_standing(tiny_run: Path) -> None:
    run = stop.load(tiny_run)
    said = texts(tree(run))
    for number, standing in run.standing.items():
        assert f"{number}: {standing.replace('_', ' ')}" in said


def test_the_tree_names_the_seed_the_best_and_reasons_of_failure_among_hundreds(lineage: Callable) -> None:
    run = lineage(500)
    said = texts(tree(run))
    assert f"path to version {run.best}" in said and f"{run.best}: {run.meta_utility(run.best):.3f}" in said
    assert "the scaffold ran" in said and "x returned a text that is no program" in said


def test_each_task_of_each_version_has_its_mean(lineage: Callable) -> None:
    run = lineage(5)
    grid = tasks(run).axes[0].images[0].get_array()
    own = run.outcomes[(run.outcomes.version == 2) & (run.outcomes.block == 2)]
    assert [*grid[:, 2]] == pytest.approx([*own.groupby("task", sort=False).utility.mean()])
    failed = [i for i, standing in run.standing.items() if standing == "failed"]
    assert failed and all(grid.mask[:, i].all() for i in failed)


def test_a_decision_shows_each_pair_and_the_interval_of_their_mean(lineage: Callable) -> None:
    from stop.analysis.gain import difference

    run = lineage(5)
    axes = decision(run, run.best).axes[0]
    circles = [x for line in axes.lines if line.get_marker() == "o" for x in line.get_xdata()]
    mean = next(line.get_xdata()[0] for line in axes.lines if line.get_marker() == "D")
    found = difference(run, run.best, 0)
    shown = [d["evidence"] for d in run.rows("decisions.jsonl") if d["id"] == run.best]
    assert len(circles) == 6 and mean == pytest.approx(shown[0]["child"] - shown[0]["parent"])
    assert "kept, n=6" in texts(decision(run, run.best)) and found.n == 6
    with pytest.raises(LookupError, match="version 0 was not compared with another: the first version"):
        decision(run, 0)
    with pytest.raises(LookupError, match="no version '77'"):
        decision(run, 77)


def test_the_capital_of_both_bets_is_drawn_beside_a_decision_by_bets(tmp_path: Path) -> None:
    records = Records(tmp_path, run_json("a"))
    bets = {
        "child": 0.5,
        "parent": 0.4,
        "needed": 20.0,
        "capital_better": [3.0, 25.0],
        "capital_not_better": [0.5, 0.0],
    }
    for i in (0, 1):
        decided = {
            "unit": "u",
            "id": i,
            "verdict": "\x1b[2J$\\frac{1}{$",
            "who": "rule",
            "rule": "paired",
            "block": 1,
            "why": "better",
        }
        runs = [
            {"unit": "u", "version": i, "split": "val", "block": 1, "task": "a", "repeat": r,
             "utility": 0.4 + i / (9 + r)}
            for r in (0, 1)
        ]  # fmt: skip
        rows = {"lineage.jsonl": [version(i, 0 if i else None).record("u")], "outcomes.jsonl": runs}
        records.commit(rows | {"decisions.jsonl": [decided | {"evidence": bets if i else {}}]}, [])
    records.close()
    figure = decision(stop.load(tmp_path), 1)
    save(figure, tmp_path / "drawn.svg")
    assert "\x1b" not in texts(figure)
    won = [list(line.get_ydata()) for line in figure.axes[1].lines]
    assert won[:2] == [[3.0, 25.0], [0.5, 1e-6]] and set(won[2]) == {20.0}
    assert "bet on not better" in texts(figure) and lie_over_each_other(figure) == [] and cut_off(figure) == []


def test_credit_goes_to_each_edit_on_the_way_to_the_best(lineage: Callable) -> None:
    run = lineage(50)
    said = texts(credit(run))
    assert f"0 \u2192 {run.best} on test" in said and f"\u2192 {run.best}\n" in said
    seed_stands = stop.load(Path("results/reference/served-recursion"))
    with pytest.raises(LookupError, match="the seed is the best version"):
        credit(seed_stands)


def test_strategies_are_read_off_the_sources(lineage: Callable) -> None:
    run = lineage(50)
    names = [t.get_text() for t in strategies(run).axes[0].get_yticklabels()]
    assert {"best-of-n", "hill-climbing"} <= {*names}


# -- several ---------------------------------------------------------------------------------------------------------
def test_runs_beside_each_other(lineage: Callable, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    runs = [lineage(5), lineage(50)]
    figure = compared(runs)
    assert lie_over_each_other(figure) == [] and cut_off(figure) == []
    assert main([*(str(run.path) for run in runs), "--only", "tree", "--out", str(tmp_path)]) == 0
    assert capsys.readouterr().out.split() == [str(tmp_path / n / "tree.svg") for n in ("5", "50")]
    with pytest.raises(ValueError, match="1 runs; a figure compares 2 to 12"):
        compared(runs[:1])
    with pytest.raises(LookupError, match="is given twice"):
        compared([runs[0], runs[0]])


def test_a_transfer_is_two_grids(tmp_path: Path, lineage: Callable) -> None:
    records = Records(tmp_path / "t", run_json("a", "b") | {"transfer": {"seen": []}, "looks": {
        "val": [], "test": [{"unit": "look", "done": True}]}})  # fmt: skip
    rows = [
        {"unit": "look", "version": None, "arm": arm, "split": "test", "block": 0, "task": task, "repeat": r,
         "status": "ok", "utility": 0.4 + 0.01 * r + bonus, "seed_utility": 0.3, "llm_calls": 6}
        for task in ("a", "b") for r in range(3)
        for arm, bonus in (("seed", 0.0), ("improved", 0.1 + 0.001 * r), ("best_of_n", 0.05))
    ]  # fmt: skip
    records.commit({"outcomes.jsonl": rows}, [])
    records.close()
    figure = transfer(stop.load(tmp_path / "t"))
    assert lie_over_each_other(figure) == [] and cut_off(figure) == []
    assert "+0.101 [" in texts(figure) and "all tasks" in texts(figure)
    assert main([str(tmp_path / "t"), "--format", "png"]) == 0 and (tmp_path / "t" / "transfer.png").is_file()
    with pytest.raises(LookupError, match="is no finished transfer"):
        transfer(lineage(5))


# -- the command -----------------------------------------------------------------------------------------------------
def test_all_figures_are_written_and_named(
    lineage: Callable, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(lineage(5).path), "--out", str(tmp_path / "a" / "b")]) == 0
    paths = capsys.readouterr().out.split()
    assert [Path(p).name for p in paths] == [f"{name}.svg" for name in FIGURES]
    for path in paths:
        assert xml.etree.ElementTree.parse(path).getroot().tag.endswith("svg")


def test_a_run_of_the_seed_alone_can_be_drawn(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "seed"
    assert run_main(["maxcut", "--generations", "0", *ONE, "--out", str(out)]) == 0
    capsys.readouterr()
    assert main([str(out)]) == 0
    drawn = [Path(p).name for p in capsys.readouterr().out.split()]
    assert drawn == ["curve.svg", "tree.svg", "tasks.svg", "strategies.svg"]  # nothing was decided, no edit kept


def test_a_run_without_a_look_at_test_has_no_panel_for_it(tmp_path: Path, tiny_run: Path) -> None:
    for name in ("run.json", "lineage.jsonl", "decisions.jsonl"):
        (tmp_path / name).write_bytes((tiny_run / name).read_bytes())
    assert len(curve(stop.load(tmp_path)).axes) == 1
    assert len(curve(stop.load(tiny_run)).axes) == 2


def test_foreign_text_is_no_mathematics_and_every_standing_can_be_drawn(tmp_path: Path) -> None:
    records = Records(tmp_path, run_json(r"$\frac{1}{$", "\x1b[31mred") | {"measure": r"$\frac{1}{$"})
    for number, standing in enumerate(["seed", *LOOKS, "never heard of"]):
        row = version(number, number - 1 if number else None).record("u") | {"n": number % 3, "status": standing}
        decided = {"unit": "u", "id": number, "verdict": standing, "evidence": {"parent": 0.4}, "why": "", "block": 0}
        run = {"unit": "u", "version": number, "split": "val", "block": 0, "task": r"$\frac{1}{$", "repeat": 0,
               "status": "ok", "solution": "", "utility": 0.5, "seed_utility": 0.4, "llm_calls": 1}  # fmt: skip
        detail = {"detail": "\x1b[2J$\\frac{1}{$"}
        records.commit({"lineage.jsonl": [row | detail], "decisions.jsonl": [decided], "outcomes.jsonl": [run]}, [])
    records.close()
    run = stop.load(tmp_path)
    for figure in (curve(run), tree(run), tasks(run)):
        save(figure, tmp_path / "drawn.svg")
        assert "\x1b" not in texts(figure) and "frac{1}{$" in texts(figure)
    assert "other" in texts(tree(run))


def test_a_version_stands_at_the_mean_of_its_leaves() -> None:
    family = [version(0, None), version(1, 0), version(2, 0), version(3, 1), version(4, 1)]
    assert heights(family) == [1.0, 0.5, 2.0, 0.0, 1.0]


def test_a_chain_of_thousands_is_no_problem() -> None:
    assert set(heights([version(i, i - 1 if i else None) for i in range(3000)])) == {0.0}


@pytest.mark.parametrize(
    "argv", [["no/such/run"], [], ["--nope", "x"], ["results/reference/served-recursion", "--only", "x"]]
)
def test_wrong_usage_is_one_line_and_status_2(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(argv)
    said = capsys.readouterr().err
    assert left.value.code == 2 and said.startswith("python -m stop.plot: ") and said.count("\n") == 1


def test_a_folder_that_cannot_be_made_is_one_line_and_status_2(
    tiny_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        main([str(tiny_run), "--out", str(tiny_run / "run.json")])
    assert left.value.code == 2 and capsys.readouterr().err.count("\n") == 1


def test_a_figure_that_cannot_be_drawn_leaves_none_half_written(
    lineage: Callable, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        main([str(lineage(5).path), "--only", "curve", "decision", "--version", "0", "--out", str(tmp_path / "x")])
    assert left.value.code == 2 and "was not compared" in capsys.readouterr().err and not (tmp_path / "x").exists()
