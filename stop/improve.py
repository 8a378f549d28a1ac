"""The recursion: an improver rewrites its own source, step after step (STOP, arXiv:2310.02304, Algorithm 1).

Owns: one step, the loop over steps, looks at test. Does not own: scores (meta), the choice of the parent (choose),
the verdict (accept), the records (ledger).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from stop.accept import RULES, Terms, Verdict, better, canary
from stop.betting import level_of
from stop.budget import SearchMeter
from stop.chain import Record
from stop.choose import Policy
from stop.controls import arm_of, improver_of, policy_of, written
from stop.draw import Draw
from stop.ledger import Ending, Ledger
from stop.lineage import MEASURED_BLOCK, Decision, ImproverRun, Score, Spent, Version
from stop.meta import FRESH_BLOCKS, Bench, Exam, MetaUtility
from stop.noise import Floor, by_task
from stop.rewrite import Handles, Rewritten
from stop.scaffold import BadScaffold, Scaffold, canonical, sha
from stop.settings import watched


@dataclass(frozen=True)
class Compared:
    """A child beside its parent on one val block, with the same draws, and what was decided of it there."""

    who: str  # "rule" or "canary"
    block: int
    child: Sequence[ImproverRun]
    parent: Sequence[ImproverRun]  # none where the rule does not compare
    verdict: Verdict


BEFORE_THE_SEED = "before the seed is scored"  # when a comparison is made in a folder without a version


@dataclass(frozen=True)
class Child:
    """What a step brought forth: a text, perhaps not an improver, and what was found of it, in order."""

    text: str
    found: Sequence[Compared]
    spent: Spent  # of the proposal alone

    @property
    def score(self) -> Score:
        return Score.of(self.found[0].child)

    @property
    def verdict(self) -> Verdict:
        return self.found[-1].verdict

    @property
    def spent_in_all(self) -> Spent:
        return sum((_spent(runs) for one in self.found for runs in (one.child, one.parent)), self.spent)


@dataclass(frozen=True)
class Arm:
    """A scaffold that is compared with others on test without being a version of the run.

    calls_of: the name of an arm before it; on every task this one gets as many prompts as it takes to ask for no fewer
    replies than that one asked for on average. Without it the settings say how many.
    """

    name: str
    scaffold: Scaffold
    calls_of: str = ""

    def record(self) -> Record:
        """What a look at test in run.json says of it."""
        return {"name": self.name, "scaffold": self.scaffold.sha, "calls_of": self.calls_of}

    def __str__(self) -> str:
        return f"{self.name} ({self.scaffold.sha}" + (f", at the calls of {self.calls_of})" if self.calls_of else ")")


class Recursion:
    """One run. `source(version)` gives the text of a recorded version; `tell` gets one line per event."""

    measure = "meta-utility"  # of a version

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
    def stopped(self) -> str:
        """By what the steps were ended for good before their number; "" if they were not."""
        return ""

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
        outcomes = [r.record(version=0, split="val", block=0, unit=unit) for r in runs]
        evidence: Record = {"child": score.mean}
        again = self._on_fresh_draws(seed)
        floor = self._noise_floor(again)
        if floor is not None:
            evidence |= floor.record
            outcomes += [r.record(version=0, split="val", block=FRESH_BLOCKS, unit=unit) for r in again]
        spent = _spent([*runs, *again])
        version = Version(0, seed.sha, "", None, 0, 0, "seed", score.mean, score.stderr, score.n, spent)
        decision = Decision(0, 0, "seed", evidence, score.n, None, 0, "seed", "rule", "the first version")
        self._finish(Ending(unit, outcomes, version, [decision], seed.source, time.monotonic() - started))
        self._tell(f"seed: meta-utility {_shown(score)} on val block 0")
        if floor is not None:
            self._tell(str(floor))
        return version

    def step(self) -> Version:
        """Lets a parent rewrite its own source once; records the child whatever came of it."""
        number = self.steps + 1
        started, unit = self._begin(f"step {number}")
        config, policy = self._config, policy_of(self._config)
        self._search.start(self._calls_of_finished_units)
        further, spent = self._measured(policy, unit)
        lineage = self._ledger.lineage.measured(further)
        chosen = policy.choose(lineage, config.seed)
        parent = chosen.parent
        rival = lineage.current()  # whoever its parent is, a child would come in the place of this one
        improver = improver_of(config, lineage, parent)
        made = self._written(parent, number) or self._propose(parent, improver, number, spent)
        child = self._judge(made, rival, number)
        version, decisions = self._recorded(child, parent, rival, number)
        version = replace(version, spent=version.spent + spent)
        decisions[0] = _with_choice(decisions[0], chosen.record)
        outcomes = further + [
            run.record(version=whose, split="val", block=one.block, unit=unit)
            for one in child.found
            for whose, runs in ((number, one.child), (rival.id, one.parent))
            for run in runs
        ]
        self._finish(Ending(unit, outcomes, version, decisions, child.text, time.monotonic() - started))
        why = "; ".join(decision.why for decision in decisions)
        self._tell(f"step {number}: {version.status}, meta-utility {_shown(child.score)}: {why}")
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
            runs = self._on_test(self._source(version.sha))
            outcomes += [r.record(version=version.id, split="test", block=0, unit=unit) for r in runs]
            self._tell(f"test: version {version.id} has {self.measure} {_shown(Score.of(runs))}")
        self._finish(Ending(unit, outcomes, seconds=time.monotonic() - started))
        self._ledger.look({**look, "done": True})

    def _on_test(self, source: str) -> list[ImproverRun]:
        return self._meta.runs(source, self._exam("test", 0))

    def compare(self, arms: Sequence[Arm]) -> dict[str, list[ImproverRun]]:
        """Improver runs of each arm on the test block, same tasks and draws: one look, recorded, made once."""
        unit = self.comparison(arms)
        made: dict[str, list[ImproverRun]] = {arm.name: [] for arm in arms}
        for row in self._ledger.compared(unit):
            made[row["arm"]].append(ImproverRun.of(row))
        if any(made.values()):
            return made
        look = {"unit": unit, "versions": [], "arms": [arm.record() for arm in arms], "block": 0}
        self._ledger.look({**look, "done": False})
        started, _ = self._begin(unit)
        outcomes: list[Record] = []
        for arm in arms:
            prompts = self._prompts(made[arm.calls_of]) if arm.calls_of else ()
            runs = self._meta.runs(arm.scaffold.source, replace(self._exam("test", 0), prompts=prompts))
            outcomes += [r.compared(arm=arm.name, scaffold=arm.scaffold.sha, block=0, unit=unit) for r in runs]
            self._tell(f"test: {arm} has meta-utility {_shown(Score.of(runs))}")
            made[arm.name] = runs
        sources = [arm.scaffold.source for arm in arms]
        self._finish(Ending(unit, outcomes, seconds=time.monotonic() - started, compared=sources))
        self._ledger.look({**look, "done": True})
        return made

    def comparison(self, arms: Sequence[Arm]) -> str:
        """The unit in which these arms are compared."""
        when = f"after step {self.steps}" if self._ledger.lineage.versions else BEFORE_THE_SEED
        return f"comparison of {', '.join(map(str, arms))} {when}"

    def _prompts(self, runs: Sequence[ImproverRun]) -> tuple[tuple[str, int], ...]:
        """Per task, the fewest prompts whose replies are no fewer than these runs' mean; at least one."""
        calls: dict[str, list[int]] = {}
        for run in runs:
            calls.setdefault(run.task, []).append(run.spent.llm_calls)
        per_prompt = self._config.responses_per_prompt
        return tuple((task, max(1, math.ceil(fmean(n) / per_prompt))) for task, n in calls.items())

    # -- one step ---------------------------------------------------------------------------------------------------
    def _measured(self, policy: Policy, unit: str) -> tuple[list[Record], Spent]:
        """What versions are measured further before the policy chooses, and what that cost."""
        found: list[Record] = []
        spent = Spent()
        lineage = self._ledger.lineage
        done = 0
        while (version := policy.measure(lineage, self._config.seed, done)) is not None:
            exam = Exam("val", "val", MEASURED_BLOCK, repeats=1, first=lineage.repeats_measured(version.id))
            self._tell(f"{unit}: version {version.id} is measured further, repeat {exam.first}")
            runs = self._meta.runs(self._source(version.sha), exam)
            rows = [run.record(version=version.id, split="val", block=MEASURED_BLOCK, unit=unit) for run in runs]
            lineage = lineage.measured(rows)
            found, spent, done = found + rows, spent + _spent(runs), done + 1
        return found, spent

    def _written(self, parent: Version, number: int) -> Rewritten | None:
        """The child of an arm that asks no model for it."""
        text = written(self._config, self._source(parent.sha), number)
        return None if text is None else Rewritten("ok", text)

    def _propose(self, parent: Version, improver: Version, number: int, spent: Spent) -> Rewritten:
        """The improver, which is the parent itself but in controls, runs on the parent's source: STOP's step.

        spent: in this step, before.
        """
        finished = self._calls_of_finished_units + spent.llm_calls
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
            return _failed(made, f"the parent failed to rewrite itself: {made.status}, {made.detail}", number)
        try:
            Scaffold.checked(made.text)
        except BadScaffold as error:
            return _failed(made, str(error), number)
        found = [self._by_rule(made.text, parent, number)]
        if found[0].verdict.status == "kept" and watched(self._config.record()):
            found.append(self._by_canary(made.text, parent, number))
        return Child(made.text, found, made.spent)

    def _by_rule(self, text: str, parent: Version, number: int) -> Compared:
        """Child and parent on val block `number`: round by round, or all repeats at once, as the rule has it."""
        c, source = self._config, self._source(parent.sha)
        rule, exam = RULES[c.accept], self._exam("val", number)
        if rule.compares and canonical(text) == canonical(source) and not arm_of(c).own_draws:
            child, against = self._pair(text, source, exam)
            verdict = replace(better(child, against), why="the same program as its parent")
            return Compared("rule", number, child, against, verdict)
        cap = max(u.task.score_cap for u in self._bench.utilities)
        terms = Terms(level_of(number, c.level), c.smallest_difference, c.most_repeats, cap)
        rounds = [replace(exam, first=i, repeats=1) for i in range(terms.most_repeats)] if rule.by_round else [exam]
        child, against = [], []
        for one in rounds:  # in order of repeat, whichever run ends first
            found = self._pair(text, source, one) if rule.compares else (self._meta.runs(text, one), [])
            child, against = child + found[0], against + found[1]
            if (judged := rule.judge(child, against, terms)) is not None:
                return Compared("rule", number, child, against, judged)
        raise AssertionError(f"no verdict after {terms.most_repeats} repeats")

    def _by_canary(self, text: str, parent: Version, number: int) -> Compared:
        """Once more, on a block that nobody has seen, with draws of its own."""
        block = FRESH_BLOCKS + number
        exam = Exam("canary", "val", block, max(2, self._config.repeats))  # one run shows no spread
        child, against = self._pair(text, self._source(parent.sha), exam)
        return Compared("canary", block, child, against, canary(child, against, self._config.smallest_difference))

    def _pair(self, text: str, source: str, exam: Exam) -> tuple[list[ImproverRun], list[ImproverRun]]:
        """Runs of a child and of what it is compared with: with the same draws, but in controls that say otherwise."""
        if arm_of(self._config).own_draws:
            return self._meta.runs(text, replace(exam, purpose="noise")), self._meta.runs(source, exam)
        child, against = self._meta.many([text, source], exam)
        return child, against

    def _on_fresh_draws(self, seed: Scaffold) -> list[ImproverRun]:
        """Runs of the seed from which the noise floor is estimated; none where nothing is compared."""
        repeats = self._config.noise_repeats
        if not repeats or not RULES[self._config.accept].compares:
            return []
        return self._meta.runs(seed.source, Exam("noise", "val", FRESH_BLOCKS, repeats))

    def _noise_floor(self, again: Sequence[ImproverRun]) -> Floor | None:
        c = self._config
        return Floor.of(by_task(again), c.repeats, c.smallest_difference, c.level) if again else None

    def _recorded(self, child: Child, parent: Version, rival: Version, number: int) -> tuple[Version, list[Decision]]:
        verdict, score = child.verdict, child.score
        version = Version(
            number, sha(child.text), parent.sha, parent.id, number, parent.generation + 1, verdict.status,
            score.mean, score.stderr, score.n, child.spent_in_all, verdict.why if verdict.status == "failed" else "",
        )  # fmt: skip
        names = {"rule": self._config.accept, "canary": "canary"}
        judged = [(one, _told_apart(one.verdict, parent, rival)) for one in child.found]
        decisions = [
            Decision(
                number, number, names[one.who], verdict.evidence, len(one.child), verdict.level, one.block,
                verdict.status, one.who, verdict.why,
            )
            for one, verdict in judged
        ]  # fmt: skip
        return version, decisions

    # -- units ------------------------------------------------------------------------------------------------------
    def _begin(self, unit: str) -> tuple[float, str]:
        self._bench.answers.begin(unit)
        return time.monotonic(), unit

    def _finish(self, ending: Ending) -> None:
        self._ledger.end(ending, self._bench.answers)

    def _exam(self, split: str, block: int) -> Exam:
        repeats = self._config.test_repeats if split == "test" else self._config.repeats
        return Exam(split, split, block, repeats)  # type: ignore[arg-type]


def _told_apart(verdict: Verdict, parent: Version, rival: Version) -> Verdict:
    """Names what a child was compared with where that is not its parent."""
    if rival.id == parent.id or "parent" not in verdict.evidence:
        return verdict
    why = verdict.why.replace("the parent's", "the current version's")
    why += f" (compared with the current version, {rival.id}, not with its parent, {parent.id})"
    return replace(verdict, why=why, evidence={**verdict.evidence, "compared_with": rival.id})


def _with_choice(decision: Decision, choice: Record) -> Decision:
    """With why its parent was chosen, where there was a choice."""
    return replace(decision, evidence={**decision.evidence, "choice": choice}) if choice else decision


def _failed(made: Rewritten, why: str, number: int) -> Child:
    return Child(made.text, [Compared("rule", number, [], [], Verdict("failed", why, {}))], made.spent)


def _spent(runs: Sequence[ImproverRun]) -> Spent:
    return sum((r.spent for r in runs), Spent())


def _shown(score: Score) -> str:
    error = f" ± {score.stderr:.4f}" if score.stderr is not None else ""
    return f"{score.mean:.4f}{error} (n={score.n})"
