"""Is this less than usual by more than chance? The rule of the dead-man switch, without a database.

Counts of an hour or a day scatter like Poisson's around what is usual, and more, since weeks differ. So something counts as
fallen only when it is under ``SHARE`` of the usual **and** so few would come less than once in ``ONE_IN`` looks even if a third
less were usual today.
"""

from __future__ import annotations

import math

SHARE = 0.4
A_THIRD_LESS = 2 / 3
ONE_IN = 1e6


def fallen(seen: int, usual: float) -> bool:
    """Whether ``seen`` is far below ``usual`` (the median of earlier counts). Below 21 usual ones nothing is told from chance."""
    return seen < SHARE * usual and at_most(seen, usual * A_THIRD_LESS) < 1 / ONE_IN


def share_fallen(seen: int, of: int, usual: float) -> bool:
    """Whether ``seen`` of ``of`` is far below the usual share, 0 to 1."""
    return of > 0 and seen < SHARE * usual * of and few_of(seen, of, usual * A_THIRD_LESS) < 1 / ONE_IN


def at_most(seen: int, mean: float) -> float:
    """The chance of ``seen`` or fewer where ``mean`` are expected (Poisson)."""
    if mean <= 0:
        return 1.0
    logs = [n * math.log(mean) - mean - math.lgamma(n + 1) for n in range(seen + 1)]
    highest = max(logs)
    return min(1.0, math.exp(highest) * sum(math.exp(log - highest) for log in logs))


def few_of(seen: int, of: int, share: float) -> float:
    """The chance of ``seen`` or fewer of ``of``, each with the chance ``share`` (binomial)."""
    if share <= 0:
        return 1.0
    if share >= 1:
        return 1.0 if seen >= of else 0.0
    total = math.lgamma(of + 1)
    logs = [
        total - math.lgamma(n + 1) - math.lgamma(of - n + 1) + n * math.log(share) + (of - n) * math.log1p(-share)
        for n in range(min(seen, of) + 1)
    ]
    highest = max(logs)
    return min(1.0, math.exp(highest) * sum(math.exp(log - highest) for log in logs))
