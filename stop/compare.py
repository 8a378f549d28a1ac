"""`python -m stop.compare`: runs beside each other, and what is shown of each pair.

Owns: which runs can be compared, the tables, the verdicts. Reads run folders only: it takes no look at test. Does not
own: gains and intervals (analysis), tables for terminals (show). All text of a run is hostile where it is shown.
"""

from __future__ import annotations

import itertools
import json
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from stop.analysis.intervals import Estimate, holm, share_interval
from stop.analysis.pairs import Utilities, difference, gain_on_test, gain_on_val, utilities
from stop.arguments import Parser
from stop.closing import looked_at_test
from stop.controls import ARMS
from stop.show import piped, print_table, print_texts

if TYPE_CHECKING:
    from stop.frames import Run

LEVEL = 0.05  # of each interval, and of all verdicts together after Holm
RUNS = ("run", "arm", "model", "seed", "kept", "gain on val", "n val", "gain on test", "n test",
        "calls per improver run", "calls of search", "calls in all", "tokens", "usd")  # fmt: skip
PAIRS = ("first", "minus", "n", "difference on test", "95 % interval", "verdict", "p by Holm", "verdict by Holm")
NEEDED = ("unit", "version", "split", "block", "task", "repeat", "utility", "llm_calls", "input_tokens",
          "output_tokens", "usd")  # fmt: skip
NOTES = [
    "gain: best version minus version 0, the mean of the tasks' means over n paired improver runs, 95 % t interval.",
    "On val it is the sum of the gains that decided, chosen for being high: it and its interval are biased upward.",
    "calls: replies asked for, as if nothing were known. A control's search may ask for no more than that of its run;",
    "the look at test measures, and is counted in all only. Tokens and dollars as calls in all.",
    "verdict: each interval is of its pair alone; by Holm, at most 5 % of such tables have a false verdict. Both speak",
    "of other draws for these two programs, not of other tasks, instances or run seeds.",
]


@dataclass(frozen=True)
class Contender:
    """One version of one run, as it was looked at on test."""

    name: str
    run: str
    version: int
    sha: str
    measure: str  # what its utilities are: meta-utilities, or an agent's own utility
    tasks: dict[str, str]  # name -> sha
    seed: int  # of the run
    block: int | None  # of test; None if it was not looked at
    utilities: Utilities


@dataclass(frozen=True)
class Summary:
    """What one run came to."""

    run: str
    arm: str  # "-" where the run is no control
    model: str
    seed: int
    kept: int
    steps: int
    best: int
    gain_on_val: Estimate | None
    gain_on_test: Estimate | None
    calls_per_improver_run: float | None  # of the best version on test
    most_calls_per_improver_run: int
    search_calls: int
    llm_calls: int
    input_tokens: int
    output_tokens: int
    usd: float | None  # None if the price is unknown


@dataclass(frozen=True)
class Pair:
    """Two contenders on the same test instances. why: what is in the way of a comparison, or an empty text."""

    first: str
    second: str
    why: str
    difference: Estimate | None = None
    same: bool = False  # whether both are one program: then there is nothing to test
    p_by_holm: float | None = None

    @property
    def verdict(self) -> str:
        return self._worded(self.difference.p_value if self.difference else None)

    @property
    def verdict_by_holm(self) -> str:
        return self._worded(self.p_by_holm)

    def _worded(self, p: float | None) -> str:
        if self.difference is None:
            return f"not comparable: {self.why}"
        if self.same:
            return "not shown: the same program"
        if p is None or p > LEVEL:
            return "not shown"
        return "above" if self.difference.mean > 0 else "below"


def main(argv: Sequence[str] | None = None) -> int:
    parser = _parser()
    arguments = parser.checked(argv)
    from stop.neutral import neutral

    try:
        runs = _loaded(arguments.runs)
        summaries, pairs = [summary(run) for run in runs], compared([c for run in runs for c in contenders(run)])
    except (ValueError, LookupError, OSError) as error:
        parser.error(neutral(str(error), most=400))
    if arguments.json:
        print(json.dumps(_record(summaries, pairs), indent=1))
        return 0
    _print_runs(summaries)
    if pairs:
        print()
        _print_pairs(pairs)
    print()
    print_texts(notes(runs, summaries))
    return 0


def _parser() -> Parser:
    parser = Parser(
        prog="python -m stop.compare",
        allow_abbrev=False,
        description="Put runs and their controls beside each other: gains, calls, tokens, dollars, and for each pair "
        "whether the best version of one is above that of the other on test.",
        epilog="Exit status: 0 shown, 2 wrong usage or no such run.",
    )
    parser.add_argument("runs", nargs="+", metavar="RUN", help="the folder of a run")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of tables")
    return parser


def _loaded(paths: Sequence[str]) -> list[Run]:
    """Raises LookupError as `check` does, BadFolder where there is no run."""
    import stop

    runs = [stop.load(path) for path in paths]
    check(runs)
    return runs


