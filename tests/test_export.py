"""Export control: classes, destinations, which rule wins on a day, what a period makes of its days, what counts, licences.

Rules are put into a world of two countries: US (group A:1) and DE (A:5), each with a site of its own provider (p and q), the
one in DE run by `op`; 2027 in quarters; chips `a` of 1000 TPP and `b` of 500 TPP.
"""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.data.export_control import ExportControl, Standing, active_rules, in_class, includes, tokens
from planner.inputs.assembly import Inputs
from planner.inputs.tables import Accelerator, ExportClass
from tests.small import scenario
from tests.test_oracle import ACCELERATOR, OTHER, QUARTERS
from tests.worlds import inputs_of

FREE, LICENCE, BLOCKED = Standing.FREE, Standing.LICENCE, Standing.BLOCKED
ABROAD = OTHER.replace('iso2 = "DE"', 'iso2 = "DE"\ngroups = ["A:5"]').replace(
    'id = "z"\nprovider = "q"', 'id = "z"\nprovider = "q"\noperator = "op"'
)
MACHINES = ACCELERATOR + ACCELERATOR.replace('"a"', '"b"').replace("1000 TPP", "500 TPP") + 'chip = "small"\n'
CLASSES = """
[[provider]]
id = "op"
[[export_class]]
id = "all"
[[export_class]]
id = "strong"
min_tpp = "1000 TPP"
"""


def rule(name: str = "R", effect: str = "prohibit", **cells: object) -> str:
    """One rule as TOML: of rank 4, on everything that goes to DE, in force from 2020 on."""
    row = {"status": "in_force", "rank": 4, "class": "all", "destination": "DE", "effective_from": date(2020, 1, 1), **cells}
    lines = [f"{key} = {value}" if isinstance(value, (int, date)) else f'{key} = "{value}"' for key, value in row.items()]
    return "\n".join(["[[export_rule]]", f'id = "{name}"', f'effect = "{effect}"', *lines, ""])


def inputs(more: str, policy: str = "") -> Inputs:
    return inputs_of(scenario(horizon=QUARTERS, accelerator=MACHINES, more=ABROAD + CLASSES + more, policy=policy))


def standing(more: str, site: str = "z", accelerator: str = "a", policy: str = "") -> tuple[Standing, ...]:
    found = inputs(more, policy)
    return ExportControl(found).standing(found.sites[site], accelerator)


# --- days and periods -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        (date(2026, 5, 1), None, (BLOCKED, BLOCKED, BLOCKED, BLOCKED)),
        (date(2027, 3, 31), None, (BLOCKED, BLOCKED, BLOCKED, BLOCKED)),  # one day of a period is enough
        (date(2027, 4, 1), None, (FREE, BLOCKED, BLOCKED, BLOCKED)),
        (date(2027, 5, 10), date(2027, 5, 10), (FREE, BLOCKED, FREE, FREE)),
        (date(2027, 6, 30), date(2027, 7, 1), (FREE, BLOCKED, BLOCKED, FREE)),
        (date(2020, 1, 1), date(2026, 12, 31), (FREE, FREE, FREE, FREE)),
        (date(2020, 1, 1), date(2027, 1, 1), (BLOCKED, FREE, FREE, FREE)),
        (date(2028, 1, 1), None, (FREE, FREE, FREE, FREE)),
    ],
)
def test_a_period_is_blocked_where_any_of_its_days_is(first: date, last: date | None, expected: tuple[Standing, ...]) -> None:
    ends = {"effective_to": last} if last else {}
    assert standing(rule(effective_from=first, **ends)) == expected


def test_a_licence_need_on_some_days_and_a_block_on_others() -> None:
    both = rule("L", "licence", effective_to=date(2027, 5, 1)) + rule(
        "P", effective_from=date(2027, 5, 2), effective_to=date(2027, 8, 1)
    )
    assert standing(both) == (LICENCE, BLOCKED, BLOCKED, FREE)


def test_a_permit_ends_and_the_rule_behind_it_shows() -> None:
    more = rule("P") + rule("M", "permit", rank=2, effective_to=date(2027, 9, 30))
    assert standing(more) == (FREE, FREE, FREE, BLOCKED)
    assert standing(more.replace("2027-09-30", "2027-09-29")) == (FREE, FREE, BLOCKED, BLOCKED)


def test_a_country_that_changes_groups() -> None:
    moved = '[[country]]\niso2 = "DE"\nfrom = 2027-08-15\ngroups = ["D:4"]\n'
    assert standing(moved + rule(destination="D:4")) == (FREE, FREE, BLOCKED, BLOCKED)
    assert standing(moved + rule(destination="A:5")) == (BLOCKED, BLOCKED, BLOCKED, FREE)


