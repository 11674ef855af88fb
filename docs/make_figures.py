"""Solves the energy scenarios and draws docs/figures/*.svg, with the numbers behind each picture in a CSV beside it.

./run --with report doctor               # vl-convert-python draws; everything else is the planner itself
.venv/bin/python docs/make_figures.py    # all; or some: frontier green-hours
"""

from __future__ import annotations

import csv
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
FIGURES = ROOT / "docs" / "figures"
BLUE, ORANGE, GREEN, RED, SKY, YELLOW, PURPLE, GREY, LIGHT = (  # Okabe and Ito: told apart with every kind of colour vision
    "#0072B2", "#E69F00", "#009E73", "#D55E00", "#56B4E9", "#F0E442", "#CC79A7", "#777777", "#CFCFCF",
)  # fmt: skip
Row = dict[str, Any]


# --- numbers ----------------------------------------------------------------------------------------------------------


def solve(name: str, overrides: Sequence[str] = ()) -> Any:
    """A verified answer; an error if there is none."""
    from planner.run.pipeline import plan_scenario

    result = plan_scenario(name, list(overrides))
    if result.status != "optimal" or result.audit is None or not result.audit.passed:
        raise SystemExit(f"{name} {' '.join(overrides)}: no verified optimum ({result.status})")
    return result


def rows(result: Any, table: str) -> Iterator[dict[str, str]]:
    """A table as `solve -o` writes it."""
    return csv.DictReader(result.texts[table].splitlines())


CAMPUSES = ("texas", "california", "spain", "germany")
CAPS = (230, 240, 250, 260, 270, 280, 290, 300, 320)  # MW
NEVER = "from=2040-01-01"
CAP_KINDS = {"Cap on what the racks draw": "load", "Cap on the grid connections": "connection"}
CURVES = {
    "nothing waits, grid only": (False, False),
    "nothing waits, own engines": (False, True),
    "training waits, grid only": (True, False),
    "training waits, own engines": (True, True),
}


def frontier() -> list[Row]:
    found = []
    for panel, kind in CAP_KINDS.items():
        for cap in CAPS:
            limit = [f"limits.fleet_power='{cap} MW'"] if kind == "load" else []
            limit += [f"site.{site}.available={cap / 400}" for site in CAMPUSES] if kind == "connection" else []
            for curve, (waits, engines) in CURVES.items():
                overrides = limit + ([] if waits else ["workload.training.flexible=no"])
                overrides += [] if engines else [f"power_source.{site}-engines.{NEVER}" for site in CAMPUSES]
                result = solve("power-cap", overrides)
                built = sum(float(row["there_mw"]) for row in rows(result, "built")) if engines else 0.0
                totals = result.totals
                found.append({"cap": panel, "cap_mw": cap, "curve": curve, "cost_million_usd": round(totals["cost_usd"] / 1e6, 2),
                              "spend_million_usd": round(totals["spend_usd"] / 1e6, 2), "engines_mw": round(built, 1),
                              "unserved_million_h100e_h": round(totals["unserved_h100e_h"] / 1e6, 2)})  # fmt: skip
    return found


BRIDGED = {"milam": "Milam", "shackelford": "Shackelford", "dona-ana": "Dona Ana"}
KINDS = {"engine": "gas engines built", "fuel-cell": "fuel cells built", "announced": "announced plant"}


def behind_the_meter() -> list[Row]:
    plans = {"as announced": solve("behind-the-meter-as-announced"), "with sources to build": solve("behind-the-meter")}
    found = []
    for plan, result in plans.items():
        for row in rows(result, "power"):
            if row["scope"] == "site" and row["id"] in BRIDGED and row["period"] >= "2027":
                found.append(_drawn(row["period"], BRIDGED[row["id"]], plan, "load", float(row["draw_mw"])))
    sources = {s.id: s for s in plans["with sources to build"].inputs.power_sources}
    for row in rows(plans["with sources to build"], "built"):
        site = sources[row["source"]].site
        if site in BRIDGED and row["period"] >= "2027":
            kind = next((kind for kind in KINDS if row["source"].endswith(f"{kind}-build")), "announced")
            if kind != "announced" or not row["source"].endswith("-build"):
                found.append(_drawn(row["period"], BRIDGED[site], KINDS[kind], "there", float(row["there_mw"])))
    return found


def _drawn(period: str, site: str, what: str, kind: str, megawatts: float) -> Row:
    return {"period": period, "site": site, "what": what, "kind": kind, "mw": round(megawatts, 1)}


SEASONS = ("winter", "spring", "summer", "autumn")


def _slices(result: Any, period: str) -> Iterator[tuple[str, str, dict[str, str]]]:
    """(season, block of hours, row of energy.csv)."""
    for row in rows(result, "energy"):
        if row["period"] == period:
            season, block = row["slice"].split("-", 1)
            yield season, block, row


