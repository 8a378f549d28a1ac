"""`python -m stop.show`: the lineage of a run as a table, or one version: what was decided of it and what it changed.

Owns: what is printed, tables for terminals and pipes. Does not own: reading a run folder (frames), figures (plot).
All text of a run is hostile where it is shown: it is neutralised, and never read as markup.
"""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from stop.arguments import Parser

if TYPE_CHECKING:
    from stop.frames import Run
    from stop.lineage import Version

HEADINGS = ("id", "parent", "step", "gen", "standing", "meta_utility", "n", "calls", "sha", "why")
MOST_CELL_CHARS = 100  # of a cell in a table
MOST_SOURCE_CHARS = 1_000_000
FEWEST_SHA_DIGITS = 4
COLOURS = {"+++": "bold", "---": "bold", "@@": "cyan", "+": "green", "-": "red"}  # by how a line of a diff starts


def main(argv: Sequence[str] | None = None) -> int:
    parser = _parser()
    arguments = parser.checked(argv)
    import stop
    from stop.chain import BadFolder
    from stop.neutral import neutral

    try:
        run = stop.load(arguments.run)
        if arguments.id is None:
            _print_lineage(run)
        else:
            _print_version(run, find_version(run, arguments.id))
    except BrokenPipeError:
        raise  # see piped
    except (BadFolder, LookupError, OSError) as error:
        parser.error(neutral(str(error), most=400))
    return 0


def piped(main: Callable[[], int]) -> int:
    """Runs a command whose reader may leave early, as `| head` does: that is no error to tell of."""
    try:
        status = main()
        sys.stdout.flush()
        return status
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is left is flushed to nobody at exit
        return 1


def _parser() -> Parser:
    parser = Parser(
        prog="python -m stop.show",
        allow_abbrev=False,
        description="Show the lineage of a run; with ID one version: what was decided, and its diff to its parent.",
        epilog="Exit status: 0 shown, 2 wrong usage, no such run or no such version.",
    )
    parser.add_argument("run", metavar="RUN", help="the folder of a run")
    parser.add_argument("id", nargs="?", metavar="ID", help="a version: its number, or the beginning of its sha")
    return parser


# -- the versions of a run -------------------------------------------------------------------------------------------
def versions_of(run: Run) -> list[Version]:
    """All versions in order of birth. Raises LookupError if there is none yet, or the records are of another kind."""
    from stop.lineage import Version

    try:
        found = [Version.of(row) for row in run.rows("lineage.jsonl")]
    except (KeyError, TypeError) as error:
        raise LookupError(f"{run.path}/lineage.jsonl: not a record of this version of stop ({error}).") from None
    if not found:
        if "transfer" in run.settings:
            raise LookupError(f"{run.path}: is a transfer and has no versions; its own command prints its table again.")
        if any("arms" in look for look in run.settings["looks"]["test"]):
            raise LookupError(
                f"{run.path}: has no version, it compares scaffolds on test; stop.load(PATH).outcomes has it."
            )
        raise LookupError(f"{run.path}: no version is finished yet. To go on, run the command that began it again.")
    return found


def find_version(run: Run, wanted: str) -> Version:
    """The version of that id, or of the sha that begins so. Raises LookupError with what exists."""
    versions = versions_of(run)
    for version in versions:
        if wanted == str(version.id):
            return version
    same = [v for v in versions if len(wanted) >= FEWEST_SHA_DIGITS and v.sha.startswith(wanted.lower())]
    if len(same) > 1:
        raise LookupError(f"{wanted!r} names the versions {', '.join(str(v.id) for v in same)}. Give one of these ids.")
    if same:
        return same[0]
    raise LookupError(
        f"no version {wanted!r} in {run.path}; it has the versions 0 to {versions[-1].id}. Give a number, or at least "
        f"{FEWEST_SHA_DIGITS} digits of a sha."
    )


def score_text(version: Version) -> str:
    """Meta-utility and its standard error; a dash where nothing was scored."""
    if not version.n:
        return "-"
    error = "" if version.stderr is None else f" ± {version.stderr:.4f}"
    return f"{version.meta_utility:.4f}{error}"


# -- the table -------------------------------------------------------------------------------------------------------
def _print_lineage(run: Run) -> None:
    why = {d["id"]: d["why"] for d in run.rows("decisions.jsonl")}
    rows = [
        (v.id, "-" if v.parent_id is None else v.parent_id, v.step, v.generation, run.standing.get(v.id, v.status),
         score_text(v), v.n, v.spent.llm_calls, v.sha, why.get(v.id, v.detail))
        for v in versions_of(run)
    ]  # fmt: skip
    print_table(HEADINGS, rows, numbers=("id", "parent", "step", "gen", "n", "calls"), wide=("why",))
    replies = ", ".join(f"{n} {reason}" for reason, n in run.stop_reasons.items())
    looks = [look["unit"] + " (not done)" * (not look["done"]) for look in run.settings["looks"]["test"]]
    told = [f"replies: {replies or 'none'}", f"looks at test: {len(looks)}" + f" ({', '.join(looks)})" * bool(looks)]
    print_texts([*told, f"seal: {run.seal}", f"next: {_next(run, len(rows))}"])


def _next(run: Run, versions: int) -> str:
    path = shlex.quote(str(run.path))
    shown = run.best or versions - 1
    what = "what the best version changed" if run.best else "the last attempt" if shown else "the seed's source"
    return f"python -m stop.show {path} {shown} ({what}); python -m stop.plot {path} (figures)"