# --- which rule wins --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("effects", "expected"),
    [
        ([("prohibit", 4), ("permit", 2)], FREE),
        ([("prohibit", 2), ("permit", 4)], BLOCKED),
        ([("prohibit", 3), ("permit", 3)], BLOCKED),
        ([("prohibit", 3), ("licence", 3), ("permit", 3)], BLOCKED),
        ([("licence", 3), ("permit", 3)], LICENCE),
        ([("licence", 5), ("permit", 3), ("prohibit", 4)], FREE),
        ([("licence", 1), ("prohibit", 4)], LICENCE),
        ([], FREE),
    ],
)
def test_the_lowest_rank_wins_and_ties_go_to_the_stricter(effects: list[tuple[str, int]], expected: Standing) -> None:
    for order in (effects, effects[::-1]):
        more = "".join(rule(f"R{i}", effect, rank=rank) for i, (effect, rank) in enumerate(order))
        assert set(standing(more)) == {expected}


def test_caps_do_not_compete_in_rank() -> None:
    more = rule("C", "cap", rank=1, amount="10 gpu") + rule("P", rank=5)
    assert set(standing(more)) == {BLOCKED}
    assert [q.rule.id for q in ExportControl(inputs(more)).quantities()] == ["C"]


@pytest.mark.parametrize(
    ("party", "policy", "blocked"),
    [
        ("q", "", True),  # the provider of the site
        ("op", "", True),  # its operator
        ("p", "", False),
        ("lab", "", False),
        ("lab", '[export_control]\ntenant = "lab"', True),  # the tenant, wherever
    ],
)
def test_party(party: str, policy: str, blocked: bool) -> None:
    assert set(standing(rule(party=party), policy=policy)) == {BLOCKED if blocked else FREE}


def test_a_site_without_an_operator_is_run_by_its_provider() -> None:
    assert set(standing(rule(party="p", destination="US"), site="s")) == {BLOCKED}
    assert set(standing(rule(party="op", destination="US"), site="s")) == {FREE}


def test_class_and_destination() -> None:
    assert set(standing(rule(**{"class": "strong"}))) == {BLOCKED}
    assert set(standing(rule(**{"class": "strong"}), accelerator="b")) == {FREE}
    assert set(standing(rule(), site="s")) == {FREE}


# --- which rules count ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("policy", "first", "last"),
    [
        ("", None, None),  # proposed: not asked for
        ('status = ["in_force", "proposed"]', date(2027, 2, 1), date(2027, 11, 30)),
        ('status = ["proposed"]\ndisable = ["R"]', None, None),
        ('enable = ["R"]', date(2027, 2, 1), date(2027, 11, 30)),
        ('enable = [ { id = "R", from = 2027-05-01 } ]', date(2027, 5, 1), date(2027, 11, 30)),
        ('enable = [ { id = "R", to = 2027-06-01 } ]', date(2027, 2, 1), date(2027, 6, 1)),
        ('enable = [ { id = "R", from = 2026-05-01, to = 2028-06-01 } ]', date(2026, 5, 1), date(2028, 6, 1)),
        ('enable = ["R"]\ndisable = ["R"]', None, None),
    ],
)
def test_status_enable_disable(policy: str, first: date | None, last: date | None) -> None:
    more = rule(status="proposed", effective_from=date(2027, 2, 1), effective_to=date(2027, 11, 30))
    found = active_rules(inputs(more, "[export_control]\n" + policy))
    assert [(a.first, a.last) for a in found] == ([(first, last)] if first else [])


def test_a_rule_without_a_first_day_is_never_in_force() -> None:
    more = rule().replace("effective_from = 2020-01-01\n", "")
    assert active_rules(inputs(more)) == ()
    dated = active_rules(inputs(more, '[export_control]\nenable = [ { id = "R", from = 2027-01-01 } ]'))
    assert [(a.first, a.last) for a in dated] == [(date(2027, 1, 1), date.max)]


# --- classes and destinations -----------------------------------------------------------------------------------------


def machine(**figures: object) -> Accelerator:
    return Accelerator.model_validate(
        {"id": "a", "chip": "x", "chips_per_rack": "8 gpu/rack", "rack_power": "10 kW/rack", **figures}
    )


def row(**conditions: object) -> ExportClass:
    return ExportClass.model_validate({"id": "c", **conditions})


def test_minima_are_inclusive_maxima_exclusive_and_a_missing_figure_never_matches() -> None:
    chip = machine(tpp="1000 TPP", performance_density=5)
    assert in_class(chip, (row(),))
    assert in_class(machine(), (row(),))
    assert in_class(chip, (row(min_tpp="1000 TPP"),))
    assert not in_class(chip, (row(min_tpp="1001 TPP"),))
    assert not in_class(chip, (row(max_tpp="1000 TPP"),))
    assert in_class(chip, (row(max_tpp="1001 TPP"),))
    assert not in_class(chip, (row(min_memory_bandwidth="0 TB/s/gpu"),))
    assert not in_class(chip, (row(max_memory_bandwidth="9 TB/s/gpu"),))
    assert in_class(machine(memory_bandwidth="2 TB/s/gpu"), (row(min_memory_bandwidth="2 TB/s/gpu"),))


