"""A Gödel agent: a module that reads and changes itself while it runs (arXiv:2410.04444, Algorithm 1).

Owns: what the agent may ask of the host, the text of its module and its changes, one step (turns up to an evaluation),
what validation keeps. Does not own: the agent's logic (scaffolds/agents/), where a definition stands in a text
(definitions), looks at test and the loop over steps (improve), records (ledger).

The agent runs in a scaffold sandbox, and so does all code that it asks to be run. The text of its module, its budgets
and the bound of its loop are the host's: what it does to its own memory is lost at the end of the step.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from stop.accept import Verdict, better
from stop.budget import BudgetExceeded, Meter
from stop.chain import Record
from stop.definitions import BadChange, changed, definitions, needed
from stop.draw import Draw
from stop.improve import Recursion
from stop.ledger import Ending, Unevaluated
from stop.lineage import Decision, ImproverRun, Score, Spent, Version
from stop.meta import TRAIN_BLOCK, Bench
from stop.neutral import neutral
from stop.rewrite import Judged, ModelHandle
from stop.sandbox import Child, Handle, Limits, Method, Ran, Refused, Text, unless_lost, wire
from stop.scaffold import BadScaffold, Scaffold, canonical, check_entry, find_scaffold, sha
from stop.settings import RunConfig
from stop.syntax import parse
from stop.task import Split, Task

EVOLVE = "evolve"
PARAMETERS = ("observations", "itself", "language_model")
ACTIONS = ("act", "action_", "ACTIONS")  # of a closed agent these stay: definitions of this name, or that begin so
WINDOW = 10  # observations and versions that an agent is told (Gödel Agent, agent_module.py: its history)
MOST_OBSERVATION_CHARS = 4000
FAILURES = 3  # turns in a row that fail, after which a step ends
MOST_ACTION_CHARS = 120
MOST_ACTIONS = 100  # of a step, that are recorded
MOST_READS = 200  # of a step, looks included: they are free, but each costs the host a parse
UNDO = "undo"
STOP = "stop"
FILE = "agent.py"


def read_agent(name: str, tasks: Sequence[Task]) -> Scaffold:
    """The module of an agent on the one task: the agent's file, then the task's seed solution.

    Raises UnknownScaffold, or BadScaffold for several tasks, or a file that is no agent or has a name of the task's.
    """
    if len(tasks) != 1:
        raise BadScaffold(f"a Gödel agent takes one task, not {len(tasks)}. Name one, such as maxcut.")
    (task,) = tasks
    path = find_scaffold(name, "scaffolds/agents")
    try:
        text = path.read_text(encoding="utf-8")
        found, theirs = definitions(text), definitions(task.seed_source)
    except (OSError, UnicodeDecodeError, SyntaxError) as error:
        raise BadScaffold(f"agent {path}: {error}. Compare it with scaffolds/agents/godel.py.") from None
    try:
        check_entry(parse(text), EVOLVE, PARAMETERS)
    except BadScaffold as error:
        raise BadScaffold(f"agent {path}: {error}. Compare it with scaffolds/agents/godel.py.") from None
    if both := sorted(set(found) & set(theirs)):
        raise BadScaffold(f"agent {path}: {both[0]!r} is defined by the task {task.name} too. Rename it in the agent.")
    module = f"{text.rstrip()}\n\n\n{task.seed_source.strip()}\n"
    return Scaffold(module, sha(module))


@dataclass(frozen=True)
class Change:
    """One change of the module: the action that made it, and the text that came of it."""

    action: str
    text: str


@dataclass
class Module:
    """The text of an agent's module, as the host holds it, and how it came to be."""

    base: str
    entry: str
    free: bool
    changes: list[Change] = field(default_factory=list)

    @property
    def text(self) -> str:
        return self.changes[-1].text if self.changes else self.base

    def change(self, how: str, name: str, code: str, loads: Callable[[str], str]) -> str:
        """The definition as it is now, "" if there is none. loads: what is wrong when a text is loaded, or "".

        Raises BadChange, and then nothing is changed.
        """
        if not self.free and _is_action(name):
            raise BadChange(f"{name!r} is one of the actions, which a closed agent cannot change")
        text = changed(self.text, how, name, code)
        if problem := loads(text):
            raise BadChange(f"undone: {problem}")
        self.changes.append(Change(f"{how} {name}", text))
        return definitions(text).get(name, "")

    def undo(self) -> str:
        """Takes back the last change, once; the definition as it was, "" if there was none. Raises BadChange."""
        if not self.changes or self.changes[-1].action.startswith(UNDO):
            raise BadChange("nothing to undo")
        how, name = self.changes[-1].action.split(" ", 1)
        before = self.changes[-2].text if len(self.changes) > 1 else self.base
        self.changes.append(Change(f"{UNDO} {name}", before))
        return definitions(before).get(name, "")

    def restore(self, why: str) -> None:
        """Back to the last version that was kept."""
        if self.text != self.base:
            self.changes.append(Change(f"{UNDO} all: {why}", self.base))


