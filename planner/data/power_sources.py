"""Power beside the plain grid connection: sources at sites, energy bought over grids, batteries, and what can be built when.

A site is managed where its energy has to be balanced: it has sources of its own, or racks on metered offers on a grid where
energy can be bought. Everywhere else the load is met by the grid as it comes and needs no columns.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from planner.core.calendar import HOURS_PER_YEAR, Period, Values, add_months, capital_recovery, overlap_days
from planner.core.units import record
from planner.data.options import Position
from planner.data.slices import Slices, shape_of
from planner.inputs.assembly import Inputs, column
from planner.inputs.tables import PowerSource, Site

MILLION = 1e6


@dataclass(frozen=True)
class Source:
    """A power source by index. Capacity in MW per period; `availability` per period and slice."""

    index: int
    row: PowerSource
    provider: str | None  # whose site it stands at; None on a grid
    capacity: Values
    availability: tuple[Values, ...]
    lives: tuple[tuple[int, ...], ...]  # what is decided in t' is there in these periods
    fixed: Values  # fixed O&M of a MW that is there [million USD per period]
    annuity: Values  # of a MW that was built [million USD per period]
    variable: float  # [million USD/MWh]

    @property
    def is_battery(self) -> bool:
        return self.row.kind == "battery"

    @property
    def firm(self) -> float:
        return self.row.firmness


@dataclass(frozen=True)
class ManagedSite:
    """A site whose energy is balanced slice by slice."""

    index: int
    site: Site
    positions: tuple[int, ...]  # whose load is balanced: all, or the metered ones where the site has no source of its own
    own: tuple[int, ...]  # sources at the site
    over_grid: tuple[int, ...]  # sources on its grid
    price: tuple[Values, ...]  # t, slice: a MW from the grid throughout the slice [million USD]
    carbon: tuple[Values, ...]  # t, slice: of that MW [t]


def sources_of(inputs: Inputs, slices: Slices) -> tuple[Source, ...]:
    """The sources that take part, in order of the table."""
    rate = inputs.scenario.money.discount_rate
    found = []
    for i, row in enumerate(inputs.power_sources):
        horizon = inputs.horizon
        means = slices.means(shape_of(inputs, row.shape))
        upkeep = row.fixed_om.usd + row.fixed_om.share * row.capex
        recovery = capital_recovery(rate, row.lifetime) if row.lifetime and row.capex else 0.0
        found.append(
            Source(
                i,
                row,
                inputs.sites[row.site].provider if row.site else None,
                tuple(record(row.capacity * overlap_days(row.from_, row.to, t) / t.days) for t in horizon),
                means,
                tuple(_life(row, t, horizon) for t in horizon) if row.max_build else (),
                tuple(record(upkeep * t.hours / HOURS_PER_YEAR / MILLION) for t in horizon),
                tuple(record(row.capex * recovery * t.hours / HOURS_PER_YEAR / MILLION) for t in horizon),
                record((row.variable_cost + (row.fuel_price or 0.0) * (row.heat_rate or 0.0)) / MILLION),
            )
        )
    return tuple(found)


def _life(row: PowerSource, decided: Period, horizon: tuple[Period, ...]) -> tuple[int, ...]:
    """Periods in which capacity decided in a period is there: after the lead time, for the lifetime, within from and to."""
    ready = add_months(decided.first, 12 * row.lead_time)
    first = next((t for t in horizon if t.first >= ready), None)
    if first is None:
        return ()
    ends = add_months(first.first, 12 * row.lifetime) if row.lifetime else date.max
    return tuple(
        t.index
        for t in horizon
        if t.index >= first.index and t.first < ends and (row.from_ or date.min) <= t.first <= (row.to or date.max)
    )


def managed_sites(
    inputs: Inputs, menu: tuple[Position, ...], sources: tuple[Source, ...], slices: Slices
) -> tuple[ManagedSite, ...]:
    """The sites whose energy has to be balanced, with what they pay and emit for a MW from the grid."""
    found: list[ManagedSite] = []
    for site in inputs.sites.values():
        own = tuple(s.index for s in sources if s.row.site == site.id)
        over_grid = tuple(s.index for s in sources if s.row.grid == site.grid)
        here = tuple(p.index for p in menu if p.site.id == site.id and (own or p.offer.energy == "metered"))
        if not here or not (own or over_grid):
            continue
        price = _per_mw(inputs, site, "price", slices, lambda value: value / MILLION)
        carbon = _per_mw(inputs, site, "carbon", slices, lambda value: value)
        found.append(ManagedSite(len(found), site, here, own, over_grid, price, carbon))
    return tuple(found)


def _per_mw(inputs: Inputs, site: Site, name: str, slices: Slices, scale: Callable[[float], float]) -> tuple[Values, ...]:
    """A grid's price or carbon of one MW throughout each slice."""
    means = grid_means(inputs, site.grid, name, slices)
    return tuple(
        tuple(record(scale(value * hours)) for value, hours in zip(row, slices.hours[t], strict=True))
        for t, row in enumerate(means)
    )


def grid_means(inputs: Inputs, grid: str, name: str, slices: Slices) -> tuple[Values, ...]:
    """Price [USD/MWh] or carbon [t/MWh] of a grid per period and slice: the mean of the period times the mean of its shape."""
    rows = inputs.grids.get(grid, ())
    series = column(rows, name)
    shape = next((getattr(row, f"{name}_shape") for row in reversed(rows) if getattr(row, f"{name}_shape")), None)
    means = slices.means(shape_of(inputs, shape))
    flat = tuple(0.0 if series is None else series.mean(t) for t in inputs.horizon)
    return tuple(tuple(value * mean for mean in means[t]) for t, value in enumerate(flat))