def check(runs: Sequence[Run]) -> None:
    """Raises LookupError for a run that is given twice, or has no version yet."""
    from stop.show import versions_of

    real = [run.path.resolve() for run in runs]
    for run, path in zip(runs, real, strict=True):
        if real.count(path) > 1:
            raise LookupError(f"{run.path} is given twice. Give each run once.")
        versions_of(run)
        for number, row in enumerate(run.rows("outcomes.jsonl"), 1):
            if lacking := [key for key in NEEDED if key not in row]:
                raise LookupError(f"{run.path}/outcomes.jsonl line {number}: lacks {lacking[0]!r}. Leave that run out.")


# -- what runs came to -------------------------------------------------------------------------------------------------
def summary(run: Run) -> Summary:
    """What the folder says of the run and its best version."""
    config = run.settings["config"]
    outcomes, lineage = run.rows("outcomes.jsonl"), run.rows("lineage.jsonl")
    on_test = [row for row in outcomes if row["split"] == "test"]
    spent = [*lineage, *on_test]
    asked = [row["llm_calls"] for row in on_test if row["version"] == run.best]
    priced = run.settings.get("price", {}) is not None
    return Summary(
        str(run.path), config.get("control") or "-", run.settings["model"], config["seed"],
        sum(verdict == "kept" for verdict in run.standing.values()), len(lineage) - 1, run.best,
        gain_on_val(outcomes, run.best), gain_on_test(outcomes, run.best) if run.best else None,
        statistics.fmean(asked) if asked else None,
        config["prompts_per_improver_run"] * config["responses_per_prompt"],
        run.search_calls, run.llm_calls,
        sum(row["input_tokens"] for row in spent), sum(row["output_tokens"] for row in spent),
        sum(row["usd"] for row in spent) if priced else None,
    )  # fmt: skip


def contenders(run: Run) -> list[Contender]:
    """The best version of a run, and what a control beside it had looked at on test: best-of-n its first version.

    Scaffolds that were compared on test without being versions (`Session.compare`) are no contenders.
    """
    outcomes = run.rows("outcomes.jsonl")
    tested = sorted({row["version"] for row in outcomes if row["split"] == "test"} - {None, 0, run.best})
    more = tested if run.settings["config"].get("control") == "best-of-n" else []
    return [_contender(run, outcomes, version) for version in (run.best, *more)]


def _contender(run: Run, outcomes: Sequence[dict[str, Any]], version: int) -> Contender:
    blocks = {row["block"] for row in outcomes if row["split"] == "test" and row["version"] == version}
    block = min(blocks, default=None)
    return Contender(
        run.path.resolve().name + (f" version {version}" if version != run.best else ""), str(run.path.resolve()),
        version, run.sha(version), run.measure, {name: task["sha"] for name, task in run.settings["tasks"].items()},
        run.settings["config"]["seed"], block,
        {} if block is None else utilities(outcomes, version, "test", block),
    )  # fmt: skip


# -- pairs -------------------------------------------------------------------------------------------------------------
def compared(found: Sequence[Contender]) -> list[Pair]:
    """Every two contenders of different runs, in the order given, with p-values adjusted for all that are tested."""
    pairs = [_pair(a, b) for a, b in itertools.combinations(found, 2) if a.run != b.run]
    tested = [pair for pair in pairs if pair.difference is not None and not pair.same]
    # without spread nothing is shown, and the pair counts among those that were asked about
    adjusted = iter(holm([1.0 if (p := pair.difference.p_value) is None else p for pair in tested if pair.difference]))
    return [pair if pair.difference is None or pair.same else replace(pair, p_by_holm=next(adjusted)) for pair in pairs]


def _pair(a: Contender, b: Contender) -> Pair:
    why = not_comparable(a, b)
    found = None if why else difference(a.utilities, b.utilities)
    if found is None:
        return Pair(a.name, b.name, why or "no repeat in common")
    return Pair(a.name, b.name, "", found, a.sha == b.sha)


def not_comparable(a: Contender, b: Contender) -> str:
    """Why two contenders did not sit the same exam; an empty text if they did."""
    for one in (a, b):
        if one.block is None:
            return f"{one.name} was not looked at on test"
    if a.measure != b.measure:
        return f"{a.name} is scored by its {a.measure}, {b.name} by its {b.measure}"
    if a.tasks.keys() != b.tasks.keys():
        differ = sorted(a.tasks.keys() ^ b.tasks.keys())
        return f"only one of them has {'the task' if len(differ) == 1 else 'the tasks'} {', '.join(differ)}"
    changed = [task for task in a.tasks if a.tasks[task] != b.tasks[task]]
    if changed:
        return f"the files of {', '.join(changed)} differ"
    if a.block != b.block:
        return f"test blocks {a.block} and {b.block}"
    if a.seed != b.seed:
        return f"run seeds {a.seed} and {b.seed}"
    return ""


