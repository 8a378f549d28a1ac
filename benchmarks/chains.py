"""Chains of self-modification in which the strategy changes, not only constants: are there any in these runs?

    python benchmarks/chains.py RUN [RUN ...] [--generations 3]

Reads run folders and makes nothing. A chain is the ancestry of a version, through parents that ran; of a policy that
continues from kept versions all of them were kept. A generation changes the strategy if the labels that
`stop.analysis.strategies` reads off its source are not its parent's. For every run: the longest chain of kept versions,
and the chain with most changes among those of at least so many generations, with its labels, and what its last version
scores more than the seed on test, where test was looked at, else on val, paired, with a 95 % interval.

A label can change by chance, as a random edit can make any form. So the last lines say how often children that ran
changed it, those that were kept and those that were not: only if the kept ones did so more often was it selected for.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

import stop
from stop.analysis.edits import edit
from stop.analysis.gain import difference
from stop.analysis.strategies import Generation, along
from stop.chain import BadFolder
from stop.frames import Run

COLUMNS = ("run", "versions that ran", "longest kept chain", "chain", "strategy changes", "last minus seed")


def main(argv: Sequence[str] | None = None) -> int:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("runs", nargs="+", metavar="RUN", help="a run folder")
    p.add_argument("--generations", type=int, default=3, help="that a chain has at the least (default: 3)")
    asked = p.parse_args(argv)
    try:
        runs = [stop.load(path) for path in asked.runs]
    except BadFolder as error:
        p.error(str(error))
    print(f"| {' | '.join(COLUMNS)} |\n" + "|---" * len(COLUMNS) + "|")
    found = {run.path.name: chains(run) for run in runs}
    for run in runs:
        print(_row(run, found[run.path.name], asked.generations))
    long = [c for of_run in found.values() for c in of_run if len(c) > asked.generations and _changes(c) > 1]
    print(
        f"\nchains of at least {asked.generations} generations with two changes of strategy or more: {len(long)}, in ",
        end="",
    )
    print(f"{sum(any(c in long for c in of_run) for of_run in found.values())} of {len(runs)} runs")
    for verdict, (changed, children) in rates(runs).items():
        print(f"children that ran and were {verdict}: {changed} of {children} changed the strategy")
    return 0


def chains(run: Run) -> list[list[Generation]]:
    """The ancestry of every version that ran, the seed left out."""
    return [along(run, v) for v in _ran(run) if v]


def rates(runs: Sequence[Run]) -> dict[str, tuple[int, int]]:
    """Kept or not -> (children whose strategy is not their parent's, children).

    Of children that ran and differ from their parent; one that several runs made of the same parent counts once, as
    kept if any of them kept it.
    """
    made: dict[tuple[str, str], tuple[bool, bool]] = {}  # (parent, child) -> (kept, changed)
    for run in runs:
        for chain in chains(run):
            pair = run.sha(chain[-2].version), run.sha(chain[-1].version)
            if edit(*map(run.source, pair)).nodes != 0:
                kept = _kept(run, chain[-1].version) or made.get(pair, (False,))[0]
                made[pair] = kept, chain[-1].changed
    found = {}
    for verdict, wanted in (("kept", True), ("not kept", False)):
        changes = [changed for kept, changed in made.values() if kept is wanted]
        found[verdict] = sum(changes), len(changes)
    return found


def _row(run: Run, found: Sequence[list[Generation]], generations: int) -> str:
    kept = [c for c in found if all(_kept(run, one.version) for one in c[1:])]
    longest = max((len(c) - 1 for c in kept), default=0)
    long = [c for c in found if len(c) > generations]
    if not long:
        return f"| {run.path.name} | {len(found)} | {longest} | none | - | - |"
    chain = max(long, key=lambda c: (_changes(c), all(_kept(run, one.version) for one in c[1:]), len(c)))
    shown = "; ".join(
        f"{one.version}{'' if one.version == 0 or _kept(run, one.version) else ' (not kept)'}: "
        f"{', '.join(one.strategies) or 'none'}"
        for one in chain
        if one.changed or one.version == 0
    )
    last = chain[-1].version
    gains = {split: difference(run, last, 0, split) for split in ("test", "val")}
    split = next((s for s in gains if gains[s].estimate is not None), "test")
    return (
        f"| {run.path.name} | {len(found)} | {longest} | {' > '.join(str(one.version) for one in chain)} "
        f"| {_changes(chain)}: {shown} | {split}: {gains[split]} |"
    )


def _changes(chain: Sequence[Generation]) -> int:
    return sum(one.changed for one in chain)


def _ran(run: Run) -> list[int]:
    """Versions of which an improver run came to its end."""
    outcomes = run.outcomes
    ran = set(outcomes[(outcomes.split == "val") & (outcomes.status == "ok")].version.dropna().astype(int))
    return sorted(v for v in run.standing if v in ran)


def _kept(run: Run, version: int) -> bool:
    return run.standing[version] == "kept"


if __name__ == "__main__":
    sys.exit(main())
