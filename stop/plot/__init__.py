"""`python -m stop.plot`: figures of a run, and functions that make them in one line of a notebook.

Owns: figures, drawn from run folders alone. Does not own: what a run means (frames, analysis), tables (show). Each
function gives a matplotlib Figure: `curve(run)`, `tree(run)`, `tasks(run)`, `strategies(run)`, `credit(run)`,
`decision(run, version)`, `transfer(run)`, `compared(runs)`. `save` writes one.
"""

from __future__ import annotations

from stop.plot.ancestry import credit, strategies
from stop.plot.arms import compared, transfer
from stop.plot.curve import curve
from stop.plot.evidence import decision, tasks
from stop.plot.style import LOOKS, save
from stop.plot.tree import heights, tree

__all__ = [
    "LOOKS", "compared", "credit", "curve", "decision", "heights", "save", "strategies", "tasks", "transfer", "tree",
]  # fmt: skip