# -- printing ----------------------------------------------------------------------------------------------------------
def _print_runs(summaries: Sequence[Summary]) -> None:
    numbers = ("seed", "n val", "n test", "calls of search", "calls in all", "usd")
    print_table(RUNS, run_rows(summaries), numbers=numbers, wide=("run",))


def run_rows(summaries: Sequence[Summary]) -> list[tuple[object, ...]]:
    """The table of runs: a cell for each of RUNS."""
    return [
        (s.run, s.arm, s.model, s.seed, f"{s.kept} of {s.steps}", _gain(s, s.gain_on_val), _n(s.gain_on_val),
         _gain(s, s.gain_on_test), _n(s.gain_on_test),
         "-" if s.calls_per_improver_run is None else
         f"{s.calls_per_improver_run:.1f} of {s.most_calls_per_improver_run}",
         s.search_calls, s.llm_calls, f"{s.input_tokens} in, {s.output_tokens} out",
         "unknown" if s.usd is None else f"{s.usd:.4f}")
        for s in summaries
    ]  # fmt: skip


def _gain(run: Summary, gain: Estimate | None) -> str:
    if gain is None:
        return "none: version 0 is the best" if run.best == 0 else "not measured"
    return f"{gain.mean:+.4f} {_interval(gain)}"


def _n(gain: Estimate | None) -> str:
    return str(gain.n) if gain else "-"


def _print_pairs(pairs: Sequence[Pair]) -> None:
    print_table(PAIRS, pair_rows(pairs), numbers=("n", "p by Holm"), wide=("verdict",))


def pair_rows(pairs: Sequence[Pair]) -> list[tuple[object, ...]]:
    """The table of pairs: a cell for each of PAIRS."""
    rows: list[tuple[object, ...]] = []
    for pair in pairs:
        d = pair.difference
        numbers = ("-", "-", "-") if d is None else (d.n, f"{d.mean:+.4f}", _interval(d))
        p = "-" if pair.p_by_holm is None else f"{pair.p_by_holm:.4f}"
        rows.append((pair.first, pair.second, *numbers, pair.verdict, p, "-" if d is None else pair.verdict_by_holm))
    return rows


def notes(runs: Sequence[Run], summaries: Sequence[Summary]) -> list[str]:
    """What is to be known of the two tables."""
    return [*_false_acceptance(summaries), *_unfinished(runs), *_seals(runs), *NOTES]


def _interval(found: Estimate) -> str:
    interval = found.interval(1.0 - LEVEL)
    if interval is None:
        return "[no spread]" if found.stderr == 0.0 else "[no interval: one run per task]"
    return f"[{interval[0]:+.4f}, {interval[1]:+.4f}]"


def _false_acceptance(summaries: Sequence[Summary]) -> list[str]:
    """What null proposers kept: every one of these verdicts was false."""
    lines = []
    for s in summaries:
        if _is_null(s) and s.steps:
            low, high = share_interval(s.kept, s.steps)
            share = f"{s.kept} of {s.steps} steps ({s.kept / s.steps:.3f}, 95 % interval [{low:.3f}, {high:.3f}])"
            lines.append(f"false acceptance: {s.arm} in {s.run} kept {share}; its children were no better.")
    return lines


def _is_null(run: Summary) -> bool:
    """Whether whatever it kept is no better than what it replaced."""
    return run.arm in ARMS and ARMS[run.arm].null


def _unfinished(runs: Sequence[Run]) -> list[str]:
    """Runs of which a part is missing: their figures are of what there is."""
    taken = {run: (len(run.rows("lineage.jsonl")) - 1, run.settings["config"]["generations"]) for run in runs}
    return [
        f"unfinished: {run.path} took {steps} of {asked} steps. Go on with it: run its command again."
        for run, (steps, asked) in taken.items()
        if steps < asked and not looked_at_test(run)
    ]


def _seals(runs: Sequence[Run]) -> list[str]:
    return [f"seal of {run.path}: {run.seal}" for run in runs if run.seal != "whole"]


def _record(summaries: Sequence[Summary], pairs: Sequence[Pair]) -> dict[str, Any]:
    return {
        "level": LEVEL,
        "runs": [
            {**asdict(s), "gain_on_val": _numbers(s.gain_on_val), "gain_on_test": _numbers(s.gain_on_test),
             "kept_is_false": _is_null(s)}
            for s in summaries
        ],
        "pairs": [
            {"first": p.first, "second": p.second, "difference": _numbers(p.difference), "verdict": p.verdict,
             "p_by_holm": p.p_by_holm, "verdict_by_holm": p.verdict_by_holm}
            for p in pairs
        ],
    }  # fmt: skip


def _numbers(found: Estimate | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return {"mean": found.mean, "n": found.n, "stderr": found.stderr, "df": found.df, "p": found.p_value,
            "interval": found.interval(1.0 - LEVEL)}  # fmt: skip


if __name__ == "__main__":
    raise SystemExit(piped(main))
