"""What happens at a kink of a trade-off curve: the limit that starts to bind there, or the racks that come in or run out.

A kink lies between two pieces with prices of their own. Limits that have a price on one and room to spare on the other are what
the kink is about: they bind in all best plans of the one, and not in all of the other. Where the optimum is degenerate other
prices are as valid and may show more of them, so what is said is true but need not be all.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from planner.model import naming
from planner.model.formulation import Model
from planner.model.program import Program
from planner.model.rules import decode

Vector = NDArray[np.float64]
UNPRICED = 1e-6  # prices below are the solver's tolerance
NOTHING = 1e-6  # racks, MW, h100e below which a column is empty
NOTHING_MOVES = "the mix changes between offers"


@dataclass(frozen=True)
class Side:
    """A piece beside a kink: prices (rows,) that hold all along it, and plans (columns,) at places on it."""

    prices: Vector
    plans: tuple[Vector, ...]


def what_binds(model: Model, tighter: Side, looser: Side) -> tuple[list[str], list[str]]:
    """(limits that start to bind, limits that cease to), the dearest first, at the kink between two pieces."""
    return _binding(model, tighter, looser), _binding(model, looser, tighter)


def _binding(model: Model, here: Side, there: Side) -> list[str]:
    """Limits that bind here and not there, the dearest (price times limit) first.

    A price says that a limit binds in every plan here. No price says nothing; slack in one plan says that it does not bind there.
    """
    program, found = model.program, []
    for i in np.flatnonzero((np.abs(here.prices) > UNPRICED) & (np.abs(there.prices) <= UNPRICED)):
        row = decode(program.rows[i])
        if row.rule.shown and program.senses[i] and any(_slack(program, int(i), values) for values in there.plans):
            name, period = row.rule.told(naming.subject(model.instance, row)), naming.when(model.instance, row)
            found.append((-abs(here.prices[i]) * max(abs(program.stated[i]), 1.0), _when(name, period)))
    return list(dict.fromkeys(name for _, name in sorted(found)))


def _slack(program: Program, i: int, values: Vector) -> bool:
    """Whether a plan leaves room in a limit."""
    span = slice(program.starts[i], program.starts[i + 1])
    used = float(np.array(program.coefficients[span]) @ values[program.indices[span]])
    return abs(program.rhs[i] - used) > NOTHING * max(1.0, abs(program.rhs[i]))


def what_moves(model: Model, tighter: Vector, here: Vector, looser: Vector) -> str:
    """The largest of what comes in or runs out when x is held tighter than at the kink, as far as it has a name."""
    empty = here <= NOTHING
    comes, goes = empty & (tighter > NOTHING) & (looser <= NOTHING), empty & (looser > NOTHING) & (tighter <= NOTHING)
    found: list[tuple[float, str]] = []
    for which, values, verb in ((comes, tighter, "comes in"), (goes, looser, "runs out")):
        for j in np.flatnonzero(which):
            found += [(-float(values[j]) * size, f"{name}, {verb}") for size, name in _column(model, model.program.columns[j])]
    return min(found)[1] if found else NOTHING_MOVES


def _column(model: Model, key: tuple[Any, ...]) -> Iterator[tuple[float, str]]:
    """(size of a unit [MW], name) of a column that a reader knows."""
    data, (kind, *at) = model.instance, key
    if kind in ("taken", "online"):
        p = data.positions[at[0]]
        yield data.power[at[0]], _when(f"{p.accelerator.id} at {p.site.id} ({p.offer.id})", data.periods[at[1]].label)
    elif kind == "unserved":
        yield 1e-3, _when(f"unserved demand of {data.workloads[at[0]]}", data.periods[at[1]].label)
    elif kind == "shortfall":
        due = data.commitments[at[0]]
        yield 1.0, f"take-or-pay shortfall of {due.contract.id}, {due.label}"
    elif kind in ("built", "generated", "bought"):
        yield 1.0, _when(f"power of {data.sources[at[0]].row.id}", data.periods[at[2 if kind == "bought" else 1]].label)


def _when(name: str, period: str) -> str:
    return f"{name}, {period}" if period and period not in name else name
