"""`python -m stop.plot RUN...`: the command."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from stop.arguments import Parser
from stop.neutral import neutral
from stop.plot import compared, credit, curve, decision, save, strategies, tasks, transfer, tree
from stop.plot.curve import AXES
from stop.show import piped

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from stop.frames import Run

FIGURES = ("curve", "tree", "tasks", "strategies", "decision", "credit")  # of a run
FORMATS = ("svg", "png")


def main(argv: Sequence[str] | None = None) -> int:
    parser = _parser()
    arguments = parser.checked(argv)
    import stop
    from stop.chain import BadFolder

    try:
        runs = [stop.load(path) for path in arguments.runs]
        for run in runs:
            _write(_of_run(run, arguments), Path(arguments.out or run.path) / _below(run, runs, arguments), arguments)
        if len(runs) > 1 and not arguments.only:
            over = arguments.over or "llm_calls"
            _write({"compared": lambda: compared(runs, over)}, Path(arguments.out or runs[0].path), arguments)
    except BrokenPipeError:
        raise  # see piped
    except (BadFolder, LookupError, ValueError) as error:
        parser.error(neutral(str(error), most=400))
    except (TypeError, AttributeError) as error:
        parser.error(neutral(f"{', '.join(arguments.runs)}: a record is not what a run writes ({error}).", most=400))
    except OSError as error:
        where = arguments.out or ", ".join(arguments.runs)
        parser.error(neutral(f"{where}: {error.strerror or error}. Give another folder with --out.", most=400))
    return 0


def _parser() -> Parser:
    parser = Parser(
        prog="python -m stop.plot",
        allow_abbrev=False,
        description="Draw runs, each into its folder. curve: every try, and the best so far. tree: who came from whom. "
        "tasks: each version task by task. strategies: which forms of search came in when. decision: what decided on "
        "one version. credit: what each edit is worth. Of a transfer: its table. Of several runs also: compared.",
        epilog="Exit status: 0 drawn, 2 wrong usage, no such run, or a folder that cannot be written to.",
    )
    parser.add_argument("runs", nargs="+", metavar="RUN", help="the folder of a run, or of a transfer")
    what = f"which figures: {', '.join(FIGURES)} (default: all that the run has)"
    parser.add_argument("--only", nargs="+", choices=FIGURES, metavar="FIGURE", help=what)
    what = f"the horizontal axis of curves: {', '.join(AXES)} (default: steps; llm_calls where runs are compared)"
    parser.add_argument("--over", choices=AXES, metavar="COST", help=what)
    what = "whose decision is drawn: a number, or the beginning of a sha (default: the best, else the last)"
    parser.add_argument("--version", metavar="ID", help=what)
    parser.add_argument("--format", choices=FORMATS, default="svg", help="svg or png (default: svg)")
    parser.add_argument("--out", metavar="DIR", help="where the files go (default: RUN; of several runs a folder each)")
    return parser


def _below(run: Run, runs: Sequence[Run], arguments: argparse.Namespace) -> str:
    """The folder of one run among several in --out."""
    return run.path.resolve().name if arguments.out and len(runs) > 1 else ""


def _of_run(run: Run, arguments: argparse.Namespace) -> dict[str, Callable[[], Figure]]:
    if "transfer" in run.settings:
        return {"transfer": lambda: transfer(run)}
    drawn: dict[str, Callable[[], Figure]] = {
        "curve": lambda: curve(run, arguments.over or "steps"), "tree": lambda: tree(run), "tasks": lambda: tasks(run),
        "strategies": lambda: strategies(run), "decision": lambda: decision(run, arguments.version),
        "credit": lambda: credit(run),
    }  # fmt: skip
    return {name: draw for name, draw in drawn.items() if name in (arguments.only or _what_there_is(run, arguments))}


def _what_there_is(run: Run, arguments: argparse.Namespace) -> list[str]:
    """A run without a comparison has no decision to draw, one whose seed is the best no credit."""
    compared_with = any("parent" in d["evidence"] for d in run.rows("decisions.jsonl")) or arguments.version
    lacks = {"decision": not compared_with, "credit": not run.best}
    return [name for name in FIGURES if not lacks.get(name)]


def _write(figures: dict[str, Callable[[], Figure]], folder: Path, arguments: argparse.Namespace) -> None:
    drawn = {name: draw() for name, draw in figures.items()}  # before the first is written
    folder.mkdir(parents=True, exist_ok=True)
    for name, figure in drawn.items():
        path = folder / f"{name}.{arguments.format}"
        save(figure, path)
        print(neutral(str(path)))


if __name__ == "__main__":
    raise SystemExit(piped(main))
