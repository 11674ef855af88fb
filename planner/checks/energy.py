"""Checks of the energy tables: slices that cover the year, shapes without gaps, sources that stand somewhere and come in time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from planner.core.calendar import add_months
from planner.core.errors import Finding, Location, did_you_mean
from planner.data.options import stands_at
from planner.inputs.assembly import Inputs
from planner.inputs.tables import Shape, Slice

CELLS = [(month, hour) for month in range(1, 13) for hour in range(24)]


def _energy(inputs: Inputs, key: str) -> Location:
    return inputs.root.find(("energy", key)).where.at(f"energy.{key}")


def slices_cover_the_year(inputs: Inputs) -> Iterator[Finding]:
    """The chosen set exists, and every month and hour lies in exactly one of its slices; their months are equal or disjoint."""
    energy = inputs.scenario.energy
    if energy is None or energy.slices is None:
        return
    sets = {row.set_ for row in inputs.everything["slices"]}  # type: ignore[attr-defined]
    if energy.slices not in sets:
        yield Finding(
            _energy(inputs, "slices"), f"there is no set of slices `{energy.slices}`", did_you_mean(energy.slices, sets)
        )
        return
    owner: dict[tuple[int, int], Slice] = {}
    for row in inputs.slices:
        label = f"slice.{row.set_}.{row.id}"
        for month, hour in _cells(row):
            if (month, hour) in owner:
                what = f"shares month {month} hour {hour} with slice {owner[month, hour].id}"
                yield Finding(row.where.at(label), what, "every hour of every month belongs to one slice")
                break
            owner[month, hour] = row
        for other in inputs.slices:
            if row.months & other.months and row.months != other.months:
                what = f"its months overlap those of slice {other.id} without being the same"
                yield Finding(row.where.at(label), what, "slices of one set have the same months or none in common")
                break
    missing = [cell for cell in CELLS if cell not in owner]
    if missing:
        month, hour = missing[0]
        what = f"no slice of set {energy.slices} has month {month} hour {hour} ({len(missing)} of 288 cells are missing)"
        yield Finding(inputs.slices[0].where.at(f"slice.{energy.slices}"), what, "add a slice for them, or widen one")


def _cells(row: Slice | Shape) -> Iterable[tuple[int, int]]:
    return ((month, hour) for month in sorted(row.months) for hour in sorted(row.hours))


def shapes_are_whole(inputs: Inputs) -> Iterator[Finding]:
    """Every shape that is named exists and has every month and hour once."""
    if inputs.scenario.energy is None:
        return
    for where, name in _named_shapes(inputs):
        if name not in inputs.shapes:
            yield Finding(where, f"there is no shape `{name}`", did_you_mean(name, inputs.shapes))
    others = {name for where, name in _named_shapes(inputs) if not where.key.endswith("price_shape")}
    for name in sorted({name for _, name in _named_shapes(inputs)} & set(inputs.shapes)):
        rows = inputs.shapes[name]
        below = next((row for row in rows if row.value < 0), None)
        if below is not None and name in others:
            yield Finding(
                below.where.at(f"shape.{name}"), f"has a value below 0 ({below.value:g})", "only prices may be negative"
            )
        count: dict[tuple[int, int], int] = {}
        for row in rows:
            for cell in _cells(row):
                count[cell] = count.get(cell, 0) + 1
        missing = [cell for cell in CELLS if cell not in count]
        twice = [cell for cell in CELLS if count.get(cell, 0) > 1]
        for cells, what in ((missing, "has no value for"), (twice, "has two values for")):
            if cells:
                month, hour = cells[0]
                fix = "a shape has every month and hour once"
                yield Finding(
                    rows[0].where.at(f"shape.{name}"), f"{what} month {month} hour {hour} ({len(cells)} of 288 cells)", fix
                )


def _named_shapes(inputs: Inputs) -> Iterator[tuple[Location, str]]:
    for rows in inputs.grids.values():
        for row in rows:
            for column in ("price_shape", "carbon_shape"):
                if name := getattr(row, column):
                    yield row.where.at(f"grid.{row.id}.{column}"), name
    for source in inputs.power_sources:
        if source.shape:
            yield source.where.at(f"power_source.{source.id}.shape"), source.shape
    for i, workload in enumerate(inputs.scenario.workload):
        if workload.demand_shape:
            yield (
                inputs.root.find(("workload", i, "demand_shape")).where.at(f"workload.{workload.id}.demand_shape"),
                workload.demand_shape,
            )


def sources_stand_somewhere(inputs: Inputs) -> Iterator[Finding]:
    """Sites and grids of sources exist; sites with sources have power rows and metered offers; what comes too late is said."""
    if inputs.scenario.energy is None:
        for row in inputs.everything["power_sources"]:
            what = "does nothing: the scenario has no [energy] section"
            label = row.where.at(f"power_source.{row.id}")  # type: ignore[attr-defined]
            yield Finding(label, what, 'add [energy], e.g. slices = "day-night"', "warning")
        return
    sites = {row.id for row in inputs.everything["sites"]}  # type: ignore[attr-defined]
    grids = {row.id for row in inputs.everything["grids"]}  # type: ignore[attr-defined]
    for row in inputs.everything["power_sources"]:
        label = row.where.at(f"power_source.{row.id}")  # type: ignore[attr-defined]
        for kind, name, known in (("site", row.site, sites), ("grid", row.grid, grids)):  # type: ignore[attr-defined]
            if name is not None and name not in known:
                yield Finding(label, f"there is no {kind} `{name}`", did_you_mean(name, known))
    last = inputs.horizon[-1]
    for source in inputs.power_sources:
        label = source.where.at(f"power_source.{source.id}")
        if source.id == "grid":
            yield Finding(label, "`grid` is the name of the grid itself in energy.csv", "give the source another id")
        if source.max_build and add_months(inputs.horizon[0].first, 12 * source.lead_time) > last.first:
            what = f"its lead time of {source.lead_time:g} years is longer than the horizon: it is never built"
            yield Finding(label, what, "move the horizon, or drop the row", "warning")
        if source.site is None:
            continue
        if source.site not in inputs.site_power:
            fix = "give the site a site_power row (0 MW if it has no connection yet)"
            yield Finding(label, f"site {source.site} has no site_power", fix)
        site = inputs.sites[source.site]
        for offer in inputs.offers:
            if stands_at(offer, site) and offer.energy != "metered":
                what = f"offer {offer.id} includes its energy, but site {site.id} has a power source of its own"
                yield Finding(label, what, "make the offer metered there, limit it to other sites, or drop the source")


def minimum_takes_leave_shares_alone(inputs: Inputs) -> Iterator[Finding]:
    """A share of spend cannot be planned beside a minimum take: paying for energy that is not taken would widen the share."""
    shares = [s for s in inputs.scenario.limits.provider_share if s.of == "spend"]
    for source in inputs.power_sources if shares else ():
        if source.min_take:
            what = "has a minimum take, and the scenario limits a share of spend: unused energy would widen that share"
            fix = "limit the share of compute or power instead, or set min_take = 0"
            yield Finding(source.where.at(f"power_source.{source.id}.min_take"), what, fix)


ENERGY_CHECKS = (slices_cover_the_year, shapes_are_whole, sources_stand_somewhere, minimum_takes_leave_shares_alone)
