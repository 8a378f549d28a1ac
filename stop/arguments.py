"""The command line of `python -m stop.run`: what may be asked for, checked before anything is opened.

Owns: options, their help, one clear line for what is wrong. Does not own: doing it (run). Imports nothing heavy.
"""

from __future__ import annotations

import argparse
import difflib
import os
from collections.abc import Sequence
from typing import Any, NoReturn

WRONG_USAGE = 2
LEAST_SHARE = 1e-9  # of a level or a difference: below it, numbers of repeats are beyond a float
CONTROLS = (
    "identity", "rename", "reword", "best-of-n", "fixed-improver", "random-parent", "no-history", "mutation"
)  # fmt: skip
POLICIES = ("chain", "best", "random", "dgm", "hyper", "hgm", "pareto", "islands")
AGENTS = ("closed", "free")  # Gödel agents: may change their own logic; their actions, too
SANDBOX = ("auto", "landlock", "strict", "bwrap")
LATER = {  # of the full command, what this version does not have: refused by name, never silently ignored
    "--cluster": "work runs on this machine; --workers works",
    "--review": "no human review yet",
    "--on-incident": "incidents are recorded and counted; the run goes on",
    "--max-promotions-per-hour": "no promotion limit yet",
}


class Parser(argparse.ArgumentParser):
    """argparse, but a mistake is one line that names the nearest option."""

    def error(self, message: str) -> NoReturn:
        self.exit(WRONG_USAGE, f"{self.prog}: {message}\n")

    def checked(self, argv: Sequence[str] | None) -> argparse.Namespace:
        """Parses; exits with status 2 and one line on wrong usage."""
        found, unknown = self.parse_known_args(argv)
        if unknown:
            option = unknown[0].split("=")[0]
            if not option.startswith("-"):
                self.error(f"unexpected argument {unknown[0]!r}. See {self.prog} --help.")
            if option in LATER:
                self.error(f"{option} is not available in this version: {LATER[option]}.")
            known = [o for a in self._actions for o in a.option_strings if o.startswith("--")]
            near = difflib.get_close_matches(option, known, n=1)
            self.error(f"no option {option}." + (f" Nearest: {near[0]}." if near else f" See {self.prog} --help."))
        return found


