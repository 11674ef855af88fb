"""Whole plans near the optimum that differ from it and from each other, each with what it is better at.

Modelling to generate alternatives: plans at the ends of the intervals, plans that are best in something else than the objective,
and plans as far as possible from those already chosen. Each is the cheapest that holds what it is known for, interpreted and
audited like an answer of `solve`; none is shown that the audit has not passed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from planner.alternatives.share_ranges import NOTHING, OF, Ends, Near, added, providers_of, scaled
from planner.core.errors import VerificationFailed
from planner.core.format import amount
from planner.core.table import Row, Table
from planner.inputs.assembly import Inputs
from planner.model.measures import MEASURES, PROVIDER_SUMS
from planner.model.program import total
from planner.model.variables import Expression
from planner.results.plan import DUST, Plan
from planner.run.audited import by_year, whole
from planner.solver.warm import Answer, Linear, Vector

ALIKE = 0.01  # share of all compute that must be elsewhere for two mixes to be distinct
MERIT = 0.005  # relative gain from which a plan is called better in something
RACKS = 1e-3  # racks online from which a site counts as used
ROUNDS = 4  # of reweighing in the search for few sites, and of steps away from the nearest mix


@dataclass(frozen=True)
class Merit:
    """Something besides the objective in which a plan can be better; less is better."""

    total: str  # key in Mix.totals
    name: str
    unit: str
    measure: str = ""  # in measures.MEASURES; sites are counted
    sought: bool = True  # plans are looked for that are best at it
    gone: str = ""  # how it is said that nothing of it is left


def _measured(name: str, gone: str = "", sought: bool = True) -> Merit:
    record = MEASURES[name]
    return Merit(record.column, record.label, record.unit, name, sought, gone)


MERITS = (
    _measured("peak_power"),
    _measured("carbon", "no carbon"),
    _measured("largest_share"),
    _measured("shortfall", "no take-or-pay shortfall"),
    Merit("sites", "sites", ""),
    _measured("unserved", "nothing unserved"),
    _measured("energy"),
    _measured("cost", sought=False),  # only with another objective
)


@dataclass(frozen=True)
class Mix:
    """A whole plan near the optimum that has passed the audit."""

    id: str  # optimum, least-azure, most-azure, least-peak_power, different-1
    known_by: str  # what it was looked for, in words
    above: float  # the objective above the optimum, as a share of the optimum's size
    totals: Mapping[str, float]  # cost_usd, peak_power_mw, carbon_t, energy_mwh, shortfall_usd, largest_share, sites, ...
    largest: str  # the provider with the largest share of compute
    shares: Mapping[tuple[str, str], float]  # (provider, compute | power | spend), over the horizon
    by_year: tuple[Row, ...]  # rows of mix_shares.csv without the id
    better: tuple[str, ...]  # in what it is better than the optimum, in words, at most three
    checked: int  # checks of the audit that it passed


def percent(share: float) -> str:
    """A share in percent, with a digit more where it is small."""
    return f"{share * 100:.{0 if abs(share) >= 0.0995 else 1}f} %"


def percent_range(low: float, high: float) -> tuple[str, str]:
    """Two shares in percent, with as many digits as tell them apart."""
    for digits in (0, 1, 2):
        texts = f"{low * 100:.{digits}f} %", f"{high * 100:.{digits}f} %"
        if texts[0] != texts[1]:
            return texts
    return percent(low), percent(high)


# --- candidates -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Candidate:
    """A plan at hand, known for a goal that it holds: `hold` (linear, less is better) is to stay at its value."""

    id: str
    known_by: str
    hold: Linear
    answer: Answer
    merit: Merit | None = None  # what it is best at; None for plans at the ends of intervals


def extremes(near: Near, ends: Mapping[str, Ends]) -> Iterator[Candidate]:
    """The plans at the ends of the shares of compute, where there is room between."""
    sums, whole = near.sums("compute")
    for name, found in ends.items():
        if found.interval.width > ALIKE:
            mine = sums[name]
            yield Candidate(f"least-{name}", f"least share of {name}", mine - whole * found.low.objective, found.low)
            high = mine * -1.0 - whole * found.high.objective
            yield Candidate(f"most-{name}", f"largest share of {name}", high, found.high)


def best_at(near: Near) -> Iterator[Candidate]:
    """For each merit the plan that is best at it; of sites a plan with few, found and not proved."""
    goals = merit_goals(near)
    for merit in MERITS:
        if merit.total == "sites":
            yield _few_sites(near, merit)
        elif merit.total in goals and merit.measure != near.model.instance.objective:
            goal = goals[merit.total]
            if goal.at(near.best.values) > NOTHING:
                known_by = "smallest largest provider" if merit.measure == "largest_share" else f"least {merit.name}"
                yield Candidate(f"least-{merit.measure}", known_by, scaled(goal), near.least(goal), merit)


def merit_goals(near: Near) -> dict[str, Linear]:
    """The merits that are linear, by their totals."""
    data, v = near.model.instance, near.model.variables
    return {merit.total: near.linear(MEASURES[merit.measure](data, v)) for merit in MERITS if merit.measure and merit.sought}


def _few_sites(near: Near, merit: Merit) -> Candidate:
    """Few sites: the racks of each are weighed by one over what they last were, so that small ones vanish.

    E. Candès, M. Wakin, S. Boyd, Enhancing sparsity by reweighted l1 minimization, 2008.
    """
    sites = _site_sums(near)
    answer = near.best
    for _ in range(ROUNDS):
        used = np.array([goal.at(answer.values) for goal in sites.values()])
        weights = 1.0 / (used + 1e-3 * max(float(used.mean()), NOTHING))
        answer = near.least(added([goal * w for goal, w in zip(sites.values(), weights, strict=True)], near), answer)
    idle = [goal for goal in sites.values() if goal.at(answer.values) <= DUST]
    return Candidate("few-sites", "few sites (found, not proved the fewest)", added(idle, near), answer, merit)


def _site_sums(near: Near) -> dict[str, Linear]:
    """Per site that can be used, racks online over all periods [rack]."""
    data, v = near.model.instance, near.model.variables
    return {
        site: near.linear(total((1.0, x) for (p, _), x in v.online.items() if data.positions[p].site.id == site))
        for site in sorted({data.positions[p].site.id for p, _ in v.online})
    }


# --- the choice -------------------------------------------------------------------------------------------------------


def span(maker: Maker, near: Near, pool: list[Candidate], count: int, tell: Callable[[str], None]) -> tuple[list[Mix], list[str]]:
    """(the mixes besides the optimum, the ids of those that the audit did not pass).

    In turns the one farthest from all chosen so far, and the one that gains most in a merit. The distance of two mixes is the
    share of all compute that is with another provider or in another year.
    """
    space = _Space(near)
    points = [space.point(near.best.values)]
    chosen: list[Mix] = []
    left_out: list[str] = []
    far_turn, different = True, 0
    spent: set[str] = set()
    while len(chosen) < count - 1:
        left = [c for c in pool if c.id not in spent]
        far = max((c for c in left if c.merit is None), key=lambda c: space.distance(c.answer.values, points), default=None)
        best = max((c for c in left if c.merit), key=lambda c: maker.gain(c), default=None)
        if best is not None and maker.gain(best) < MERIT:
            best = None
        if far is not None and space.distance(far.answer.values, points) < ALIKE:
            far = None
        pick = (far or best) if far_turn else (best or far)
        if pick is None:
            break
        far_turn = not far_turn
        spent.add(pick.id)
        if pick.merit is None:
            farther = space.farther(pick, points, f"different-{different + 1}")
            if farther is not pick:
                spent.discard(pick.id)
                pick, different = farther, different + 1
        tell(f"mix {len(chosen) + 2} of {count}: {pick.known_by}")
        values = maker.cheapest(pick)
        if pick.merit is None and space.distance(values, points) < ALIKE:
            spent.add(pick.id)
            continue
        try:
            chosen.append(maker.mix(pick.id, pick.known_by, values))
        except VerificationFailed:
            left_out.append(pick.id)
            continue
        points.append(space.point(values))
    return chosen, left_out


class _Space:
    """Mixes as points: compute by provider and year, as shares of the optimum's compute over the horizon."""

    def __init__(self, near: Near) -> None:
        self.near = near
        data, v = near.model.instance, near.model.variables
        years: dict[int, list[int]] = {}
        for t in data.periods:
            years.setdefault(t.year, []).append(t.index)
        whole = near.linear(_hours_of(near, None, data.times)).at(near.best.values)
        self.axes = [
            near.linear(_hours_of(near, name, times)) * (1 / whole if whole > NOTHING else 0.0)
            for name in providers_of(data)
            for times in years.values()
        ]
        assert v.largest is not None  # else compute of one provider could not be told from another's

    def point(self, values: Vector) -> Vector:
        return np.array([axis.at(values) for axis in self.axes])

    def distance(self, values: Vector, points: Sequence[Vector]) -> float:
        """To the nearest of some points: the share of all compute that is elsewhere."""
        here = self.point(values)
        return min(float(np.abs(here - point).sum()) / 2 for point in points)

    def farther(self, candidate: Candidate, points: Sequence[Vector], name: str, rounds: int = ROUNDS) -> Candidate:
        """A plan farther from all points than a candidate by something to speak of; the candidate itself if none is found.

        The distance from the nearest point is convex, so a step along its linearisation cannot come nearer to that one; another
        may be the nearest then, from which the next step leads away.
        """
        answer, best = candidate.answer, candidate
        for _ in range(rounds):
            here = self.point(answer.values)
            nearest = min(points, key=lambda point: float(np.abs(here - point).sum()))
            away = added([a * -float(s) for a, s in zip(self.axes, np.sign(here - nearest), strict=True)], self.near)
            answer = self.near.least(away, answer)
            if self.distance(answer.values, points) > self.distance(best.answer.values, points):
                best = Candidate(name, "as different as possible from those above", scaled(away), answer)
        gained = self.distance(best.answer.values, points) - self.distance(candidate.answer.values, points)
        return best if gained > ALIKE else candidate


