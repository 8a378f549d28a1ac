"""Meta-utility: an improver, by what it makes of every task's seed solution (STOP's u-hat).

Owns: improver runs on the tasks, in parallel, equal improvers once; what an improver is told of this score. Does not
own: one improver run (rewrite), one solution's score (utility), which improver is kept (accept).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Executor, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass

from stop.budget import RunMeter, SearchMeter
from stop.cache import Answers, Once
from stop.draw import Draw, Purpose
from stop.lineage import ImproverRun, Score, Spent
from stop.model import LanguageModel, Reply, Request
from stop.rewrite import Handles, Judged, ModelHandle, Rewritten, UtilityHandle, rewrite
from stop.sandbox import Limits, Sandbox, unless_lost
from stop.scaffold import BadScaffold, Scaffold, canonical, digest, sha
from stop.settings import RunConfig
from stop.task import Split
from stop.utility import Utility

NOTHING = nullcontext()
TRAIN_BLOCK = 0  # improver runs always feel their way on the same train instances
FRESH_BLOCKS = 1_000_000  # val blocks that no step reaches: this one is the noise floor's, + k the canary's of step k


@dataclass(frozen=True)
class Exam:
    """On what, with which draws and prompts, an improver is scored."""

    purpose: Purpose
    split: Split
    block: int
    repeats: int
    first: int = 0  # the first repeat of these
    prompts: tuple[tuple[str, int], ...] = ()  # task, and how many an improver run on it may make; else as in settings


@dataclass(frozen=True)
class Bench:
    """What improver runs need: the tasks, the model, the sandbox, and threads to run in."""

    config: RunConfig
    utilities: Sequence[Utility]
    model: LanguageModel
    sandbox: Sandbox
    answers: Answers
    meter: RunMeter
    runners: Executor  # improver runs
    measurers: Executor  # solutions of one `utility.map`
    callers: Executor | None  # requests to a model behind a server; None: one after the other is faster
    second_try: threading.Lock  # of improver runs on tasks: one at a time
    notify: Callable[[str], None]  # "run" after every improver run, "candidate" after every improver scored

    def ask(self, requests: Sequence[Request]) -> list[Reply]:
        """The replies, in the order of the requests. If one cannot be had, the others are still waited for."""

        def one(request: Request) -> Reply:
            return self.answers.reply(self.model, request, self.meter)

        if self.callers is None:
            return [one(request) for request in requests]
        # one alone too: Ctrl-C interrupts the main thread, and a reply that is paid for must not be lost by it
        futures = [self.callers.submit(one, request) for request in requests]
        for future in futures:
            with suppress(CancelledError):  # of one that was not begun when the run ended; `wait` would not see it
                future.exception()
        return [future.result() for future in futures]

    def utility(self, text: str, judge: Callable[[Sequence[str | None]], list[Judged]]) -> UtilityHandle:
        """A utility as a scaffold sees it, with the settings' budget and feedback."""
        c = self.config
        return UtilityHandle(text, c.utility_calls_per_improver_run, judge, feedback=c.feedback)

    def handles(self, utility: UtilityHandle, draw: Draw, prompts: int | None = None) -> Handles:
        """prompts: how many the improver may make, if not as many as the settings say."""
        c = self.config
        most = c.prompts_per_improver_run if prompts is None else prompts
        model = ModelHandle(self.ask, draw, most, c.responses_per_prompt, c.max_tokens)
        return Handles(utility, model)

    def rewrite(
        self, scaffold: str, target: str, handles: Callable[[], Handles], again: AbstractContextManager = NOTHING
    ) -> Rewritten:
        """One improver run. A time-out is believed when it happens twice; `again` is entered for the second try."""
        limits = Limits(cpu_seconds=self.config.scaffold_cpu_seconds, memory_mb=self.config.scaffold_memory_mb)

        def tried() -> Rewritten:
            return unless_lost(lambda: rewrite(scaffold, target, handles(), self.sandbox, limits))

        made = tried()
        if made.status == "timeout":
            with again:
                made = tried()
        return made