def follow_the_sun() -> list[Row]:
    found = []
    for work, flexible in (("training cannot wait", "no"), ("training waits within the year", "period")):
        load: dict[tuple[str, str, str], float] = defaultdict(float)
        for season, block, row in _slices(solve("follow-the-sun", [f"workload.training.flexible={flexible}"]), "2026"):
            load[season, block, row["site"].capitalize()] += float(row["mw"])
        for (season, block, site), value in load.items():
            found.append({"work": work, "season": season, "hours": block, "site": site, "mw": round(value, 2)})
    return found


def green_hours() -> list[Row]:
    from planner.data.power_sources import grid_means
    from planner.data.slices import slices_of

    found = []
    plans = {"hourly carbon": solve("green-hours"), "yearly average": solve("green-hours-average")}
    inputs = plans["hourly carbon"].inputs
    slices, last = slices_of(inputs), inputs.horizon[-1]
    true = {grid: grid_means(inputs, grid, "carbon", slices)[last.index] for grid in ("ERCOT", "CAISO")}
    for name, result in plans.items():
        load: dict[tuple[str, str], float] = defaultdict(float)
        for season, block, row in _slices(result, last.label):
            if row["site"] == "california":
                load[season, block] += float(row["mw"])
        for (season, block), value in load.items():
            carbon = true["CAISO"][slices.ids.index(f"{season}-{block}")] * 1000
            found.append({"plan": name, "season": season, "hours": block, "mw": round(value, 2), "g_per_kwh": round(carbon, 1)})
    return found


# --- pictures ---------------------------------------------------------------------------------------------------------


def text(title: str, *subtitle: str) -> dict[str, Any]:
    return {"text": title, "subtitle": list(subtitle)}


def scale(names: Sequence[str], colours: Sequence[str]) -> dict[str, Any]:
    return {"domain": list(names), "range": list(colours)}


def draw_frontier(data: list[Row]) -> dict[str, Any]:
    names = list(CURVES)
    legend = {"columns": 2, "symbolType": "stroke", "symbolStrokeWidth": 3, "symbolSize": 400}
    curve = {"field": "curve", "type": "nominal", "title": None, "legend": legend}
    near = {"zero": False, "nice": False, "padding": 8}
    x = {"field": "cap_mw", "type": "quantitative", "title": "power cap, MW", "scale": near}
    subtitle = "The laboratory of follow-the-sun in 2028 (scenario power-cap); cost counts what stays unserved at its price"
    return {
        "title": text("What a lower power cap costs", subtitle),
        "data": {"values": data},
        "facet": {"column": {"field": "cap", "type": "nominal", "title": None, "sort": list(CAP_KINDS)}},
        "spec": {
            "width": 330,
            "height": 300,
            "mark": {"type": "line", "strokeWidth": 2.5},
            "encoding": {
                "x": x,
                "y": {"field": "cost_million_usd", "type": "quantitative", "title": "cost of the year, million USD"},
                "color": curve | {"scale": scale(names, [RED, ORANGE, BLUE, GREEN])},
                "strokeDash": curve | {"scale": {"domain": names, "range": [[1, 0], [6, 4], [1, 0], [6, 4]]}},
            },
        },
    }


def draw_behind_the_meter(data: list[Row]) -> dict[str, Any]:
    there = [KINDS[kind] for kind in ("announced", "fuel-cell", "engine")]
    loads = ["as announced", "with sources to build"]
    x = {"field": "period", "type": "ordinal", "title": None, "axis": {"labelAngle": -90, "labelOverlap": False}}
    y = {"field": "mw", "type": "quantitative", "title": "MW"}
    load = {"field": "what", "type": "nominal", "title": "draw of the racks"}
    bars = {
        "mark": {"type": "bar"},
        "transform": [{"filter": "datum.kind == 'there'"}],
        "encoding": {
            "x": x,
            "y": y | {"stack": True},
            "color": {"field": "what", "type": "nominal", "title": "power on site", "scale": scale(there, [LIGHT, PURPLE, SKY])},
        },
    }
    lines = {
        "mark": {"type": "line", "interpolate": "step", "strokeWidth": 2.5},
        "transform": [{"filter": "datum.kind == 'load'"}],
        "encoding": {
            "x": x,
            "y": y,
            "stroke": load | {"scale": scale(loads, [RED, "#000000"])},
            "strokeDash": load | {"scale": {"domain": loads, "range": [[5, 3], [1, 0]]}},
        },
    }
    subtitle = "Rated power at three campuses by quarter: bars are plant on site, beside the grid; lines are what the racks draw"
    return {
        "title": text("What bridges a late connection", subtitle),
        "data": {"values": data},
        "facet": {"column": {"field": "site", "type": "nominal", "title": None, "sort": list(BRIDGED.values())}},
        "spec": {"width": 240, "height": 260, "layer": [bars, lines]},
    }