def _is_action(name: str) -> bool:
    return name in ACTIONS or name.startswith("action_")


class Itself:
    """What an agent sees as `itself`: counts uses, and refuses beyond the budget of the step."""

    def __init__(self, module: Module, host: Host, history: Sequence[str], step: int) -> None:
        self._module, self._host, self._history, self._step = module, host, list(history), step
        self._meter = Meter(host.config.utility_calls_per_improver_run, "itself")
        self._reads = 0
        self.evaluated = self.stopped = False
        self.asked: list[str] = []
        self.methods: Mapping[str, Method] = {
            "look": Method(self._look, ()),
            "read": Method(self._read, ("text",)),
            "change": Method(self._change, ("text", "text", "text")),
            "undo": Method(self._undo, ()),
            "run": Method(self._run, ("text",)),
            "evaluate": Method(self._evaluate, ()),
            "stop": Method(self._stop, ()),
        }

    def mirror(self) -> dict[str, object]:
        return {
            "entry": self._module.entry, "statement": self._host.task.text, "history": self._history,
            "solution": needed(self._module.text, self._module.entry), "step": self._step,
            "budget": self._meter.budget, "uses": self._meter.uses,
        }  # fmt: skip

    def _look(self) -> str:
        self._count_a_read("look")
        kind = "free" if self._module.free else "closed"
        names = ", ".join(definitions(self._module.text))
        return f"{kind} agent; {self._meter.uses} of {self._meter.budget} uses; definitions: {names}"

    def _read(self, name: str | None) -> str:
        self._count_a_read("read")
        if not name:
            return self._module.text
        found = definitions(self._module.text)
        if name not in found:
            raise Refused("ValueError", f"no definition {name[:80]!r}; there are: {', '.join(found)}")
        return found[name]

    def _change(self, how: str | None, name: str | None, code: str | None) -> str:
        self._charge(how or "")
        try:
            return self._module.change(how or "", name or "", code or "", self._host.loads)
        except BadChange as error:
            raise Refused("ValueError", str(error)[:MOST_OBSERVATION_CHARS]) from None

    def _undo(self) -> str:
        try:
            return self._module.undo()
        except BadChange as error:
            raise Refused("ValueError", str(error)) from None

    def _run(self, code: str | None) -> str:
        self._charge("run")
        return self._host.run(self._module.text, code or "")

    def _evaluate(self) -> dict[str, object]:
        self._charge("evaluate")
        self.evaluated = True
        judged = self._host.on_train(self._module.text)
        return {"score": judged.score, "instances": judged.instances}

    def _stop(self) -> str:
        self.asked.append(STOP)
        self.stopped = True
        return "no further turn"

    def _count_a_read(self, action: str) -> None:
        self._reads += 1
        if self._reads > MOST_READS:
            raise Refused("BudgetExceeded", f"more than {MOST_READS} reads in a step")
        self.asked.append(action)

    def _charge(self, action: str) -> None:
        try:
            self._meter.charge()
        except BudgetExceeded as error:
            raise Refused("BudgetExceeded", str(error)) from None
        self.asked.append(neutral(action, most=MOST_ACTION_CHARS))


class Host:
    """What is done for an agent outside its own process: running texts, scoring them."""

    def __init__(self, bench: Bench) -> None:
        self.config = bench.config
        (self._utility,) = bench.utilities
        self.task = self._utility.task
        self._bench = bench
        self._limits = Limits(cpu_seconds=self.config.scaffold_cpu_seconds, memory_mb=self.config.scaffold_memory_mb)

    def start(self, *texts: Text) -> Child:
        """A fresh, confined process in which the texts have been loaded."""
        return self._bench.sandbox.start(*texts, limits=self._limits)

    def loads(self, text: str) -> str:
        """What goes wrong when the module is loaded, or ""."""
        with self.start(Text(FILE, text)) as child:
            ran = child.loaded
        return "" if ran.status == "ok" else f"{ran.status}: {ran.detail}"

    def run(self, text: str, code: str) -> str:
        """What code prints beside a copy of the module, and how it ends."""
        with self.start(Text(FILE, text), Text("code.py", code)) as child:
            ran = child.loaded
        ended = "" if ran.status == "ok" else f"{ran.status}: {ran.detail}"
        return f"{ran.output}\n{ended}".strip()[:MOST_OBSERVATION_CHARS] or "no output"

    def on_train(self, text: str) -> Judged:
        found = self._utility.evaluate(text, "train", TRAIN_BLOCK)
        return Judged(found.score, found.feedback if self.config.feedback else [])

    def scored(self, text: str, split: Split, block: int) -> tuple[ImproverRun, list[float]]:
        """The utility of the module on a block, and of each of its instances."""
        found = self._utility.evaluate(text, split, block)
        seed = self._utility.evaluate(self.task.seed_source, split, block).score
        self._bench.answers.keep_solution(text)
        run = ImproverRun(self.task.name, 0, "ok", sha(text), found.score, seed, found.counts)
        return run, [outcome.score for outcome in found.outcomes]

    def model(self, draw: Draw) -> ModelHandle:
        c = self.config
        return ModelHandle(self._bench.ask, draw, c.prompts_per_improver_run, c.responses_per_prompt, c.max_tokens)


