"""What versions gained, from the lines of outcomes.jsonl: improver runs of one task, repeat and block, paired. Pure.

Pairs face the same instances, and the same draws where both have the same run seed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from stop.analysis.intervals import Estimate, paired_difference

Row = Mapping[str, Any]  # a line of outcomes.jsonl
Utilities = dict[str, dict[int, float]]  # task -> repeat -> utility
Strata = dict[str, list[float]]


def utilities(outcomes: Sequence[Row], version: int, split: str, block: int) -> Utilities:
    """Of the improver runs of one version on one block; {} if there are none. A failure counts as its 0.0."""
    found: Utilities = {}
    for row in outcomes:
        if (row["version"], row["split"], row["block"]) == (version, split, block):
            found.setdefault(row["task"], {})[row["repeat"]] = row["utility"]
    return found


def difference(first: Utilities, second: Utilities) -> Estimate | None:
    """Of the mean of the tasks' means, first - second, over the repeats that both have.

    None if their tasks differ, or there is nothing to pair in one of them.
    """
    pairs = _pairs(first, second)
    return paired_difference(*pairs) if pairs else None


def _pairs(first: Utilities, second: Utilities, prefix: str = "") -> tuple[Strata, Strata] | None:
    """The values of both, task by task, over the repeats that both have."""
    common = {task: sorted(first[task].keys() & second[task].keys()) for task in first if task in second}
    if first.keys() != second.keys() or not common or not all(common.values()):
        return None
    mine, theirs = (
        {prefix + task: [side[task][repeat] for repeat in repeats] for task, repeats in common.items()}
        for side in (first, second)
    )
    return mine, theirs


def gain_on_test(outcomes: Sequence[Row], version: int, block: int = 0) -> Estimate | None:
    """That version minus version 0; None if either was not looked at on test."""
    return difference(*(utilities(outcomes, v, "test", block) for v in (version, 0)))


def gain_on_val(outcomes: Sequence[Row], version: int) -> Estimate | None:
    """The sum of the gains that were decided on, from version 0 up to that version.

    Each version was compared with one other on the block of its own step; from there the sum goes on with that one.
    n counts the pairs of all blocks. Chosen for being high, so it is biased upward. None for version 0, and where a
    version was compared with none, as under the rule `always`.
    """
    mine: Strata = {}
    theirs: Strata = {}
    blocks = 0
    while version:
        rivals = {row["version"] for row in outcomes if _decided_on(row, version)} - {version}
        rival = min(rivals, default=version)
        child, parent = (utilities(outcomes, v, "val", version) for v in (version, rival))
        pairs = _pairs(child, parent, f"{version} ")
        if len(rivals) != 1 or rival >= version or pairs is None:
            return None
        mine, theirs = mine | pairs[0], theirs | pairs[1]
        version, blocks = rival, blocks + 1
    return paired_difference(mine, theirs).times(blocks) if blocks else None


def _decided_on(row: Row, version: int) -> bool:
    """Whether it is of the block on which that version was judged: step k looks at val block k."""
    return row["split"] == "val" and row["block"] == version and row["unit"] == f"step {version}"
