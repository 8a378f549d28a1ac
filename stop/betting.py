"""Testing by betting: evidence about a mean that may be looked at after every round. Pure.

Owns: the capital of a bet on bounded numbers, the level of each decision of a run. Does not own: what is compared and
what follows from it (accept).

Under the null hypothesis, that the mean over tasks of the expected values is at most 0, nobody who starts with a
capital of 1 and never borrows can expect to end with more, however the bets are chosen and whenever they stop: that
the capital ever reaches 1/level has a probability of at most `level` (Ville's inequality). Waudby-Smith & Ramdas,
Estimating means of bounded random variables by betting, JRSS-B 86(1), 2024 (arXiv:2010.09686), section 4. PACE
(arXiv:2606.08106) decides so on edits of agents.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

MOST_BET = 0.99  # of the capital, on one number: below 1, so that a single -1 does not end the game
PRIOR_SQUARE = 0.25  # one number not yet seen, as in the plug-in variance of Waudby-Smith & Ramdas


def level_of(decision: int, total: float) -> float:
    """The level of decision 1, 2, …: total * 6 / (pi k)^2, which sum to `total` over all decisions that a run can take.

    So the chance that a run keeps any child that is no better is at most `total` (union bound), however long it is.
    """
    if decision < 1:
        raise ValueError(f"decision {decision}: the first one is 1")
    return total * 6 / (math.pi * decision) ** 2


def capital(rounds: Sequence[Sequence[float]], level: float, most_rounds: int) -> list[float]:
    """The capital after each round of a bet that the mean is above 0; it starts with 1.

    rounds: (r, tasks), each number at least -1, independent of each other. most_rounds: after which the game ends.

    In a round the same share of the capital is bet on every task, chosen before the round is seen. The numbers of a
    round multiply: if the tasks' means m_t have a mean m <= 0, the expected factor is prod(1 + bet * m_t)
    <= (1 + bet * m)^tasks <= 1 by the inequality of arithmetic and geometric means, even if single m_t are positive.
    """
    path, now, squares, seen = [], 1.0, PRIOR_SQUARE, 1
    for index, numbers in enumerate(rounds):
        bet = _bet(level * now, squares / seen, (most_rounds - index) * len(numbers))
        now *= math.prod(1.0 + bet * x for x in numbers)
        path.append(now)
        squares, seen = squares + sum(x * x for x in numbers), seen + len(numbers)
    return path


def _bet(reached: float, square: float, left: int) -> float:
    """The share of the capital to bet on each of the numbers that are left, in [0, MOST_BET].

    The share that takes the capital from where it is (reached: as a part of what is needed) to what is needed with the
    numbers left, if they have this mean square: Voracek & Orabona, STaR-Bets, NeurIPS 2025 (arXiv:2505.22422).
    """
    if reached >= 1.0:
        return MOST_BET
    return min(MOST_BET, math.sqrt(2 * math.log(1 / max(reached, 1e-300)) / (square * max(left, 1))))
