"""Costs of rules by hand, and against the scenario with the rule written out and solved from scratch."""

from __future__ import annotations

from dataclasses import replace

import pytest

from planner.data import instance
from planner.inputs.assembly import Inputs
from planner.model import formulation
from planner.run import pipeline
from planner.sensitivity.entry_prices import entry_prices
from planner.sensitivity.outages import what_is_left
from planner.sensitivity.rule_costs import Cost, Rule, cost_of_rules, table
from planner.solver.solve import solve
from planner.terminal.rules import show_entries, show_losses, show_rules
from planner.terminal.screen import console
from tests.small import plan, scenario
from tests.test_oracle import BLOCKS, CONTRACT, OTHER, RULE, UNSERVED
from tests.worlds import inputs_of, world

RACK, DEAR = 175_200.0, 262_800.0  # USD a year of a rack of p and of q


def costs(text: str) -> dict[str, Cost]:
    result = plan(text)
    found = cost_of_rules(result.inputs, result.model, result.solution.basis)
    assert len(table(found).rows) == len(found) and [c.cost for c in found] == sorted((c.cost for c in found), reverse=True)
    return {f"{c.rule.kind} {c.rule.id}": c for c in found}


def near(value: float) -> object:
    return pytest.approx(value, rel=1e-7)


def test_a_power_cap() -> None:
    # without the cap all runs in the north: (40 + 60 + 80) thousand x 8760 h x 1 USD = 1,576.8 of the 2,277.6 million
    inputs, _ = pipeline.prepare("classroom")
    model = formulation.build(instance.build(inputs))
    (found,) = cost_of_rules(inputs, model)
    assert found.cost == near(700_800_000) and found.part == near(700.8 / 2277.6) and found.unit == "USD"
    assert (found.provider, found.share_without) == ("north", near(1.0)) or found.provider == "south"


def test_a_share_limit() -> None:
    found = costs(scenario(more=OTHER, limits='[limits]\nprovider_share = [{ provider = "q", min = "50 %" }]'))
    share = found["provider_share q compute"]
    assert share.cost == near(5 * (DEAR - RACK)) and share.solved
    assert share.share_with == near(0.5) and share.share_without == pytest.approx({"p": 1.0, "q": 0.0}[share.provider])


def test_a_contract() -> None:
    found = costs(scenario(more=CONTRACT + 'value = "3 million USD"\ntake_or_pay = 1\nmax_power = "5 MW"\n'))["contract k"]
    assert found.cost == near(3e6 - 10 * RACK) and found.rule.what == "take-or-pay and power ceiling"


def test_ceilings_of_one_scope_go_together() -> None:
    # 0.5 MW and 0.3 MW: 6.4 racks instead of 10; dropping only one of the two would leave less, not more
    more = CONTRACT + 'max_power = "0.5 MW"\n' + CONTRACT.replace('"k"', '"l"') + 'max_power = "0.3 MW"\n'
    found = costs(scenario(more=more, workload=UNSERVED))
    for name, other in (("k", "l"), ("l", "k")):
        assert found[f"contract {name}"].cost == near(3.6 * (20 * 43_800 - RACK))
        assert found[f"contract {name}"].rule.what == f"power ceiling (one with {other})"


def test_a_budget() -> None:
    # 876,000 USD are five racks: 100 h100e go unserved
    found = costs(scenario(limits='[limits]\nbudget = { 2027 = "876000 USD" }', workload=UNSERVED))["budget 2027"]
    assert found.cost == near(100 * 43_800 - 5 * RACK)


def test_an_export_ban_and_the_permit_in_it() -> None:
    ban = RULE.format("US", "prohibit", "2020-01-01")
    found = costs(scenario(more=OTHER, policy=ban))["export_rule R"]
    assert found.cost == near(10 * (DEAR - RACK)) and (found.share_without in (0.0, near(1.0)))
    permit = (
        RULE[RULE.index("[[export_rule]]") :]
        .format("US", "permit", "2020-01-01")
        .replace('"R"', '"P"')
        .replace("rank = 4", "rank = 2")
    )
    both = costs(scenario(more=OTHER, policy=ban + permit))
    assert both["export_rule P"].cost == near(-10 * (DEAR - RACK))
    assert both["export_rule R"].status == "nothing" and not both["export_rule R"].solved
    alone = costs(scenario(policy=ban + permit))["export_rule P"]
    assert alone.status == "infeasible" and table([alone]).records()[0]["cost"] is None


def test_two_rules_that_stand_in_for_each_other_cost_nothing_singly() -> None:
    ban = RULE.format("US", "prohibit", "2020-01-01")
    twin = ban[ban.index("[[export_rule]]") :].replace('"R"', '"S"')
    assert {c.status for c in costs(scenario(more=OTHER, policy=ban + twin)).values()} == {"nothing"}


