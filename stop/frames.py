"""A run folder as data frames: `stop.load(path)`. Reads only; plots and notebooks see nothing else of a run."""

from __future__ import annotations

import difflib
import functools
import itertools
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stop.budget import SpentBefore
from stop.chain import (
    FORMAT,
    BadFolder,
    Break,
    Record,
    check_seal,
    collecting_later,
    each_line,
    read_lines,
    read_run,
    read_source,
    read_timing,
)
from stop.markup import table
from stop.settings import RunConfig

if TYPE_CHECKING:
    from pandas import DataFrame


class Run:
    """One run folder. Frames are made when they are first asked for."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @functools.cached_property
    def settings(self) -> Record:
        """run.json: config, tasks, packages, looks at val and test."""
        return checked_run(self.path)

    @functools.cached_property
    def versions(self) -> DataFrame:
        found = self._frame("lineage.jsonl", ["id", "sha", "parent", "parent_id", "step", "generation", "status"])
        return found.astype({"parent_id": "Int64"})  # the seed has none, and ids are no floats

    @functools.cached_property
    def decisions(self) -> DataFrame:
        return self._frame("decisions.jsonl", ["id", "step", "rule", "verdict", "n", "why"])

    @functools.cached_property
    def outcomes(self) -> DataFrame:
        """Improver runs: version x task x repeat x split."""
        found = self._frame("outcomes.jsonl", ["version", "task", "repeat", "split", "block", "utility", "status"])
        # what was compared on test without being a version has an arm and a scaffold instead
        return found.astype({"version": "Int64"}) if found.version.hasnans else found

    @functools.cached_property
    def evaluations(self) -> DataFrame:
        """Solutions x task x split x block, one row per instance; cpu_seconds of the whole evaluation as measured."""
        from pandas import DataFrame

        measured = {t["key"]: t["cpu_seconds"] for t in self.timing if t["kind"] == "evaluation"}
        rows = [
            {"sha": r["sha"], "task": r["task"], "split": r["split"], "block": r["block"], "unit": r["unit"],
             "instance": i["id"], "status": i["status"], "score": i["score"], "detail": i.get("detail", ""),
             "cpu_seconds": measured.get(r["key"])}
            for r in self.rows("evaluations.jsonl") for i in r["instances"]
        ]  # fmt: skip
        names = ["sha", "task", "split", "block", "unit", "instance", "status", "score", "detail", "cpu_seconds"]
        return DataFrame(rows, columns=names)

    @functools.cached_property
    def calls(self) -> DataFrame:
        return self._frame("calls.jsonl", ["key", "draw", "model", "system", "messages", "temperature", "reply"])

    def exchanges(self, containing: str = "") -> DataFrame:
        """Prompts and replies in whole texts: unit, system, message (the last turn), reply, stop_reason.

        containing: only those whose message holds this text. Texts are the model's, and hostile where they are shown.
        """
        from pandas import DataFrame

        rows = [
            {"unit": r["unit"], "system": self.text(r["system"]), "message": self.text(r["messages"][-1]),
             "reply": r["reply"], "stop_reason": r["stop_reason"]}
            for r in self.rows("calls.jsonl")
        ]  # fmt: skip
        names = ["unit", "system", "message", "reply", "stop_reason"]
        return DataFrame([r for r in rows if containing in r["message"]], columns=names)

    def text(self, part: Record) -> str:
        """Of a system text or a turn, from the record itself or from texts/; where it is missing, it says so."""
        return self._stored(str(part["sha"])) if "sha" in part else str(part.get("text", ""))

    @functools.cache  # noqa: B019 - as for `rows`
    def _stored(self, sha: str) -> str:
        file = self.path / "texts" / sha
        known = sha.isalnum() and file.is_file()
        return file.read_text(encoding="utf-8", errors="surrogatepass") if known else f"texts/{sha} is missing"

    @functools.cached_property
    def incidents(self) -> DataFrame:
        return self._frame("incidents.jsonl", ["unit", "kind", "task", "sha", "detail"])

    @functools.cached_property
    def timing(self) -> list[Record]:
        """Seconds and money really spent; not part of what two equal runs share."""
        return read_timing(self.path)

    @functools.cached_property
    def seal(self) -> str:
        """whole, open (lines were added since), none, or broken with the place."""
        state, breaks = check_seal(self.path)
        return f"broken: {breaks[0]}" if breaks else state

    @functools.cached_property
    def standing(self) -> dict[int, str]:
        """Version id -> its last verdict."""
        return {d["id"]: d["verdict"] for d in self.rows("decisions.jsonl")}

    @property
    def measure(self) -> str:
        """What `meta_utility` of a version holds: of a Gödel agent, which is scored itself, its utility."""
        return "utility" if self.settings.get("measure") == "utility" else "meta-utility"

    @property
    def steps(self) -> int:
        """Finished ones; -1 before the seed is scored."""
        return max((row["step"] for row in self.rows("lineage.jsonl")), default=-1)

    @property
    def best(self) -> int:
        """The id of the last version that was kept and still stands; 0, the seed, if there is none."""
        return max((i for i, verdict in self.standing.items() if verdict in ("seed", "kept")), default=0)

    def meta_utility(self, version: int) -> float | None:
        """On the val block of the version's own step."""
        rows = self.rows("lineage.jsonl")
        return rows[version]["meta_utility"] if version < len(rows) else None

    def test_utility(self, version: int) -> float | None:
        """Meta-utility on test: the mean of the tasks' means over improver runs. None if test was not looked at."""
        shown = self.outcomes[(self.outcomes.version == version) & (self.outcomes.split == "test")]
        return None if shown.empty else float(shown.groupby("task").utility.mean().mean())

    @property
    def search_calls(self) -> int:
        """Calls that the seed's score and all steps asked for, nominal; the look at test is no part of them."""
        return sum(row["llm_calls"] for row in self.rows("lineage.jsonl"))

    @property
    def llm_calls(self) -> int:
        """Calls asked for, nominal: of all versions, of improver runs on test, and of a unit that was cut short."""
        asked = self.search_calls
        asked += sum(row["llm_calls"] for row in self.rows("outcomes.jsonl") if row["split"] == "test")
        return asked + len(self._pending_calls)

    @property
    def fresh_calls(self) -> int:
        """Of these, the ones that were not answered from what was known."""
        shared = {t["unit"]: t["calls_shared"] for t in self.timing if t["kind"] == "unit"}
        pending = sum(not line.endswith(b'"fresh":false}') for line in self._pending_calls)
        return len(self.rows("calls.jsonl")) + pending - sum(shared.values())

    @property
    def usd(self) -> float | None:
        """Dollars really spent, lost replies and the worst of what a kill cut short included; None if unknown."""
        if self.settings.get("price", {}) is None:
            return None
        units = sum(t["usd"] for t in self.timing if t["kind"] == "unit")
        return max(SpentBefore.of(self.timing).usd, units)

    @functools.cached_property
    def stop_reasons(self) -> dict[str, int]:
        """How many replies ended how; more than "end" if some were cut, empty or refused. The most frequent first."""
        return dict(Counter(row["stop_reason"] for row in self.rows("calls.jsonl")).most_common())

    @functools.cached_property
    def _pending_calls(self) -> list[bytes]:
        path = self.path / "pending.jsonl"
        lines = path.read_bytes().split(b"\n")[:-1] if path.is_file() else []
        return [line for line in lines if line.startswith(b'{"kind":"call"')]

    def __repr__(self) -> str:
        return f"Run({self.path.resolve().name!r})"

    def _repr_html_(self) -> str:
        """For notebooks: what the run is and how far it came."""
        config, best = self.settings["config"], self.best
        shown = {
            "model": self.settings["model"],
            "tasks": ", ".join(map(str, config["tasks"])),
            "steps": f"{max(self.steps, 0)} of {config['generations']}",
            "versions": len(self.rows("lineage.jsonl")),
            "kept": sum(verdict == "kept" for verdict in self.standing.values()),
            "best version": best if self.rows("lineage.jsonl") else "none",
            f"{self.measure} on test": self._on_test(best),
            "calls": self.llm_calls,
            "incidents": len(self.rows("incidents.jsonl")),
        }
        return table(f"run {self.path.resolve().name}", shown)

    def _on_test(self, best: int) -> str:
        found = {("seed" if i == 0 else f"version {i}"): self.test_utility(i) for i in sorted({0, best})}
        return ", ".join(f"{name} {value:.4f}" for name, value in found.items() if value is not None) or "not measured"

    def source(self, sha: str) -> str:
        """The text of a scaffold. Raises BadFolder if it is missing or was edited."""
        return read_source(self.path, sha)

    def solution(self, sha: str) -> str | None:
        """The text of a solution as it was returned; None if the folder has none of that sha."""
        file = self.path / "solutions" / f"{sha}.py"
        return file.read_text(encoding="utf-8", errors="surrogatepass") if sha and file.is_file() else None

    def sha(self, version: int) -> str:
        """The sha of a version. Raises LookupError."""
        rows = self.rows("lineage.jsonl")
        if not 0 <= version < len(rows):
            raise LookupError(f"{self.path}: no version {version}; it has 0 to {len(rows) - 1}.")
        return str(rows[version]["sha"])

    def diff(self, a: int, b: int) -> str:
        """Unified diff from version a to version b."""
        old, new = (self.source(self.sha(v)).split("\n") for v in (a, b))
        return "\n".join(difflib.unified_diff(old, new, f"version {a}", f"version {b}", lineterm=""))

    @functools.cache  # noqa: B019 - a run folder is read once and lives as long as its frames
    def rows(self, name: str) -> list[Record]:
        """The records of one chained file, up to the first line that does not hold."""
        return read_lines(self.path / name)[0]

    def in_parts(self, name: str, rows: int = 10_000) -> Iterator[DataFrame]:
        """The records of one chained file as frames of at most `rows` rows, read as they are asked for.

        For runs whose records do not fit into memory. Ends, as `rows`, at the first line that does not hold.
        """
        from pandas import DataFrame

        records = (found for found in each_line(self.path / name) if not isinstance(found, Break))
        while True:
            with collecting_later():
                part = list(itertools.islice(records, rows))
                found = DataFrame(part)
            if not part:
                return
            yield found

    def _frame(self, name: str, columns: list[str]) -> DataFrame:
        from pandas import DataFrame

        rows: list[dict[str, Any]] = self.rows(name)
        with collecting_later():
            return DataFrame(rows) if rows else DataFrame(columns=columns)


