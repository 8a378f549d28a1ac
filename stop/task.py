"""Tasks: one folder each, read and checked.

Owns: what a task folder holds, what a preset changes of it, which libraries it uses, how tasks and sets are looked up.
Does not own: running its code (scorer), scores (utility). A task folder is trusted code: running a task is running its
author's code, though confined.
"""

from __future__ import annotations

import ast
import hashlib
import math
import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from stop.scaffold import lookup_folders, nearest
from stop.settings import PRESETS
from stop.syntax import parse

Split = Literal["train", "val", "test"]
SPLITS: tuple[Split, ...] = ("train", "val", "test")
FILES = ("task.toml", "statement.md", "task.py", "seed.py", "README.md")
KEYS: dict[str, type | tuple[type, ...]] = {
    "entry": str, "cpu_seconds_per_instance": (int, float), "memory_mb": int, "instances": dict, "seed": int,
    "score_cap": (int, float), "open": bool, "independent": bool, "sets": list, "source": str, "licence": str,
    "sizes": dict, "libraries": list, "presets": dict,
}  # fmt: skip
WORDS = {"int or float": "a number", "int": "a whole number", "str": "a text", "dict": "a table", "list": "a list",
         "bool": "true or false"}  # fmt: skip
LARGEST = 1e6  # of any number in task.toml that limits something
OPTIONAL: dict[str, Any] = {
    "open": False, "independent": False, "score_cap": 1.0, "sizes": {}, "libraries": [], "presets": {},
}  # fmt: skip
IN_A_PRESET = ("cpu_seconds_per_instance", "memory_mb", "instances", "score_cap", "open", "sizes")  # what it may change
SIZE_NAME = re.compile(r"[a-z][a-z0-9_]*")
SET_NAME = re.compile(r"[A-Za-z0-9][\w.-]*")
LIBRARIES = Path(__file__).parent / "libraries"  # texts that run before a task.py that asks for them
ALL = "all"  # the set of every task that is known
PLACEHOLDER = re.compile(r"\{([A-Za-z_]\w*)\}")


class BadTask(ValueError):
    """A task folder that cannot be used; the message is one line that names the file and the fault."""


class UnknownTask(LookupError):
    """No task or set of that name."""


class UnknownPreset(LookupError):
    """No task that is run has a preset of that name, and no setting of a run has one either."""


@dataclass(frozen=True)
class Task:
    """One problem family. Instances are deterministic in (split, block, seed); only inputs cross to solutions."""

    name: str
    path: Path
    entry: str
    cpu_seconds_per_instance: float
    memory_mb: int
    instances: dict[str, int]  # how many a block of each split has
    seed: int
    score_cap: float
    open: bool  # an open problem may score above 1.0, up to score_cap
    independent: bool  # each instance is run in a fresh process: nothing learnt on one helps on the next
    sets: tuple[str, ...]
    source: str
    licence: str
    sizes: dict[str, Any]  # numbers, or lists of them: the global SIZES of task.py
    presets: tuple[str, ...]  # that the folder has
    preset: str  # the one that all of this is read with; empty: none
    statement: str  # limits and sizes filled in
    libraries: tuple[str, ...]  # of stop/libraries
    library_sources: tuple[str, ...]  # the global names of which task.py uses
    scorer_source: str
    seed_source: str
    sha: str  # of every file of the folder that can change a score, and of the libraries
    scorer_sha: str  # of task.py and the libraries

    @property
    def text(self) -> str:
        """What an improver is told: words, then the code that scores. What it says is what is scored."""
        return (
            f"{self.statement}\n\nThis is the code that scores an output:\n\n```python\n{self._scoring_code()}\n```\n"
        )

    @property
    def sizes_source(self) -> str:
        """The program text that runs before all others."""
        return f"SIZES = {self.sizes!r}"

    @property
    def scorer_texts(self) -> list[tuple[str, str]]:
        """The file name and source of every text that the scorer runs, in order, in one module; task.py is the last."""
        libraries = [(f"{name}.py", text) for name, text in zip(self.libraries, self.library_sources, strict=True)]
        return [("sizes.py", self.sizes_source), *libraries, ("task.py", self.scorer_source)]

    def _scoring_code(self) -> str:
        """The functions, constants and sizes that `score` needs; not the generator of instances."""
        sources = [*self.library_sources, self.scorer_source]
        tops = {name: (i, node) for i, text in enumerate(sources) for node in parse(text).body for name in _names(node)}
        wanted, queue, used = [], ["score"], set()
        while queue:
            used.add(name := queue.pop())
            i, node = tops.pop(name, (0, None))
            if node is not None:
                wanted.append((i, node.lineno, node.end_lineno or node.lineno))
                queue += [n.id for n in ast.walk(node) if isinstance(n, ast.Name)]
        shown = [self.sizes_source] if "SIZES" in used else []
        shown += ["\n".join(sources[i].splitlines()[a - 1 : b]) for i, a, b in sorted(set(wanted))]
        return "\n\n".join(shown)


