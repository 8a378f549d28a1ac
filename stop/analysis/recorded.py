"""What analysis reads of a run, whatever made it, and the rows that belong to one version.

Owns: the frames that a metric may ask for, improver runs with their means and differences, the tree, who stood when.
Does not own: reading a folder (frames), what is computed. Nothing here changes a frame, and no result depends on the
order of rows; where a version has several decisions, the frame's index, the line in the file, says which came last.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from stop.analysis.intervals import Estimate, paired_difference, stratified_mean
from stop.analysis.measure import Measure, combined
from stop.lineage import RUNNABLE
from stop.scaffold import canonical, sha

if TYPE_CHECKING:
    from pandas import DataFrame

Strata = dict[str, list[float]]


class ImproverRow(NamedTuple):
    """One improver run, as outcomes hold it."""

    task: str
    repeat: int
    split: str
    block: int
    status: str
    solution: str
    utility: float
    seed_utility: float
    llm_calls: int


Rows = list[ImproverRow]


class Recorded(Protocol):
    """What `stop.load(path)` gives, as far as analysis needs it."""

    @property
    def settings(self) -> Mapping[str, Any]: ...
    @property
    def versions(self) -> DataFrame: ...
    @property
    def decisions(self) -> DataFrame: ...
    @property
    def outcomes(self) -> DataFrame: ...
    @property
    def evaluations(self) -> DataFrame: ...
    @property
    def timing(self) -> Sequence[Mapping[str, Any]]: ...
    def source(self, sha: str) -> str: ...
    def solution(self, sha: str) -> str | None: ...


# -- who stood when, and who came from whom --------------------------------------------------------------------------
def versions(run: Recorded) -> list[int]:
    """Ids in order of birth. Drafts, changes that a Gödel agent made and did not evaluate, enter no statistics."""
    left_out = _drafts(run)
    return sorted(int(i) for i in run.versions.id if int(i) not in left_out)


def seed_of(run: Recorded) -> int:
    """The id of the first version. Raises LookupError where none is finished, as in a transfer."""
    ids = versions(run)
    if not ids:
        raise LookupError("no version is finished: there is nothing to measure")
    return ids[0]


def row(run: Recorded, version: int) -> Any:
    """The line of a version. Raises LookupError."""
    found = run.versions[run.versions.id == version]
    if found.empty:
        raise LookupError(f"no version {version}; there are {versions(run)}.")
    return found.iloc[0]


def decisions(run: Recorded) -> list[Any]:
    """In the order in which they were taken: the first of each version as it was born, later ones where they stand."""
    first: set[int] = set()
    newest, timed = -1, []
    for place, d in enumerate(run.decisions.sort_index(kind="stable").itertuples()):
        if d.id in first:  # review, canary, rollback: after all that was decided before
            timed.append((newest, place, d))
        else:
            first.add(d.id)
            newest = max(newest, d.id)
            timed.append((d.id, -1, d))
    return [d for *_, d in sorted(timed, key=lambda one: one[:2])]


def incumbents(run: Recorded) -> dict[int, int]:
    """Version id -> the version that a run stopped after its unit would have returned: the last that stands by then."""
    taken, ids = decisions(run), versions(run)
    first: dict[int, int] = {}
    for k, d in enumerate(taken):
        first.setdefault(d.id, k)
    ends = [*(first[i] for i in ids[1:]), len(taken)]
    stand: set[int] = set()
    found, at = {}, 0
    for i, end in zip(ids, ends, strict=False):
        for d in taken[at:end]:
            (stand.add if d.verdict in RUNNABLE else stand.discard)(d.id)
        at = end
        found[i] = max(stand, default=ids[0])
    return found


def kept(run: Recorded) -> list[int]:
    """Versions after the seed that were kept and still stand, in order of birth."""
    standing = {d.id: d.verdict for d in decisions(run)}
    return [i for i in versions(run) if standing.get(i) == "kept"]


def incumbent(run: Recorded) -> int:
    """The version that the run returns: the last that was kept and still stands, else the seed."""
    return max([seed_of(run), *kept(run)])


def parents(run: Recorded) -> dict[int, int | None]:
    """Version -> its parent, the nearest ancestor that is no draft; the seed has none."""
    import pandas as pd

    pairs = zip(run.versions.id, run.versions.parent_id, strict=True)
    born = dict(sorted((int(i), None if pd.isna(p) else int(p)) for i, p in pairs))
    left_out = _drafts(run)
    for i, parent in born.items():  # a parent is born before its children
        if parent in left_out:
            born[i] = born[parent]
    return {i: parent for i, parent in born.items() if i not in left_out}


def _drafts(run: Recorded) -> set[int]:
    return {int(i) for i in run.versions.id[run.versions.status == "draft"]}


def ancestry(run: Recorded, version: int) -> list[int]:
    """From the seed down to the version, both included."""
    above, found = parents(run), [int(row(run, version).id)]
    while (parent := above[found[-1]]) is not None:
        found.append(parent)
    return found[::-1]


def descendants(run: Recorded, version: int) -> dict[int, int]:
    """Every descendant -> its distance in edges, at least 1. The version itself is none of them."""
    row(run, version)
    above, found = parents(run), {version: 0}
    for child, parent in above.items():  # a child is born after its parent
        if parent in found and child not in found:
            found[child] = found[parent] + 1
    return {v: d for v, d in found.items() if d}


# -- a version's own improver runs -----------------------------------------------------------------------------------
def own_block(run: Recorded, version: int) -> int:
    """The val block that a version was first judged on."""
    mine = run.decisions[run.decisions.id == version]
    return int(mine.block[mine.index.min()])


def runs(run: Recorded, version: int, split: str, block: int | None = None) -> Rows:
    """Improver runs of one version on one block, by task and repeat; by default those that are its own.

    On val its own are those of the block that it was first judged on: scored again later, as the parent of a child, it
    keeps the measurement it was born with. On test those of the first look. Raises LookupError for an unknown version.
    """
    if not (run.versions.id == version).any():
        row(run, version)  # says which there are
    frame = run.outcomes
    frame = frame[(frame.version == version) & (frame.split == split)]
    if frame.empty:
        return []
    if block is None:
        block = own_block(run, version) if split == "val" else int(frame.block.min())
    return _once(_improver_rows(frame), block)


def own_runs(run: Recorded) -> dict[int, Rows]:
    """Version -> `runs(run, version, "val")`, of all that were scored, at one reading."""
    blocks: dict[int, int] = {}
    first = run.decisions.sort_index()
    for version, block in zip(first.id, first.block, strict=True):
        blocks.setdefault(int(version), int(block))
    frame = run.outcomes
    frame = frame[(frame.split == "val") & frame.version.notna()]
    if frame.empty:
        return {}
    frame = frame[frame.block == frame.version.map(blocks)]
    found: dict[int, Rows] = {}
    for version, one in zip(frame.version, _improver_rows(frame), strict=True):
        found.setdefault(int(version), []).append(one)
    return {version: _once(rows, blocks[version]) for version, rows in found.items()}


def _improver_rows(frame: DataFrame) -> Rows:
    columns = (frame[name] for name in ImproverRow._fields)
    return [ImproverRow(*values) for values in zip(*columns, strict=True)]


def _once(rows: Rows, block: int) -> Rows:
    """Those of one block by task and repeat, the first of each."""
    once = {(r.task, r.repeat): r for r in reversed(rows) if r.block == block}
    return [once[key] for key in sorted(once)]


def strata(rows: Rows, values: Sequence[float]) -> Strata:
    """Task -> one value for each of its improver runs. values: (n,), in the order of the rows."""
    found: Strata = {}
    for r, value in zip(rows, values, strict=True):
        found.setdefault(r.task, []).append(float(value))
    return found


def mean_of(rows: Rows, values: Sequence[float]) -> Estimate:
    """Stratified by task. Raises ValueError where there are none."""
    return stratified_mean(strata(rows, values))


def utilities(rows: Rows) -> list[float]:
    """Of what the improver returned."""
    return [float(r.utility) for r in rows]


def gains(rows: Rows) -> list[float]:
    """Utility of what the improver returned minus that of the task's seed solution on the same block."""
    return [float(r.utility) - float(r.seed_utility) for r in rows]


