"""Slices of the year: weights and means against a walk over every hour, groups and slots."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from random import Random

import pytest

from planner.core.calendar import Period
from planner.data.slices import Slices, shape_of, slices_of
from planner.inputs.assembly import Inputs
from tests.small import scenario
from tests.test_oracle import BLOCKS
from tests.worlds import energy_world, inputs_of

POLICY = '[energy]\nslices = "S"'
SETS = {
    "one": [("all", None, None)],
    "day": [("day", None, "8-19"), ("night", None, "20-23;0-7")],
    "winter": [("cold", "12;1-2", None), ("rest", "3-11", None)],
    "mixed": [
        ("a", "12;1-2", "0-5"),
        ("b", "12;1-2", "6-23"),
        ("c", "3-11", "7"),
        ("d", "3-11", "0-6;8-12"),
        ("e", "3-11", "13-23"),
    ],
}


def rows(name: str) -> str:
    found = []
    for id_, months, hours in SETS[name]:
        cells = [("months", months), ("hours", hours)]
        found.append("\n".join(['[[slice]]\nset = "S"', f'id = "{id_}"', *(f'{k} = "{v}"' for k, v in cells if v)]))
    return "\n".join(found) + "\n"


def horizon(start: str, end: str, step: str) -> str:
    return f'[horizon]\nstart = {start}\nend = {end}\nstep = "{step}"'


def made(name: str, start: str, end: str, step: str, more: str = "") -> tuple[Inputs, Slices]:
    inputs = inputs_of(scenario(policy=POLICY, horizon=horizon(start, end, step), more=rows(name) + more))
    return inputs, slices_of(inputs)


def walk(period: Period) -> list[tuple[int, int]]:
    """(month, hour) of every hour of a period."""
    begin = datetime.combine(period.first, datetime.min.time())
    moments = (begin + timedelta(hours=i) for i in range(int(period.hours)))
    return [(moment.month, moment.hour) for moment in moments]


HORIZONS = [
    ("2027-01-01", "2027-12-31", "year"),
    ("2028-01-01", "2028-12-31", "year"),  # 366 days
    ("2027-01-01", "2029-12-31", "quarter"),
    ("2028-02-01", "2028-03-31", "month"),
    ("2027-11-17", "2028-03-03", "quarter"),  # cut at both ends, over the end of a year, with a 29 February
    ("2100-02-28", "2100-03-01", "month"),  # no leap year
    ("2027-05-05", "2027-05-05", "half"),
]


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("when", HORIZONS, ids="-".join)
def test_weights_are_the_hours_of_the_calendar(name: str, when: tuple[str, str, str]) -> None:
    inputs, slices = made(name, *when)
    assert slices.ids == tuple(id_ for id_, _, _ in SETS[name])
    for t in inputs.horizon:
        hours = walk(t)
        assert sum(slices.hours[t.index]) == t.hours == len(hours)
        for i, row in enumerate(slices.rows):
            assert slices.hours[t.index][i] == sum(month in row.months and hour in row.hours for month, hour in hours)
        assert slices.there(t.index) == [i for i, count in enumerate(slices.hours[t.index]) if count]


def test_a_leap_day_counts() -> None:
    # December to February: 31 + 31 + 28 days of 2027, 29 in 2028
    _, slices = made("winter", "2027-01-01", "2028-12-31", "year")
    assert slices.hours == ((90 * 24, 275 * 24), (91 * 24, 275 * 24))


def test_a_cut_period_has_the_hours_of_its_days() -> None:
    # 20 February to 5 March 2028: ten days of winter, five of the rest; six hours of each day by night and so on
    _, slices = made("mixed", "2028-02-20", "2028-03-05", "quarter")
    assert slices.hours == ((10 * 6, 10 * 18, 5 * 1, 5 * 12, 5 * 11),)
    assert [slices.days(0, group) for group in slices.groups] == [10, 5]
    _, slices = made("mixed", "2028-03-04", "2028-03-05", "quarter")
    assert slices.there(0) == [2, 3, 4]
    assert [slices.days(0, group) for group in slices.groups] == [0, 2]


def test_groups_are_the_slices_of_a_day() -> None:
    found = {name: made(name, *HORIZONS[0])[1].groups for name in SETS}
    assert found == {"one": ((0,),), "day": ((0, 1),), "winter": ((0,), (1,)), "mixed": ((0, 1), (2, 3, 4))}


def test_slots_are_what_is_met_together() -> None:
    _, slices = made("mixed", *HORIZONS[0])
    assert slices.slots("no") == ((0,), (1,), (2,), (3,), (4,))
    assert slices.slots("day") == ((0, 1), (2, 3, 4))
    assert slices.slots("period") == ((0, 1, 2, 3, 4),)


def test_without_a_set_there_is_one_slice() -> None:
    for policy in ("", "[energy]\n"):
        inputs = inputs_of(scenario(policy=policy, more=rows("day")))
        slices = slices_of(inputs)
        assert (slices.ids, slices.hours, slices.groups) == (("all",), ((8760.0,),), ((0,),))
        assert slices.slots("no") == slices.slots("day") == slices.slots("period") == ((0,),)


# --- means ------------------------------------------------------------------------------------------------------------


def jagged(seed: int) -> str:
    """A shape with a value of its own in each of the 288 cells."""
    rng = Random(seed)
    return "".join(
        f'[[shape]]\nid = "h"\nmonths = "{month}"\nhours = "{hour}"\nvalue = {rng.randint(-50, 300) / 100}\n'
        for month in range(1, 13)
        for hour in range(24)
    )


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("when", [HORIZONS[1], HORIZONS[4]], ids="-".join)
def test_means_are_those_over_all_hours(name: str, when: tuple[str, str, str]) -> None:
    inputs, slices = made(name, *when, jagged(7))
    value = {(min(row.months), min(row.hours)): row.value for row in inputs.shapes["h"]}
    assert len(value) == 288
    means = slices.means(inputs.shapes["h"])
    for t in inputs.horizon:
        for i, row in enumerate(slices.rows):
            found = [value[cell] for cell in walk(t) if cell[0] in row.months and cell[1] in row.hours]
            assert means[t.index][i] == pytest.approx(math.fsum(found) / len(found) if found else 0.0, rel=1e-9, abs=1e-12)
        # together the slices have the mean of the period
        whole = sum(h * m for h, m in zip(slices.hours[t.index], means[t.index], strict=True))
        assert whole / t.hours == pytest.approx(math.fsum(value[cell] for cell in walk(t)) / t.hours, rel=1e-9)


def test_a_shape_is_not_normalised() -> None:
    shape = '[[shape]]\nid = "h"\nhours = "8-19"\nvalue = 3\n[[shape]]\nid = "h"\nhours = "0-7;20-23"\nvalue = 0\n'
    inputs, slices = made("day", *HORIZONS[0], shape)
    assert slices.means(inputs.shapes["h"]) == ((3.0, 0.0),)
    assert slices.means(None) == ((1.0, 1.0),)


def test_shapes_count_in_scenarios_with_energy_alone() -> None:
    shape = '[[shape]]\nid = "h"\nvalue = 2\n'
    places = BLOCKS["places"] + 'price_shape = "h"\n'
    with_energy, without = (inputs_of(scenario(policy=p, places=places, more=shape)) for p in ("[energy]\n", ""))
    assert shape_of(with_energy, None) is None
    assert shape_of(with_energy, "h") == with_energy.shapes["h"]
    assert shape_of(without, "h") is None


@pytest.mark.parametrize("seed", range(40))
def test_random_slices_cover_every_hour_once(seed: int) -> None:
    inputs = inputs_of(energy_world(seed))
    slices = slices_of(inputs)
    for t in inputs.horizon:
        assert sum(slices.hours[t.index]) == t.hours
        assert sum(slices.days(t.index, group) for group in slices.groups) == t.days
    for slots in (slices.slots(flexible) for flexible in ("no", "day", "period")):
        assert sorted(i for slot in slots for i in slot) == list(range(len(slices.ids)))
