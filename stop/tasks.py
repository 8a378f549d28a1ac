"""`python -m stop.tasks`: all tasks, or one: its statement, an instance, what its seed scores; --check of one.

Owns: what is printed of tasks. Does not own: task folders (task), scores (utility), the contract (check), tables.
"""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from stop.arguments import SANDBOX, WRONG_USAGE, Parser, choice
from stop.neutral import neutral
from stop.show import piped, print_table, print_texts

if TYPE_CHECKING:
    from stop.scorer import Input
    from stop.task import Split, Task
    from stop.utility import Evaluation

HEADINGS = (
    "name", "sets", "train/val/test", "cpu_seconds", "memory_mb", "needs", "open", "sizes", "1.0 means", "source",
)  # fmt: skip
MEANS = r"\*\*1\.0 means{}\*\*\s+(.*?)\s*(?:\.\s|\.?$)"
NOT_SAID = "not said in README.md"
MOST_INPUT_CHARS = 400
SCORED_SPLIT: Split = "train"
SCORED_BLOCK = 0


def main(argv: Sequence[str] | None = None) -> int:
    parser = _parser()
    arguments = parser.checked(argv)
    from stop.records import CannotWrite
    from stop.sandbox import SandboxError
    from stop.task import BadTask

    if arguments.unsafe_no_sandbox:
        from stop.run import UNSAFE

        print(UNSAFE, file=sys.stderr)
    if arguments.solution is not None and (arguments.check or arguments.name is None):
        parser.error("--solution goes with the name of one task: python -m stop.tasks tsp --solution mine.py")
    level = "none" if arguments.unsafe_no_sandbox else arguments.sandbox
    if arguments.check and arguments.name is None:
        parser.error("--check needs the path of a task folder: python -m stop.tasks --check tasks/mine")
    try:
        if arguments.check:
            return _check(arguments.name, arguments.preset, level)
        return _show(arguments.name, arguments.preset, level, arguments.solution)
    except BrokenPipeError:
        raise  # see piped
    except (LookupError, BadTask, OSError) as error:
        parser.error(neutral(str(error), most=400))
    except (SandboxError, CannotWrite) as error:
        parser.exit(1, f"{parser.prog}: {neutral(str(error))}\n")


def _parser() -> Parser:
    parser = Parser(
        prog="python -m stop.tasks",
        allow_abbrev=False,
        description="List the tasks, all or those of a set; with the NAME of a task show it: statement, an instance, "
        "the seed solution and what it scores.",
        epilog="Exit status: 0 shown, or checked and right; 1 --check found something wrong, or no sandbox; 2 wrong "
        "usage, no such task or a folder that is none.",
    )
    parser.add_argument("name", nargs="?", metavar="NAME", help="a task, the path of a task folder, or a set to list")
    what = "check a folder against the contract of a task (docs/tasks.md): one line for each point, and what to do"
    parser.add_argument("--check", action="store_true", help=what)
    what = "score the program in this file instead of the seed"
    parser.add_argument("--solution", metavar="FILE", help=what)
    what = "as a preset has them: stop-paper for the sizes and limits that STOP published"
    parser.add_argument("--preset", default="", metavar="PRESET", help=what)
    what = "how the seed is confined: landlock, strict, bwrap, or auto, the first that works here (default: auto)"
    parser.add_argument("--sandbox", default="auto", type=choice("sandbox level", SANDBOX), metavar="LEVEL", help=what)
    parser.add_argument("--unsafe-no-sandbox", action="store_true", help="run the seed without confinement; warns")
    return parser


def _check(name: str, preset: str, level: str) -> int:
    """A line for each point of the contract; 1 if one is not kept."""
    from stop.check import findings
    from stop.sandbox import Sandbox
    from stop.task import UnknownTask, known_tasks

    path = known_tasks().get(name, Path(name)).resolve()
    if not path.is_dir():
        raise UnknownTask(f"task {name}: is no folder. Copy tasks/_template to it, or give the path of a task folder.")
    kept = True
    with Sandbox.of(level) as sandbox:
        if level != "none":
            sandbox.require()
        for found in findings(path, preset, sandbox):
            print_texts([f"{'ok' if found.ok else 'WRONG':<7}{found.name:<15}{found.said}"])
            kept = kept and found.ok
    print_texts([f"next: {f'python -m stop.run {name}' if kept else 'mend what is WRONG, and check again'}"])
    return 0 if kept else 1


def _show(name: str | None, preset: str, level: str, solution: str | None) -> int:
    from stop.task import find_tasks, known_sets, known_tasks

    known = known_tasks()
    if name is None:
        return _print_tasks(list(known.values()), preset)
    if name not in known and name in (sets := known_sets()):
        if solution is not None:
            raise LookupError(f"--solution is of one task; {name} is a set of {len(sets[name])}. Name one of them.")
        return _print_tasks([known[task] for task in sets[name]], preset)
    _print_task(find_tasks([name], preset)[0], preset, level, solution)
    return 0


