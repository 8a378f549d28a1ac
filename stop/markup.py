"""A small HTML table of foreign text, for notebooks: every text is neutralised and escaped, here and nowhere else."""

from __future__ import annotations

import html
from collections.abc import Mapping

from stop.neutral import neutral

MOST_CHARS = 300  # of a cell


def table(title: str, rows: Mapping[str, object]) -> str:
    """A table of two columns under a title: names and what they hold. No attribute of it holds foreign text."""
    body = "".join(f"<tr><th>{_cell(name)}</th><td>{_cell(value)}</td></tr>" for name, value in rows.items())
    return f"<table><caption>{_cell(title)}</caption><tbody>{body}</tbody></table>"


def _cell(value: object) -> str:
    return html.escape(neutral(str(value), most=MOST_CHARS))
