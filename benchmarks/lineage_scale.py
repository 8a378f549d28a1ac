"""How long lineages of thousands of versions take to read and to draw.

    python benchmarks/lineage_scale.py [--versions 10000] [--rows 100000] [--outcomes 1000000] [--keep DIR]

No program runs here. Run folders are made up, with the package's own records and chain: a version's true score is a
random walk from its parent's, one in nine fails, a child is kept if it measures better than the current version on a
block of its own, in six improver runs each. Their sources are those of scaffolds/. Each reading is a process
of its own, so that the memory which it is said to have held is its own; one that only imports stands beside it.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
from pathlib import Path

from stop.chain import Record, digests, encode, link
from stop.lineage import Decision, ImproverRun, Score, Spent, Status, Version
from stop.scaffold import digest, read_scaffold
from stop.settings import RunConfig

SCAFFOLDS = ("seed", "best_of_n", "hill_climb", "beam", "genetic", "annealing", "temperature_ladder", "bandit")
TASKS, REPEATS = ("maxcut", "three_sat", "tsp"), 2
FAILURES = ("the scaffold crashed: NameError: name 'best' is not defined", "the scaffold ran out of time",
            "returned a text that is no program")  # fmt: skip
CURVE_AND_TREE_SECONDS, FRAME_SECONDS, OUTCOMES_SECONDS, OUTCOMES_GIB = 5.0, 3.0, 20.0, 2.0  # what is promised
LINES = "sum(1 for _ in open(run.path / '{}', 'rb'))"
WORK = {
    "imports": "",
    "curve and tree": "from stop.plot import curve, tree, save\nfor draw in (curve, tree): "
    "save(draw(run), run.path / f'{draw.__name__}.png')",
    "versions": f"assert len(run.versions) == {LINES.format('lineage.jsonl')}",
    "outcomes": "n = sum(len(frame) for frame in run.in_parts('outcomes.jsonl'))\n"
    f"assert n == {LINES.format('outcomes.jsonl')}",
}


class Chained:
    """Writes one file of a run folder, line by line."""

    def __init__(self, path: Path) -> None:
        self._file, self._prev = path.open("wb"), ""

    def add(self, row: Record) -> None:
        line = encode({**row, "prev": self._prev})
        self._file.write(line + b"\n")
        self._prev = link(line)

    def close(self) -> None:
        self._file.close()


class Folder:
    """A run folder that is made up, version after version."""

    def __init__(self, path: Path, luck: random.Random) -> None:
        (path / "sources").mkdir(parents=True)
        self.path, self._luck = path, luck
        self._shas = []
        for name in SCAFFOLDS:
            text = read_scaffold(name).source
            self._shas.append(digest(text)[:12])
            (path / "sources" / f"{self._shas[-1]}.py").write_bytes(text.encode())
        self._lineage, self._decisions, self._outcomes = (
            Chained(path / f"{name}.jsonl") for name in ("lineage", "decisions", "outcomes")
        )
        self.true: list[float] = []  # score, by version
        self._generations: list[int] = []
        self._lived: list[int] = []
        self.current = 0

    def add(self, *, outcomes: bool) -> None:
        """One version more."""
        luck, i = self._luck, len(self.true)
        parent = None if not i else self.current if luck.random() < 0.6 else luck.choice(self._lived[-40:])
        self.true.append(0.4 if parent is None else min(0.95, max(0.05, self.true[parent] + luck.gauss(-0.005, 0.03))))
        self._generations.append(0 if parent is None else self._generations[parent] + 1)
        mine = _runs(luck, self.true[i], self._sha(i))
        rival = [] if parent is None else _runs(luck, self.true[self.current], "")
        status, why = _judged(luck, i, mine, rival)
        if status == "failed":
            mine = rival = []
        else:
            self._lived.append(i)
        unit = f"step {i}" if i else "seed"
        if outcomes:
            self.score(rival, self.current, "val", i, unit)
            self.score(mine, i, "val", i, unit)
        score = Score.of(mine)
        born = Version(
            i, self._sha(i), "" if parent is None else self._sha(parent), parent, i, self._generations[i], status,
            score.mean, score.stderr, score.n, Spent(6 * len(mine) + 4, 100, 100, 0.001), why if not mine else "",
        )  # fmt: skip
        self._lineage.add(born.record(unit))
        means = {"child": score.mean, "parent": Score.of(rival).mean} if rival else {"child": score.mean}
        decided = Decision(i, i, "better" if i else "seed", means, score.n, None, i, status, "rule", why)
        self._decisions.add(decided.record(unit))
        self.current = i if status == "kept" else self.current

    def score(self, runs: list[ImproverRun], version: int, split: str, block: int, unit: str) -> None:
        for run in runs:
            self._outcomes.add(run.record(version=version, split=split, block=block, unit=unit))

    def end(self) -> None:
        for file in (self._lineage, self._decisions, self._outcomes):
            file.close()
        config = RunConfig(tasks=TASKS, generations=len(self.true) - 1)
        run = {
            "format": 1, "config": config.record(), "model": "none", "scaffold": "", "price": {"usd": 0.0},
            "tasks": {name: {"sha": ""} for name in TASKS}, "packages": {}, "axes": {},
            "looks": {"val": [], "test": [{"unit": "test", "done": True}]},
        }  # fmt: skip
        (self.path / "run.json").write_text(json.dumps(run, indent=1))
        (self.path / "seal.json").write_text(json.dumps(digests(self.path)))

    def _sha(self, version: int) -> str:
        return self._shas[version % len(self._shas)]


def made(path: Path, versions: int, seed: int = 0, *, outcomes: bool = True) -> Path:
    """A run folder of that many versions, of which nothing was ever run. The same numbers give the same bytes."""
    luck = random.Random(f"{versions} {seed}")
    folder = Folder(path, luck)
    for _ in range(versions):
        folder.add(outcomes=outcomes)
    for version in sorted({0, folder.current}) if outcomes else ():
        folder.score(_runs(luck, folder.true[version], "", 8), version, "test", 0, "test")
    folder.end()
    return path


def _runs(luck: random.Random, true: float, solution: str, repeats: int = REPEATS) -> list[ImproverRun]:
    return [
        ImproverRun(task, r, "ok", solution, min(1.0, max(0.0, luck.gauss(true + 0.1 * (k - 1), 0.04))), 0.3,
                    {"scored": 8}, "", Spent(6, 50, 50, 0.0005))
        for k, task in enumerate(TASKS)
        for r in range(repeats)
    ]  # fmt: skip


def _judged(luck: random.Random, i: int, mine: list[ImproverRun], rival: list[ImproverRun]) -> tuple[Status, str]:
    if not i:
        return "seed", "the first version"
    if luck.random() < 1 / 9:
        return "failed", luck.choice(FAILURES)
    a, b = Score.of(mine).mean, Score.of(rival).mean
    if abs(a - b) < 0.002:
        return "indecisive", f"{a:.4f} and {b:.4f}"
    return ("kept", f"{a:.4f} is above {b:.4f}") if a > b + 0.02 else ("not_better", f"{a:.4f} is not above {b:.4f}")


def main() -> int:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--versions", type=int, default=10_000, help="of the lineage that is drawn (default: 10000)")
    p.add_argument("--rows", type=int, default=100_000, help="versions that are read into a frame (default: 100000)")
    p.add_argument("--outcomes", type=int, default=1_000_000, help="improver runs that are read (default: 1000000)")
    p.add_argument("--keep", metavar="DIR", help="where the folders are made, and left (default: a temporary folder)")
    asked = p.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        base = Path(asked.keep or scratch)
        print(f"{'what':<42} {'seconds':>8} {'GiB':>6}   promised")
        drawn, rows = base / f"drawn-{asked.versions}", base / f"rows-{asked.rows}"
        outcomes = base / f"outcomes-{asked.outcomes}"
        bare = _row("a process that imports, no more", "imports", _there(drawn, asked.versions), "")
        _row(f"curve and tree of {asked.versions} versions, as PNG", "curve and tree", drawn,
             f"under {CURVE_AND_TREE_SECONDS:g} s", CURVE_AND_TREE_SECONDS)  # fmt: skip
        _row(f"{asked.rows} versions into a DataFrame", "versions", _there(rows, asked.rows, outcomes=False),
             f"under {FRAME_SECONDS:g} s", FRAME_SECONDS)  # fmt: skip
        versions = -(-asked.outcomes // (2 * REPEATS * len(TASKS)))
        _row(f"{asked.outcomes} improver runs, in parts", "outcomes", _there(outcomes, versions * 10 // 9 + 1),
             f"under {OUTCOMES_SECONDS:g} s, {OUTCOMES_GIB:g} GiB", OUTCOMES_SECONDS, OUTCOMES_GIB)  # fmt: skip
        print(f"Seconds are without imports; GiB is the most that a process held, {bare:.2f} of it before any work.")
    return 0


def _there(folder: Path, versions: int, *, outcomes: bool = True) -> Path:
    return folder if folder.is_dir() else made(folder, versions, outcomes=outcomes)


def _row(what: str, work: str, folder: Path, promised: str, seconds: float = 0.0, gib: float = 0.0) -> float:
    """Prints one line; gives back the memory."""
    code = (
        "import time\nstart = time.perf_counter()\n"
        "import json, resource, sys, matplotlib.figure, matplotlib.backends.backend_agg, pandas, scipy.special, stop\n"
        f"run = stop.load(sys.argv[1])\n{WORK[work] and 'start = time.perf_counter()'}\n"
        f"{WORK[work]}\nspent = time.perf_counter() - start\n"
        "print(json.dumps([spent, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20]))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(folder)], capture_output=True, text=True, check=True)
    took, held = json.loads(done.stdout)
    kept = not promised or (took < seconds and (not gib or held < gib))
    print(f"{what:<42} {took:>8.2f} {held:>6.2f}   {promised}{'' if kept else ': NOT KEPT'}", flush=True)
    return float(held)


if __name__ == "__main__":
    raise SystemExit(main())
