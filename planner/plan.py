"""The plan: what a solution says in racks, sites and dollars. Frozen; made once from an instance and the solver's values.

Here the classes of the programme are taken apart again: the racks at work in a class go to its positions one after the other,
as many as each has online, workload by workload.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # whoever only reads a plan needs no solver
    from planner.formulation import Model
    from planner.instance import Instance
    from planner.solve import Solution

DUST = 1e-7  # racks, MW, h100e: what the solver's tolerance leaves behind


@dataclass(frozen=True)
class Plan:
    """Values by index: w workload, p position, t period, c commitment. Racks unless said otherwise."""

    instance: Instance
    status: str
    objective: float
    gap: float
    added: Mapping[tuple[int, int], float]  # p, t
    held: Mapping[tuple[int, int], float]  # p, t (on-demand: racks used)
    online: Mapping[tuple[int, int], float]  # p, t
    use: Mapping[tuple[int, int, int], float]  # w, p, t
    unserved: Mapping[tuple[int, int], float]  # w, t [h100e]
    scale: float
    allotted: Mapping[tuple[int, int], float]  # c, pool [million USD]
    shortfall: Mapping[int, float]  # c [million USD]
    licensed: Mapping[tuple[str, int, int], float]  # licence, g, t [gpu]
    rescue: Mapping[tuple[int, int, int, int], float]  # loss, w, p, t
    excess: Mapping[tuple[object, ...], float]  # above soft limits, in their unit
    activity: tuple[float, ...]  # left side of every row
    duals: tuple[float, ...]  # per row, change of the objective per unit of its right side; empty if none

    def delivered(self, w: int, p: int, t: int) -> float:
        """Compute delivered to a workload from a position [h100e]."""
        return self.instance.compute[w, self.instance.positions[p].accelerator.id][t] * self.use.get((w, p, t), 0.0)


def interpret(model: Model, solution: Solution) -> Plan:
    """The plan in a solution that has values."""
    data, v, program = model.instance, model.variables, model.program
    column = {key: i for i, key in enumerate(program.columns)}
    values = solution.values

    def value(*key: object) -> float:
        at = column.get(key)
        return max(0.0, values[at]) if at is not None else 0.0

    held: dict[tuple[int, int], float] = {}
    added: dict[tuple[int, int], float] = {}
    online: dict[tuple[int, int], float] = {}
    for position in data.positions:
        p, last = position.index, 0.0
        for t in data.times:
            here = value("taken", p, t) if ("taken", p, t) in column else (last if (p, t) in v.taken else 0.0)
            online[p, t] = value("online", p, t)
            held[p, t] = online[p, t] if position.on_demand else here + position.fleet[t]
            if not position.on_demand:
                added[p, t] = value("added", p, t) if ("added", p, t) in column else max(0.0, here - last)
            last = here
    work: dict[tuple[int, int, int], float] = {}
    rescue: dict[tuple[int, int, int, int], float] = {}
    for k in data.classes:
        for t in data.times:
            wanted = {s.workload: value("use", s.workload, k.index, t) for s in k.serves}
            for w, p, racks in split(wanted, {p: online[p, t] for p in k.positions}):
                work[w, p, t] = racks
            for i, _ in enumerate(data.losses):
                wanted = {s.workload: value("rescue", i, s.workload, k.index, t) for s in k.serves}
                for w, p, racks in split(wanted, {p: value("standby", i, p, t) for p in k.positions}):
                    rescue[i, w, p, t] = racks
    return Plan(
        instance=data,
        status=solution.status,
        objective=solution.objective,
        gap=solution.gap,
        added=added,
        held=held,
        online=online,
        use=work,
        unserved={(w, t): value("unserved", w, t) for w, _ in enumerate(data.workloads) for t in data.times},
        scale=value("scale") / data.scale_unit if data.objective == "demand_scale" else 1.0,
        allotted={key: value("allotted", *key) for key in v.allotted},
        shortfall={c.index: value("shortfall", c.index) for c in data.commitments},
        licensed={key: amount for key in v.licensed if (amount := value("licensed", *key)) > DUST},
        rescue=rescue,
        excess={key: value("excess", *key) for key in v.excess},
        activity=tuple(_activity(model, values)),
        duals=tuple(solution.duals),
    )


def split(wanted: Mapping[int, float], room: Mapping[int, float]) -> Iterable[tuple[int, int, float]]:
    """(workload, position, racks): workloads in order fill positions in order, none beyond its racks.

    Rounding may leave a workload a hair more than fits; the last position takes it, within the solver's tolerance.
    """
    places = [(p, racks) for p, racks in room.items() if racks > DUST]
    at, left = 0, places[0][1] if places else 0.0
    for w, racks in wanted.items():
        while racks > DUST and places:
            while left <= DUST and at + 1 < len(places):
                at, left = at + 1, places[at + 1][1]
            final = at + 1 == len(places)
            taken = racks if final else min(racks, left)
            yield w, places[at][0], taken
            racks, left = racks - taken, left - taken


def _activity(model: Model, values: list[float]) -> Iterable[float]:
    program = model.program
    for i in range(len(program.rows)):
        span = range(program.starts[i], program.starts[i + 1])
        yield sum(program.coefficients[j] * values[program.indices[j]] for j in span)