def test_conditions_of_a_row_all_hold_and_rows_are_alternatives() -> None:
    chip = machine(tpp="1000 TPP", performance_density=5)
    both = row(min_tpp="1000 TPP", min_performance_density=6)
    assert not in_class(chip, (both,))
    assert in_class(chip, (both, row(min_performance_density=4, max_performance_density=6)))
    assert not in_class(chip, ())


def test_named_chips_are_one_more_condition() -> None:
    chip = machine(tpp="1000 TPP")
    assert in_class(chip, (row(chips=["a"]),))
    assert in_class(chip, (row(chips=["x"]),))
    assert not in_class(chip, (row(chips=["y"]),))
    assert not in_class(chip, (row(chips=["a"], min_tpp="2000 TPP"),))


@pytest.mark.parametrize(
    ("expression", "inside"),
    [
        ("D:1", False),
        ("A:5", True),
        ("DE", True),
        ("A:5-DE", False),
        ("A:5-DE+A:5", True),
        ("D:1+D:4-A:5", False),
        ("D:1+A:5-D:4", True),
        ("-DE", False),
        (" A:5 - US ", True),
        ("tier1", True),
    ],
)
def test_destinations_are_read_from_left_to_right(expression: str, inside: bool) -> None:
    assert includes(expression, "DE", ("A:5", "tier1")) is inside


def test_tokens() -> None:
    assert tokens("D:1+D:4-A:5") == ((True, "D:1"), (True, "D:4"), (False, "A:5"))


@settings(max_examples=100, deadline=None, derandomize=True, database=None)
@given(st.lists(st.tuples(st.booleans(), st.sampled_from(["US", "DE", "A:1", "A:5", "x"])), min_size=1, max_size=6))
def test_the_last_token_that_names_a_country_decides(parts: list[tuple[bool, str]]) -> None:
    expression = "".join(("+" if added else "-") + name for added, name in parts).removeprefix("+")
    touching = [added for added, name in parts if name in ("DE", "A:5")]
    assert includes(expression, "DE", ("A:5",)) is (bool(touching) and touching[-1])


# --- what counts ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "last", "counted"),
    [
        (date(2020, 1, 1), None, (0, 3)),
        (date(2027, 1, 2), None, (1, 3)),  # from the first period that starts on or after it
        (date(2027, 4, 1), None, (1, 3)),
        (date(2027, 4, 1), date(2027, 7, 1), (1, 2)),
        (date(2027, 4, 1), date(2027, 6, 30), (1, 1)),
        (date(2027, 4, 2), date(2027, 6, 30), None),
    ],
)
def test_counted_periods(first: date, last: date | None, counted: tuple[int, int] | None) -> None:
    ends = {"effective_to": last} if last else {}
    more = rule(effect="cap", amount="10 gpu", destination="A:1+A:5", effective_from=first, **ends)
    found = list(ExportControl(inputs(more)).quantities())
    assert [(q.first, q.last) for q in found] == ([counted] if counted else [])
    for q in found:
        assert set(q.countries) == {"US", "DE"}
        assert q.countries["DE"] == frozenset(range(q.first, q.last + 1))
        assert q.accelerators == {"a", "b"}


def test_a_country_counts_in_the_periods_in_which_it_belongs() -> None:
    moved = '[[country]]\niso2 = "DE"\nfrom = 2027-05-01\ngroups = ["D:4"]\n'
    (found,) = ExportControl(inputs(moved + rule(effect="cap", amount="1 million TPP", destination="D:4"))).quantities()
    assert found.countries == {"DE": frozenset({2, 3})}  # on the first day of the period


@pytest.mark.parametrize(
    ("cells", "sites", "periods"),
    [
        ("", {"z"}, {0, 1, 2, 3}),
        ('provider = "q"', {"z"}, {0, 1, 2, 3}),
        ('provider = "op"', {"z"}, {0, 1, 2, 3}),
        ('provider = "p"', set(), set()),
        ("from = 2027-01-02", {"z"}, {1, 2, 3}),  # on all days of the period
        ("to = 2027-09-30", {"z"}, {0, 1, 2}),
        ("to = 2027-09-29", {"z"}, {0, 1}),
    ],
)
def test_licences_cover_a_period_if_they_hold_on_all_its_days(cells: str, sites: set[str], periods: set[int]) -> None:
    found = inputs(f'[[licence]]\nid = "L"\ndestination = "A:5"\nquantity = "30 gpu"\n{cells}\n')
    control = ExportControl(found)
    hits = {(s.id, t.index) for s in found.sites.values() for t in found.horizon for _ in control.licences_for(s, t)}
    assert hits == {(site, t) for site in sites for t in periods}


def test_a_licence_for_a_group_that_a_country_leaves() -> None:
    moved = '[[country]]\niso2 = "DE"\nfrom = 2027-08-15\ngroups = ["D:4"]\n'
    found = inputs(moved + '[[licence]]\nid = "L"\ndestination = "A:5"\nquantity = "3 gpu"\n')
    control = ExportControl(found)
    assert [t.index for t in found.horizon if list(control.licences_for(found.sites["z"], t))] == [0, 1]