def _hours_of(near: Near, provider: str | None, times: Sequence[int]) -> Expression:
    """Compute delivered in some periods [million h100e·h]."""
    data, v = near.model.instance, near.model.variables
    return total((data.periods[t].hours / 1e6, PROVIDER_SUMS["compute"](data, v, t, provider)) for t in times)


# --- from values to a mix ---------------------------------------------------------------------------------------------


class Maker:
    """Makes audited mixes of values, and knows by how much a plan is better than the ones made before."""

    def __init__(self, inputs: Inputs, near: Near) -> None:
        self.inputs, self.near = inputs, near
        self.made: list[Mix] = []
        self.sites = _site_sums(near)
        self.goals = merit_goals(near)
        self.best: dict[str, float] = {}

    def value(self, merit: Merit, values: Vector) -> float:
        if merit.total == "sites":
            return float(sum(goal.at(values) > RACKS for goal in self.sites.values()))
        return self.goals[merit.total].at(values)

    def gain(self, candidate: Candidate) -> float:
        """How much less of its merit a candidate has than the best plan made so far, relative."""
        assert candidate.merit is not None
        best = self.best.get(candidate.merit.total, 0.0)
        return 1 - self.value(candidate.merit, candidate.answer.values) / best if best > NOTHING else 0.0

    def cheapest(self, candidate: Candidate) -> Vector:
        """The cheapest plan in the room that holds what a candidate is known for."""
        near, value = self.near, candidate.hold.at(candidate.answer.values)
        row = near.add_limit(candidate.hold, value + 1e-7 * max(1.0, abs(value)))
        try:
            answer = near.minimize(near.linear(near.model.cost), candidate.answer.basis)
        finally:
            near.at_most(row, candidate.hold, float("inf"))
        return answer.values if answer.optimal else candidate.answer.values

    def optimum(self) -> Mix:
        return self.mix("optimum", "the optimum", self.near.best.values)

    def mix(self, name: str, known_by: str, values: Vector) -> Mix:
        """The audited mix of some values. VerificationFailed if it does not stand up to the audit."""
        near, inputs = self.near, self.inputs
        made = whole(near.model, inputs, values, f"the mix {name} does not stand up to the audit and is not shown")
        tables, totals = made.tables, made.totals
        shares, largest = _shares(tables["summary"])
        hours = {t.label: t.hours for t in inputs.horizon}
        wanted = sum(row["demand_h100e"] * hours[row["period"]] for row in tables["demand"].records())
        racks = dict.fromkeys(hours, 0.0)
        for row in tables["mix"].records():
            racks[row["period"]] += row["racks_held"]
        totals["largest_share"] = shares.get((largest, "compute"), 0.0)
        totals["served_share"] = 1 - totals["unserved_h100e_h"] / wanted if wanted else 1.0
        totals["sites"] = float(len(sites_used(made.plan)))
        totals["racks"] = max(racks.values())
        objective, optimum = near.objective.at(values), near.objective.at(near.best.values)
        above = (objective - optimum) / abs(optimum) if abs(optimum) > NOTHING else 0.0
        above = 0.0 if abs(above) < NOTHING else above
        better = better_at(totals, self.made[0].totals, near.model.instance.objective) if self.made else ()
        years = tuple(row[:6] for row in by_year(tables["summary"]))
        mix = Mix(name, known_by, above, totals, largest, shares, years, better, made.checks)
        self.made.append(mix)
        for merit in MERITS:
            if merit.total in self.goals or merit.total == "sites":
                value = self.value(merit, values)
                self.best[merit.total] = min(value, self.best.get(merit.total, value))
        return mix


