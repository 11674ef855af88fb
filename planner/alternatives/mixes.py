"""The answer of `planner mixes`: how far every provider's share can move near the optimum, and whole mixes that span the room.

Racks are continuous here, also where a scenario asks for whole ones; the answer says so then.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from planner.alternatives.candidates import Maker, Mix, best_at, extremes, percent_range, span
from planner.alternatives.share_ranges import OF, STILL, Interval, Near, intervals, levels_of, movable
from planner.core.errors import InputFault, Stopped
from planner.core.table import Table, make
from planner.data import instance
from planner.inputs.assembly import Inputs
from planner.model import formulation
from planner.model.measures import MEASURES
from planner.solver import solve

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Mixes:
    """The answer of `planner mixes`. Status optimal, or infeasible or unbounded: then there is nothing but the status."""

    name: str
    status: str
    objective: str = "cost"
    within: float = 0.0
    intervals: tuple[Interval, ...] = ()
    optimum: Mix | None = None
    alternatives: tuple[Mix, ...] = ()
    moves: tuple[str, ...] = ()  # kinds of columns that differ between optimal plans; none: the optimum is unique
    relaxed: bool = False  # the scenario asks for whole racks, these mixes have continuous ones
    left_out: tuple[str, ...] = ()  # ids of mixes that the audit did not pass: nothing of them is shown

    @property
    def levels(self) -> tuple[float, ...]:
        return tuple(sorted({x.within for x in self.intervals}))

    @property
    def plan_is_unique(self) -> bool:
        return not self.moves

    @property
    def mix_is_unique(self) -> bool:
        """Whether all optimal plans have the same shares over the horizon."""
        return self.plan_is_unique or self._widest is None

    @property
    def _widest(self) -> Interval | None:
        """The share that moves most among optimal plans: of compute, else of power, else of spend."""
        for of in OF:
            moving = [x for x in self.intervals if x.of == of and x.within == 0 and x.width > STILL]
            if moving:
                return max(moving, key=lambda x: x.width)
        return None

    @property
    def unique(self) -> str:
        """In words, whether the optimum is the only one."""
        if self.plan_is_unique:
            return "the optimum is unique"
        several = "several plans cost the same" if self.objective == "cost" else "several plans are equally good"
        widest = self._widest
        if widest is None or widest.low is None or widest.high is None:
            return f"{several}, with the same mix: they differ in {_kinds(self.moves)}"
        low, high = percent_range(widest.low, widest.high)
        return f"{several}: {widest.provider}'s share of {widest.of} can be anything from {low} to {high}"

    def tables(self) -> tuple[Table, ...]:
        """mixes, mix_shares and intervals, for CSV files."""
        found = [] if self.optimum is None else [self.optimum, *self.alternatives]
        names = list(found[0].totals) if found else []
        columns = ("mix", "above_optimum", *names, "largest_provider", "known_by", "better_at")
        rows = [(m.id, m.above, *(m.totals[name] for name in names), m.largest, m.known_by, "; ".join(m.better)) for m in found]
        return (
            Table("mixes", columns, tuple(rows)),
            make("mix_shares", "mix year provider share_compute share_power share_spend power_mw",
                 [(m.id, *row) for m in found for row in m.by_year]),
            make("intervals", "provider of within low high",
                 [(x.provider, x.of, x.within, x.low, x.high) for x in self.intervals]),
        )  # fmt: skip


KINDS = {
    "added": "racks taken on", "taken": "racks taken on", "shipped": "racks taken on", "online": "racks online",
    "run": "racks running", "use": "where work runs",
    "unserved": "what stays unserved", "licensed": "which licence is drawn on", "allotted": "the contract that spend counts to",
    "shortfall": "take-or-pay shortfall", "standby": "what stands by for a loss", "rescue": "what stands by for a loss",
    "spot": "power from the grid", "generated": "power generated", "bought": "power bought", "charged": "batteries",
    "built": "power built", "paid": "power paid for", "excess": "what soft limits cost",
    "first_paid": "capex", "carried": "what stands by for a loss",
}  # fmt: skip


def _kinds(moves: Sequence[str]) -> str:
    names = list(dict.fromkeys(KINDS.get(kind, kind) for kind in moves))
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


# --- the answer -------------------------------------------------------------------------------------------------------


def mixes(inputs: Inputs, within: float, count: int = 8, progress: Progress | None = None, of: Sequence[str] = OF) -> Mixes:
    """The intervals and at most `count` mixes, the optimum first, of plans at most `within` (a share) above the optimum.

    progress: told what is being looked for. of: the shares (compute, power, spend) whose intervals are wanted at all distances;
    the others only as far as uniqueness and the choice of mixes need them, which saves time.

    InputFault: `within` is no share, `count` is below 1, or the optimum is zero so that no share of it leaves room. Stopped: the
    solver gave up. VerificationFailed: the optimum does not stand up to the audit.
    """
    levels = levels_of(within)
    if count < 1:
        raise InputFault.one(f"{count} mixes are none", "ask for at least 1")
    tell = progress or (lambda _: None)
    whole_racks = inputs.scenario.solve.whole_racks
    if whole_racks:
        relaxed = inputs.scenario.solve.model_copy(update={"whole_racks": False})
        inputs = replace(inputs, scenario=inputs.scenario.model_copy(update={"solve": relaxed}))
    objective = inputs.scenario.objective.name
    name = inputs.scenario.name or inputs.name
    tell("optimum")
    model = formulation.build(instance.build(inputs, _measures(objective)))
    first = solve.solve(model, inputs.scenario.solve)
    if first.status == "stopped":
        raise Stopped("stopped before the optimum was proved: there is nothing to measure a distance from")
    if first.status != "optimal":
        return Mixes(name, first.status, objective)
    start = first.basis
    near = Near(model, start)
    if within > 0 and near.roomless:
        what = f"the {best_of(objective)} is 0, and a percentage of it leaves no room"
        raise InputFault.one(what, "ask for the optimal plans alone (--within 0%), or minimise something that is not free")
    moves = movable(model)
    found, ends = intervals(near, levels, of, tell)
    near.widen(within)
    maker = Maker(inputs, near)
    optimum = maker.optimum()
    tell("alternatives")
    pool = [*extremes(near, ends), *best_at(near)] if count > 1 else []
    chosen, left_out = span(maker, near, pool, count, tell)
    return Mixes(name, "optimal", objective, within, tuple(found), optimum, tuple(chosen), moves, whole_racks, tuple(left_out))


def best_of(objective: str) -> str:
    """The optimum of an objective in words: least cost, largest demand scale."""
    return MEASURES[objective].best


def _measures(objective: str) -> tuple[str, ...]:
    """What the programme is built for. `cost` is no further measure: it would let other objectives leave demand unserved."""
    return tuple(dict.fromkeys((objective, "peak_power", "largest_share")))
