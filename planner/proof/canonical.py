"""That a plan is the only one: goal after goal, whoever reads the basis finds in fractions that nothing else could move.

A basis is lexicographically best if, for every variable outside of it, the first goal in which its reduced cost is not zero is
made worse by moving it. If every one has such a goal, no other values reach the same in all of them: the plan is unique, and
anybody who solves the programme, by whatever means, must find it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from planner.core.basis import Basis
from planner.proof.elimination import Overlong
from planner.proof.pivots import GaveUp, Simplex, Unbounded
from planner.proof.rational import Fraction

Costs = Sequence[Fraction]


@dataclass(frozen=True)
class Settled:
    """The values (columns,) of the best plan by all goals, and its basis; `single` if no other plan is as good by all of them.

    `pivots` were needed on the way; `what` says why nothing was settled, where that is so.
    """

    basis: Basis
    x: tuple[Fraction, ...]
    single: bool
    pivots: int
    what: str = ""


def settle(simplex: Simplex, goals: Sequence[Costs]) -> Settled | None:
    """The best plan by the goals, from a basis that is optimal for the first of them. None if it is not found.

    The simplex is left at the basis, aiming at the first goal, with the bounds that it had.
    """
    low, high, begun = list(simplex.low), list(simplex.high), simplex.pivots
    try:
        for costs in goals[1:]:
            simplex.freeze()
            if not simplex.free():
                break
            simplex.aim(costs)
            simplex.make_fair()
        simplex.freeze()
        single = not simplex.free()
    except (GaveUp, Overlong, Unbounded):
        return None
    finally:
        simplex.low, simplex.high = low, high
        simplex.aim(goals[0])
    basis, x, _ = simplex.solution()
    values = tuple(x.get(j, Fraction(0)) for j in range(simplex.record.columns))
    return Settled(basis, values, single, simplex.pivots - begun)
