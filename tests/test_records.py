"""One record for every rule and every measure: none without a use, none that what explains plans and conflicts cannot handle.

Each rule gets a world in which it is the one thing in the way, and every consumer has to name it by its record. What is asked of
measures (objective, axis, total) agrees with the inputs, the tables and the audit.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import suppress
from typing import get_args

import pytest
from rich.console import Console

from planner.audit.totals import OBJECTIVES, TOTAL_UNITS
from planner.core.errors import InputFault
from planner.infeasible import conflict, elastic, locks
from planner.inputs.scenario import Objective
from planner.model import naming
from planner.model.formulation import Model
from planner.model.measures import MEASURES, told
from planner.model.rules import RECORDS, RULES, TIMES, Row, Rule, decode, rule_name
from planner.run import pipeline
from planner.sensitivity import behind, binding, trace
from planner.sensitivity.behind import Numbers
from planner.terminal.conflict import show_conflict
from planner.terminal.reasons import sentence
from planner.tradeoff.frontier import COLUMNS, Axis
from tests.small import least, model, plan, scenario, written_file
from tests.test_formulation import BREAK_TIES, CASES, made
from tests.test_oracle import HALVES, POWER, RACK_YEAR, SITE, UNSERVED

CASE_OF = {rule: name for name, case in reversed(CASES.items()) for rule in case.rules}
every_rule = pytest.mark.parametrize("rule", [r for r in RECORDS if r.name in CASE_OF], ids=lambda rule: rule.name)
GIVING = [rule for rule in RECORDS if rule.gives_way]


def rows_of(rule: Rule) -> tuple[Model, list[Row]]:
    """The world of a rule and its rows in it, decoded."""
    world = made(CASE_OF[rule.name])
    return world, [decode(key) for key in world.program.rows if key[0] == rule.name]


# --- every record is whole --------------------------------------------------------------------------------------------


@every_rule
def test_a_record_says_what_its_rows_are(rule: Rule) -> None:
    world, rows = rows_of(rule)
    assert rows
    for row in rows:
        name = rule.told(naming.subject(world.instance, row))
        assert name and "{" not in name and name == rule_name(rule.name, naming.subject(world.instance, row))
        when = naming.when(world.instance, row)
        assert bool(when) == any(part in TIMES for part in rule.key)
        assert naming.unit(world.instance, row)[0]
        assert all(naming.ids(world.instance, row).values())


@every_rule
def test_the_side_of_a_bound_is_that_of_its_rows(rule: Rule) -> None:
    world, _ = rows_of(rule)
    senses = {s for key, s in zip(world.program.rows, world.program.senses, strict=True) if key[0] == rule.name}
    if rule.gives_way:
        assert senses in ({1}, {0}) if rule.floor else senses in ({-1}, {0})


@pytest.mark.parametrize("rule", GIVING, ids=lambda rule: rule.name)
def test_the_numbers_that_a_rule_rests_on_are_written(rule: Rule) -> None:
    """Every name of a record is found in sources.csv of its world, so that none of them is misspelt."""
    optional = (".available", ".delay")
    for name in (name for name, case in CASES.items() if rule.name in case.rules):
        numbers = Numbers(pipeline.prepare(written_file(scenario(**CASES[name].blocks)))[0])
        program, data = made(name).program, made(name).instance
        for row in (decode(key) for key in program.rows if key[0] == rule.name):
            names = [found for found in naming.resting_on(data, row) if not found.endswith(optional)]
            assert names or not RULES[rule.number].rests
            for found in names:
                assert numbers.find(found), found
    assert bool(rule.rests) != bool(rule.number_of) or rule.name in (
        "export_blocked",
        "licence_need",
    )  # these rest on dates and classes, not on a number


@every_rule
def test_only_what_somebody_wrote_is_moved(rule: Rule) -> None:
    """A ban has no number, a need is no limit, and what a source makes follows from its capacity."""
    if rule.moves and rule.gives_way:
        assert RULES[rule.number].rests and rule.kind in ("limit", "law") and not rule.by_slice
    if not rule.gives_way:
        assert all(name.startswith("power_source.") for name in rule.rests)


@every_rule
def test_the_kind_of_its_terms_is_known(rule: Rule) -> None:
    assert not rule.terms or rule.terms in behind.TERMS or rule.terms in behind.MONEY


# coefficients that no written number is traced to: performance, shapes, shares, weights of licences, and hours
UNTRACED = {"export_cap", "export_max_share", "export_min_share", "licence", "licence_need", "provider_share_max",
            "provider_share_min", "largest", "generation", "purchase", "battery_day", "battery_duration", "paid", "min_take",
            "grid_connection"}  # fmt: skip


@every_rule
def test_coefficients_have_numbers_behind_them(rule: Rule) -> None:
    """Where a row weighs its columns the record says by what, or the rule is one that is not traced."""
    inputs, _ = pipeline.prepare(written_file(scenario(**CASES[CASE_OF[rule.name]].blocks)))
    world, _ = rows_of(rule)
    program, found = world.program, set()
    for i, key in enumerate(program.rows):
        for at in range(program.starts[i], program.starts[i + 1]) if key[0] == rule.name else ():
            column = program.columns[program.indices[at]]
            if column[0] in (*behind.RACKS, "use", "rescue") and abs(program.coefficients[at]) != 1:
                found.add(bool(list(behind.behind_term(inputs, world.instance, decode(key), column))))
    assert (True in found) == bool(found and rule.name not in UNTRACED)


@pytest.mark.parametrize("name", CASES)
def test_a_number_is_one_number(name: str) -> None:
    """Rows that are moved together have one bound: slices of a period, and the rows in which the power of a site stands."""
    program = made(name).program
    stated: dict[tuple[object, ...], set[float]] = {}
    for key, bound in zip(program.rows, program.stated, strict=True):
        if RULES[key[0]].gives_way:
            stated.setdefault(decode(key).bound, set()).add(bound)
    assert all(len(values) == 1 for values in stated.values())


@every_rule
def test_what_is_there_already_is_all_that_structure_has_on_its_right(rule: Rule) -> None:
    """A right side of structure is racks or sources that are there: a rule with another one would be somebody's number."""
    if rule.gives_way:
        assert not rule.there
        return
    seen = False
    for name, case in CASES.items():
        for program in (made(name).program, *(w.program for w in with_a_fleet(name) if rule.name in case.rules)):
            seen |= any(rhs for key, rhs in zip(program.rows, program.rhs, strict=True) if key[0] == rule.name)
    assert seen == rule.there or rule.name in ("shipment", "first_paid", "battery_duration", "min_take", "charge")
    assert not rule.there or rule.counts_fleet or rule.rests or rule.name in ("shipment", "first_paid")  # what grows in a fleet


