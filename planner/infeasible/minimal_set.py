"""A minimal set of bounds that cannot all hold, searched where prices say that it lies.

The irreducible search of HiGHS takes 0.02 s on 168 rows and 39 s on 8,700, so it gets the rows with a price only, and what it
finds is a proposal: each member is deleted in turn and the rest solved again with all of the structure.
"""

from __future__ import annotations

import math

from planner.infeasible.elastic import FITS, Elastic, Relaxed
from planner.model.program import Program
from planner.solver.highs import INFEASIBLE
from planner.solver.solve import load

SEARCHED = 1500  # rows up to which the irreducible search of HiGHS takes well below a second


def minimal(elastic: Elastic, found: Relaxed) -> list[int]:
    """Bounds taking part in a relaxation that clash with each other and of which none can be spared.

    Spared are first whole periods, the least short first, then what weighs least: the set of the worst period is the telling one.
    """
    everything = set(range(len(elastic.bounds)))

    def clash(members: set[int]) -> set[int] | None:
        """Those of the members that clash, None if all can hold."""
        fewer = elastic.relax(members, everything - members)
        if fewer is None or fewer.size <= FITS:
            return None
        return members if elastic.whole else set(elastic.taking_part(fewer)) & members

    weight = _weights(elastic, found)
    members = set(weight)
    when = {b: elastic.bounds[b].period.split(" ")[0] for b in members}  # the period without its slice
    periods: dict[str, float] = {}
    for b in sorted(members):
        periods[when[b]] = periods.get(when[b], 0.0) + elastic.share(b, found.change.get(b, 0.0))
    order = sorted(periods, key=lambda name: (periods[name], -list(periods).index(name)))  # the least short, the last first
    alone = clash({b for b in members if when[b] == order[-1]})  # most conflicts lie in one period
    for period in () if alone else order:
        members = clash({b for b in members if when[b] != period}) or members
    members = alone or members
    if not elastic.whole:
        members = clash(_irreducible(elastic, members)) or members
    tried: set[int] = set()
    while untried := sorted(members - tried, key=lambda b: (weight[b], -b)):
        tried.add(untried[0])
        members = clash(members - {untried[0]}) or members
    return sorted(members)


def _weights(elastic: Elastic, found: Relaxed) -> dict[int, float]:
    """The bounds that take part with what they put into the sum; where there are no prices, all that may clash."""
    if elastic.whole:
        return {b: elastic.share(b, found.change[b]) if b in found.change else 0.0 for b in sorted(found.soft)}
    program = elastic.model.program
    return {b: abs(sum(found.prices[i] * program.rhs[i] for i in elastic.bounds[b].rows)) for b in elastic.taking_part(found)}


def _irreducible(elastic: Elastic, members: set[int]) -> set[int]:
    """What HiGHS finds irreducible among the rows that have a price while only the members count."""
    found = elastic.relax(members, set(range(len(elastic.bounds))) - members)
    program = elastic.model.program
    priced = [i for i, price in enumerate(found.prices[: len(program.rows)]) if price] if found else []
    if not priced or len(priced) > SEARCHED or any(elastic.bounds[b].column is not None for b in members):
        return members
    part = Program()
    columns: dict[int, int] = {}
    for i in priced:
        span = slice(program.starts[i], program.starts[i + 1])
        part.indices += [columns.setdefault(j, len(columns)) for j in program.indices[span]]
        part.coefficients += program.coefficients[span]
        part.starts.append(len(part.indices))
    part.senses, part.rhs = [program.senses[i] for i in priced], [program.rhs[i] for i in priced]
    part.columns, part.upper = [program.columns[j] for j in columns], [math.inf] * len(columns)
    engine = load(part, [0.0] * len(columns), 0.0)
    engine.set("presolve", "off")
    status = engine.run()  # the irreducible search of a model that was never run reads memory that is not its own
    if status != INFEASIBLE:
        return members
    irreducible = engine.irreducible()
    if irreducible is None:
        return members
    rows = {priced[k] for k in irreducible}
    return {b for b in members if rows & set(elastic.bounds[b].rows)} or members


def fewer_groups(elastic: Elastic, found: Relaxed) -> Relaxed:
    """A relaxation that still takes a change, of as few rules and subjects as can be: for whole racks, where no price tells."""
    everything = set(range(len(elastic.bounds)))
    for group in dict.fromkeys(b.group for b in elastic.bounds):
        fewer = {b for b in found.soft if elastic.bounds[b].group != group}
        left = elastic.relax(fewer, everything - fewer)
        found = left if left is not None and left.size > FITS else found
    return found
