"""Which of all optimal plans is shown: the goals that decide among them, one after the other.

First the objective; then, with another objective than cost, the cost; then what `[objective] then` names; last an order of no
meaning, so that one plan is left: every column weighs something between 1 and 2, by a hash of what it is called. Names are ids
and dates, never places in a list, so the order of rows and files, or an offer that nobody takes, changes nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from planner.data.instance import Instance
from planner.model.formulation import Model
from planner.model.measures import EXPRESSIONS
from planner.model.rules import Key

ORDER = "order"  # the name of the last goal
STEPS = 10**9  # weights have nine decimals: few enough for short fractions, enough to be all different


@dataclass(frozen=True)
class Goal:
    """A name and the coefficient of every column; less is better."""

    name: str
    costs: tuple[float, ...]


def goals(model: Model) -> tuple[Goal, ...]:
    """All goals in order; those that no column of the programme can move are left out, the objective never."""
    data, program = model.instance, model.program
    found = [Goal(data.objective, tuple(program.terms(model.objective)[0]))]
    for name in dict.fromkeys(("cost", *data.then)):
        if name != data.objective:
            found.append(Goal(name, tuple(program.terms(EXPRESSIONS[name](data, model.variables))[0])))
    named = _Names(data)
    order = Goal(ORDER, tuple(_weight(named.of(key)) for key in program.columns))
    return (found[0], *(goal for goal in found[1:] if any(goal.costs)), order)


def _weight(name: str) -> float:
    return 1.0 + int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") % STEPS / STEPS


class _Names:
    """What a column is called: its kind, and ids and days in place of its indices."""

    def __init__(self, data: Instance) -> None:
        positions = [f"{p.label} {p.offer.from_ or ''} {p.site.id}" for p in data.positions]
        kinds: dict[str, tuple[str, ...]] = {
            "t": tuple(t.label for t in data.periods),
            "i": data.slices.ids,
            "p": tuple(positions),
            "w": data.workloads,
            # by what tells it apart, not by its members: one more offer at a place makes no other class
            "k": tuple(
                f"{k.accelerator} {k.on_demand} {[(data.workloads[s.workload], s.route_cost) for s in k.serves]} "
                + (data.positions[k.positions[0]].site.provider if data.classes_by_provider else "")
                for k in data.classes
            ),
            "g": tuple(f"{g.site.id} {g.accelerator}" for g in data.groups),
            "s": tuple(s.row.id for s in data.sources),
            "m": tuple(m.site.id for m in data.managed),
            "c": tuple(f"{c.contract.id} {c.label}" for c in data.commitments),
            "n": tuple(f"{loss.kind} {loss.subject}" for loss in data.losses),
        }
        commitments = kinds["c"]
        kinds["q"] = tuple(str([(commitments[c], share) for c, share in pool.commitments]) for pool in data.pools)
        self._decode: dict[str, Callable[[Any], str]] = {letter: names.__getitem__ for letter, names in kinds.items()}

    def of(self, key: Key) -> str:
        kind, *parts = key
        letters = COLUMNS[kind]
        return " | ".join([kind, *(self._decode.get(letter, str)(part) for letter, part in zip(letters, parts, strict=False))])


# the indices of every kind of column: t period, i slice, j slot, p position, w workload, k class, g accelerator at a site,
# s source, m managed site, c commitment, q pool, n loss, x a name
COLUMNS = {
    "added": "pt", "taken": "pt", "online": "pt", "run": "pti", "use": "wkti", "unserved": "wtj", "spot": "mti",
    "generated": "sti", "bought": "smti", "charged": "sti", "built": "st", "paid": "st", "shipped": "gt", "licensed": "xgt",
    "allotted": "cq", "shortfall": "c", "first_paid": "pt", "excess": "xxx", "standby": "npt", "carried": "nmt",
    "rescue": "nwkti", "scale": "", "peak": "", "largest": "", "level": "xt",
}  # fmt: skip
