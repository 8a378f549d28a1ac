"""Python source as text from outside: parsed without trust.

Owns: the one way to parse a source. Does not own: running one (sandbox), what an entry must look like and when two
texts are the same program (scaffold).
"""

from __future__ import annotations

import ast
import re
import threading
import warnings

MAX_SOURCE_CHARS = 64_000

# The parser recurses once for each prefix operator: with a small thread stack a long run of them could end the process.
_PREFIX_RUN = re.compile(r"(?:(?:[-+~]|\bnot\b|\blambda\b[^:\n]{0,99}:)\s*){100}")
_warnings_lock = threading.Lock()


def parse(source: str) -> ast.Module:
    """The syntax tree of `source`. Raises SyntaxError with a one-line message, whatever the text is."""
    if len(source) > MAX_SOURCE_CHARS:
        raise SyntaxError(f"the program has {len(source)} characters; at most {MAX_SOURCE_CHARS} are read")
    if _PREFIX_RUN.search(source):
        raise SyntaxError("nested too deeply")
    try:
        # warnings of the parser (an invalid escape) are the author's affair and must not reach our terminal
        with _warnings_lock, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(source)
    except SyntaxError as error:
        raise SyntaxError(f"{_one_line(error.msg)} (line {error.lineno})") from None
    except ValueError as error:
        raise SyntaxError(_one_line(str(error))) from None
    except (RecursionError, MemoryError):
        raise SyntaxError("nested too deeply") from None


def _one_line(text: str) -> str:
    return " ".join(text.split())[:120]