def number(least: int, what: str) -> Any:
    """A whole number of at least `least`, for argparse."""

    def convert(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = least - 1
        if value < least:
            raise argparse.ArgumentTypeError(f"{text!r}: give {what}, a whole number of at least {least}")
        return value

    return convert


def none_or(least: int, what: str) -> Any:
    """0, or a whole number of at least `least`, for argparse."""

    def convert(text: str) -> int:
        value: int = number(0, what)(text)
        if 0 < value < least:
            raise argparse.ArgumentTypeError(f"{text!r}: give {what}, 0 or at least {least}")
        return value

    return convert


def amount(what: str) -> Any:
    """A number above 0, for argparse."""

    def convert(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = 0.0
        if not 0 < value < float("inf"):
            raise argparse.ArgumentTypeError(f"{text!r}: give {what}, a number above 0")
        return value

    return convert


def share(what: str) -> Any:
    """A number of at least LEAST_SHARE and below 1, for argparse."""

    def convert(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = 0.0
        if not LEAST_SHARE <= value < 1:
            raise argparse.ArgumentTypeError(f"{text!r}: give {what}, from {LEAST_SHARE:g} to below 1")
        return value

    return convert


def choice(name: str, choices: Sequence[str]) -> Any:
    """One of the choices; for argparse."""

    def convert(text: str) -> str:
        if text in choices:
            return text
        near = difflib.get_close_matches(text, choices, n=1)
        hint = f"nearest: {near[0]}; " if near else ""
        raise argparse.ArgumentTypeError(f"no {name} {text!r}; {hint}found: {', '.join(choices)}")

    return convert


def named(name: str, choices: Sequence[str]) -> Any:
    """One of the choices, and perhaps more behind a colon, which is checked later; for argparse."""

    def convert(text: str) -> str:
        choice(name, choices)(text.partition(":")[0])
        return text

    return convert


def run_parser() -> Parser:
    """The options of stop.run. Defaults that belong to a run are those of RunConfig."""
    p = Parser(
        prog="python -m stop.run",
        allow_abbrev=False,
        description="Let a scaffold improve its own source, step after step, and keep the whole lineage. With no "
        "argument: the tasks of the set quick, the model mutation, no key, no network, under a minute.",
        epilog="Exit status: 0 done, 1 failed (or a replay that differs), 2 wrong usage, 130 interrupted and saved.",
    )
    _add_what_is_run(p.add_argument)
    _add_how_children_are_judged(p.add_argument)
    _add_how_it_is_run(p.add_argument)
    return p


def _add_what_is_run(add: Any) -> None:
    """Options that change what the records mean."""
    what = "tasks, sets or task folders (default: quick; with --preset stop-paper: paper)"
    add("tasks", nargs="*", default=[], metavar="TASK|SET|PATH", help=what)
    what = "stop-paper: the settings and the sizes of tasks that STOP published, on all six of its tasks at once; "
    what += "local: fewer and shorter replies, for a slow model on this machine; options given beside it win"
    add("--preset", default="", metavar="NAME", help=what)
    add("--model", default="mutation", metavar="SPEC", help="see python -m stop.models (default: mutation)")
    add("--base-url", default="", metavar="URL", help="the model's server, for anthropic/, openai/ and dspy/ models")
    what = "the first version (default: scaffolds/seed.py; with --mode godel: scaffolds/agents/godel.py)"
    add("--scaffold", metavar="NAME|PATH", help=what)
    what = "stop: a scaffold rewrites itself; godel: an agent changes itself while it runs, on one task (default: stop)"
    add("--mode", default="stop", type=choice("mode", ["stop", "godel"]), help=what)
    what = "with --mode godel: closed, an agent may change its own logic; free, its actions, too (default: closed)"
    add("--agent", type=choice("agent", AGENTS), metavar="KIND", help=what)
    what = f"how the next parent is chosen: {', '.join(POLICIES)}, or NAME:KEY=VALUE,... for other numbers than the "
    what += "published ones, as hgm:alpha=0.8 (default: chain; docs/architecture.md has them all)"
    add("--policy", default="chain", type=named("policy", POLICIES), metavar="NAME", help=what)
    what = "a control: the run without the thing under test, at an equal number of calls: " + ", ".join(CONTROLS)
    add("--control", type=choice("control", CONTROLS), metavar="ARM", help=what)
    what = "with --control: take settings and the number of calls from the finished run in this folder (default: 8000 "
    what += "calls for the seed's score and all steps, those that are answered from what is known included)"
    add("--like", metavar="RUN", help=what)
    what = "steps: attempts at a next version (default: 3; stop-paper: 6; godel: 30; of a control: as its calls allow)"
    add("--generations", type=number(0, "steps"), metavar="N", help=what)
    what = "improver runs per task, on train and on val; test takes 2R+2 (default: 3; stop-paper: 5, 5; local: 3, 3)"
    add("--repeats", type=number(1, "improver runs per task"), metavar="R", help=what)
    what = "the run's seed; instances do not depend on it (default: 0)"
    add("--seed", type=number(0, "a seed"), default=0, metavar="S", help=what)


def _add_how_children_are_judged(add: Any) -> None:
    """Options of the rule, the canary and the noise floor. They change what the records mean, too."""
    what = "better: a higher mean on a fresh val block; paired: an anytime-valid test of paired improver runs on it; "
    what += "always: STOP's rule (default: better; stop-paper: always)"
    add("--accept", type=choice("rule", ["better", "paired", "always"]), metavar="RULE", help=what)
    what = "paired: the chance that a run keeps any child that is no better on its val block (default: 0.05)"
    add("--level", type=share("a level"), metavar="P", help=what)
    what = "the smallest difference of meta-utilities that is of interest: to paired, canary and noise floor "
    what += "(default: 0.02)"
    add("--smallest-difference", type=share("a difference"), metavar="D", help=what)
    what = "paired: improver runs per task, of child and of parent, after which a decision is due (default: 24)"
    add("--most-repeats", type=number(1, "improver runs per task"), metavar="R", help=what)
    what = "improver runs per task of the seed on fresh draws, for the noise floor; 0: none (default: 8; local: 3)"
    add("--noise-repeats", type=none_or(2, "improver runs per task"), metavar="R", help=what)
    what = "let what the rule keeps become the parent without a comparison on one more fresh block"
    add("--no-canary", action="store_true", help=what)


def _add_how_it_is_run(add: Any) -> None:
    """Options that may differ at every resume."""
    what = "the run folder; the same one resumes (default: results/SET-MODEL[-PRESET]-sS[-ARM], or RUN-ARM)"
    add("--out", metavar="DIR", help=what)
    what = "look at test again although it was seen, as when a finished run is extended; each look is counted"
    add("--look-again", action="store_true", help=what)
    add_means(add)
    add_dry_run(add)
    what = "run a recorded run again from its records; needs only --out; writes nothing"
    add("--replay", action="store_true", help=what)


def add_dry_run(add: Any) -> None:
    what = "print calls, CPU time and dollars, worst case and likely, and do nothing"
    add("--dry-run", action="store_true", help=what)


def add_means(add: Any) -> None:
    """Budgets, threads, shared replies and confinement, of whatever asks a model."""
    what = "end the run before call N+1 (default: no limit; budgets hold over all resumes and may be changed)"
    add("--budget-calls", type=number(1, "model calls"), metavar="N", help=what)
    what = "end the run before the call that could, at its worst, make it cost more than X dollars (default: no limit)"
    add("--budget-usd", type=amount("dollars"), metavar="X", help=what)
    what = "send no call after M minutes of running (default: no limit)"
    add("--budget-minutes", type=amount("minutes"), metavar="M", help=what)
    add("--workers", type=number(1, "threads"), metavar="N", help="improver runs at once (default: one per core)")
    what = "keep replies in this folder and share them between runs (default, of models that cost money: "
    what += "STOP_CACHE_DIR, else ~/.cache/stop/replies; others share none)"
    add("--cache", metavar="DIR", help=what)
    add("--no-cache", action="store_true", help="share no replies between runs")
    what = "how generated programs are confined: landlock, strict, bwrap, or auto, the first that works of bwrap, "
    what += "landlock, strict (default: auto; a resumed run keeps its own)"
    add("--sandbox", default="auto", type=choice("sandbox level", SANDBOX), metavar="LEVEL", help=what)
    add("--unsafe-no-sandbox", action="store_true", help="run generated code without confinement; warns on every run")


WITH_REPLAY = ("out", "replay", "workers", "sandbox", "unsafe_no_sandbox", "help")
WITH_LIKE = (*WITH_REPLAY, "control", "like", "budget_usd", "budget_minutes", "cache", "no_cache", "dry_run")


def surplus(arguments: argparse.Namespace, used: Sequence[str]) -> str:
    """The first argument given that is none of those which are of use, or an empty text."""
    for action in run_parser()._actions:
        if action.dest in used:
            continue
        if getattr(arguments, action.dest) != action.default:
            return action.option_strings[0] if action.option_strings else "tasks"
    return ""


def means_fault(arguments: argparse.Namespace) -> str:
    """What cannot be meant of the options of `add_means` and --out, or an empty text."""
    if arguments.unsafe_no_sandbox and arguments.sandbox != "auto":
        return "--sandbox and --unsafe-no-sandbox exclude each other. Give one of them."
    if arguments.cache and arguments.no_cache:
        return "--cache and --no-cache exclude each other. Give one of them."
    if "" in (arguments.out, arguments.cache):
        return "--out and --cache take a folder, not an empty text. Is a variable unset?"
    return ""


NOT_GODEL = (
    "control", "like", "accept", "repeats", "level", "smallest_difference", "most_repeats", "noise_repeats",
    "no_canary",
)  # fmt: skip


def mode_fault(arguments: argparse.Namespace) -> str:
    """What cannot be meant of --mode and the options beside it, or an empty text."""
    if arguments.mode != "godel":
        return "--agent goes with --mode godel." if arguments.agent else ""
    if arguments.policy != "chain":
        return "--policy does not go with --mode godel: an agent goes on from its last version that was kept."
    for name in NOT_GODEL:
        if getattr(arguments, name) not in (None, False):
            option = "--" + name.replace("_", "-")
            return f"{option} does not go with --mode godel, in which an agent is scored once on each val block."
    return ""


def workers(asked: int | None) -> int:
    """How many improver runs at once: as asked, else one per core that this process may use."""
    return asked or len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else asked or os.cpu_count() or 1
