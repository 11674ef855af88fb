"""Charts are drawn, say what they must, and say what is missing where nothing can draw them."""

from __future__ import annotations

import builtins
import json
import re
import sys
import xml.etree.ElementTree as ET
from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from planner.terminal import charts
from planner.tradeoff.frontier import Frontier, frontier
from tests import small
from tests.test_frontier import by_hand, inputs_of, rich_world
from tests.test_oracle import BLOCKS


@cache
def found() -> Frontier:
    return frontier(by_hand(), "peak_power", "cost", points=5)


@cache
def two_years() -> Frontier:
    return frontier(rich_world(), "peak_power", "cost", points=5)


def texts(svg: str) -> str:
    return " | ".join("".join(node.itertext()) for node in ET.fromstring(svg).iter() if node.tag.endswith("}text"))


@pytest.mark.parametrize("name", ["frontier", "frontier_mix", "frontier_years"])
def test_every_chart_is_drawn(name: str) -> None:
    spec = charts.frontier_charts(two_years())[name]
    json.dumps(spec)  # plain data, as a report needs it
    svg = charts.svg(spec)
    assert ET.fromstring(svg).tag == "{http://www.w3.org/2000/svg}svg"
    assert "peak power, MW" in texts(svg)
    assert charts.png(spec, 1.0)[:8] == b"\x89PNG\r\n\x1a\n"


def test_the_curve_names_its_kinks_and_slopes() -> None:
    drawn = texts(charts.svg(charts.curve(found())))
    assert "Least cost for every limit on peak power" in drawn
    assert "2  power of site z, 2027" in drawn and "-5.606 → -3.504 million USD per MW" in drawn
    assert "cost, million USD" in drawn and "4 kinks with both ends, all of them" in drawn


def test_axes_are_in_multiples_that_read_well() -> None:
    far = replace(found(), points=tuple(replace(p, x=p.x * 1e4, y=p.y * 1e5) for p in found().points))
    drawn = texts(charts.svg(charts.curve(far)))
    assert "peak power, GW" in drawn and "cost, billion USD" in drawn


def test_a_share_is_in_percent_and_its_slope_per_point() -> None:
    curve = frontier(by_hand(), "largest_share", "cost", points=3)
    drawn = texts(charts.svg(charts.curve(curve)))
    assert "largest provider's share" in drawn and "%" in drawn
    assert charts.slope_text(curve, -5e6) == "-50,000 USD per percentage point"


def test_a_curve_that_is_not_exact_says_so() -> None:
    drawn = texts(charts.svg(charts.curve(replace(found(), exact=False, gap=12_000.0))))
    assert "4 of its kinks; it may lie up to 12,000 USD beyond the straight lines drawn here" in drawn


def test_shares_add_up_at_every_point_of_the_mix() -> None:
    spec = charts.mix_by_year(two_years())
    sums: dict[Any, float] = {}
    for row in spec["data"]["values"]:
        sums[row["x"], row["year"]] = sums.get((row["x"], row["year"]), 0.0) + row["share"]
    assert {year for _, year in sums} == {"2027", "2028"}
    assert all(total == pytest.approx(1.0, abs=1e-5) or total == 0 for total in sums.values())


def test_more_providers_than_colours_are_others() -> None:
    point = found().points[0]
    many = tuple(("total", f"p{i:02}", 1 / 20, 1.0, 1.0) for i in range(20))
    crowd = replace(found(), points=tuple(replace(p, mix=many) for p in (point, found().points[-1])))
    spec = charts.mix(crowd)
    names = spec["encoding"]["color"]["scale"]["domain"]
    assert len(names) == len(charts.COLOURS) and names[-1] == charts.OTHERS
    others = [row["share"] for row in spec["data"]["values"] if row["provider"] == charts.OTHERS]
    assert others == [pytest.approx(11 / 20)] * 2


def test_long_names_do_not_stretch_the_picture() -> None:
    many = tuple(("total", f"a provider with a rather long name {i:02}", 1 / 9, 1.0, 1.0) for i in range(9))
    crowd = replace(found(), points=tuple(replace(p, mix=many) for p in (found().points[0], found().points[-1])))
    size = re.search(r'<svg[^>]* width="([\d.]+)"', charts.svg(charts.mix(crowd)))
    assert size is not None and float(size[1]) < 1.4 * charts.WIDTH


def test_one_year_has_no_chart_by_year_and_one_point_none_of_the_mix() -> None:
    assert list(charts.frontier_charts(found())) == ["frontier", "frontier_mix"]
    alone = frontier(inputs_of(small.scenario()), "peak_power", "cost")
    assert list(charts.frontier_charts(alone)) == ["frontier"]
    assert "one plan is best in both" in texts(charts.svg(charts.curve(alone)))


@pytest.mark.parametrize(("x", "y"), [("demand_scale", "cost"), ("peak_power", "demand_scale")])
def test_curves_that_rise_are_drawn(x: str, y: str) -> None:
    curve = frontier(by_hand(BLOCKS["workload"]), x, y, points=3)
    assert "1  power of site" in texts(charts.svg(charts.curve(curve)))


def test_the_same_bytes_twice() -> None:
    spec = charts.curve(found())
    assert charts.svg(spec) == charts.svg(spec) and charts.png(spec) == charts.png(spec)


@pytest.mark.parametrize("draw", [charts.svg, charts.png])
def test_without_what_draws_there_is_a_message(monkeypatch: pytest.MonkeyPatch, draw: Any) -> None:
    def absent(name: str, *rest: Any) -> Any:
        if name == "vl_convert":
            raise ModuleNotFoundError(name)
        return real(name, *rest)

    real = builtins.__import__
    monkeypatch.delitem(sys.modules, "vl_convert", raising=False)
    monkeypatch.setattr(builtins, "__import__", absent)
    with pytest.raises(charts.NoDrawing, match=r"./run --with report"):
        draw(charts.curve(found()))