# -- all tasks ------------------------------------------------------------------------------------------------------
def _print_tasks(folders: Sequence[Path], preset: str) -> int:
    """A line for every folder that can be used; the others are named on stderr, and the status is 2."""
    from stop.task import BadTask, check_preset, known_sets, read_task

    tasks, bad = [], []
    for folder in folders:
        try:
            tasks.append(read_task(folder, preset))
        except BadTask as error:
            bad.append(error)
    check_preset(preset, tasks)
    sets = known_sets()
    print_table(HEADINGS, [_row(task, sets) for task in tasks], numbers=HEADINGS[3:5], wide=HEADINGS[-3:], fold=True)
    print_texts(["next: python -m stop.tasks NAME, or python -m stop.run NAME|SET ..."])
    for fault in bad:
        print(f"python -m stop.tasks: {neutral(str(fault))}", file=sys.stderr)
    return WRONG_USAGE if bad else 0


def _row(task: Task, sets: Mapping[str, list[str]]) -> tuple[str, ...]:
    from stop.task import ALL

    counts = "/".join(str(task.instances[split]) for split in ("train", "val", "test"))
    limits = f"{task.cpu_seconds_per_instance:g}", str(task.memory_mb), ",".join(task.libraries) or "none"
    what = "yes" if task.open else "no", sizes(task), meaning(task), task.source
    named = {*task.sets, *(label for label, names in sets.items() if task.name in names)} - {ALL}
    return (task.name, ",".join(sorted(named)), counts, *limits, *what)


def sizes(task: Task) -> str:
    """How large instances are, in one line."""
    named = (f"{name} {', '.join(map(str, n)) if isinstance(n, list) else n}" for name, n in task.sizes.items())
    return "; ".join(named) or "fixed"


def meaning(task: Task) -> str:
    """What 1.0 means: the first sentence of that paragraph of the task's README.md, the preset's if it has one."""
    text = (task.path / "README.md").read_text(encoding="utf-8")
    for preset in dict.fromkeys((f" with {task.preset}" if task.preset else "", "")):
        for paragraph in text.split("\n\n"):
            found = re.search(MEANS.format(re.escape(preset)), " ".join(paragraph.split()))
            if found:
                return found[1]
    return NOT_SAID


# -- one task -------------------------------------------------------------------------------------------------------
def _print_task(task: Task, preset: str, level: str, solution: str | None) -> None:
    from stop.task import known_sets

    source = task.seed_source if solution is None else Path(solution).read_text(encoding="utf-8", errors="replace")
    first, evaluation = measured(task, source, level)
    facts = list(zip(HEADINGS, _row(task, known_sets()), strict=True))
    if preset:
        facts.append(("preset", task.preset or f"{preset} changes nothing of this task"))
    elif task.presets:
        facts.append(("presets", ", ".join(task.presets)))
    print_texts([f"{heading + ':':<16}{value}" for heading, value in facts])
    _print_part("statement", task.statement)
    values = _values(first)
    _print_part(f"one instance: {first.instance_id}", neutral(f"{task.entry}({values})", most=MOST_INPUT_CHARS))
    _print_part(solution or "seed.py", source.rstrip("\n"))
    outcomes = [(o.instance_id, o.status, f"{o.score:.4f}", o.detail) for o in evaluation.outcomes]
    _print_part(f"{solution or 'the seed'} on {SCORED_SPLIT} block {SCORED_BLOCK}: {evaluation.score:.4f}", "")
    print_table(("instance", "status", "score", "detail"), outcomes, numbers=("score",), wide=("detail",))


def _print_part(title: str, text: str) -> None:
    print_texts(["", f"--- {title} ---", *(text.split("\n") if text else [])])


def _values(first: Input) -> str:
    """The arguments of a solution, as Python shows them."""
    from stop.sandbox import wire

    values = wire.unpack(first.packed)
    return ", ".join(map(repr, values)) if isinstance(values, list) else repr(values)


def measured(task: Task, source: str, level: str) -> tuple[Input, Evaluation]:
    """The first instance, and what a solution does on the block. Raises BadTask, SandboxError."""
    from stop.cache import Answers
    from stop.records import Records
    from stop.sandbox import Sandbox
    from stop.utility import Alone, Utility

    with tempfile.TemporaryDirectory() as folder, Sandbox.of(level) as sandbox:
        if level != "none":
            sandbox.require()
        records = Records(Path(folder))
        utility = Utility(task, sandbox, Answers(records), Alone())
        try:
            utility.scorer.check(SCORED_SPLIT, SCORED_BLOCK)
            first = utility.scorer.inputs(SCORED_SPLIT, SCORED_BLOCK)[0]
            return first, utility.evaluate(source, SCORED_SPLIT, SCORED_BLOCK)
        finally:
            utility.close()
            records.close()


if __name__ == "__main__":
    raise SystemExit(piped(main))