def with_a_fleet(name: str) -> Iterator[Model]:
    """The world of a case with racks that run already; none where its offers are on demand."""
    case = CASES[name]
    if "[[fleet]]" not in case.blocks.get("more", ""):
        fleet = '[[fleet]]\nsite = "s"\noffer = "o"\nracks = "2 rack"\n'
        text = scenario(**{**case.blocks, "more": case.blocks.get("more", "") + "\n" + fleet})
        for world in dict.fromkeys((text, text.replace('of = "power"', 'of = "spend"'))):  # of spend: what is held counts
            with suppress(InputFault):
                yield model(world, case.measures)


@every_rule
def test_racks_that_run_already_are_counted_where_they_stand(rule: Rule) -> None:
    """A fleet that stays: the right sides in which its racks stand are those of rules that count them, and no others."""
    worlds = (world for name, case in CASES.items() if rule.name in case.rules for world in with_a_fleet(name))
    found = {counted for world in worlds for counted in _counted(world, rule)}
    assert found <= {rule.counts_fleet}
    assert found or not rule.counts_fleet


def _counted(world: Model, rule: Rule) -> Iterator[bool]:
    """Of rows of racks held: whether the racks of the fleet are what the right side has beside the bound."""
    data, program = world.instance, world.program
    for i, key in enumerate(program.rows):
        if key[0] == rule.name:
            columns = [(program.columns[program.indices[at]], program.coefficients[at])
                       for at in range(program.starts[i], program.starts[i + 1])]  # fmt: skip
            racks = sum(c * data.positions[column[1]].fleet[column[2]] for column, c in columns if column[0] == "taken")
            bound = 0.0 if rule.share or not rule.gives_way else program.stated[i]
            if racks:
                yield abs(bound - program.rhs[i] - racks) < 1e-9


