"""The recursion: an improver rewrites its own source, step after step (STOP, arXiv:2310.02304, Algorithm 1).

Owns: one step, the loop over steps, the look at test. Does not own: scores (meta), the choice of the parent (choose),
the verdict (accept), the records (ledger).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from stop.accept import RULES, Verdict
from stop.budget import SearchMeter
from stop.chain import Record
from stop.choose import POLICIES
from stop.controls import arm_of, improver_of, parent_of, rival_of, written
from stop.draw import Draw
from stop.ledger import Ending, Ledger
from stop.lineage import Decision, ImproverRun, Score, Spent, Version
from stop.meta import Bench, Exam, MetaUtility
from stop.rewrite import Handles, Rewritten
from stop.scaffold import BadScaffold, Scaffold, canonical, sha


@dataclass(frozen=True)
class Child:
    """What a step brought forth: a text, perhaps not an improver, and what was found of it."""

    text: str
    verdict: Verdict
    score: Score
    spent: Spent
    outcomes: Sequence[Record]


class Recursion:
    """One run. `source(version)` gives the text of a recorded version; `tell` gets one line per event."""

    def __init__(self, bench: Bench, ledger: Ledger, source: Callable[[str], str], tell: Callable[[str], None]) -> None:
        self._bench = bench
        self._config = bench.config
        self._ledger = ledger
        self._source = source
        self._tell = tell
        self._search = SearchMeter(bench.config.search_calls)
        self._meta = MetaUtility(bench, self._search)

    @property
    def begun(self) -> bool:
        """Whether the seed is scored."""
        return bool(self._ledger.lineage.versions)

    @property
    def _calls_of_finished_units(self) -> int:
        return sum(v.spent.llm_calls for v in self._ledger.lineage.versions)

    @property
    def steps(self) -> int:
        """Steps that are finished."""
        return max(0, len(self._ledger.lineage.versions) - 1)

    def run(self, seed: Scaffold, steps: int) -> None:
        """Scores the seed if that is not done, then takes steps until there are `steps`."""
        if not self._ledger.lineage.versions:
            self.score_seed(seed)
        while self.steps < steps:
            self.step()

    def score_seed(self, seed: Scaffold) -> Version:
        """Version 0: the seed on the first val block."""
        started, unit = self._begin("seed")
        runs = self._meta.runs(seed.source, self._exam("val", 0))
        score = Score.of(runs)
        spent = _spent(runs)
        version = Version(0, seed.sha, "", None, 0, 0, "seed", score.mean, score.stderr, score.n, spent)
        decision = Decision(0, 0, "seed", {"child": score.mean}, score.n, None, 0, "seed", "rule", "the first version")
        outcomes = [r.record(version=0, split="val", block=0, unit=unit) for r in runs]
        self._finish(Ending(unit, outcomes, version, decision, seed.source, time.monotonic() - started))
        self._tell(f"seed: meta-utility {_shown(score)} on val block 0")
        return version

    def step(self) -> Version:
        """Lets a parent rewrite its own source once; records the child whatever came of it."""
        number = self.steps + 1
        started, unit = self._begin(f"step {number}")
        config, lineage = self._config, self._ledger.lineage
        self._search.start(self._calls_of_finished_units)
        parent = parent_of(config, lineage, number, POLICIES[config.policy])
        made = self._written(parent, number) or self._propose(parent, improver_of(config, lineage, parent), number)
        child = self._judge(made, rival_of(config, lineage, parent), number)
        version, decision = self._recorded(child, parent, number)
        seconds = time.monotonic() - started
        self._finish(Ending(unit, child.outcomes, version, decision, child.text, seconds))
        self._tell(f"step {number}: {version.status}, meta-utility {_shown(child.score)}: {decision.why}")
        return version

    def look_at_test(self, ended: str = "") -> None:
        """Scores the seed and the current version on test; counted before it is done, once per number of steps.

        ended: by what the search was ended, if not by its number of steps.
        """
        unit = f"test after step {self.steps}"
        if self._ledger.tested(unit):
            return
        started, _ = self._begin(unit)
        lineage = self._ledger.lineage
        more = [v for v in lineage.versions if v.id in arm_of(self._config).also_tested]
        shown = {v.id: v for v in (lineage.versions[0], *more, lineage.current())}
        look = {"unit": unit, "versions": list(shown), "block": 0, **({"ended": ended} if ended else {})}
        self._ledger.look({**look, "done": False})
        outcomes: list[Record] = []
        known = self._ledger.on_test()
        for version in (v for v in shown.values() if v.id not in known):
            runs = self._meta.runs(self._source(version.sha), self._exam("test", 0))
            outcomes += [r.record(version=version.id, split="test", block=0, unit=unit) for r in runs]
            self._tell(f"test: version {version.id} has meta-utility {_shown(Score.of(runs))}")
        self._finish(Ending(unit, outcomes, seconds=time.monotonic() - started))
        self._ledger.look({**look, "done": True})

    def on_test(self, scaffold: Scaffold) -> list[ImproverRun]:
        """Improver runs on the test block, for comparisons outside the lineage; counted as a look."""
        unit = f"comparison with {scaffold.sha} after step {self.steps}"
        self._ledger.look({"unit": unit, "versions": [], "block": 0, "done": True})
        self._begin(unit)
        return self._meta.runs(scaffold.source, self._exam("test", 0))

    # -- one step ---------------------------------------------------------------------------------------------------
    def _written(self, parent: Version, number: int) -> Rewritten | None:
        """The child of an arm that asks no model for it."""
        text = written(self._config, self._source(parent.sha), number)
        return None if text is None else Rewritten("ok", text)

    def _propose(self, parent: Version, improver: Version, number: int) -> Rewritten:
        """The improver, which is the parent itself but in controls, runs on the parent's source: STOP's step."""
        finished = self._calls_of_finished_units
        draw = Draw(self._config.seed, "propose", step=number)
        exam = self._exam("train", 0)

        def handles() -> Handles:
            self._search.start(finished)  # a second try asks anew
            return self._bench.handles(self._meta.handle(exam), draw)

        itself = "itself" if improver is parent else f"version {parent.id}"
        self._tell(f"step {number}: version {improver.id} rewrites {itself}")
        made = self._bench.rewrite(self._source(improver.sha), self._source(parent.sha), handles)
        self._search.start(finished + made.spent.llm_calls)
        return made

    def _judge(self, made: Rewritten, parent: Version, number: int) -> Child:
        """What is found of a child; `parent`, of a control too: the version with which it is compared."""
        if made.status != "ok":
            return _failed(made.text, f"the parent failed to rewrite itself: {made.status}, {made.detail}", made.spent)
        try:
            Scaffold.checked(made.text)
        except BadScaffold as error:
            return _failed(made.text, str(error), made.spent)
        rule = RULES[self._config.accept]
        exam = self._exam("val", number)
        alike = not arm_of(self._config).own_draws
        child = self._meta.runs(made.text, exam if alike else replace(exam, purpose="noise"))
        against = self._meta.runs(self._source(parent.sha), exam) if rule.compares else []
        verdict = rule.judge(child, against)
        same = alike and canonical(made.text) == canonical(self._source(parent.sha))
        if verdict.status == "not_better" and same:
            verdict = replace(verdict, why="the same program as its parent")
        unit = f"step {number}"
        outcomes = [r.record(version=number, split="val", block=number, unit=unit) for r in child]
        outcomes += [r.record(version=parent.id, split="val", block=number, unit=unit) for r in against]
        return Child(made.text, verdict, Score.of(child), made.spent + _spent(child) + _spent(against), outcomes)

    def _recorded(self, child: Child, parent: Version, number: int) -> tuple[Version, Decision]:
        verdict, score = self._told_apart(child.verdict, parent), child.score
        version = Version(
            number, sha(child.text), parent.sha, parent.id, number, parent.generation + 1, verdict.status,
            score.mean, score.stderr, score.n, child.spent, verdict.why if verdict.status == "failed" else "",
        )  # fmt: skip
        decision = Decision(
            number, number, self._config.accept, verdict.evidence, score.n, None, number, verdict.status, "rule",
            verdict.why,
        )  # fmt: skip
        return version, decision

    def _told_apart(self, verdict: Verdict, parent: Version) -> Verdict:
        """Names what a child was compared with where that is not its parent."""
        rival = rival_of(self._config, self._ledger.lineage, parent)
        if rival.id == parent.id or "parent" not in verdict.evidence:
            return verdict
        why = f"{verdict.why} (compared with the current version, {rival.id}, not with its parent, {parent.id})"
        return replace(verdict, why=why, evidence={**verdict.evidence, "compared_with": rival.id})

    # -- units ------------------------------------------------------------------------------------------------------
    def _begin(self, unit: str) -> tuple[float, str]:
        self._bench.answers.begin(unit)
        return time.monotonic(), unit

    def _finish(self, ending: Ending) -> None:
        self._ledger.end(ending, self._bench.answers)

    def _exam(self, split: str, block: int) -> Exam:
        repeats = self._config.test_repeats if split == "test" else self._config.repeats
        return Exam(split, split, block, repeats)  # type: ignore[arg-type]


def _failed(text: str, why: str, spent: Spent) -> Child:
    return Child(text, Verdict("failed", why, {}), Score(0.0, None, 0), spent, [])


def _spent(runs: Sequence[ImproverRun]) -> Spent:
    return sum((r.spent for r in runs), Spent())


def _shown(score: Score) -> str:
    error = f" ± {score.stderr:.4f}" if score.stderr is not None else ""
    return f"{score.mean:.4f}{error} (n={score.n})"