@dataclass(frozen=True)
class Step:
    """What came of the turns up to an evaluation."""

    changes: Sequence[Change]
    base: str
    spent: Spent
    ran: int  # turns that did not fail
    failure: str  # how the last turn that failed did
    timed_out: bool
    evidence: Record

    @property
    def text(self) -> str:
        return self.changes[-1].text if self.changes else self.base


def take_turns(base: str, history: Sequence[str], host: Host, draw: Draw) -> Step:
    """Calls `evolve` until the agent evaluates itself, stops, or has had its turns. Never raises for what it does.

    A turn that fails undoes all that was changed since the last version that was kept, and the agent is told why.
    """
    module = Module(base, host.task.entry, host.config.agent == "free")
    itself, model = Itself(module, host, history, draw.step), host.model(draw)
    named: dict[str, Handle] = {"itself": itself, "language_model": model}
    seen: list[str] = []
    ran = failures = 0
    failure, timed_out = "", False
    child = host.start(Text(FILE, base))
    try:
        for turn in range(host.config.prompts_per_improver_run):
            args = wire.pack([seen[-WINDOW:]])
            found = child.call(EVOLVE, args, seed=(draw.sandbox_seed() + turn) % 2**32, handles=named)
            said, failure_now = _observed(found)
            seen.append(said)
            if failure_now:
                failure, timed_out = failure_now, timed_out or found.status == "timeout"
                failures += 1
                itself.evaluated = False
                module.restore(failure_now)
                child.close()
                child = host.start(Text(FILE, base))
            else:
                ran, failures = ran + 1, 0
            if itself.evaluated or itself.stopped or failures == FAILURES:
                break
    finally:
        child.close()
    if itself.stopped:
        module.changes.append(Change(STOP, module.text))
    evidence = {"turns": len(seen), "prompts": model.mirror()["times_used"], "actions": itself.asked[:MOST_ACTIONS]}
    return Step(tuple(module.changes), base, model.spent, ran, failure, timed_out, evidence)


def _observed(ran: Ran) -> tuple[str, str]:
    """(what the agent is told of a turn, how it failed or "")."""
    if ran.status != "ok":
        why = neutral(f"{ran.status}: {ran.detail}", most=MOST_OBSERVATION_CHARS)
        return f"{why}; all changes since the last version that was kept are undone", why
    try:
        said = ran.value()
    except wire.WireError as error:
        return str(error), ""
    return (said[:MOST_OBSERVATION_CHARS] if isinstance(said, str) else f"returned {type(said).__name__}"), ""