def load(path: str | Path) -> Run:
    """The run in that folder. Raises BadFolder if there is none, or run.json cannot be read."""
    folder = Path(path)
    try:
        missing = not (folder / "run.json").is_file()
        near = [str(p.parent) for f in (folder.parent, Path("results")) for p in sorted(f.glob("*/run.json"))[:8]]
        if missing:
            found = f" Found: {', '.join(dict.fromkeys(near))}." if near else " python -m stop.run makes one."
            raise BadFolder(f"{folder}: no run there.{found}")
        checked_run(folder)
    except OSError as error:
        raise BadFolder(f"{folder}: {error.strerror or error}.") from None
    return Run(folder)


def checked_run(path: Path) -> Record:
    """run.json, with all that the package reads of it. Raises BadFolder naming what is missing or unknown."""
    try:
        run = read_run(path)
        _check_format(path, run)
        RunConfig.of(run["config"])
        if not all({"unit", "done"} <= set(look) for look in run["looks"]["test"]):
            raise ValueError("a look at test has no unit or no end")
        if not all(isinstance(task, dict) for task in run["tasks"].values()):
            raise ValueError("its tasks are no objects")
        iter(run["looks"]["val"]), str(run["model"]), str(run["scaffold"])
    except FileNotFoundError:
        raise BadFolder(f"{path}: no run.json there. Give the folder of a run.") from None
    except KeyError as error:
        raise BadFolder(f"{path}/run.json: the key {error} is missing. Start another run with --out.") from None
    except (TypeError, ValueError, AttributeError, RecursionError) as error:
        raise BadFolder(f"{path}/run.json: {error}. Start another run with --out.") from None
    return run


def _check_format(path: Path, run: Record) -> None:
    """Before anything else is read of it: what a later version writes may have other keys."""
    found = run.get("format", FORMAT)
    if found != FORMAT:
        raise BadFolder(
            f"{path}/run.json: has the format {found!r}, this version of stop reads {FORMAT}. Use the version of stop "
            "that made it, or start another run with --out."
        )