class MetaUtility:
    """Scores improvers on all tasks of a run. Thread-safe; improvers with equal canonical text are run once."""

    def __init__(self, bench: Bench, search: SearchMeter) -> None:
        """search: counts the calls of all exams but those on test."""
        self._bench = bench
        self._search = search
        self._runs: Once[list[ImproverRun]] = Once()

    @property
    def text(self) -> str:
        """What an improver is told when it improves an improver: what it says is what is scored."""
        c, names = self._bench.config, ", ".join(u.task.name for u in self._bench.utilities)
        return (
            f"A program is scored by how well it improves other programs. It is run {c.repeats} times on each of these "
            f"tasks: {names}. Each time, `improve_algorithm(initial_solution, utility, language_model)` gets a weak "
            "program, `utility(program)`, which scores a program of the task in [0, 1] "
            f"(at most {c.utility_calls_per_improver_run} times), and `language_model`, which may be prompted "
            f"{c.prompts_per_improver_run} times for at most {c.responses_per_prompt} replies each. It returns the "
            "improved program as text. The score is the mean, over all runs, of what the returned programs score on "
            "their tasks; a run that raises, returns no text or uses more than "
            f"{c.scaffold_cpu_seconds:g} s of CPU time or {c.scaffold_memory_mb} MB of its own scores 0."
        )

    def handle(self, exam: Exam) -> UtilityHandle:
        """The meta-utility as a scaffold sees it."""

        def judge(texts: Sequence[str | None]) -> list[Judged]:
            return [_judged(runs, text) for runs, text in zip(self.many(texts, exam), texts, strict=True)]

        return self._bench.utility(self.text, judge)

    def runs(self, source: str | None, exam: Exam) -> list[ImproverRun]:
        """The improver runs of one improver, in order of repeat and task; [] if the text cannot be an improver."""
        try:
            text = canonical(Scaffold.checked(source or "").source)
        except (BadScaffold, SyntaxError):
            return []
        made: list[bool] = []

        def make() -> list[ImproverRun]:
            made.append(True)
            return self._run_all(text, exam)

        found = self._runs.get(f"{digest(text)}/{exam}", make)
        if not made:
            self._count(sum(r.spent.llm_calls for r in found), exam)
        return found

    def _count(self, calls: int, exam: Exam) -> None:
        if exam.purpose != "test":
            self._search.add(calls)

    def many(self, texts: Sequence[str | None], exam: Exam) -> list[list[ImproverRun]]:
        """The improver runs of several improvers, at the same time."""
        if len(texts) < 2:
            return [self.runs(text, exam) for text in texts]
        # threads that only wait for the runners: a candidate each, so that none holds up the next
        with ThreadPoolExecutor(max_workers=len(texts)) as waiting:
            return list(waiting.map(lambda text: self.runs(text, exam), texts))

    def _run_all(self, text: str, exam: Exam) -> list[ImproverRun]:
        found = self._repeats(text, exam, range(exam.first, exam.first + 1))
        rest = range(exam.first + 1, exam.first + exam.repeats)
        if exam.purpose == "train" and all(r.status != "ok" for r in found):
            # hopeless: decided on the first repeat of every task, so that it depends on no worker's speed
            found += [_not_run(u, repeat) for repeat in rest for u in self._bench.utilities]
        else:
            found += self._repeats(text, exam, rest)
        if exam.first == 0:
            self._bench.notify("candidate")
        return found

    def _repeats(self, text: str, exam: Exam, repeats: range) -> list[ImproverRun]:
        submit, utilities = self._bench.runners.submit, self._bench.utilities
        futures = [submit(self._run, text, u, repeat, exam) for repeat in repeats for u in utilities]
        wait(futures)  # if one cannot be had, too: nothing of an abandoned step may go on behind its end
        return [f.result() for f in futures]

    def _run(self, text: str, utility: Utility, repeat: int, exam: Exam) -> ImproverRun:
        bench, task = self._bench, utility.task
        self._count(0, exam)
        draw = Draw(bench.config.seed, exam.purpose, exam.block, task.name, repeat)

        def judge(texts: Sequence[str | None]) -> list[Judged]:
            def one(solution: str | None) -> Judged:
                found = utility.evaluate(solution, "train", TRAIN_BLOCK)
                return Judged(found.score, found.feedback)

            return list(map(one, texts) if len(texts) < 2 else bench.measurers.map(one, texts))

        def handles() -> Handles:
            return bench.handles(bench.utility(task.text, judge), draw, dict(exam.prompts).get(task.name))

        made = bench.rewrite(text, task.seed_source, handles, bench.second_try)
        self._count(made.spent.llm_calls, exam)
        seed = utility.evaluate(task.seed_source, exam.split, exam.block).score
        bench.notify("run")
        if made.status != "ok":
            return ImproverRun(task.name, repeat, made.status, seed_utility=seed, detail=made.detail, spent=made.spent)
        scored = utility.evaluate(made.text, exam.split, exam.block)
        bench.answers.keep_solution(made.text)
        return ImproverRun(task.name, repeat, "ok", sha(made.text), scored.score, seed, scored.counts, spent=made.spent)


def _judged(runs: Sequence[ImproverRun], text: str | None) -> Judged:
    if not runs:
        return Judged(0.0, [{"task": "", "status": "failed", "score": 0.0, "detail": _fault(text)}])
    rows = [{"task": r.task, "status": r.status, "score": r.utility, "detail": r.detail} for r in runs]
    return Judged(Score.of(runs).mean, rows, sum((r.spent for r in runs), Spent()))


def _fault(text: str | None) -> str:
    """Why a text cannot be an improver."""
    try:
        Scaffold.checked(text or "")
    except BadScaffold as error:
        return str(error)
    return ""


def _not_run(utility: Utility, repeat: int) -> ImproverRun:
    return ImproverRun(utility.task.name, repeat, "not_run", detail="not run: it failed on every task before")
