"""Charts as Vega-Lite specifications, plain dicts with their data inside, and the drawing of them without a browser.

A specification needs nothing to be made; drawing needs vl-convert-python, the extra `report`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from planner.core.errors import PlannerError
from planner.core.format import STEPS, amount, clip
from planner.tradeoff.frontier import Axis, Frontier, Point

Spec = dict[str, Any]
SCHEMA = "https://vega.github.io/schema/vega-lite/v5.json"
COLOURS = (  # Okabe and Ito: told apart with every kind of colour vision; greys after them
    "#0072B2", "#E69F00", "#009E73", "#D55E00", "#56B4E9", "#F0E442", "#CC79A7", "#777777", "#000000", "#CFCFCF",
)  # fmt: skip
CONFIG: Spec = {
    "background": "white",
    "font": "Helvetica, Arial, sans-serif",
    "view": {"stroke": "#cccccc"},
    "axis": {"labelFontSize": 11, "titleFontSize": 12, "titleFontWeight": "normal", "gridColor": "#e6e6e6"},
    "legend": {"labelFontSize": 11, "titleFontSize": 12, "titleFontWeight": "normal", "labelLimit": 320, "orient": "bottom"},
    "header": {"labelFontSize": 12, "titleFontSize": 12, "labelFontWeight": "bold"},
    "title": {"fontSize": 15, "subtitleFontSize": 12, "subtitleColor": "#444444", "anchor": "start", "offset": 14},
}
BLUE, RED = COLOURS[0], COLOURS[3]
OTHERS = "others"
WIDTH, HEIGHT = 640, 380
NAMED, APART = 5, 0.1  # kinks with their names beside the curve, and how far they are from each other, relative to both ranges


class NoDrawing(PlannerError):
    """What draws is not installed."""


def svg(spec: Spec) -> str:
    """The picture as SVG. NoDrawing without vl-convert-python."""
    return str(_drawer().vegalite_to_svg(_whole(spec)))


def png(spec: Spec, scale: float = 2.0) -> bytes:
    """The picture as PNG, `scale` pixels to a point. NoDrawing without vl-convert-python."""
    return bytes(_drawer().vegalite_to_png(_whole(spec), scale=scale))


def _whole(spec: Spec) -> Spec:
    return {"$schema": SCHEMA, "config": CONFIG} | spec


def _drawer() -> Any:
    try:
        import vl_convert
    except ModuleNotFoundError:
        raise NoDrawing("pictures need vl-convert-python: ./run --with report ..., or pip install vl-convert-python") from None
    return vl_convert


# --- the trade-off curve ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Scaled:
    """An axis in a multiple that reads well: 810 to 15,600 MW are 0.81 to 15.6 GW."""

    axis: Axis
    size: float
    title: str

    @classmethod
    def of(cls, axis: Axis, values: Sequence[float]) -> _Scaled:
        most, steps = max(map(abs, values), default=0.0), STEPS.get(axis.unit, ())
        size, unit = next((step for step in steps if most >= step[0]), (1.0, axis.unit))
        plain = axis.unit in ("share", "scale")
        return cls(axis, size, axis.name if plain else f"{axis.name}, {unit}")

    def encoding(self, field: str) -> Spec:
        """Its channel; the range is that of the curve, not from zero."""
        axis = {"format": ".0%"} if self.axis.unit == "share" else {}
        scale = {"zero": False, "nice": False, "padding": 12}
        return {"field": field, "type": "quantitative", "title": self.title, "axis": axis, "scale": scale}


def frontier_charts(found: Frontier) -> dict[str, Spec]:
    """Every chart of a curve by the name of its file: of the mix where there is a curve, by year where there are years."""
    if len(found.points) < 2:
        return {"frontier": curve(found)}
    years = {row[0] for point in found.points for row in point.mix} - {"total"}
    by_year = {"frontier_years": mix_by_year(found)} if len(years) > 1 else {}
    return {"frontier": curve(found), "frontier_mix": mix(found)} | by_year


def curve(found: Frontier) -> Spec:
    """The curve with its kinks, the sharpest of them numbered, and what starts to bind there beside it."""
    x, y = _Scaled.of(found.x, [p.x for p in found.points]), _Scaled.of(found.y, [p.y for p in found.points])
    rows = [{"x": p.x / x.size, "y": p.y / y.size, "kink": p.kink} for p in found.points]
    place: Spec = {"x": x.encoding("x"), "y": y.encoding("y")}
    many = len(found.kinks) > 60
    named = [{"x": p.x / x.size, "y": p.y / y.size, "number": str(i + 1)} for i, (p, _) in enumerate(_named(found))]
    layers: list[Spec] = [
        {"data": {"values": rows}, "mark": {"type": "line", "strokeWidth": 2.5, "color": BLUE}, "encoding": place},
        {
            "data": {"values": [row for row in rows if row["kink"]]},
            "mark": {
                "type": "point",
                "filled": True,
                "opacity": 1,
                "size": 8 if many else 40,
                "color": "#003B5C" if many else BLUE,
            },
            "encoding": place,
        },
        {
            "data": {"values": named},
            "mark": {"type": "point", "filled": True, "opacity": 1, "size": 260, "color": RED},
            "encoding": place,
        },
        {
            "data": {"values": named},
            "mark": {"type": "text", "color": "white", "fontSize": 11, "fontWeight": "bold"},
            "encoding": place | {"text": {"field": "number", "type": "nominal"}},
        },
    ]
    return {
        "title": {"text": _title(found), "subtitle": [_scenario(found), _standing(found)]},
        "width": WIDTH,
        "height": HEIGHT,
        "layer": _key(found) + layers,
    }


def _named(found: Frontier) -> list[tuple[Point, float]]:
    """The kinks with the largest change of slope and the slope before them, well apart from each other, from left to right."""
    across = abs(found.points[-1].x - found.points[0].x) or 1.0
    up = abs(found.points[-1].y - found.points[0].y) or 1.0
    inner = [(q, p.slope or 0.0) for p, q in pairwise(found.points) if q.kink and q.slope is not None]
    chosen: list[tuple[Point, float]] = []
    for q, before in sorted(inner, key=lambda kink: -abs((kink[0].slope or 0.0) - kink[1])):
        if len(chosen) < NAMED and all(abs(q.x - p.x) / across + abs(q.y - p.y) / up > APART for p, _ in chosen):
            chosen.append((q, before))
    return sorted(chosen, key=lambda kink: kink[0].x)


def _key(found: Frontier) -> list[Spec]:
    """What the numbers mean, in the corner that the curve leaves empty."""
    left, low = found.x.size < 0 <= found.y.size, found.y.size < 0 <= found.x.size
    named = _named(found)
    if not named:
        return []
    lines = [("what starts to bind, and the slope before and after", True)]
    for i, (p, before) in enumerate(named):
        lines.append((f"{i + 1}  {clip(p.limit, 72)}", True))
        lines.append((_from_to(slope_text(found, before), slope_text(found, p.slope or 0.0)), False))
    top = HEIGHT - 15.0 * len(lines) - 4 if low else 16.0
    wide = 5.5 * max(len(text) for text, _ in lines)
    edge = 12.0 if left else WIDTH - 10.0
    sides = {"x": edge - 4, "x2": edge + wide} if left else {"x": edge - wide, "x2": edge + 4}
    ground = {"type": "rect", "color": "white", "y": top - 12, "y2": top + 15.0 * len(lines) - 7, **sides}
    return [
        {"data": {"values": [{}]}, "mark": ground},
        *(
            {
                "data": {"values": [{"text": text}]},
                "mark": {
                    "type": "text", "align": "left" if left else "right", "x": edge, "y": top + 15.0 * i, "fontSize": 11,
                    "color": "#222222" if strong else "#666666", "fontStyle": "italic" if i == 0 else "normal",
                },
                "encoding": {"text": {"field": "text", "type": "nominal"}},
            }
            for i, (text, strong) in enumerate(lines)
        ),
    ]  # fmt: skip


def _from_to(before: str, after: str) -> str:
    """Two amounts, the unit said once where it is the same."""
    number, _, unit = before.partition(" ")
    return f"{number} → {after}" if after.endswith(f" {unit}") else f"{before} → {after}"


def slope_text(found: Frontier, slope: float) -> str:
    """A slope in words: -14.1 million USD per MW; per percentage point where x is a share."""
    size, per = {"share": (0.01, "percentage point"), "USD": (1e6, "million USD"), "scale": (1.0, "unit of scale")}.get(
        found.x.unit, (1.0, found.x.unit)
    )
    return f"{amount(slope * size, '' if found.y.unit == 'scale' else found.y.unit)} per {per}"


def _title(found: Frontier) -> str:
    best = "Most" if found.y.size < 0 else "Least"
    return f"{best} {found.y.name} for every {'' if found.x.size < 0 else 'limit on '}{found.x.name}"


def _scenario(found: Frontier) -> str:
    return clip(found.inputs.scenario.name or found.inputs.name, 110)


def _standing(found: Frontier) -> str:
    count = len(found.kinks)
    if count == 1:
        return "one plan is best in both"
    if found.exact:
        return f"{count} kinks with both ends, all of them: straight in between"
    return f"{count} of its kinks; it may lie up to {amount(found.gap, found.y.unit)} beyond the straight lines drawn here"


# --- the mix along the curve ------------------------------------------------------------------------------------------


def mix(found: Frontier) -> Spec:
    """Share of compute by provider along the curve, over the whole horizon."""
    x, rows, names = _shares(found)
    kept = [row for row in rows if row["year"] == "total"]
    return {
        "title": {
            "text": f"How the mix moves with {found.x.name}",
            "subtitle": [_scenario(found), "Share of compute, whole horizon"],
        },
        "data": {"values": kept},
        "width": WIDTH,
        "height": 300,
        **_areas(x, names),
    }


def mix_by_year(found: Frontier) -> Spec:
    """The same for every year, side by side: where the mix tips over, and when."""
    x, rows, names = _shares(found)
    years = sorted({row["year"] for row in rows} - {"total"})
    return {
        "title": {
            "text": f"When and where the mix tips over, by {found.x.name}",
            "subtitle": [_scenario(found), "Share of compute by year"],
        },
        "data": {"values": [row for row in rows if row["year"] != "total"]},
        "facet": {"field": "year", "type": "ordinal", "title": None, "sort": years},
        "columns": 3,
        "resolve": {"axis": {"x": "independent"}},
        "spec": {"width": 200, "height": 150, **_areas(x, names)},
    }


def _shares(found: Frontier) -> tuple[_Scaled, list[Spec], list[str]]:
    """(x, rows, providers): the largest first, and beyond so many as there are colours all others together."""
    x = _Scaled.of(found.x, [p.x for p in found.points])
    worked = [p for p in found.points if p.mix]
    sums: dict[str, float] = {}
    for row in (row for p in worked for row in p.mix if row[0] == "total"):
        sums[row[1]] = sums.get(row[1], 0.0) + row[2]
    names = [name for name in sorted(sums, key=lambda name: (-sums[name], name)) if sums[name] > 0]
    if len(names) > len(COLOURS) - 1:
        names = [*names[: len(COLOURS) - 1], OTHERS]
    shares: dict[tuple[float, str, str], float] = {}
    for p in worked:
        for year, provider, share, *_ in p.mix:
            key = p.x / x.size, year, provider if provider in names else OTHERS
            shares[key] = shares.get(key, 0.0) + share
    rows = [
        {"x": place, "year": year, "provider": name, "share": round(share, 6), "order": names.index(name)}
        for (place, year, name), share in shares.items()
        if name in names
    ]
    return x, rows, names


def _areas(x: _Scaled, names: Sequence[str]) -> Spec:
    colours = {"domain": list(names), "range": list(COLOURS[: len(names)])}
    in_a_row = max(1, WIDTH // (7 * min(45, max(map(len, names), default=0)) + 30))  # else long names stretch the picture
    across = x.encoding("x")
    across["scale"] = {"zero": False, "nice": False}
    return {
        "mark": {"type": "area", "line": {"color": "white", "strokeWidth": 0.6}, "opacity": 1},
        "encoding": {
            "x": across,
            "y": {"field": "share", "type": "quantitative", "stack": "zero", "title": "share of compute",
                  "axis": {"format": ".0%"}, "scale": {"domain": [0, 1]}},
            "color": {"field": "provider", "type": "nominal", "title": None, "scale": colours, "sort": list(names),
                      "legend": {"columns": in_a_row}},
            "order": {"field": "order", "type": "quantitative"},
        },
    }  # fmt: skip
