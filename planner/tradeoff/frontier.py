"""The trade-off curve between two measures: the least of one for every value that the other is held to, with all its kinks.

The programme is built once and asked again and again from where the solver stands: only the limit on x moves, so that each
question is a few steps of the dual simplex method. The price of that limit is the slope of the curve there (curve.py).
Both measures are in the units of the tables. `demand_scale` is the one that more is better of: it is held from below as x, made
as large as possible as y, and the curve bends the other way. "Tighter" is always less of x, or more of demand_scale.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from planner.core.errors import InputFault, Stopped, VerificationFailed, did_you_mean
from planner.core.table import Row, Table
from planner.data import instance
from planner.data.instance import Instance
from planner.infeasible.conflict import Conflict, explain
from planner.inputs.assembly import Inputs
from planner.inputs.scenario import Objective
from planner.model import formulation, measures
from planner.model.formulation import Model
from planner.model.measures import MEASURES, measure_unit
from planner.run.audited import by_year, whole
from planner.solver.warm import Linear, Probe
from planner.tradeoff.breakpoints import Side, what_binds, what_moves
from planner.tradeoff.curve import Curve, Piece, Sample

Vector = NDArray[np.float64]
CLOSE = 1e-9  # relative: two values of y are one, and x is held to its least value with so much room
COLUMNS = {name: measure.column for name, measure in MEASURES.items() if measure.axis}
MIX = ("year", "provider", "share_compute", "power_mw", "spend_usd")


@dataclass(frozen=True)
class Axis:
    """A measure as an axis: its column, its unit, and how many of it one unit in the programme is (< 0: more is better)."""

    measure: str
    column: str
    unit: str
    weight: float  # what its expression is multiplied by in the programme, so that reduced costs stay above tolerances
    size: float

    @property
    def name(self) -> str:
        return MEASURES[self.measure].label

    @classmethod
    def of(cls, data: Instance, measure: str) -> Axis:
        unit, size = measure_unit(data, measure)
        weight = (measures.demanded(data) or 1.0) if measure == "largest_share" else 1.0
        return cls(measure, COLUMNS[measure], unit, weight, MEASURES[measure].sign * size / weight)

    def told(self, value: float) -> float:
        """A value of the programme in the unit of the axis."""
        return value * self.size + 0.0


@dataclass(frozen=True)
class Point:
    """A point of the curve. `limit` (of a kink): what starts to bind when x is held tighter than here. `slope`: of the curve from
    here to the next point on the right, None at the end. `measures` by column, of the plan there (of one of several, where
    several are as good) and `mix` rows are of a plan that was audited, and empty where none was worked out."""

    x: float
    y: float
    kink: bool
    limit: str
    slope: float | None
    measures: Mapping[str, float] = field(default_factory=dict)
    mix: tuple[Row, ...] = ()  # year or total, provider, share of compute, mean power [MW], spend [USD]


@dataclass(frozen=True)
class Frontier:
    """The curve from its left end to its right one. `exact`: all its kinks are among the points and it is straight between them;
    else it is below the straight lines between its points by at most `gap` [unit of y] (above them for demand_scale).

    No points: no plan keeps all limits, and `conflict` says why. One point: the two measures do not conflict.
    """

    inputs: Inputs
    x: Axis
    y: Axis
    points: tuple[Point, ...]
    exact: bool
    gap: float
    asked: int  # questions to the solver after the ends were known
    checks: int  # of the audits of the plans behind `mix`
    conflict: Conflict | None = None
    relaxed: bool = False  # the scenario asks for whole racks, these plans have continuous ones

    @property
    def kinks(self) -> tuple[Point, ...]:
        """The points where the slope changes, and both ends."""
        return tuple(point for point in self.points if point.kink)

    @property
    def slope_unit(self) -> str:
        return f"{self.y.unit}/{self.x.unit}"

    def tables(self) -> list[Table]:
        """frontier.csv and frontier_mix.csv. A slope is that of the curve from its point to the next on the right."""
        both = (self.x.column, self.y.column)
        others = [column for column in COLUMNS.values() if column not in both]
        columns = (*both, *others, "kink", "limit", "slope", "slope_unit")
        rows = [
            (p.x, p.y, *(p.measures.get(column) for column in others), "yes" if p.kink else "no", p.limit, p.slope,
             self.slope_unit if p.slope is not None else "")
            for p in self.points
        ]  # fmt: skip
        mixes = [(p.x, *row) for p in self.points for row in p.mix]
        return [Table("frontier", columns, tuple(rows)), Table("frontier_mix", (self.x.column, *MIX), tuple(mixes))]


def frontier(
    inputs: Inputs,
    x: str,
    y: str,
    points: int = 20,
    kinks: int = 2000,
    plans: int = 25,
    progress: Callable[[int, float], None] | None = None,
) -> Frontier:
    """The least y for every x. InputFault if the two cannot be held against each other; VerificationFailed if a plan is none.

    points: evenly spaced ones, with both ends. kinks: so many questions at most are asked to find them (each kink takes about
    two). plans: of the kinks, those with the largest change of slope, whose plans are worked out and audited beside the
    evenly spaced points. progress: called after each question with their number and the open gap relative to y.
    """
    _refuse(inputs, x, y, points)
    relaxed = inputs.scenario.solve.whole_racks  # the curve of whole racks has steps and no slope
    if relaxed:
        settings = inputs.scenario.solve.model_copy(update={"whole_racks": False})
        inputs = replace(inputs, scenario=inputs.scenario.model_copy(update={"solve": settings}))
    model = formulation.build(instance.build(inputs, (y, x)))
    desk = Desk(model, Axis.of(model.instance, x), Axis.of(model.instance, y))
    curve, places = desk.trace(points, kinks, progress)
    if not curve.samples:
        return Frontier(inputs, desk.x, desk.y, (), True, 0.0, 0, 0, explain(model), relaxed)
    return replace(_Report(inputs, model, desk, curve, frozenset(places), plans).frontier(), relaxed=relaxed)


def _refuse(inputs: Inputs, x: str, y: str, points: int) -> None:
    """InputFault if two measures cannot be held against each other."""
    for name in (x, y):
        if name not in COLUMNS:
            raise InputFault.one(f"there is no measure `{name}`", did_you_mean(name, COLUMNS))
    if x == y:
        raise InputFault.one(f"`{x}` cannot be traded for itself", f"choose two of {', '.join(COLUMNS)}")
    if {x, y} == {"demand_scale", "largest_share"}:
        what = "demand_scale and largest_share have no curve: the base of the share is the demand, which moves with its scale"
        raise InputFault.one(what, "hold demand_scale against peak_power or cost, or largest_share against cost")
    if {x, y} == {"demand_scale", "unserved"}:
        what = "demand_scale and unserved have no curve: where the demand is scaled all of it is served"
        raise InputFault.one(what, "hold unserved against cost or peak_power")
    if "unserved" in (x, y) and all(workload.unserved is None for workload in inputs.scenario.workload):
        what = "nothing may stay unserved: no workload has a price for it"
        raise InputFault.one(what, 'give a workload one: unserved = "10 USD/h100e/hour"')
    if points < 2:
        raise InputFault.one("a curve has at least 2 points", "--points 20")


# --- questions --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Solved:
    """What the solver found: values (columns,) and the prices of the rows (rows,)."""

    values: Vector
    duals: Vector


class Desk:
    """The programme with room for a limit on each axis. All in the unit of the programme, less is better."""

    def __init__(self, model: Model, x: Axis, y: Axis) -> None:
        self.x, self.y = x, y
        self.probe, self._model = Probe(model), model
        self._of_x, self._of_y = self._measure(x), self._measure(y)

    def _measure(self, axis: Axis) -> Linear:
        return self.probe.linear(MEASURES[axis.measure](self._model.instance, self._model.variables)) * axis.weight

    def trace(
        self, points: int, kinks: int, progress: Callable[[int, float], None] | None = None
    ) -> tuple[Curve[Solved], list[float]]:
        """The curve over its whole range and its evenly spaced places; no samples if nothing fits."""
        curve: Curve[Solved] = Curve(self.at)
        ends = self.ends()
        if ends is None:
            return curve, []
        low, high = ends
        alone = high - low <= CLOSE * max(1.0, abs(high))
        places = [low] if alone else [float(place) for place in np.linspace(high, low, points)]
        curve.sweep(places)
        curve.close = CLOSE * max(abs(sample.y) for sample in curve.samples)
        curve.refine(kinks, progress and (lambda asked, gap: progress(asked, CLOSE * gap / curve.close)))
        return curve, places

    def ends(self) -> tuple[float, float] | None:
        """The least x, and the least x at which y is least; None if nothing fits.

        The least x is sought from scratch: presolve is quicker than the way there from the least y.
        """
        best = self.probe.minimize(self._of_y)
        if best.status == "infeasible":
            return None
        least = Probe(self._model).minimize(self._of_x)
        for axis, found in ((self.x, least), (self.y, best)):
            if not found.optimal:
                raise InputFault.one(f"nothing limits {axis.name}", "it has no best value: give the scenario a limit on it")
        self._row_x, self._row_y = self.probe.add_limit(self._of_x), self.probe.add_limit(self._of_y)
        self.probe.at_most(self._row_y, self._of_y, _a_hair_above(best.objective))
        found = self.probe.minimize(self._of_x)
        self.probe.at_most(self._row_y, self._of_y, float("inf"))
        spared = found.duals[self._row_y] * (self._of_y.at(found.values) - best.objective)  # by the hair that y had
        return least.objective, found.objective - spared

    def at(self, x: float) -> Sample[Solved]:
        """The least y where x is at most so much. The price of that limit is a slope of the curve."""
        for bound in (x, _a_hair_above(x), x + 100 * (_a_hair_above(x) - x)):  # the least x may just not be reached again
            self.probe.at_most(self._row_x, self._of_x, bound)
            found = self.probe.minimize(self._of_y)
            if found.optimal:
                break
        else:
            raise Stopped(f"the solver finds no plan with {self.x.name} at {self.x.told(x):g} {self.x.unit} though there is one")
        rows = len(self._model.program.rows)
        return Sample(x, found.objective, float(found.duals[self._row_x]), Solved(found.values, found.duals[:rows]))

    def cheapest(self, samples: Sequence[Sample[Solved]]) -> list[Vector]:
        """For samples in order the plan with that x and y: where cost is none of the two, the one that costs least (D7)."""
        if "cost" in (self.x.measure, self.y.measure):
            return [sample.found.values for sample in samples]
        cost, found = self.probe.linear(self._model.cost), []
        for sample in samples:
            self.probe.at_most(self._row_x, self._of_x, sample.x)
            self.probe.at_most(self._row_y, self._of_y, _a_hair_above(sample.y))
            answer = self.probe.minimize(cost)
            found.append(answer.values if answer.optimal else sample.found.values)
        return found


def _a_hair_above(value: float) -> float:
    return value + CLOSE * max(1.0, abs(value))


# --- points -----------------------------------------------------------------------------------------------------------


@dataclass
class _Report:
    """Makes the points of a curve: the evenly spaced places and the kinks, with what binds there and plans that were audited."""

    inputs: Inputs
    model: Model
    desk: Desk
    curve: Curve[Solved]
    places: frozenset[float]
    plans: int

    def frontier(self) -> Frontier:
        x, y, pieces = self.desk.x, self.desk.y, self.curve.pieces()
        kinks = self._kinks(pieces)
        gap = self.curve.gap()
        shown = [sample for sample in self.curve.samples if gap or sample.x in kinks or sample.x in self.places]
        bends = {q.start.x: q.slope - p.slope for p, q in pairwise(pieces) if q.start.x in kinks}
        sharpest = sorted(bends, key=lambda place: (-bends[place], place))[: self.plans]
        chosen = [sample for sample in shown if sample.x in self.places or sample.x in sharpest]
        worked = {
            sample.x: self._work_out(sample, values) for sample, values in zip(chosen, self.desk.cheapest(chosen), strict=True)
        }
        slopes = [self._slope(pieces, a, b) * y.size / x.size for a, b in pairwise(shown)]
        if x.size < 0:
            shown, slopes = shown[::-1], slopes[::-1]
        points = []
        for sample, slope in zip(shown, [*slopes, None], strict=True):
            told, mix, _ = worked.get(sample.x, ({}, (), 0))
            place = x.told(sample.x), y.told(sample.y)
            points.append(Point(*place, sample.x in kinks, kinks.get(sample.x, ""), slope, told, mix))
        checks = sum(checks for _, _, checks in worked.values())
        return Frontier(self.inputs, x, y, tuple(points), gap == 0.0, gap * abs(y.size), self.curve.asked, checks)

    def _kinks(self, pieces: Sequence[Piece[Solved]]) -> dict[float, str]:
        """Places of the ends and of the kinks that are proved, and what starts to bind there."""
        x, y, samples = self.desk.x, self.desk.y, self.curve.samples
        best_x, best_y = MEASURES[x.measure].best, MEASURES[y.measure].best
        if not pieces:
            return {samples[0].x: f"{best_x} and {best_y} in one plan"}
        found = {samples[0].x: best_x}
        for p, q in pairwise(pieces):
            if p.line is not None and q.line is not None:
                found[q.start.x] = self._turn(p, q, p.line.found, q.line.found)
        return found | {samples[-1].x: best_y}

    def _turn(self, p: Piece[Solved], q: Piece[Solved], tighter: Solved, looser: Solved) -> str:
        before, here, after = (sample.found.values for sample in (p.start, q.start, q.end))
        starts, ceases = what_binds(
            self.model, Side(tighter.duals, (before, tighter.values, here)), Side(looser.duals, (here, looser.values, after))
        )
        if names := starts or ceases:
            more = f" (and {len(names) - 1} more)" if len(names) > 1 else ""
            return names[0] + ("" if starts else ", ceases to bind") + more
        return what_moves(self.model, before, here, after)

    def _slope(self, pieces: Sequence[Piece[Solved]], a: Sample[Solved], b: Sample[Solved]) -> float:
        """Of the curve between two neighbouring points, the mean where it is not known to be straight."""
        line = next((p.line for p in pieces if p.start.x <= a.x and b.x <= p.end.x), None)
        return line.slope if line is not None else (b.y - a.y) / (b.x - a.x)

    def _work_out(self, sample: Sample[Solved], values: Vector) -> tuple[dict[str, float], tuple[Row, ...], int]:
        x, y = self.desk.x, self.desk.y
        told, mix, checks = plan_of(self.model, self.inputs, values)
        ends = self.curve.samples[0], self.curve.samples[-1]
        for axis, value, most in ((x, sample.x, max(abs(end.x) for end in ends)), (y, sample.y, max(abs(end.y) for end in ends))):
            if abs(told[axis.column] - axis.told(value)) > 1e-6 * max(abs(axis.told(most)), 1e-6):
                what = f"the plan at {x.told(sample.x):g} {x.unit} has {told[axis.column]:g} {axis.unit} of {axis.name}"
                raise VerificationFailed(f"{what}, the curve {axis.told(value):g}: the curve is not an answer")
        return told, mix, checks


def plan_of(model: Model, inputs: Inputs, values: Vector) -> tuple[dict[str, float], tuple[Row, ...], int]:
    """(measures by column, mix by year, checks of the audit) of a plan given as values of the columns; units of the tables.

    VerificationFailed if it does not pass the audit. What may stay unserved, and whether the demand is scaled, goes by the
    measures that the model was built for.
    """
    asked = model.instance.measures
    if "demand_scale" in asked:
        objective = Objective(maximize="demand_scale")
    else:
        objective = Objective(minimize="cost" if asked & {"cost", "unserved"} else "peak_power")
    judged = replace(inputs, scenario=inputs.scenario.model_copy(update={"objective": objective}))
    made = whole(model, judged, values, "a plan on the curve does not stand up to the audit, so there is no curve")
    found = made.totals
    hours = sum(period.hours for period in inputs.horizon)
    wanted = measures.demanded(model.instance) * 1e6 / hours * made.plan.scale
    summary = made.tables["summary"].records()
    largest = max((row["compute_h100e"] for row in summary if row["span"] == "total"), default=0.0)
    found |= {"demand_scale": made.plan.scale, "largest_share": largest / wanted if wanted else 0.0}
    years = tuple((year, provider, compute, *more) for year, provider, compute, _, _, *more in by_year(made.tables["summary"]))
    return {column: float(found[column]) for column in COLUMNS.values()}, years, made.checks
