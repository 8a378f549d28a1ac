"""A scaffold: a checked source text and its sha.

Owns: what text may be an improver, how texts are named, where scaffold files are looked up. Does not own: running one.
"""

from __future__ import annotations

import ast
import difflib
import functools
import hashlib
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from stop.syntax import parse

ENTRY = "improve_algorithm"
PARAMETERS = ("initial_solution", "utility", "language_model")
MOST_NODES = 20_000


class BadScaffold(ValueError):
    """A text that cannot be an improver; the message is one line that says why."""


class UnknownScaffold(LookupError):
    """No scaffold of that name or path."""


@dataclass(frozen=True)
class Scaffold:
    """A source text that defines improve_algorithm(initial_solution, utility, language_model)."""

    source: str
    sha: str

    @classmethod
    def checked(cls, source: str) -> Scaffold:
        """Raises BadScaffold unless the text parses and defines the entry with its three parameters."""
        try:
            tree = parse(source)
        except SyntaxError as error:
            raise BadScaffold(f"does not parse: {error.msg}") from None
        check_entry(tree, ENTRY, PARAMETERS)
        return cls(source, sha(source))


def check_entry(tree: ast.Module, entry: str, parameters: Sequence[str]) -> None:
    """Raises BadScaffold unless the last function of that name can be called with these three parameters."""
    found = [n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == entry]
    if not found:
        raise BadScaffold(f"defines no function {entry}({', '.join(parameters)}) at its top level")
    arguments = found[-1].args
    positional = [a.arg for a in arguments.posonlyargs + arguments.args]
    required = positional[: len(positional) - len(arguments.defaults)]
    needed = [a for a, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True) if default is None]
    if positional[:3] != list(parameters) or len(required) > 3 or needed:
        shown = ", ".join(positional + [f"*, {a.arg}" for a in needed])
        raise BadScaffold(f"{entry} has the parameters ({shown}), not ({', '.join(parameters)})")


def digest(text: str) -> str:
    """SHA-256 of a text (UTF-8, lone surrogates kept), 64 hex digits: what keys are made of."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def sha(text: str) -> str:
    """The name of a text in the records: the first 12 hex digits of its digest."""
    return digest(text)[:12]


@functools.lru_cache(maxsize=1024)
def canonical(source: str) -> str:
    """The text that is run: the same for programs that differ only in comments, blank lines and layout.

    Programs with equal canonical text are evaluated once. Raises SyntaxError if the source does not parse.
    """
    tree = parse(source)
    if len(list(itertools.islice(ast.walk(tree), MOST_NODES))) == MOST_NODES:
        return source  # larger than any honest program: unparsing it would cost the host seconds
    try:
        text = ast.unparse(tree)
        same = ast.dump(parse(text)) == ast.dump(tree)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return source  # some f-strings and very deep programs do not survive unparsing
    return text if same else source


def lookup_folders(kind: str) -> list[Path]:
    """Where tasks or scaffolds are looked up: the working directory, then beside or inside the package."""
    package = Path(__file__).resolve().parent
    beside = package.parent / kind if (package.parent / "pyproject.toml").is_file() else package / kind
    return list(dict.fromkeys(f for f in (Path.cwd() / kind, beside) if f.is_dir()))


def nearest(name: str, names: list[str]) -> str:
    """A hint for a misspelt name: the nearest one, and all that exist."""
    close = difflib.get_close_matches(name, names, n=1)
    return (f"Nearest: {close[0]}. " if close else "") + f"Found: {', '.join(sorted(names)) or 'none'}."


def find_scaffold(name: str, kind: str = "scaffolds") -> Path:
    """The file of a scaffold, or agent, given by name or path. Raises UnknownScaffold with the nearest name."""
    if name.endswith(".py") or "/" in name:
        if Path(name).is_file():
            return Path(name)
        what = f"{name!r} is a folder" if Path(name).is_dir() else f"no scaffold file {name!r}"
        raise UnknownScaffold(f"{what}. Give the path of a .py file, or a name from {kind}/.")
    names: dict[str, Path] = {}
    for folder in lookup_folders(kind):
        for file in sorted(folder.glob("*.py")):
            names.setdefault(file.stem, file)
    if name not in names:
        raise UnknownScaffold(f"no {Path(kind).name[:-1]} {name!r}. {nearest(name, list(names))}")
    return names[name]


def read_scaffold(name: str) -> Scaffold:
    """The scaffold of that name or path. Raises UnknownScaffold, or BadScaffold naming the file."""
    path = find_scaffold(name)
    try:
        return Scaffold.checked(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError:
        raise BadScaffold(f"scaffold {path}: not UTF-8 text.") from None
    except OSError as error:
        raise BadScaffold(f"scaffold {path}: {error.strerror}. Make it readable.") from None
    except BadScaffold as error:
        raise BadScaffold(f"scaffold {path}: {error}. Compare it with scaffolds/seed.py.") from None