# --- every consumer handles every record ------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", GIVING, ids=lambda rule: rule.name)
def test_a_conflict_names_every_rule_that_is_in_the_way(rule: Rule) -> None:
    """All other bounds gone, its own made impossible: the conflict is of it, can be locked by name, and is told in words."""
    world, rows = rows_of(rule)
    bounds = elastic.bounds(world)
    mine = [b for b in bounds if any(decode(world.program.rows[i]).rule is rule for i in b.rows)]
    assert mine and {b.rule for b in mine} == {rule.number}
    named = locks.locked(world, bounds, [rule.name])
    assert {i for i, b in enumerate(bounds) if b in mine} <= named
    for b in mine:
        subject = ".".join(b.subject.split())
        assert bounds.index(b) in locks.locked(world, bounds, [f"{b.rule}.{subject}"])
        assert b.period.split(" ")[0] in {t.label for t in world.instance.periods} | {"2027", "total", ""}
    for row in rows:
        for template in locks._keys(RULES[rule.number]):
            for key in naming.names(template, naming.ids(world.instance, row.number)):
                assert locks.locked(world, bounds, [key]), key


@pytest.mark.parametrize("name", ["site_power", "fleet_power", "licence", "budget", "max_build", "carbon", "resilience"])
def test_a_conflict_of_a_rule_of_each_kind(name: str) -> None:
    case = CASES[CASE_OF[name]]
    text = scenario(**case.blocks).replace('unserved = "5 USD/h100e/hour"', "")
    world = model(text)
    for i, key in enumerate(world.program.rows):
        if key[0] == name and not RULES[name].floor:
            world.program.rhs[i] = world.program.stated[i] = world.program.stated[i] / 1e3
        if key[0] == name and RULES[name].floor:
            world.program.rhs[i] = world.program.stated[i] = world.program.stated[i] * 1e3
    if least(world) < float("inf"):
        pytest.fail("the world still has a plan")
    found = conflict.explain(world)
    assert found.proved and name in {x.rule for clash in found.clashes for x in clash.members}
    assert all(not clash.structure for clash in found.clashes)


def test_a_sum_that_rests_on_structure_says_so() -> None:
    """A row that is nobody's number takes part: no limit is called the only thing in the way."""
    world = model(scenario())
    racks = world.variables.online[0, 0]
    world.program.add(racks <= 5, "use", 0, 0, 1)
    (clash,) = conflict.explain(world).clashes
    assert clash.structure == ("racks of a at s (o) that are online",) and clash.short == pytest.approx(100)
    out = io.StringIO()
    show_conflict(conflict.explain(world), "world", Console(file=out, width=300))
    assert "the sum rests on racks of a at s (o) that are online, which is part of the model" in out.getvalue()
    assert "nothing that may serve it" not in out.getvalue()


@every_rule
def test_every_rule_is_traced(rule: Rule) -> None:
    """The way back from any row to the numbers behind it ends at numbers, whatever the rule."""
    case = CASES[CASE_OF[rule.name]]
    inputs, _ = pipeline.prepare(written_file(scenario(**case.blocks)))
    world, _ = rows_of(rule)
    program = world.program
    for i, key in enumerate(program.rows):
        if key[0] == rule.name:
            row = decode(key)
            assert all(isinstance(part, float) for _, part in behind.bound_parts(inputs, world.instance, program, i, 1.0))
            naming.period(world.instance, row)
            for j in program.indices[program.starts[i] : program.starts[i + 1]]:
                for _, share in behind.behind_term(inputs, world.instance, row, program.columns[j]):
                    assert 0 < share <= 1


def test_a_cost_is_traced_where_the_peak_is_minimised() -> None:
    """The row of the peak has no place of its own in the key for a site: its period comes first."""
    result = plan(scenario(objective='[objective]\nminimize = "peak_power"'))
    found = trace.trace(result.inputs, result.model, trace.cell_of(result.inputs, "plan.json:cost_usd"))
    assert found.value == pytest.approx(10 * RACK_YEAR)


MOVED = [rule for rule in RECORDS if rule.moves and rule.shown and rule.kind != "structure"]


