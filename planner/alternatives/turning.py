"""What happens at a kink of a trade-off curve: the limit that starts to bind there, or the racks that come in or run out.

A kink lies between two pieces with prices of their own. Limits whose price is zero on one and not on the other are what the kink
is about. Where the optimum is degenerate other prices are as valid, so this is one true account, not the only one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from planner.formulation import Model
from planner.limits import FAMILIES, row_name
from planner.words import rule_name

Vector = NDArray[np.float64]
UNPRICED = 1e-6  # prices below are the solver's tolerance
NOTHING = 1e-6  # racks, MW, h100e below which a column is empty
NOTHING_MOVES = "the mix changes between offers"


def what_binds(model: Model, tighter: Vector, looser: Vector) -> tuple[list[str], list[str]]:
    """(limits that start to bind, limits that cease to), the dearest first, by the prices of the pieces beside a kink."""
    return _priced(model, tighter, looser), _priced(model, looser, tighter)


def _priced(model: Model, here: Vector, there: Vector) -> list[str]:
    """Limits with a price here and none there, the dearest (price times limit) first."""
    program, found = model.program, []
    for i in np.flatnonzero((np.abs(here) > UNPRICED) & (np.abs(there) <= UNPRICED)):
        rule, *key = program.rows[i]
        if rule in FAMILIES and program.senses[i]:
            subject, period = row_name(model, rule, key)
            found.append((-abs(here[i]) * max(abs(program.stated[i]), 1.0), _when(rule_name(rule, subject), period)))
    return list(dict.fromkeys(name for _, name in sorted(found)))


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