def print_table(
    headings: Sequence[str], rows: Sequence[Sequence[object]], *, numbers: Sequence[str] = (),
    wide: Sequence[str] = (), fold: bool = False,
) -> None:  # fmt: skip
    """A table of foreign text, as wide as the terminal; plain aligned lines elsewhere.

    numbers: headings aligned right. wide: headings whose cells lose their end on a narrow terminal, or fold.
    """
    from stop.neutral import neutral

    cells = [[_cut(neutral(str(cell))) for cell in row] for row in rows]
    if sys.stdout.isatty():
        _print_rich_table(headings, cells, numbers=numbers, wide=wide, fold=fold)
        return
    widths = [max(map(len, column)) for column in zip(headings, *cells, strict=True)]
    for line in [list(headings), *cells]:
        padded = zip(line, widths, headings, strict=True)
        print("  ".join(c.rjust(w) if h in numbers else c.ljust(w) for c, w, h in padded).rstrip())


def _print_rich_table(
    headings: Sequence[str], cells: Sequence[Sequence[str]], *, numbers: Sequence[str], wide: Sequence[str], fold: bool
) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, padding=(0, 1, 0, 0))
    for heading in headings:
        side = "right" if heading in numbers else "left"
        table.add_column(Text(heading), justify=side, no_wrap=heading not in wide)  # type: ignore[arg-type]
    for line in cells:
        table.add_row(*(Text(cell, no_wrap=not fold, overflow="fold" if fold else "ellipsis") for cell in line))
    Console().print(table)


def _cut(text: str) -> str:
    return text if len(text) <= MOST_CELL_CHARS else text[: MOST_CELL_CHARS - 3] + "..."


def print_texts(lines: Sequence[str], styles: Sequence[str] = ()) -> None:
    """Lines of foreign text, neutralised; on a terminal each in its rich style."""
    from stop.neutral import neutral

    shown = [neutral(line.expandtabs(4), most=MOST_SOURCE_CHARS) for line in lines]
    if not sys.stdout.isatty():
        print("\n".join(shown))
        return
    from rich.console import Console
    from rich.text import Text

    console = Console()
    for line, style in zip(shown, styles or [""] * len(shown), strict=True):
        console.print(Text(line, style), soft_wrap=True)


# -- one version -----------------------------------------------------------------------------------------------------
def _print_version(run: Run, version: Version) -> None:
    header, body = _header(run, version), _body(run, version)
    width = max(len(key) for key, _ in header) + 2
    print_texts([f"{key + ':':<{width}}{value}" for key, value in header])
    print()
    print_texts(body, [_colour(line) if body[0].startswith("---") else "" for line in body])


def _header(run: Run, version: Version) -> list[tuple[str, str]]:
    spent, parent = version.spent, version.parent_id
    lines = [
        ("version", f"{version.id} ({version.sha})"),
        ("standing", run.standing.get(version.id, version.status)),
        ("parent", "none: the first version" if parent is None else f"{parent} ({version.parent}){_why(run, version)}"),
        ("born", f"step {version.step}, generation {version.generation}"),
        ("meta_utility", f"{score_text(version)} (n={version.n} improver runs)"),
    ]
    for d in run.rows("decisions.jsonl"):
        if d["id"] == version.id:
            shown = {k: v for k, v in d["evidence"].items() if k != "choice"}
            numbers = ", ".join(f"{k} {_number(v)}" for k, v in shown.items()) or "none"
            lines += [("decision", f"{d['verdict']} by {d['who']}, rule {d['rule']}: {d['why']}")]
            lines += [("evidence", f"{numbers} (n={d['n']}, val block {d['block']})")]
    tokens = f", {spent.input_tokens} tokens in, {spent.output_tokens} out, {spent.usd:.4f} usd"
    lines += [("llm_calls", f"{spent.llm_calls}{tokens if spent.input_tokens or spent.usd else ''}")]
    return lines


def _why(run: Run, version: Version) -> str:
    """With which probability the policy chose its parent, where it had a choice."""
    of_it = (d["evidence"] for d in run.rows("decisions.jsonl") if d["id"] == version.id)
    choice = next((evidence["choice"] for evidence in of_it if "choice" in evidence), None)
    if choice is None:
        return ""
    island = f" on island {choice['island']}" if "island" in choice else ""
    return f", chosen{island} with probability {choice['probability']:.4f} among {choice['candidates']} candidates"


def _number(value: object) -> str:
    if isinstance(value, list):
        return " ".join(map(_number, value))
    return f"{value:.4f}" if isinstance(value, float) else str(value)


def _body(run: Run, version: Version) -> list[str]:
    """The diff to the parent; the source of a version without parent; the reason where there is no text."""
    source = run.source(version.sha)
    if not source.strip():
        return [f"no text: {version.detail or 'the parent returned none'}"]
    if version.parent_id is None:
        return source.rstrip("\n").split("\n")
    diff = run.diff(version.parent_id, version.id)
    return diff.split("\n") if diff else ["no difference: the text is that of its parent"]


def _colour(line: str) -> str:
    return next((colour for start, colour in COLOURS.items() if line.startswith(start)), "")


if __name__ == "__main__":
    raise SystemExit(piped(main))
