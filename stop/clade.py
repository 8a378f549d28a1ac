"""What a version, and all that came from it, has shown: successes and failures in improver runs. Pure.

Owns: evidence, its sum over clades, the chance that Thompson sampling takes one of several. Does not own: which
improver runs are a version's own (lineage, analysis), what is made of it (choose, analysis).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

TAIL = 1e-14  # chance of a draw outside the range that is integrated over
POINTS_PER_SPREAD = 4  # of the narrowest posterior, in log odds


@dataclass(frozen=True)
class Evidence:
    """Successes and failures, in improver runs: one that scored u in [0, 1] is u of one and 1 - u of the other."""

    successes: float = 0.0
    failures: float = 0.0

    @classmethod
    def of(cls, utilities: Iterable[float], *, unscored: int = 0) -> Evidence:
        """Of improver runs that scored so; above 1, as on an open problem, counts as 1.

        unscored: as how many failures a version counts that has no improver run, since it failed before: a failure is
        a zero, not a gap. (HGM leaves such nodes out of its tree.)
        """
        scores = [min(1.0, u) for u in utilities]
        if not scores:
            return cls(0.0, float(unscored))
        return cls(math.fsum(scores), math.fsum(1.0 - s for s in scores))

    @classmethod
    def sum(cls, parts: Iterable[Evidence]) -> Evidence:
        """Of all, in whatever order they come."""
        found = list(parts)
        return cls(math.fsum(e.successes for e in found), math.fsum(e.failures for e in found))

    @property
    def n(self) -> int:
        """Improver runs."""
        return round(self.successes + self.failures)

    @property
    def posterior(self) -> tuple[float, float]:
        """(a, b) of the posterior Beta(a, b) of the success rate, from a uniform prior."""
        return 1.0 + self.successes, 1.0 + self.failures


def clades(parents: Mapping[int, int | None], own: Mapping[int, Evidence]) -> dict[int, Evidence]:
    """Version -> the evidence of itself and all its descendants. Each one's evidence counts once, and is not changed.

    parents: version -> its parent, None for the first; a parent comes before its children.
    HGM's clade, arXiv:2510.21614, section 3. Its code (metauto-ai/HGM, tree.py) appends the descendants' results to the
    node's own list at every reading.
    """
    members: dict[int, list[int]] = {version: [version] for version in parents}
    for version in reversed(list(parents)):
        above = parents[version]
        if above is not None:
            members[above].extend(members[version])
    return {version: Evidence.sum(own[v] for v in clade) for version, clade in members.items()}


def thompson(evidence: Mapping[int, Evidence]) -> dict[int, float]:
    """Version -> the chance that it has the highest of independent draws, one from each posterior. They add up to 1.

    What Thompson sampling (W. R. Thompson, Biometrika 25 (1933), 285-294) would take, computed instead of drawn:
    P(a) = integral of f_a(x) prod_{b != a} F_b(x) dx, by the trapezoid rule over log odds, where the integrand is
    smooth and falls off exponentially at both ends: errors are below 1e-10. Raises ValueError without a version.
    """
    import numpy as np
    from scipy.special import betaincinv, betaln, expit

    if not evidence:
        raise ValueError("Thompson sampling needs a version")
    a, b = np.array([e.posterior for e in evidence.values()]).T
    low, up = betaincinv(a, b, TAIL), betaincinv(b, a, TAIL)  # up: of 1 - x, which keeps its digits near 1
    first, last = np.log(low / (1.0 - low)).max(), np.log((1.0 - up) / up).max()
    step = np.sqrt(1.0 / a + 1.0 / b).min() / POINTS_PER_SPREAD
    odds = np.linspace(first, last, 2 + int((last - first) / step))
    a, b, x, rest = a[:, None], b[:, None], expit(odds), expit(-odds)
    below = _below(a, b, x, rest)
    density = np.exp(a * np.log(x) + b * np.log(rest) - betaln(a, b))
    before, behind = np.ones_like(below), np.ones_like(below)
    before[1:] = np.cumprod(below[:-1], axis=0)
    behind[:-1] = np.cumprod(below[:0:-1], axis=0)[::-1]
    found = (density * before * behind).sum(axis=1)
    return dict(zip(evidence, map(float, found / found.sum()), strict=True))


def _below(a: Any, b: Any, x: Any, rest: Any) -> Any:
    """(versions, points): the distribution functions at x; rest: 1 - x, which keeps its digits near 1."""
    import numpy as np
    from scipy.special import betainc

    middle = int(np.searchsorted(x, 0.5))
    return np.hstack([betainc(a, b, x[:middle]), 1.0 - betainc(b, a, rest[middle:])])
