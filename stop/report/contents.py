"""What a report says of runs: plain data for the page, read off the run folders alone.

Owns: which facts are in it, and that all fit in MOST_CHARS for some hundred versions. Does not own: what they mean
(frames, closing, compare), how they are shown (page.js). Every text is neutralised here, once.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stop.chain import Record
from stop.closing import ended, looked_at_test, rows
from stop.neutral import neutral
from stop.report.exchanges import exchanges
from stop.report.page import embedded
from stop.report.sources import packed
from stop.show import versions_of

if TYPE_CHECKING:
    from stop.frames import Run
    from stop.lineage import Version

MOST_CHARS = 1_800_000  # of the whole record
SOURCES = 0.4  # the share of it that sources may take
MOST_INCIDENTS = 200
MOST_TEXT = 700  # of a reason or an error
MOST_TROUBLE = 200  # of the same in the table of improver runs, of which there are thousands
FIRST_OUTCOME = ("version", "task", "repeat", "split", "block", "status", "utility", "seed_utility", "llm_calls")


def contents(runs: Sequence[Run]) -> Record:
    """The record of the page. Raises LookupError for a run without versions, BadFolder for a damaged one."""
    room = MOST_CHARS // len(runs)
    return {"runs": [_run(run, room) for run in runs], "compared": _compared(runs)}


def _run(run: Run, room: int) -> Record:
    try:
        versions = versions_of(run)
        found = {
            "name": run.path.resolve().name, "about": _about(run), "measure": run.measure, "block": _block(run),
            "versions": _versions(run, versions), "decisions": _decisions(run), "outcomes": _outcomes(run),
            "incidents": _incidents(run), "costs": _costs(run, versions), "control": _control(run),
            "card": _card(run), "replay": _replay(run), "best": run.best,
        }  # fmt: skip
    except (KeyError, TypeError, AttributeError) as error:
        raise LookupError(f"{run.path}: a record is not what a run writes ({type(error).__name__}: {error}).") from None
    plain: Record = _neutral(found)
    sources = packed(versions, run.source, int(room * SOURCES))
    left = room - len(embedded(plain)) - len(embedded(sources))
    return {**plain, "sources": sources, "exchanges": exchanges(run, versions, left)}


def _neutral(value: Any) -> Any:
    """The same data with every text made harmless and no longer than MOST_TEXT; numbers with six digits."""
    if isinstance(value, dict):
        return {neutral(str(k), most=MOST_TEXT): _neutral(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_neutral(v) for v in value]
    if isinstance(value, float):
        return float(f"{value:.6g}")
    return value if value is None or isinstance(value, bool | int) else neutral(str(value), most=MOST_TEXT)


# -- what it came to ---------------------------------------------------------------------------------------------------
def _about(run: Run) -> str:
    config = run.settings["config"]
    how = f"agent {config['agent']}" if config.get("agent") else f"policy {config['policy']}, accept {config['accept']}"
    tasks, scaffold = (
        ", ".join(Path(name).name for name in named) for named in (config["tasks"], [config["scaffold"]])
    )
    return f"{run.settings['model']} on {tasks}; scaffold {scaffold}, {how}"


def _block(run: Run) -> list[list[str]]:
    """The closing block; of a run that is not over it says how far it came."""
    asked = run.settings["config"]["generations"]
    stopped = ended(run) if looked_at_test(run) else f"not finished: {run.steps} of {asked} steps"
    return [[key, str(value)] for key, value in rows(run, stopped).items()]


def _versions(run: Run, versions: Sequence[Version]) -> list[Record]:
    units = {row["id"]: row["unit"] for row in run.rows("lineage.jsonl")}
    rivals = {d["id"]: d["evidence"]["parent"] for d in run.rows("decisions.jsonl") if "parent" in d["evidence"]}
    seconds = {t["unit"]: t["seconds"] for t in run.timing if t["kind"] == "unit" and "seconds" in t}
    return [
        {"id": v.id, "sha": v.sha, "parent": v.parent_id, "parent_sha": v.parent, "step": v.step,
         "generation": v.generation, "standing": run.standing.get(v.id, v.status), "score": v.meta_utility,
         "stderr": v.stderr, "n": v.n, "rival": rivals.get(v.id), "detail": v.detail, "unit": units[v.id],
         "calls": v.spent.llm_calls, "tokens": v.spent.input_tokens + v.spent.output_tokens, "usd": v.spent.usd,
         "seconds": seconds.get(units[v.id]), "test": run.test_utility(v.id) if v.id in (0, run.best) else None}
        for v in versions
    ]  # fmt: skip


def _decisions(run: Run) -> list[Record]:
    names = ("id", "step", "rule", "verdict", "who", "why", "n", "level", "block", "evidence")
    return [{name: row.get(name) for name in names} for row in run.rows("decisions.jsonl")]


def _outcomes(run: Run) -> Record:
    """Improver runs of versions as a table; `counts` only where some instance has no score."""
    lines = [
        [*(row.get(name) for name in FIRST_OUTCOME), row.get("solution", ""), _trouble(row)]
        for row in run.rows("outcomes.jsonl")
        if row["version"] is not None
    ]
    return {"columns": [*FIRST_OUTCOME, "solution", "trouble"], "rows": lines}


def _trouble(row: Record) -> str:
    """What went wrong in an improver run; empty if nothing did."""
    counts = row.get("counts", {})
    lost = ", ".join(f"{n} {status}" for status, n in counts.items()) if {*counts} - {"scored"} else ""
    return "; ".join(
        part for part in (str(row.get("detail", ""))[:MOST_TROUBLE], f"instances: {lost}" if lost else "") if part
    )


def _incidents(run: Run) -> Record:
    found = run.rows("incidents.jsonl")
    names = ("unit", "kind", "task", "sha", "split", "block", "detail")
    return {"total": len(found), "rows": [[row.get(n, "") for n in names] for row in found[:MOST_INCIDENTS]],
            "columns": names}  # fmt: skip


# -- what it cost ------------------------------------------------------------------------------------------------------
def _costs(run: Run, versions: Sequence[Version]) -> Record:
    on_test = [row for row in run.rows("outcomes.jsonl") if row["split"] == "test"]
    spent = [(v.spent.llm_calls, v.spent.input_tokens, v.spent.output_tokens, v.spent.usd) for v in versions]
    tested = [(r["llm_calls"], r["input_tokens"], r["output_tokens"], r["usd"]) for r in on_test]
    priced = run.settings.get("price", {}) is not None
    seconds = [t["seconds"] for t in run.timing if t["kind"] == "unit" and "seconds" in t]
    cpu = [t["cpu_seconds"] for t in run.timing if t["kind"] == "evaluation"]
    return {
        "nominal": [
            [name, *(sum(column) for column in zip(*rows, strict=True))] if rows else [name, 0, 0, 0, 0.0]
            for name, rows in (("search: the seed's score and all steps", spent), ("looks at test", tested))
        ],
        "priced": priced,
        "really": [
            ["calls that were not answered from what was known", f"{run.fresh_calls}"],
            ["dollars", "unknown" if run.usd is None else f"{run.usd:.4f}"],
            ["seconds of finished units", f"{sum(seconds):.1f}"],
            ["CPU seconds of evaluations", f"{sum(cpu):.1f}"],
            ["how replies ended", ", ".join(f"{n} {why}" for why, n in run.stop_reasons.items()) or "no reply"],
        ],
    }


# -- what it is --------------------------------------------------------------------------------------------------------
def _control(run: Run) -> Record:
    """Which control the run is, if it is one, and the commands that make those it should stand beside."""
    from stop.controls import ARMS

    config, path = run.settings["config"], shlex.quote(str(run.path))
    arm = config.get("control") or ""
    made = [f"python -m stop.run --control {one} --like {path}" for one in ("best-of-n", "reword")]
    return {
        "arm": arm,
        "lacks": ARMS[arm].lacks if arm in ARMS else "",
        "like": run.settings.get("like", ""),
        "commands": [] if arm or config.get("agent") else [*made, f"python -m stop.report {path} CONTROL..."],
    }


def _card(run: Run) -> list[Record]:
    """Where the run stands on the five axes of recursive self-improvement, its settings, its hashes."""
    said = run.settings
    hashes = {f"{task} {name}": sha for task, of_task in said["tasks"].items() for name, sha in of_task.items()}
    looks = {f"{look['unit']}": _look(look) for look in said["looks"]["test"]}
    return [
        {"title": "Five axes", "rows": _pairs(said.get("axes", {}))},
        {"title": "Settings", "rows": _pairs(said["config"])},
        {"title": "Hashes", "rows": _pairs({"scaffold": said["scaffold"], **hashes, "seal": run.seal})},
        {"title": "Made with", "rows": _pairs({"model": said["model"], "python": said.get("python", "unknown"),
                                               **said.get("packages", {}), **said.get("confinement", {})})},
        {"title": "Looks at test", "rows": _pairs(looks or {"none": "test was not looked at"})},
    ]  # fmt: skip


def _look(look: Record) -> str:
    state = "done" if look["done"] else "not done"
    versions = look.get("versions", [])
    return f"{state}; block {look.get('block', '?')}" + (f"; versions {', '.join(map(str, versions))}" * bool(versions))


def _pairs(found: Record) -> list[list[str]]:
    shown = {k: ", ".join(map(str, v)) if isinstance(v, list) else v for k, v in found.items()}
    return [[str(k), "none" if v == "" else str(v)] for k, v in shown.items()]


def _replay(run: Run) -> list[list[str]]:
    path = shlex.quote(str(run.path))
    again = "runs it again from its records alone; says equal, or names the first record that differs"
    return [
        [f"python -m stop.run --replay --out {path}", again],
        [f"python -m stop.show {path}", "the lineage as a table, and whether the seal holds"],
        [f"python -m stop.report {path}", "makes this file again, byte for byte while the folder is as it was"],
    ]


# -- runs beside each other --------------------------------------------------------------------------------------------
def _compared(runs: Sequence[Run]) -> Record:
    """What `python -m stop.compare` prints of them."""
    from stop import compare

    compare.check(runs)
    summaries = [compare.summary(run) for run in runs]
    pairs = compare.compared([c for run in runs for c in compare.contenders(run)])
    told = compare.notes(runs, summaries)
    of_some, of_all = told[: -len(compare.NOTES)], " ".join(compare.NOTES)  # its lines are those of a terminal
    found = {
        "tables": [
            {"columns": compare.RUNS, "rows": [[str(c) for c in row] for row in compare.run_rows(summaries)]},
            {"columns": compare.PAIRS, "rows": [[str(c) for c in row] for row in compare.pair_rows(pairs)]},
        ],
        "notes": [*of_some, of_all],
    }
    plain: Record = _neutral(found)
    return plain
