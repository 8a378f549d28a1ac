"""The closing block: what a run came to, one `key: value` a line, read off its folder alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stop.chain import Record
from stop.frames import Run, load

if TYPE_CHECKING:
    from stop.session import Plan

NOT_MEASURED = "not measured"


def finished(plan: Plan) -> bool:
    """Whether the folder already holds all that the plan asks for, and is sealed."""
    run = load(plan.means.out)
    whole = run.steps >= plan.config.generations or ended(run) != "done"
    return run.seal == "whole" and whole and looked_at_test(run)


def looked_at_test(run: Run) -> bool:
    """Whether the look at test after the last step is over."""
    return _last_look(run) is not None


def ended(run: Run) -> str:
    """What ended the steps of a run that was looked at on test: done, or search_calls, which a control may ask for."""
    return (_last_look(run) or {}).get("ended", "done")


def _last_look(run: Run) -> Record | None:
    """The look at test after the last step, if it was finished."""
    unit = f"test after step {run.steps}"
    return next((look for look in run.settings["looks"]["test"] if look["done"] and look["unit"] == unit), None)


def block(run: Run, stopped: str) -> str:
    """The block, after a line `---`. stopped: done, or the budget that ended the run."""
    from stop.neutral import neutral

    return "---\n" + "\n".join(f"{key}: {neutral(str(value))}" for key, value in rows(run, stopped).items())


def rows(run: Run, stopped: str) -> dict[str, Any]:
    """The lines of the block. stopped: as for `block`."""
    kept = [v for v in run.standing.items() if v[1] == "kept"]
    seed, best = 0, run.best
    near = sum(bool(t.get("near_limit")) for t in run.timing if t["kind"] == "evaluation")
    drafts = sum(verdict == "draft" for verdict in run.standing.values())
    return {
        "run": run.path,
        "versions": len(run.versions) - drafts,
        **({"drafts": drafts} if drafts else {}),
        "kept": len(kept),
        "seed_meta_utility": _number(run.meta_utility(seed)),
        "best_meta_utility": _number(run.meta_utility(best)),
        "seed_test_utility": _number(run.test_utility(seed)),
        "best_test_utility": _number(run.test_utility(best)),
        "test_looks": len(run.settings["looks"]["test"]),
        "evidence": _evidence(run),
        "llm_calls": run.llm_calls,
        "cached_calls": run.llm_calls - run.fresh_calls,
        "usd": "unknown" if run.usd is None else f"{run.usd:.4f}",
        "near_limit": near,
        "incidents": len(run.incidents),
        "seal": run.seal,
        "stopped": stopped,
        "next": f"python -m stop.show {run.path}",
    }


def _number(value: float | None) -> str:
    return NOT_MEASURED if value is None else f"{value:.4f}"


def _evidence(run: Run) -> str:
    decided = run.rows("decisions.jsonl")
    rule = run.settings["config"]["accept"]
    kept = [d for d in decided if d["rule"] == rule and run.standing[d["id"]] == "kept"]
    levels = [d["level"] for d in decided if d["level"] is not None]
    if not kept:
        tests = f" in {len(levels)} tests at levels of {sum(levels):.4f} in all" if rule == "paired" else ""
        return f"none: no version was kept by the rule {rule}{tests}"
    n = min(d["n"] for d in kept)
    if rule == "paired":
        return (
            f"anytime-valid (n={n} or more paired improver runs each; a chance of at most {sum(levels):.4f} to keep "
            f"any child that is no better on its val block, over {len(levels)} tests); no control at equal calls"
        )
    if run.measure == "utility":
        return (
            "weak (a utility that is no lower, of one program on one val block; no test of significance, no control at "
            "equal calls; utilities of different versions are from different blocks)"
        )
    return (
        f"weak (n={n}; {rule}: a higher mean over improver runs on one val block; no test of significance, no control "
        "at equal calls; meta-utilities of different versions are from different blocks)"
    )
