"""What each rule costs: the optimum with it, minus the optimum without it.

Rules are what somebody decided and could decide otherwise: export rules, contracts, limits of [limits], [resilience]. A rule that
is rows of the programme is let go where the programme stands, and the solve starts from the optimum; one that decides which
columns there are (an export ban) makes a new programme, which starts from the basis carried over by its keys. Two kinds need no
solve: a rule whose rows all have the price zero (the old prices prove the old optimum for the programme without it too), and
one that leaves export control with the same answers everywhere. Costs of single rules do not add up.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from planner.core.calendar import overlap_days
from planner.core.table import Table, make
from planner.data import instance
from planner.data.commitments import shared_things
from planner.data.export_control import QUANTITY_EFFECTS, ExportControl
from planner.inputs.assembly import Inputs
from planner.inputs.tables import Contract, Site
from planner.model import formulation
from planner.model.formulation import Model
from planner.model.measures import objective_unit
from planner.model.naming import ids
from planner.model.rules import RULES, Row, decode, rule_name
from planner.results.plan import interpret
from planner.results.tables import summary
from planner.solver.solve import Solution
from planner.solver.warm import Answer, Probe, carry

NO_PRICE = 1e-10  # of a row, in the unit of the objective per unit of the row: below it the row may go and nothing changes
SAME = 1e-9  # relative difference below which two optima are one
POWER_LIMITS = ("provider_power", "country_power", "national_share")
CONTRACT_PARTS = {"take_or_pay": "take-or-pay", "contract_max_power": "power ceiling", "contract_min_power": "power floor"}
EFFECTS = {
    "prohibit": "prohibits {} in {}", "licence": "asks for a licence for {} in {}", "permit": "permits {} in {}",
    "cap": "caps {} in {}", "max_share": "limits the share of {} in {}", "min_share": "asks for a share of {} in {}",
}  # fmt: skip


@dataclass(frozen=True)
class Rule:
    """A rule that can be let go: by the rows of the programme that state it, or (`columns`) by a programme made without it."""

    kind: str
    id: str
    what: str
    rows: tuple[int, ...] = ()
    columns: bool = False


@dataclass(frozen=True)
class Cost:
    """What a rule costs, in the unit of the objective (USD, ...). Below zero: what the rule saves, as permits do.

    `status`: costs; nothing (the optimum is the same); infeasible (nothing fits without it); unbounded (nothing stops the
    objective without it). The provider whose share of compute over the horizon changes most, if the optimum does.
    """

    rule: Rule
    status: str
    cost: float
    unit: str
    part: float | None  # of the optimum with the rule
    solved: bool
    provider: str = ""
    share_with: float | None = None
    share_without: float | None = None


def cost_of_rules(inputs: Inputs, model: Model, start: Any = None) -> list[Cost]:
    """Every rule, the dearest first; `start` is a basis of the optimum. With whole racks: of the relaxation.

    Empty if the model has no optimum: what stands in the way then is the conflict, not a price.
    """
    probe = Probe(model, start)
    best = probe.minimize()
    if not best.optimal:
        return []
    ask = _Asked(inputs, probe, best)
    found = [ask.about(rule) for rule in rules(inputs, model)]
    return sorted(found, key=lambda c: -c.cost)


# --- which rules there are --------------------------------------------------------------------------------------------


def rules(inputs: Inputs, model: Model) -> Iterator[Rule]:
    """The rules in force, in the order of the scenario: export control, contracts, shares, limits, resilience."""
    rows: dict[tuple[str, str], list[int]] = {}  # by rule and subject
    decoded = [decode(key) for key in model.program.rows]
    for i, row in enumerate(decoded):
        if row.rule.gives_way:
            number = row.number  # what must stand after a loss goes with what holds before it
            rows.setdefault((number.rule.name, _known_by(model, number)), []).append(i)
    yield from _export_rules(inputs, rows)
    for contract in inputs.contracts:
        yield from _contract(inputs, contract, rows, decoded)
    for share in inputs.scenario.limits.provider_share:
        when = {t.index for t in inputs.horizon if overlap_days(share.from_, share.to, t)}
        sides = [(side, value) for side, value in (("min", share.min), ("max", share.max)) if value is not None]
        mine = [
            i
            for side, _ in sides
            for i in rows.get((f"provider_share_{side}", share.provider), ())
            if decoded[i]["of"] in shared_things(inputs, share) and decoded[i]["period"] in when
        ]
        words = " and ".join(f"{side} {value:.3g}" for side, value in sides)
        yield Rule("provider_share", f"{share.provider} {share.of}", f"share of {share.of}: {words}", tuple(mine))
    limits = inputs.scenario.limits
    stated = [
        *(("fleet_power", "fleet") for _ in ([limits.fleet_power] if limits.fleet_power else ())),
        *((family, name) for family in POWER_LIMITS for name in getattr(limits, family)),
        *(("budget", label) for label in [*limits.budget, *(["total"] if limits.budget_total else [])]),
        *(("carbon", label) for label in limits.carbon),
    ]
    for family, name in stated:
        yield Rule(family, name, rule_name(family, name), tuple(rows.get((family, name), ())))
    if inputs.scenario.resilience:
        lose = inputs.scenario.resilience.lose
        mine = [i for (rule, _), found in rows.items() if rule == "resilience" for i in found]
        yield Rule("resilience", lose, f"any {lose} may be lost", tuple(mine))


def _known_by(model: Model, row: Row) -> str:
    """The id under which a rule is let go: the first part of its key, of an export rule without the country that it counts in."""
    return ids(model.instance, row)["export_rule"][0] if "export_rule" in row.parts else str(row[row.rule.key[0]])


def _export_rules(inputs: Inputs, rows: Mapping[tuple[str, str], Sequence[int]]) -> Iterator[Rule]:
    for active in ExportControl(inputs).rules:
        rule = active.rule
        what = EFFECTS[rule.effect].format(f"class {rule.class_}", rule.destination) + (f" by {rule.party}" if rule.party else "")
        quantity = rule.effect in QUANTITY_EFFECTS
        mine = [
            i
            for (kind, name), found in rows.items()
            if quantity and "export_rule" in RULES[kind].key and name == rule.id
            for i in found
        ]
        yield Rule("export_rule", rule.id, what, tuple(mine), columns=not quantity)


def _contract(
    inputs: Inputs, contract: Contract, rows: Mapping[tuple[str, str], Sequence[int]], decoded: Sequence[Row]
) -> Iterator[Rule]:
    """Its take-or-pay, its ceiling and its floor; power of contracts with one scope is one row, which goes as a whole.

    With a ceiling goes the right that it bounds: where none is left that bounds it, and in the periods in which one without a
    ceiling runs.
    """
    name = contract.id
    mine: list[int] = []
    words: list[str] = []
    for rule, what in CONTRACT_PARTS.items():
        for (kind, subject), found in rows.items():
            if kind == rule and name in subject.split("+"):
                others = [other for other in subject.split("+") if other != name]
                mine += found
                words.append(what + (f" (one with {', '.join(others)})" if others else ""))
    freed = [c for c in inputs.contracts if _scope(c) == _scope(contract)] if contract.max_power is not None else []
    for (kind, subject), found in rows.items():
        if kind == "contract_right" and freed:
            over = [c for c in inputs.contracts if c.id in subject.split("+")]
            bounded = any(c.max_power is not None for c in over if c not in freed)
            for i in found:
                t = inputs.horizon[decoded[i]["period"]]
                runs = any(overlap_days(c.start, None if c.renew else c.end, t) for c in over if c in freed)
                mine += [i] if (runs or not bounded) and any(c in freed for c in over) else []
    if mine:
        yield Rule("contract", name, " and ".join(words), tuple(mine))


def _scope(contract: Contract) -> tuple[str, frozenset[str], frozenset[str]]:
    return contract.provider, frozenset(contract.sites), frozenset(contract.accelerators)


# --- what they cost ---------------------------------------------------------------------------------------------------


class _Asked:
    """The optimum with all rules, and the questions put to it."""

    def __init__(self, inputs: Inputs, probe: Probe, best: Answer) -> None:
        self.inputs, self.probe, self.best = inputs, probe, best
        self.unit, self.size = objective_unit(probe.model.instance)
        self.control = ExportControl(inputs)
        self._shares: Mapping[str, float] = {}

    def about(self, rule: Rule) -> Cost:
        if rule.columns:
            return self._rebuilt(rule)
        if not any(abs(self.best.duals[i]) > NO_PRICE for i in rule.rows):
            return self._cost(rule, None)
        with self.probe.without(rule.rows):
            found = self.probe.minimize(None, self.best.basis)
        return self._cost(rule, found, self.probe.model)

    def _rebuilt(self, rule: Rule) -> Cost:
        without = _without_export_rule(self.inputs, rule.id)
        lifted = ExportControl(without)
        asked = _questions(self.inputs, self.control, rule.id)
        if all(self.control.standing(site, a) == lifted.standing(site, a) for site, a in asked):
            return self._cost(rule, None)
        old = self.probe.model
        data = instance.build(without, measures_of(old))
        if data == old.instance:
            return self._cost(rule, None)
        model = formulation.build(data)
        probe = Probe(model, carry(self.best.basis, old.program, model.program) if self.best.basis else None)
        return self._cost(rule, probe.minimize(), model)

    def _cost(self, rule: Rule, found: Answer | None, model: Model | None = None) -> Cost:
        if found is None or model is None:
            return Cost(rule, "nothing", 0.0, self.unit, 0.0, False)
        if not found.optimal:
            endless = float("inf") if found.status == "unbounded" else float("-inf")
            return Cost(rule, found.status, endless, self.unit, None, True)
        saved, whole = self.best.objective - found.objective, abs(self.best.objective)
        if abs(saved) <= SAME * max(1.0, whole):
            return Cost(rule, "nothing", 0.0, self.unit, 0.0, True)
        self._shares = self._shares or _shares(self.probe.model, self.best)
        with_it, without = self._shares, _shares(model, found)
        names = sorted(with_it.keys() | without.keys())
        most = max(names, key=lambda name: abs(without.get(name, 0.0) - with_it.get(name, 0.0)), default="")
        shares = (most, with_it.get(most, 0.0), without.get(most, 0.0))
        return Cost(rule, "costs", saved * self.size, self.unit, saved / whole if whole else None, True, *shares)


def measures_of(model: Model) -> tuple[str, ...]:
    """What the model was asked for, its objective first."""
    data = model.instance
    return (data.objective, *sorted(data.measures - {data.objective}))


def _without_export_rule(inputs: Inputs, name: str) -> Inputs:
    control = inputs.scenario.export_control
    lifted = control.model_copy(update={"disable": (*control.disable, name)})
    return replace(inputs, scenario=inputs.scenario.model_copy(update={"export_control": lifted}))


def _questions(inputs: Inputs, control: ExportControl, name: str) -> list[tuple[Site, str]]:
    """(site, accelerator) pairs of the menu that a rule may speak of; of sites that no rule tells apart one stands for all."""
    active = next(a for a in control.rules if a.rule.id == name)
    members = control.members.get(active.rule.class_, frozenset())
    offered = {(o.provider, o.accelerator) for o in inputs.offers if o.accelerator in members}
    sites = {(s.country, s.provider, s.run_by): s for s in inputs.sites.values() if control.concerns(active, s)}
    return [(s, a) for s in sites.values() for provider, a in sorted(offered) if provider == s.provider]


def _shares(model: Model, answer: Answer) -> Mapping[str, float]:
    """Share of each provider in the compute over the horizon, as in summary.csv."""
    found = summary(interpret(model, Solution("optimal", list(answer.values), [], answer.objective)))
    return {row["provider"]: row["share_compute"] for row in found.records() if row["span"] == "total"}


def table(found: list[Cost]) -> Table:
    """cost_of_rules.csv: cost in the unit of the objective; shares of compute over the horizon."""
    rows = [
        (c.rule.kind, c.rule.id, c.rule.what, c.status, None if abs(c.cost) == float("inf") else c.cost, c.unit, c.part,
         c.provider, c.share_with, c.share_without)
        for c in found
    ]  # fmt: skip
    return make("cost_of_rules", "kind id what status cost unit share_of_optimum provider share_with share_without", rows)
