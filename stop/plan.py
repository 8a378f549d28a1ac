"""A run that was asked for and checked, before anything of it exists.

Owns: what run.json of a new run holds, whether a folder may take the run. Does not own: options (arguments), doing it
(session).
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stop.chain import FORMAT, BadFolder, Record, read_run
from stop.controls import arm_of
from stop.frames import checked_run, load
from stop.ledger import check_look
from stop.model import LanguageModel, UnknownModel
from stop.model.remote import RemoteModel
from stop.sandbox import LEVELS, SandboxError, usable
from stop.scaffold import Scaffold
from stop.settings import BUDGETS, RunConfig
from stop.task import Task

PACKAGES = ("numpy", "msgpack", "scipy", "stop")
AXES = {  # of the five axes of recursive self-improvement on which a run is placed, those that no setting changes
    "target": "the scaffold's own source; the model is fixed",
    "timing": "between improver runs, one version after the other",
    "mechanism": "the current version prompts the model to rewrite its own source and keeps the best by train",
    "context": "its own source and a description of the meta-utility; no history",
}
OF_AN_AGENT = {  # the same for a Gödel agent
    "target": "the agent's module: its own logic, its actions if it is free, its program; the model is fixed",
    "timing": "while it runs: a change takes effect at once",
    "mechanism": "the agent names an action, to read, change, run or evaluate itself; what val does not keep is undone",
    "context": "its own source, what its last actions came to, its last versions and whether they were kept",
    "evidence": "a higher utility on a fresh val block, or the same on each instance; test only after the last step",
}
AS_THEY_ARE = {  # of a transfer, in which nothing is improved
    "timing": "none: nothing is changed",
    "mechanism": "none: improvers of a run as they are, and best_of_n at no fewer calls",
    "evidence": "paired improver runs on test, one look",
}
EVIDENCE = {  # of a kept version, by the rule; the fifth axis
    "better": "a higher mean of paired improver runs on a fresh val block",
    "paired": "an anytime-valid test of paired improver runs on a fresh val block, at a level for the whole run",
    "always": "none: every child that works is kept",
}


@dataclass(frozen=True)
class Means:
    """How a run is carried out: may differ at every resume, and changes no record."""

    out: Path
    workers: int
    cache: Path | None = None  # a folder for replies shared between runs; None: the usual one of models that cost money
    no_cache: bool = False  # whether none are shared
    look_again: bool = False  # whether test may be looked at more than once


@dataclass(frozen=True)
class Plan:
    """A checked run, before anything is created."""

    config: RunConfig
    tasks: Sequence[Task]
    scaffold: Scaffold
    means: Means
    like: str = ""  # the name of the folder whose settings and calls a control takes
    transfer: Record = field(default_factory=dict)  # of a transfer: where its improver comes from, and the seen tasks

    def record(self, model_id: str) -> Record:
        """run.json of a new run."""
        return {
            "format": FORMAT,
            "config": self.config.record(),
            "model": model_id,
            "scaffold": self.scaffold.sha,
            "tasks": {t.name: {"sha": t.sha, "scorer_sha": t.scorer_sha} for t in self.tasks},
            "python": platform.python_version(),
            "packages": {name: importlib.metadata.version(name) for name in PACKAGES},
            "axes": self._axes,
            "looks": {"val": [], "test": []},
            **({"measure": "utility"} if self.config.agent else {}),
            **({"like": self.like} if self.like else {}),
            **({"transfer": self.transfer} if self.transfer else {}),
        }

    @property
    def _axes(self) -> Record:
        if self.transfer:
            return {**AXES, **AS_THEY_ARE}
        if self.config.agent:
            return OF_AN_AGENT
        lacks = arm_of(self.config).lacks
        mechanism = AXES["mechanism"]
        if self.config.policy != "chain":
            mechanism = mechanism.replace("the current version", f"a version chosen by the policy {self.config.policy}")
        found = {
            **AXES,
            "mechanism": mechanism,
            "evidence": f"{EVIDENCE[self.config.accept]}; test only after the last step",
        }
        return {**found, "mechanism": f"control, without {lacks}"} if lacks else found


def level(asked: str, out: Path) -> str:
    """The level of confinement that is meant: with `auto`, the one of the run in `out`, else what works here.

    Raises SandboxError for one that does not work on this machine, and BadFolder if that is the run's own.
    """
    if asked == "none":
        return asked
    recorded = _recorded_level(out) if asked == "auto" else ""
    try:
        return usable(recorded or asked).name
    except SandboxError as why:
        if recorded:
            raise BadFolder(f"--out {out}: was made with sandbox {recorded!r}: {why}. Give another --out.") from None
        raise


def _recorded_level(out: Path) -> str:
    """That of the run which is there, if it had one; what is wrong with the folder is said later."""
    try:
        found = RunConfig.of(read_run(out)["config"]).sandbox
    except (OSError, ValueError, LookupError, TypeError):
        return ""
    return found if found in LEVELS else ""


def check_budget(config: RunConfig, model: LanguageModel) -> None:
    """Raises UnknownModel for a budget of dollars that cannot be held."""
    if config.budget_usd and isinstance(model, RemoteModel) and model.price is None:
        raise UnknownModel(
            f"--budget-usd: the price of {model.id} is unknown. Give it in a file that STOP_PRICES names "
            "(python -m stop.models shows how), or give --budget-calls."
        )


SKETCH = ("run.json.part",)  # what a kill may leave of a folder before it is a run
BY_CONTENT = ("tasks", "scaffold", "model")  # compared by what they are, not by how they were named
MAY_CHANGE = ("generations", *BUDGETS)  # on resume; all else would change what the records mean


def check_out(plan: Plan, model_id: str) -> bool:
    """Whether --out holds this very run already. Raises BadFolder if it cannot take it. Creates nothing."""
    out = plan.means.out
    try:
        if not out.exists():
            _check_parent(out)
            return False
        if not out.is_dir():
            raise BadFolder(f"--out {out}: is a file, not a folder. Give another --out.")
        _check_writable(out, out)
        if not (out / "run.json").is_file():
            if any(p.name not in SKETCH for p in out.iterdir()):
                raise BadFolder(
                    f"--out {out}: holds other files and no run.json. Give another --out, or an empty folder."
                )
            return False
    except OSError as error:
        raise BadFolder(f"--out {out}: {error.strerror or error}. Give another --out.") from None
    check_same(plan, model_id)
    return True


def check_same(plan: Plan, model_id: str) -> None:
    """Refuses what would change the meaning of the records that are there, naming it. Raises BadFolder."""
    out = plan.means.out
    wanted, found = plan.record(model_id), checked_run(out)
    then_set = RunConfig.of(found["config"]).record()  # with the defaults of settings that it was made without
    fixed = [k for k in wanted["config"] if k not in (*MAY_CHANGE, *BY_CONTENT)]
    pairs: list[tuple[str, Any, Any]] = [
        ("tasks", list(wanted["tasks"]), list(found["tasks"]))
    ]  # first what explains other differences
    pairs += [(f"config {k}", wanted["config"][k], then_set[k]) for k in sorted(fixed, key=lambda k: k != "agent")]
    pairs += [(k, wanted[k], found.get(k)) for k in ("format", "model", "scaffold")]
    for task, shas in wanted["tasks"].items():
        pairs += [(f"task {task} ({key})", shas[key], found["tasks"].get(task, {}).get(key)) for key in shas]
    for name, now, then in pairs:
        if now != then:
            raise BadFolder(f"--out {out}: was made with {name} {then!r}, now it is {now!r}. Give another --out.")
    if plan.config.budget_usd and found.get("price", {}) is None:
        raise BadFolder(
            f"--out {out}: holds calls whose price was unknown, so --budget-usd cannot be held. Give --budget-calls, "
            "or another --out."
        )
    steps, asked = found["config"]["generations"], plan.config.generations
    if asked < steps:
        raise BadFolder(f"--out {out}: has {steps} generations, now {asked} are asked for. More may be, fewer not.")
    if not plan.means.look_again:
        _check_looks(out, found, asked)


def _check_looks(out: Path, found: Record, steps: int) -> None:
    """Refuses steps after test was seen, before they are paid for. Where none is left, the look itself refuses."""
    taken = max(0, load(out).steps)
    last = [look for look in found["looks"]["test"] if look["unit"] == f"test after step {taken}"]
    over = any("ended" in look for look in last)  # by something other than the number of steps
    if steps > taken and not over:
        check_look(out, found, f"test after step {steps}")


def other_packages(plan: Plan, model_id: str) -> str:
    """The packages that differ from those with which the run was begun, in one line; "" if none does."""
    wanted, found = plan.record(model_id), checked_run(plan.means.out)
    then, now = ({**run.get("packages", {}), "Python": run.get("python")} for run in (found, wanted))
    return ", ".join(f"{name} {then.get(name)} then, {now[name]} now" for name in now if then.get(name) != now[name])


def _check_parent(out: Path) -> None:
    if out.is_symlink():
        raise BadFolder(f"--out {out}: is a link to nothing. Give another --out.")
    parent = next(p for p in out.absolute().parents if p.exists())
    if not parent.is_dir():
        raise BadFolder(f"--out {out}: {parent} is not a folder. Give another --out.")
    _check_writable(parent, out)


def _check_writable(folder: Path, out: Path) -> None:
    if not os.access(folder, os.W_OK | os.X_OK):
        raise BadFolder(f"--out {out}: {folder} is not writable. Give another --out.")