def _names(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return [node.name]
    if isinstance(node, ast.Assign | ast.AnnAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        return [n.id for t in targets for n in ast.walk(t) if isinstance(n, ast.Name)]
    if isinstance(node, ast.Import | ast.ImportFrom):
        return [(a.asname or a.name).split(".")[0] for a in node.names]
    return []


ONE_PROCESS = "after a time-out or a crash it is not run on the instances behind it, which score 0"
FRESH_PROCESSES = "each instance is run in a fresh process"


def limits_sentence(cpu_seconds: float, memory_mb: int, instances: dict[str, int], independent: bool) -> str:
    """The enforced limits in words: filled from task.toml, never written twice."""
    processes = FRESH_PROCESSES if independent else ONE_PROCESS
    return (
        f"Limits, enforced: {cpu_seconds:g} s of CPU time and {memory_mb} MB of memory for each instance; one thread, "
        "no files, no network; only the standard library and numpy. A program that exceeds a limit, raises or returns "
        f"something else scores 0 on that instance; {processes}. The score is the mean over "
        f"{instances['train']} instances; other instances decide."
    )


def open_sentence(score_cap: float) -> str:
    """What is said of a problem whose best possible value nobody has proved."""
    return (
        "What is called the best possible value above is here the best that is known, which is not proved: a better "
        f"output scores more than 1, at most {score_cap:g}."
    )


def read_task(path: Path, preset: str = "") -> Task:
    """Reads and checks one task folder; a preset that the folder does not have changes nothing.

    Raises BadTask: one line that names the file and the fault.
    """
    try:
        missing = [f for f in FILES if not (path / f).is_file()]
    except OSError as error:
        raise BadTask(f"task {path}: {error.strerror}. Make it readable, or name another.") from None
    if missing:
        raise BadTask(f"task {path}: no {missing[0]}. A task folder holds {', '.join(FILES)}.")
    texts = {f: _read(path / f) for f in FILES}
    found = _checked_keys(path / "task.toml", texts["task.toml"])
    presets = tuple(found["presets"])
    preset = preset if preset in presets else ""
    keys = {k: v for k, v in _with_preset(found, preset).items() if k != "presets"}
    for name, wanted in (("task.py", ("instances", "score")), ("seed.py", (keys["entry"],))):
        try:
            defined = {top for node in parse(texts[name]).body for top in _names(node)}
        except SyntaxError as error:
            raise BadTask(f"task {path}: {name} does not parse: {error.msg}.") from None
        for one in wanted:
            if one not in defined:
                raise BadTask(f"task {path}: {name} defines no {one}. {nearest(one, sorted(defined))}")
    libraries = [_read(LIBRARIES / f"{name}.py") for name in keys["libraries"]]
    scored_by = [texts[f] for f in ("task.toml", "task.py", "statement.md", "seed.py")] + ([preset] if preset else [])
    return Task(
        name=path.name,
        path=path,
        presets=presets,
        preset=preset,
        statement=_filled(path, texts["statement.md"], keys),
        scorer_source=texts["task.py"],
        seed_source=texts["seed.py"],
        library_sources=tuple(libraries),
        sha=_digest(*scored_by, *libraries),
        scorer_sha=_digest(texts["task.py"], *libraries),
        **{
            **keys,
            "sets": tuple(keys["sets"]),
            "libraries": tuple(keys["libraries"]),
            "cpu_seconds_per_instance": float(keys["cpu_seconds_per_instance"]),
        },
    )


def _digest(*texts: str) -> str:
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:12]


def _filled(path: Path, statement: str, keys: dict[str, Any]) -> str:
    """The statement with the enforced limits and the sizes in it. Raises BadTask for a placeholder that is neither."""
    if "{limits}" not in statement:
        raise BadTask(f"task {path}: statement.md lacks {{limits}}, which is replaced by the enforced limits.")
    limits = limits_sentence(*(keys[k] for k in ("cpu_seconds_per_instance", "memory_mb", "instances", "independent")))
    if keys["open"]:
        limits += f" {open_sentence(keys['score_cap'])}"
    values = {**{name: _shown(size) for name, size in keys["sizes"].items()}, "limits": limits}
    unknown = [name for name in PLACEHOLDER.findall(statement) if name not in values]
    if unknown:
        raise BadTask(
            f"task {path}: statement.md has {{{unknown[0]}}}, which is no size. {nearest(unknown[0], list(values))}"
        )
    return PLACEHOLDER.sub(lambda found: values[found[1]], statement).strip()


def _shown(size: Any) -> str:
    """A size as a statement says it."""
    if isinstance(size, list):
        return ", ".join(map(_shown, size))
    return f"{size:g}" if isinstance(size, float) else str(size)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise BadTask(f"task file {path}: not UTF-8 text. Save it as UTF-8.") from None
    except OSError as error:
        raise BadTask(f"task file {path}: {error.strerror}. Make it readable.") from None


def _parsed(path: Path, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise BadTask(f"{path}: {error}.") from None


def _checked_keys(path: Path, text: str) -> dict[str, Any]:
    """What task.toml says, its presets included, each checked as if it were the default. Raises BadTask."""
    found = {**OPTIONAL, **_parsed(path, text)}
    _check_names(path, found, list(KEYS))
    _check_values(path, found)
    for name, changes in found["presets"].items():
        where = f"{path}: preset {name}"
        if not isinstance(changes, dict):
            raise BadTask(f"{where}: {changes!r} is no table.")
        _check_names(where, changes, IN_A_PRESET)
        if isinstance(sizes := changes.get("sizes", {}), dict):
            _check_names(f"{where}: sizes", sizes, list(found["sizes"]))
            _check_values(where, _with_preset(found, name))
        else:
            raise BadTask(f"{where}: sizes = {sizes!r} has the wrong type.")
    return found


def _with_preset(found: dict[str, Any], preset: str) -> dict[str, Any]:
    """What task.toml says with the changes of a preset: sizes one by one, everything else as a whole."""
    changes = found["presets"][preset] if preset else {}
    return {**found, **changes, "sizes": {**found["sizes"], **changes.get("sizes", {})}}


def _check_names(where: Path | str, found: dict[str, Any], known: Sequence[str]) -> None:
    unknown = sorted(set(found) - set(known))
    if unknown:
        raise BadTask(f"{where}: unknown key {unknown[0]!r}. {nearest(unknown[0], list(known))}")


def _check_values(where: Path | str, found: dict[str, Any]) -> None:
    for key, kind in KEYS.items():
        if key not in found:
            raise BadTask(f"{where}: key {key!r} is missing.")
        if not isinstance(found[key], kind) or (isinstance(found[key], bool) and kind is not bool):
            kinds = " or ".join(k.__name__ for k in (kind if isinstance(kind, tuple) else (kind,)))
            raise BadTask(f"{where}: {key} = {found[key]!r}: give {WORDS.get(kinds, kinds)}.")
    if not all(isinstance(label, str) for label in found["sets"]):
        raise BadTask(f"{where}: sets = {found['sets']!r}; give names.")
    libraries = sorted(file.stem for file in LIBRARIES.glob("[!_]*.py"))
    for name in found["libraries"]:
        if name not in libraries or found["libraries"].count(name) > 1:
            raise BadTask(f"{where}: libraries: {name!r} is none, or there twice. {nearest(str(name), libraries)}")
    counts = found["instances"]
    if set(counts) != set(SPLITS) or not all(type(n) is int and n > 0 for n in counts.values()):
        raise BadTask(f"{where}: instances = {counts!r}; give positive numbers for train, val and test, and no more.")
    for key in ("cpu_seconds_per_instance", "memory_mb"):
        if not 0 < found[key] <= LARGEST:
            raise BadTask(f"{where}: {key} = {found[key]}; give a number above 0, at most {LARGEST:g}.")
    cap = found["score_cap"]
    if not (1.0 <= cap <= LARGEST if found["open"] else cap == 1.0):
        raise BadTask(f"{where}: score_cap = {cap}; it is 1.0, and may be more where open = true.")
    for name, size in found["sizes"].items():
        if not SIZE_NAME.fullmatch(name) or name == "limits":
            raise BadTask(f"{where}: sizes: {name!r} is no name for a size. Give small letters, digits and _.")
        if not all(type(n) in (int, float) and math.isfinite(n) for n in (size if type(size) is list else [size])):
            raise BadTask(f"{where}: sizes: {name} = {size!r}; give a finite number or a list of them.")


def check_preset(preset: str, tasks: Sequence[Task]) -> None:
    """Raises UnknownPreset, with the nearest name, if neither these tasks nor the settings of a run have it."""
    known = {*PRESETS, *(name for task in tasks for name in task.presets)}
    if preset and preset not in known:
        raise UnknownPreset(f"no preset {preset!r}. {nearest(preset, sorted(known))}")


def known_tasks() -> dict[str, Path]:
    """Every task that is found by name: in ./tasks first, then with the package."""
    found: dict[str, Path] = {}
    for folder in lookup_folders("tasks"):
        for file in sorted(folder.glob("*/task.toml")):
            if not file.parent.name.startswith("_"):
                found.setdefault(file.parent.name, file.parent)
    return found


def known_sets() -> dict[str, list[str]]:
    """Every set with its tasks, in order of name; ALL holds every task, those that cannot be used too.

    A task is in the sets that its task.toml names, and in those of a sets.toml beside the task folders that name it.
    Raises BadTask for such a file that cannot be used.
    """
    known = known_tasks()
    sets: dict[str, set[str]] = {}
    for name, path in known.items():
        try:
            labels = _checked_keys(path / "task.toml", _read(path / "task.toml"))["sets"]
        except BadTask:
            continue  # it is named when somebody asks for it; others are none the worse
        for label in labels:
            sets.setdefault(label, set()).add(name)
    for folder in lookup_folders("tasks"):
        for label, names in _listed_sets(folder / "sets.toml", list(known)).items():
            sets.setdefault(label, set()).update(names)
    return {label: sorted(names) for label, names in {**sets, ALL: set(known)}.items()}


def _listed_sets(file: Path, known: list[str]) -> dict[str, list[str]]:
    """What a sets.toml says: under the name of a set, a list of tasks. Raises BadTask."""
    if not file.is_file():
        return {}
    found = _parsed(file, _read(file))
    taken = {ALL: "it is every task", **dict.fromkeys(known, "a task has that name")}
    for label, names in found.items():
        why = taken.get(label, "" if SET_NAME.fullmatch(label) else "no blanks in it")
        if why:
            raise BadTask(f"{file}: {label!r} is no name for a set: {why}. Give another.")
        if not isinstance(names, list) or not names:
            raise BadTask(f"{file}: {label} = {names!r}; give a list of tasks.")
        strange = [name for name in names if name not in known]
        if strange:
            raise BadTask(f"{file}: {label}: no task {strange[0]!r}. {nearest(str(strange[0]), known)}")
    return found


def as_found(tasks: Sequence[Task]) -> tuple[str, ...]:
    """Names of tasks that are found by name, paths of the others, so that a replay finds them again."""
    known = {path.resolve() for path in known_tasks().values()}
    return tuple(t.name if t.path.resolve() in known else str(t.path) for t in tasks)


def find_tasks(names: list[str], preset: str = "") -> list[Task]:
    """The tasks that names, sets and paths stand for, each once, in order; with the preset, where they have it.

    Raises UnknownTask, BadTask, or UnknownPreset if neither they nor the settings of a run have the preset.
    """
    tasks, sets = known_tasks(), known_sets()
    paths: list[Path] = []
    for name in names:
        if name in sets:
            paths += [tasks[t] for t in sets[name]]
        elif name in tasks:
            paths.append(tasks[name])
        elif Path(name).is_dir() and ("/" in name or (Path(name) / "task.toml").is_file()):
            paths.append(Path(name).resolve())
        elif "/" in name or Path(name).is_symlink():
            what = "is a link to nothing" if Path(name).is_symlink() else "is no folder"
            raise UnknownTask(f"task {name}: {what}. Give the path of a task folder, or a name: {', '.join(tasks)}.")
        else:
            raise UnknownTask(f"no task or set {name!r}. {nearest(name, [*tasks, *sets])}")
    found = [read_task(p, preset) for p in dict.fromkeys(paths)]
    check_preset(preset, found)
    twice = {t.name for t in found if sum(u.name == t.name for u in found) > 1}
    if twice:
        raise BadTask(f"two different task folders are both called {sorted(twice)[0]!r}; rename one.")
    return found
