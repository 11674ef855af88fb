"""The plan: what a solution says in racks, sites and dollars. Frozen; made once from an instance and the solver's values.

Here the classes of the programme are taken apart again: the racks at work in a class go to its positions one after the other,
as many as each has online, workload by workload.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # whoever only reads a plan needs no solver
    from planner.data.instance import Instance
    from planner.model.formulation import Model
    from planner.solver.solve import Solution

SOURCE_KINDS = ("spot", "generated", "bought", "charged", "built", "paid")
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
    use: Mapping[tuple[int, int, int], float]  # w, p, t: mean over the hours
    dispatch: Mapping[tuple[int, int, int, int], float]  # w, p, t, i
    run: Mapping[tuple[int, int, int], float]  # p, t, i
    unserved: Mapping[tuple[int, int], float]  # w, t: mean over the hours [h100e]
    sources: Mapping[tuple[object, ...], float]  # columns of sources and grid power by kind and index [MW, GWh]
    scale: float
    allotted: Mapping[tuple[int, int], float]  # c, pool [million USD]
    shortfall: Mapping[int, float]  # c [million USD]
    licensed: Mapping[tuple[str, int, int], float]  # licence, g, t [gpu]
    rescue: Mapping[tuple[int, int, int, int, int], float]  # loss, w, p, t, i
    excess: Mapping[tuple[object, ...], float]  # above soft limits, in their unit
    activity: tuple[float, ...]  # left side of every row
    duals: tuple[float, ...]  # per row, change of the objective per unit of its right side; empty if none

    def running(self, p: int, t: int, i: int) -> float:
        """Racks that draw their full load: idle ones count by their idle load."""
        idle = self.instance.idle[p]
        return idle * self.online[p, t] + (1 - idle) * self.run.get((p, t, i), 0.0)

    def there(self, s: int, t: int) -> float:
        """Capacity of a source in a period, with what was built and is ready [MW]."""
        source = self.instance.sources[s]
        come = sum(self.sources.get(("built", s, e), 0.0) for e in self.instance.times if source.lives and t in source.lives[e])
        return source.capacity[t] + come

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
    run = {
        (p, t, i): value("run", p, t, i) if p in data.throttled else racks
        for (p, t), racks in online.items()
        for i in data.slices.there(t)
    }
    dispatch: dict[tuple[int, int, int, int], float] = {}
    rescue: dict[tuple[int, int, int, int, int], float] = {}
    for k in data.classes:
        for t in data.times:
            for i in data.slices.there(t):
                wanted = {s.workload: value("use", s.workload, k.index, t, i) for s in k.serves}
                for w, p, racks in split(wanted, {p: run[p, t, i] for p in k.positions}):
                    dispatch[w, p, t, i] = racks
                for n, _ in enumerate(data.losses):
                    wanted = {s.workload: value("rescue", n, s.workload, k.index, t, i) for s in k.serves}
                    for w, p, racks in split(wanted, {p: value("standby", n, p, t) for p in k.positions}):
                        rescue[n, w, p, t, i] = racks
    return Plan(
        instance=data,
        status=solution.status,
        objective=solution.objective,
        gap=solution.gap,
        added=added,
        held=held,
        online=online,
        use=_mean_use(data, dispatch),
        dispatch=dispatch,
        run=run,
        unserved={(w, t): _mean_missing(data, w, t, value) for w, _ in enumerate(data.workloads) for t in data.times},
        sources={key: value(*key) for key in column if key[0] in SOURCE_KINDS},
        scale=value("scale") / data.scale_unit if "demand_scale" in data.measures else 1.0,
        allotted={key: value("allotted", *key) for key in v.allotted},
        shortfall={c.index: value("shortfall", c.index) for c in data.commitments},
        licensed={key: amount for key in v.licensed if (amount := value("licensed", *key)) > DUST},
        rescue=rescue,
        excess={key: value("excess", *key) for key in v.excess},
        activity=tuple(_activity(model, values)),
        duals=tuple(solution.duals),
    )


def _mean_use(data: Instance, dispatch: Mapping[tuple[int, int, int, int], float]) -> dict[tuple[int, int, int], float]:
    """Racks at work over the hours of a period."""
    use: dict[tuple[int, int, int], float] = {}
    for (w, p, t, i), racks in dispatch.items():
        hours = data.slices.hours[t]
        part = racks if len(hours) == 1 else racks * hours[i] / sum(hours)
        use[w, p, t] = use.get((w, p, t), 0.0) + part
    return use


def _mean_missing(data: Instance, w: int, t: int, value: Callable[..., float]) -> float:
    """Compute unserved over the hours of a period [h100e]."""
    hours, slots = data.slices.hours[t], data.slots[w]
    if len(slots) == 1:
        return value("unserved", w, t, 0)
    return sum(value("unserved", w, t, j) * sum(hours[i] for i in slot) for j, slot in enumerate(slots)) / sum(hours)


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