@pytest.mark.parametrize("rule", MOVED, ids=lambda rule: rule.name)
def test_what_binds_is_named_and_moved(rule: Rule) -> None:
    result = plan(scenario(**CASES[CASE_OF[rule.name]].blocks))
    assert result.plan is not None
    mine = [x for x in result.limits if x.rule == rule.name]
    assert mine and all(x.unit for x in mine)
    found = binding.explain(result.inputs, result.model, result.limits, most=99).found
    told_ = [x for x in found if x.rule == rule.number]
    assert told_ or not any(x.worth for x in mine)
    for x in told_:
        assert rule_name(x.rule, x.subject) in sentence(x, "USD")
        assert x.written or not RULES[x.rule].rests


@every_rule
def test_constraints_show_what_the_record_says(rule: Rule) -> None:
    world = plan(scenario(**CASES[CASE_OF[rule.name]].blocks)) if not CASES[CASE_OF[rule.name]].measures else None
    if world is not None:
        there = {x.rule for x in world.limits}
        assert (rule.name in there) == rule.shown


# --- measures ---------------------------------------------------------------------------------------------------------


def test_the_objectives_of_scenarios_are_those_there_are() -> None:
    minimised = set(get_args(get_args(Objective.model_fields["minimize"].annotation)[0]))
    maximised = set(get_args(get_args(Objective.model_fields["maximize"].annotation)[0]))
    assert minimised == {name for name, measure in MEASURES.items() if measure.objective and not measure.maximised}
    assert maximised == {name for name, measure in MEASURES.items() if measure.objective and measure.maximised}


def test_the_audit_has_its_own_list_of_the_same_totals() -> None:
    ours = {measure.column: measure.unit for measure in MEASURES.values() if measure.name != "largest_share"}
    theirs = {name: unit.replace("*", "·") or "scale" for name, unit in TOTAL_UNITS.items()}
    assert ours == theirs
    assert {name: MEASURES[name].column for name in OBJECTIVES} == OBJECTIVES
    assert set(OBJECTIVES) == {name for name, measure in MEASURES.items() if measure.objective}


@pytest.mark.parametrize("name", MEASURES)
def test_a_measure_is_what_its_total_says(name: str) -> None:
    """Its expression at the plan, in its unit, is the total of its column."""
    measure = MEASURES[name]
    verb = "maximize" if measure.maximised else "minimize"
    objective = f'[objective]\n{verb} = "{name}"' if measure.objective else ""
    result = plan(scenario(objective=objective, workload=UNSERVED))
    data = result.model.instance
    if not measure.objective and not measure.axis or name == "spend":
        assert told(data, 0.0, name) == 0.0 and measure.column in result.totals
    elif measure.objective:
        assert told(data, result.solution.objective) == pytest.approx(result.totals[measure.column], abs=1e-6)
    if measure.axis:
        axis = Axis.of(data, name)
        assert axis.column == COLUMNS[name] == measure.column and axis.name == measure.label
        assert (axis.size < 0) == measure.maximised
    assert re.search(r"[a-z]", measure.label) and measure.best.endswith(measure.label)


def test_a_limit_is_told_as_it_was_set() -> None:
    """Racks of the fleet that come in July stand on the right side of the row, and not in the limit that somebody set."""
    fleet = '[[fleet]]\nsite = "s"\noffer = "o"\nracks = "2 rack"\nfrom = 2027-07-01\n'
    result = plan(scenario(horizon=HALVES, site=SITE + '\nbuild_rate = "0.5 MW/quarter"', more=fleet, workload=UNSERVED))
    limits = [x for x in result.limits if x.rule == "build_rate"]
    assert [x.limit for x in limits] == pytest.approx([0.5 * 4344 / 2191.5, 0.5 * 4416 / 2191.5])
    assert sum(x.value for x in limits) == pytest.approx(10 * 0.125)


def test_rows_that_break_ties_are_told_too() -> None:
    """Two workloads of one price share a shortage: rows of structure, with a name and a period."""
    assert set(RULES) - set(CASE_OF) == {rule for _, rule in BREAK_TIES}
    world = model(scenario(power=POWER.replace("10 MW", "1 MW"), workload=UNSERVED + "\n" + UNSERVED.replace('"w"', '"x"')))
    rows = [decode(key) for key in world.program.rows if key[0] == "shortage"]
    words = [(row.rule.told(naming.subject(world.instance, row)), naming.when(world.instance, row)) for row in rows]
    assert words == [("shortage of w as that of its like", "2027"), ("shortage of x as that of its like", "2027")]
