"""Which version is the next parent. Pure: opens nothing and starts nothing."""

from __future__ import annotations

from collections.abc import Callable

from stop.lineage import Lineage, Version


def chain(lineage: Lineage) -> Version:
    """STOP's policy: the current improver improves itself (arXiv:2310.02304, Algorithm 1)."""
    return lineage.current()


POLICIES: dict[str, Callable[[Lineage], Version]] = {"chain": chain}