def paired(first: Rows, second: Rows) -> bool:
    """Whether they are the same improver runs of two versions: same block, tasks and repeats."""
    return bool(first) and [r[:4] for r in first] == [r[:4] for r in second]


def minus(first: Rows, second: Rows, together: bool, limits: str) -> Measure:
    """Gain of the first minus gain of the second. together: row i of both is one pair; if not, `limits` is its why.

    n: improver runs of the first.
    """
    if together:
        return Measure.of(paired_difference(strata(first, gains(first)), strata(second, gains(second))))
    found = combined([(1.0, mean_of(first, gains(first))), (-1.0, mean_of(second, gains(second)))])
    return Measure.of(Estimate(found.mean, len(first), found.stderr, found.df), limits)


# -- on train --------------------------------------------------------------------------------------------------------
def train_utility(run: Recorded) -> dict[tuple[str, str], float]:
    """(task, sha of a solution's canonical text) -> its mean score on the train block that improvers see."""
    frame = run.evaluations
    frame = frame[frame.split == "train"].sort_values(["task", "sha", "instance"], kind="stable")
    means = frame.groupby(["task", "sha"], sort=True).score.mean()
    return {key: float(value) for key, value in means.items()}


def canonical_sha(run: Recorded, solution: str) -> str:
    """Under which sha a returned solution was measured; empty if its text is not there."""
    text = run.solution(solution) if solution else None
    try:
        return sha(canonical(text)) if text is not None else ""
    except SyntaxError:
        return solution


def seed_on_train(run: Recorded) -> dict[str, float]:
    """Task -> the utility of its seed solution on train, where an improver looked at it.

    No record says which solution is the task's seed: it is among those whose scores are `seed_utility` on every block
    that outcomes name. A task is left out where one of these was not measured on train, or two of them differ there:
    the blocks at hand may not tell the seed from a program that does as well on them.
    """
    measured = run.evaluations.groupby(["task", "split", "block", "sha"], sort=True).score.mean()
    known = train_utility(run)
    found = {}
    blocks = run.outcomes.drop_duplicates(["task", "split", "block"])
    for task, of_task in blocks.groupby("task", sort=True):
        same: set[str] | None = None
        for b in of_task.itertuples():
            here = {
                key[3] for key, score in measured.items()
                if key[:3] == (task, b.split, b.block) and abs(score - b.seed_utility) < 1e-9
            }  # fmt: skip
            same = here if same is None else same & here
        values = {known.get((task, s)) for s in same or ()}
        if len(values) == 1 and (value := values.pop()) is not None:
            found[str(task)] = value
    return found