SEASON = {"field": "season", "type": "nominal", "title": None, "sort": list(SEASONS)}
HOURS = {
    "field": "hours",
    "type": "ordinal",
    "title": "hours, US Central time",
    "axis": {"labelAngle": -60, "labelOverlap": False},
}


def draw_follow_the_sun(data: list[Row]) -> dict[str, Any]:
    sites = [site.capitalize() for site in CAMPUSES]
    colours = scale(sites, [RED, YELLOW, GREEN, GREY])
    works = list(dict.fromkeys(row["work"] for row in data))
    subtitle = (
        "Mean draw by campus in 2026, MW, all on racks that are owned.",
        "Racks pause in Texas on summer evenings, and in Spain when it is evening there (hours 12 to 15)",
    )
    return {
        "title": text("Training leaves the dear hours", *subtitle),
        "data": {"values": [{**row, "order": sites.index(row["site"])} for row in data]},
        "facet": {"column": SEASON, "row": {"field": "work", "type": "nominal", "title": None, "sort": works}},
        "spec": {
            "width": 160,
            "height": 170,
            "mark": {"type": "bar"},
            "encoding": {
                "x": HOURS,
                "y": {"field": "mw", "type": "quantitative", "title": "MW", "stack": True},
                "order": {"field": "order"},
                "color": {"field": "site", "type": "nominal", "title": "campus", "scale": colours},
            },
        },
    }


def draw_green_hours(data: list[Row]) -> dict[str, Any]:
    plans = ["yearly average", "hourly carbon"]
    load = {
        "width": 175,
        "height": 190,
        "mark": {"type": "bar"},
        "encoding": {
            "x": HOURS | {"title": None},
            "xOffset": {"field": "plan", "sort": plans},
            "y": {"field": "mw", "type": "quantitative", "title": "draw in California, MW"},
            "color": {"field": "plan", "type": "nominal", "title": "plan by", "scale": scale(plans, [ORANGE, BLUE])},
        },
    }
    carbon = {
        "width": 175,
        "height": 100,
        "transform": [{"filter": "datum.plan == 'hourly carbon'"}],
        "mark": {"type": "line", "interpolate": "step", "strokeWidth": 2.5, "color": "#333333"},
        "encoding": {"x": HOURS, "y": {"field": "g_per_kwh", "type": "quantitative", "title": "grid, g/kWh"}},
    }
    subtitle = (
        "California in 2028 under a cap of 123 kt. By the hour, training moves to the clean hours and all of it is served;",
        "by the yearly average every hour is alike, and 2 % of the training is given up",
    )
    unlabelled = SEASON | {"header": {"labels": False}}
    return {
        "title": text("What the yearly average hides", *subtitle),
        "data": {"values": data},
        "vconcat": [{"facet": {"column": SEASON}, "spec": load}, {"facet": {"column": unlabelled}, "spec": carbon}],
    }


FIGURES_OF = {
    "frontier": (frontier, draw_frontier),
    "behind-the-meter": (behind_the_meter, draw_behind_the_meter),
    "follow-the-sun": (follow_the_sun, draw_follow_the_sun),
    "green-hours": (green_hours, draw_green_hours),
}


def svg(spec: dict[str, Any]) -> str:
    from planner.terminal import charts

    try:
        return charts.svg(spec)
    except charts.NoDrawing as error:
        raise SystemExit(str(error)) from None


def write(path: Path, data: list[Row]) -> None:
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(data[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(data)


def read(path: Path) -> list[Row]:
    """The numbers of a figure that was solved before."""
    with path.open(newline="", encoding="utf-8") as stream:
        return [{key: _number(value) for key, value in row.items()} for row in csv.DictReader(stream)]


def _number(value: str) -> Any:
    try:
        return float(value)
    except ValueError:
        return value


def main(words: Sequence[str]) -> None:
    again = "--draw-only" in words  # pictures from the CSV files that are there
    names = [word for word in words if word != "--draw-only"] or list(FIGURES_OF)
    unknown = [name for name in names if name not in FIGURES_OF]
    if unknown:
        raise SystemExit(f"no figure {unknown[0]}; there are {', '.join(FIGURES_OF)}")
    FIGURES.mkdir(exist_ok=True)
    for name in names:
        solved, drawn = FIGURES_OF[name]
        table = FIGURES / f"{name}.csv"
        if not again:
            write(table, solved())
        (FIGURES / f"{name}.svg").write_text(svg(drawn(read(table))) + "\n", encoding="utf-8")
        print(f"docs/figures/{name}.svg and .csv", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