def sites_used(found: Plan) -> set[str]:
    """Sites with racks online in some period."""
    return {found.instance.positions[p].site.id for (p, _), racks in found.online.items() if racks > RACKS}


def better_at(totals: Mapping[str, float], optimum: Mapping[str, float], objective: str, most: int = 3) -> tuple[str, ...]:
    """In what a plan is better than the optimum, the greatest relative gains first."""
    gains = []
    for merit in MERITS:
        before, after = optimum[merit.total], totals[merit.total]
        if merit.measure == objective or before <= NOTHING:
            continue
        gain = (before - after) / before
        if gain >= MERIT:
            gains.append((gain, _gain_in_words(merit, before, after)))
    return tuple(text for _, text in sorted(gains, key=lambda item: -item[0])[:most])


def _gain_in_words(merit: Merit, before: float, after: float) -> str:
    if merit.gone and after <= 1e-6 * before:
        return merit.gone
    if merit.unit == "share":
        return f"{merit.name} {' instead of '.join(percent_range(after, before))}"
    if not merit.unit:
        fewer = round(before - after)
        return f"{fewer} {merit.name if fewer > 1 else merit.name.removesuffix('s')} fewer"
    return f"{merit.name} −{amount(before - after, merit.unit)} (−{percent(1 - after / before)})"


def _shares(table: Table) -> tuple[dict[tuple[str, str], float], str]:
    """(shares over the horizon by provider, the provider with the largest share of compute)."""
    whole = [row for row in table.records() if row["span"] == "total"]
    found = {(str(row["provider"]), of): float(row[f"share_{of}"]) for row in whole for of in OF}
    names = sorted({name for name, _ in found})
    return found, max(names, key=lambda name: found[name, "compute"], default="")
