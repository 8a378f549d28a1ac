"""A run folder as data frames: `stop.load(path)`. Reads only; plots and notebooks see nothing else of a run."""

from __future__ import annotations

import difflib
import functools
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stop.records import BadFolder, Record, check_seal, read_lines

if TYPE_CHECKING:
    from pandas import DataFrame


class Run:
    """One run folder. Frames are made when they are first asked for."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @functools.cached_property
    def settings(self) -> Record:
        """run.json: config, tasks, packages, looks at val and test."""
        return _object(self.path / "run.json")

    @functools.cached_property
    def versions(self) -> DataFrame:
        return self._frame("lineage.jsonl", ["id", "sha", "parent", "parent_id", "step", "generation", "status"])

    @functools.cached_property
    def decisions(self) -> DataFrame:
        return self._frame("decisions.jsonl", ["id", "step", "rule", "verdict", "n", "why"])

    @functools.cached_property
    def outcomes(self) -> DataFrame:
        """Improver runs: version x task x repeat x split."""
        return self._frame("outcomes.jsonl", ["version", "task", "repeat", "split", "block", "utility", "status"])

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

    @functools.cached_property
    def incidents(self) -> DataFrame:
        return self._frame("incidents.jsonl", ["unit", "kind", "task", "sha", "detail"])

    @functools.cached_property
    def timing(self) -> list[Record]:
        """Seconds and money really spent; not part of what two equal runs share."""
        path = self.path / "timing.jsonl"
        return [json.loads(line) for line in path.read_bytes().splitlines()] if path.is_file() else []

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

    def source(self, sha: str) -> str:
        """The text of a scaffold. Raises LookupError."""
        try:
            return (self.path / "sources" / f"{sha}.py").read_bytes().decode("utf-8", "surrogatepass")
        except FileNotFoundError:
            raise LookupError(f"{self.path}: no scaffold {sha!r} among sources/.") from None

    def sha(self, version: int) -> str:
        """The sha of a version. Raises LookupError."""
        rows = self.rows("lineage.jsonl")
        if not 0 <= version < len(rows):
            raise LookupError(f"{self.path}: no version {version}; it has 0 to {len(rows) - 1}.")
        return str(rows[version]["sha"])

    def diff(self, a: int, b: int) -> str:
        """Unified diff from version a to version b."""
        old, new = (self.source(self.sha(v)).splitlines() for v in (a, b))
        return "\n".join(difflib.unified_diff(old, new, f"version {a}", f"version {b}", lineterm=""))

    @functools.cache  # noqa: B019 - a run folder is read once and lives as long as its frames
    def rows(self, name: str) -> list[Record]:
        """The records of one chained file, up to the first line that does not hold."""
        return read_lines(self.path / name)[0]

    def _frame(self, name: str, columns: list[str]) -> DataFrame:
        from pandas import DataFrame

        rows: list[dict[str, Any]] = self.rows(name)
        return DataFrame(rows) if rows else DataFrame(columns=columns)


def load(path: str | Path) -> Run:
    """The run in that folder. Raises BadFolder if there is none."""
    folder = Path(path)
    if not (folder / "run.json").is_file():
        near = sorted(p.parent.name for p in folder.parent.glob("*/run.json"))[:8] if folder.parent.is_dir() else []
        raise BadFolder(f"{folder}: no run there." + (f" Found: {', '.join(near)}." if near else ""))
    return Run(folder)


def _object(path: Path) -> Record:
    try:
        return dict(json.loads(path.read_bytes()))
    except ValueError as error:
        raise BadFolder(f"{path}: {error}.") from None
