"""How far the mix could move at the same cost: by hand, where there is a choice and where there is none."""

from __future__ import annotations

import pytest

from planner.alternatives.ties import room
from planner.run import pipeline
from tests.small import plan, scenario
from tests.test_canonical import TWINS


def test_two_clouds_alike_can_change_places() -> None:
    """Ten racks at one price at p or at q: either may have all of the power and spend, or nothing."""
    result = plan(scenario(more=TWINS))
    found = {(r.of, r.name): r for r in room(result.model, result.solution)}
    assert set(found) == {(of, who) for of in ("power", "spend") for who in "pq"}
    for r in found.values():
        assert (r.low, r.high) == (pytest.approx(0), pytest.approx(1)) and r.low <= r.share <= r.high and r.moves
    assert found["power", "p"].share + found["power", "q"].share == pytest.approx(1)
    sites = {r.name: r for r in room(result.model, result.solution, by_site=True)}
    assert sites.keys() == {"s", "s2"} and sites["s2"].high == pytest.approx(1)


def test_a_plan_without_a_choice_has_no_room() -> None:
    for name in ("classroom", "dantzig"):
        result = pipeline.plan_scenario(name)
        assert room(result.model, result.solution) == ()


def test_a_cent_between_them_leaves_no_room() -> None:
    result = plan(scenario(more=TWINS.replace('price = "2 USD/gpu/hour"', 'price = "2.01 USD/gpu/hour"')))
    assert room(result.model, result.solution) == ()


def test_whole_racks_have_no_face() -> None:
    result = plan(scenario(more=TWINS, policy="[solve]\nwhole_racks = true"))
    assert room(result.model, result.solution) == ()