def test_a_rule_without_a_price_is_not_solved() -> None:
    found = costs(scenario(limits='[limits]\nfleet_power = "100 MW"'))["fleet_power fleet"]
    assert (found.status, found.cost, found.solved) == ("nothing", 0.0, False)


def test_of_another_objective() -> None:
    # 1 MW is 8 racks, 0.8 of the demand; the site has 10 MW, 80 racks
    limits = '[limits]\nfleet_power = "1 MW"'
    found = costs(scenario(limits=limits, objective='[objective]\nmaximize = "demand_scale"'))["fleet_power fleet"]
    assert (found.cost, found.unit) == (near(8.0 - 0.8), "scale")


@pytest.mark.parametrize("seed", [9, 34, 48, 53, 57, 62, 71, 116, 122, 127, 143])
def test_random_worlds_against_the_scenario_without_the_rule(seed: int) -> None:
    inputs = inputs_of(world(seed))
    model = formulation.build(instance.build(inputs))
    first = solve(model, inputs.scenario.solve)
    found = cost_of_rules(inputs, model)
    assert any(c.status == "costs" for c in found)
    for c in found:
        if c.rule.kind != "export_rule":
            assert c.cost >= -1e-9 * abs(first.objective)
        if sum(name.rule.kind == c.rule.kind for name in found) > 1 and c.rule.kind == "provider_share":
            continue  # two limits on one provider are told apart by their dates only
        without = solve(formulation.build(instance.build(lifted(inputs, c.rule))), inputs.scenario.solve)
        if c.status in ("infeasible", "unbounded"):
            assert without.status == c.status
        else:
            size = objective_size(inputs)
            saved = (first.objective - without.objective) * size
            assert c.cost == pytest.approx(saved, rel=1e-6, abs=2e-9 * size * max(1.0, abs(first.objective))), c.rule


def objective_size(inputs: Inputs) -> float:
    from planner.model.measures import objective_unit

    return objective_unit(instance.build(inputs))[1]


def lifted(inputs: Inputs, rule: Rule) -> Inputs:
    """The inputs without a rule, written another way than in the module."""
    scenario, limits = inputs.scenario, inputs.scenario.limits
    if rule.kind == "contract":
        mine = next(c for c in inputs.contracts if c.id == rule.id)
        same = {c.id for c in inputs.contracts if (c.provider, set(c.sites), set(c.accelerators))
                == (mine.provider, set(mine.sites), set(mine.accelerators))}  # fmt: skip
        none = {name: None for name in ("max_power", "min_power") if getattr(mine, name) is not None}
        paid = {"value": None, "take_or_pay": 0.0}
        changed = [
            c.model_copy(update=(none if c.id in same else {}) | (paid if c.id == rule.id else {})) for c in inputs.contracts
        ]
        return replace(inputs, contracts=tuple(changed))
    if rule.kind == "export_rule":
        return replace(inputs, export_rules=tuple(r for r in inputs.export_rules if r.id != rule.id))
    if rule.kind == "resilience":
        return replace(inputs, scenario=scenario.model_copy(update={"resilience": None}))
    name = "budget_total" if (rule.kind, rule.id) == ("budget", "total") else rule.kind
    now = getattr(limits, name)
    left = (
        {key: value for key, value in now.items() if key != rule.id}
        if isinstance(now, dict)
        else ()
        if isinstance(now, tuple)
        else None
    )
    return replace(inputs, scenario=scenario.model_copy(update={"limits": limits.model_copy(update={name: left})}))


def test_the_plain_world_has_no_rule() -> None:
    assert costs(scenario()) == {}


def test_what_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    limits = '[limits]\nfleet_power = "100 MW"\nprovider_share = [{ provider = "q", min = "50 %" }]'
    result = plan(scenario(more=OTHER, limits=limits, workload=BLOCKS["workload"] + '\ncritical = "50 %"'))
    assert result.plan is not None
    show_rules(cost_of_rules(result.inputs, result.model), console())
    left = what_is_left(result.inputs, result.model, result.plan, result.solution.values)
    show_losses(left, console())
    cheap = plan(scenario(more=OTHER))
    show_entries(entry_prices(cheap.inputs, cheap.model), console())
    text = " ".join(capsys.readouterr().out.split())
    assert "provider_share q compute share of compute: min 0.5 438,000 USD 20.00% p 50.0% to 100.0%" in text
    assert "costs nothing, one by one (1): fleet_power fleet" in text
    assert "p 2027 0.625 MW 100.0 h100e - - 1.000" in text
    assert 'To plan for it: [resilience] lose = "provider"' in text
    assert "dear 3.000 2.000 33.3% 2027 z" in text