class Evolution(Recursion):
    """A run of one agent on one task. `meta_utility` of its versions is their utility on val."""

    measure = "utility"

    def __init__(self, bench: Bench, *rest: Any) -> None:
        super().__init__(bench, *rest)
        self._host = Host(bench)

    @property
    def steps(self) -> int:
        """Evaluations, and other ends of steps, after the seed's."""
        versions = self._ledger.lineage.versions
        return versions[-1].step if versions else 0

    @property
    def stopped(self) -> str:
        """agent, once it has said that it takes no further turn."""
        return "agent" if self.begun and self._ledger.lineage.versions[-1].detail == STOP else ""

    def run(self, seed: Scaffold, steps: int) -> None:
        if not self.begun:
            self.score_seed(seed)
        while self.steps < steps and not self.stopped:
            self.step()

    def score_seed(self, seed: Scaffold) -> Version:
        """Version 0: the agent as it was given, on the first val block."""
        started, unit = self._begin("seed")
        run, _ = self._host.scored(seed.source, "val", 0)
        version = Version(0, seed.sha, "", None, 0, 0, "seed", run.utility, None, 1, Spent())
        why = "the first version"
        decision = Decision(0, 0, "seed", {"child": run.utility}, 1, None, 0, "seed", "rule", why)
        outcomes = [run.record(version=0, split="val", block=0, unit=unit)]
        self._finish(Ending(unit, outcomes, version, [decision], seed.source, time.monotonic() - started))
        self._tell(f"seed: utility {run.utility:.4f} on val block 0")
        return version

    def step(self) -> Version:
        """Turns up to an evaluation; then val decides whether the module that came of them is kept."""
        number = self.steps + 1
        started, unit = self._begin(f"step {number}")
        base = self._ledger.lineage.current()
        made = self._turns(base, number)
        verdict, runs = self._judged(made, number)
        *drafts, version = self._born(made, base, verdict, Score.of(runs[:1]), number)
        draft = Verdict("draft", "not evaluated", {})
        unevaluated = [
            Unevaluated(one, _decision(one, draft, "draft"), change.text)
            for one, change in zip(drafts, made.changes, strict=False)
        ]
        judged = replace(verdict, evidence={**made.evidence, **verdict.evidence})
        decisions = [_decision(version, judged, "better")]
        if not made.ran and base.id:
            fallen = Verdict("rolled_back", "its evolve failed in every turn of the next step", {})
            decisions.insert(0, replace(_decision(base, fallen, "evolve"), step=number))
        outcomes = [
            run.record(version=whose.id, split="val", block=number, unit=unit)
            for whose, run in zip((version, base), runs, strict=False)
        ]
        seconds = time.monotonic() - started
        self._finish(Ending(unit, outcomes, version, decisions, made.text, seconds, drafts=unevaluated))
        self._tell(f"step {number}: version {version.id} {version.status}, {decisions[-1].why}")
        return version

    def _on_test(self, source: str) -> list[ImproverRun]:
        return [self._host.scored(source, "test", 0)[0]]

    def _turns(self, base: Version, number: int) -> Step:
        """A time-out is believed when it happens twice, as an improver's is."""
        draw = Draw(self._config.seed, "propose", step=number)
        source, history = self._source(base.sha), self._history()

        def tried() -> Step:
            return unless_lost(lambda: take_turns(source, history, self._host, draw))

        made = tried()
        if made.timed_out:
            with self._bench.second_try:
                made = tried()
        return made

    def _history(self) -> list[str]:
        """What an agent is told of the last versions; nothing of val but the verdict."""
        lineage = self._ledger.lineage
        return [f"version {v.id}: {v.detail}: {lineage.standing[v.id]}" for v in lineage.versions[1:][-WINDOW:]]

    def _judged(self, made: Step, number: int) -> tuple[Verdict, list[ImproverRun]]:
        """Kept: higher on val, or the same on every instance, as changes of the agent's own logic are."""
        if not made.ran:
            return Verdict("failed", f"no turn came to an end: {made.failure}", {}), []
        if canonical(made.text) == canonical(made.base):
            return Verdict("not_better", "the same program as its parent", {}), []
        if lacking := [name for name in (EVOLVE, self._host.task.entry) if name not in definitions(made.text)]:
            return Verdict("failed", f"defines no {lacking[0]}", {}), []
        (child, of_child), (parent, of_parent) = (self._host.scored(t, "val", number) for t in (made.text, made.base))
        verdict = better([child], [parent])
        if of_child == of_parent:
            verdict = replace(verdict, status="kept", why=f"{child.utility:.4f}, the same on every instance of val")
        return verdict, [child, parent]

    def _born(self, made: Step, base: Version, verdict: Verdict, score: Score, number: int) -> list[Version]:
        """A version for every change; the last one is judged, those before it are drafts."""
        born: list[Version] = []
        for change in made.changes or [Change("no change", made.base)]:
            parent = born[-1] if born else base
            id, action = len(self._ledger.lineage.versions) + len(born), neutral(change.action, most=MOST_ACTION_CHARS)
            version = Version(
                id, sha(change.text), parent.sha, parent.id, number, parent.generation + 1, "draft", 0.0, None, 0,
                Spent(), action,
            )  # fmt: skip
            born.append(version)
        judged = replace(
            born[-1], status=verdict.status, meta_utility=score.mean, stderr=score.stderr, n=score.n, spent=made.spent
        )
        return [*born[:-1], judged]


def _decision(version: Version, verdict: Verdict, rule: str) -> Decision:
    why = f"{version.detail}: {verdict.why}"
    return Decision(
        version.id, version.step, rule, verdict.evidence, version.n, None, version.step, verdict.status, "rule", why
    )


def loop(config: RunConfig) -> type[Recursion]:
    """What carries out a run."""
    return Evolution if config.agent else Recursion
