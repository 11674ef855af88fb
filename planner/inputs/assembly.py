"""All that a plan is made from: the scenario and the selected rows of every table, indexed by id. Frozen.

`assemble` applies `[select]` and nothing else; whether the parts belong together is checked in `checks`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import TypeVar, cast

from planner.core.calendar import Period, Series, periods, steps
from planner.core.errors import Finding
from planner.inputs.document import Node
from planner.inputs.fields import Record
from planner.inputs.load import Document, Source
from planner.inputs.scenario import Scenario
from planner.inputs.tables import (
    TABLES,
    Accelerator,
    Contract,
    Country_,
    ExportClass,
    ExportRule,
    Fleet,
    Grid,
    Licence,
    Offer,
    PowerSource,
    Provider,
    Shape,
    Site,
    SitePower,
    Slice,
    Supply,
)

R = TypeVar("R", bound=Record)


@dataclass(frozen=True)
class Inputs:
    """The selected rows. Rows that change over time are tuples in order of `from`."""

    name: str
    scenario: Scenario
    horizon: tuple[Period, ...]
    accelerators: Mapping[str, tuple[Accelerator, ...]]
    providers: Mapping[str, Provider]
    sites: Mapping[str, Site]
    site_power: Mapping[str, tuple[SitePower, ...]]
    grids: Mapping[str, tuple[Grid, ...]]
    countries: Mapping[str, tuple[Country_, ...]]
    offers: tuple[Offer, ...]
    contracts: tuple[Contract, ...]
    fleet: tuple[Fleet, ...]
    supply: tuple[Supply, ...]
    export_classes: Mapping[str, tuple[ExportClass, ...]]
    export_rules: tuple[ExportRule, ...]
    licences: tuple[Licence, ...]
    slices: tuple[Slice, ...]  # of the chosen set; empty: one slice
    shapes: Mapping[str, tuple[Shape, ...]]
    power_sources: tuple[PowerSource, ...]  # at selected sites and on their grids
    files: tuple[Source, ...]
    root: Node
    everything: Mapping[str, tuple[Record, ...]]  # all rows before selection, for foreign keys
    remarks: tuple[Finding, ...] = ()

    def power_series(self, site: str) -> Series:
        """Facility power of a site before `available`, its rows shifted by `delay`."""
        from planner.core.calendar import add_months

        delay = self.sites[site].delay
        return steps((add_months(row.from_, delay), row.power) for row in self.site_power.get(site, ()))

    def offers_of(self, offer_id: str) -> tuple[Offer, ...]:
        return tuple(offer for offer in self.offers if offer.id == offer_id)


def column(rows: Iterable[Record], name: str) -> Series | None:
    """A column of rows that share an id as a step series; blank cells change nothing, None if all are blank."""
    points = [(getattr(row, "from_", None), getattr(row, name)) for row in rows if getattr(row, name) is not None]
    return steps(points) if points else None


def throughput(rows: Iterable[Accelerator], kind: str) -> Series | None:
    """Throughput of an accelerator for a kind of workload [h100e/gpu] over time."""
    points = [(row.from_, row.throughput[kind]) for row in rows if kind in row.throughput]
    return steps(points) if points else None


def assemble(document: Document) -> Inputs:
    """The inputs of a document after `[select]`. Unknown names in the selection are found by `checks`."""
    scenario = document.scenario.model_copy(update={"workload": tuple(sorted(document.scenario.workload, key=lambda w: w.id))})
    rows = {name: tuple(sorted(found, key=partial(_place, name))) for name, found in document.rows.items()}
    select = scenario.select
    remarks: list[Finding] = []

    def table(name: str, _record: type[R]) -> tuple[R, ...]:
        chosen = getattr(select, name)
        kept = rows[name] if chosen is None else tuple(row for row in rows[name] if called(name, row) & {*chosen})
        return cast(tuple[R, ...], kept)

    providers = {row.id: row for row in table("providers", Provider)}
    accelerators = _by(table("accelerators", Accelerator), "id")
    if select.accelerators is None:
        guessed = [key for key, series in accelerators.items() if _guessed(series[0])]
        accelerators = {key: series for key, series in accelerators.items() if key not in guessed}
        if guessed:
            what = f"accelerators graded `assumed` take part only when named: {', '.join(guessed)} left out"
            remarks.append(Finding(document.root.where.at("select.accelerators"), what, severity="warning"))
    sites = {row.id: row for row in table("sites", Site) if row.provider in providers}
    offers = tuple(
        row
        for row in table("offers", Offer)
        if row.provider in providers and row.accelerator in accelerators and (row.site is None or row.site in sites)
    )
    offer_ids = {row.id for row in offers}
    contracts = []
    for row in table("contracts", Contract):
        if row.provider in providers:
            contracts.append(row)
        elif select.contracts is None:
            what = f"contract {row.id} is left out with its provider {row.provider}"
            remarks.append(Finding(row.where.at(f"contract.{row.id}"), what, severity="warning"))
    power = _by(table("site_power", SitePower), "site")
    grids = {site.grid for site in sites.values()}
    return Inputs(
        name=document.name,
        scenario=scenario,
        horizon=periods(scenario.horizon.start, scenario.horizon.end, scenario.horizon.step),
        accelerators=accelerators,
        providers=providers,
        sites=sites,
        site_power={key: power[key] for key in power if key in sites},
        grids=_by(table("grids", Grid), "id"),
        countries=_by(table("countries", Country_), "iso2"),
        offers=tuple(sorted(offers, key=lambda row: (row.id, row.from_ or date.min))),
        contracts=tuple(contracts),
        fleet=tuple(row for row in table("fleet", Fleet) if row.site in sites and row.offer in offer_ids),
        supply=tuple(table("supply", Supply)),
        export_classes=_by(table("export_classes", ExportClass), "id"),
        export_rules=table("export_rules", ExportRule),
        licences=table("licences", Licence),
        slices=tuple(row for row in table("slices", Slice) if scenario.energy and row.set_ == scenario.energy.slices),
        shapes=_by(table("shapes", Shape), "id"),
        power_sources=tuple(
            row for row in table("power_sources", PowerSource) if scenario.energy and (row.site in sites or row.grid in grids)
        ),
        files=document.files,
        root=_in_order(document.root),
        everything=rows,
        remarks=tuple(remarks),
    )


NAMED_BY = {
    "fleet": ("site", "offer"),
    "supply": ("accelerator", "vendor"),
    "site_power": ("site",),
    "countries": ("iso2",),
    "slices": ("set_",),
}


def called(name: str, row: Record) -> set[str]:
    """What a row of a table is called in `[select]`: its id, or what it is of; of a fleet site, offer, or `site.offer`."""
    parts = [str(value) for column in NAMED_BY.get(name, ("id",)) if (value := getattr(row, column)) is not None]
    return {*parts, ".".join(parts)}


def left_out(inputs: Inputs) -> dict[str, tuple[list[str], int]]:
    """What `[select]` leaves out, by table: names that take no part, and how many there are in all."""
    kept: dict[str, set[str]] = {
        "providers": {*inputs.providers},
        "accelerators": {*inputs.accelerators},
        "sites": {*inputs.sites},
        "site_power": {*inputs.site_power},
        "grids": {*inputs.grids},
        "countries": {*inputs.countries},
        "export_classes": {*inputs.export_classes},
        "shapes": {*inputs.shapes},
    }
    for name in ("offers", "contracts", "supply", "export_rules", "licences", "power_sources"):
        kept[name] = {part for row in getattr(inputs, name) for part in called(name, row)}
    kept["fleet"] = {f"{row.site}.{row.offer}" for row in inputs.fleet}
    found = {}
    for name in TABLES:
        if name == "ranges" or (name in ("slices", "shapes", "power_sources") and not inputs.scenario.energy):
            continue
        every = {part for row in inputs.everything[name] for part in called(name, row) if name != "fleet" or "." in part}
        mine = kept.get(name, every)
        if name != "slices" and (gone := sorted(every - mine)):
            found[name] = (gone, len(every))
    return found


def _in_order(root: Node) -> Node:
    """The tree of the scenario with its workloads in the order that they are counted in."""
    rows = root.value.get("workload")
    if rows is None or not isinstance(rows.value, list):
        return root
    named = sorted(rows.value, key=lambda row: str(row.value["id"].value) if "id" in row.value else "")
    return Node({**root.value, "workload": Node(named, rows.where)}, root.where)


def _place(name: str, row: Record) -> tuple[object, ...]:
    """Where a row stands among those of its table, whatever the order in the files: by its key, then by what is written in it;
    slices by their first month."""
    if isinstance(row, Slice):
        return row.set_, min(row.months, default=0), row.id
    values = [getattr(row, {"from": "from_", "set": "set_"}.get(column, column), None) for column in TABLES[name].key]
    return *((value is not None, str(value or "")) for value in values), tuple(cell[:2] for cell in row.origin.written)


def _by(rows: Iterable[R], key: str) -> dict[str, tuple[R, ...]]:
    """Rows grouped by a column, each group in order of `from`."""
    groups: dict[str, list[R]] = {}
    for row in rows:
        groups.setdefault(getattr(row, key), []).append(row)
    return {name: tuple(sorted(group, key=lambda row: getattr(row, "from_", None) or date.min)) for name, group in groups.items()}


def _guessed(row: Accelerator) -> bool:
    return not row.origin.inline and row.origin.confidence.split(";")[0].strip() == "assumed"
