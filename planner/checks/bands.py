"""Warnings of numbers that are possible and yet unheard of: a slip from kW to MW, or from an hour to a month, is seen here.

The bands stand on the fields of the records, beside the unit (`fields.Usual`). They are wide, so that a warning means something,
and a number outside is only warned of: the next machine may well be denser than any before. What the columns of a row come to
together has a narrower band than each alone. Alike faults of one column of one file are told once, with their number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from planner.checks.places import label, row
from planner.core.errors import Finding, Location
from planner.core.units import UnitError
from planner.inputs.assembly import Inputs
from planner.inputs.document import Node
from planner.inputs.fields import LimitField, Quantity, Record, SeriesField, Usual, YearlyCost
from planner.inputs.load import column_kinds, with_ids
from planner.inputs.provenance import used
from planner.inputs.tables import TABLES, Accelerator, Contract, Offer, PowerSource

FIX = "check number and unit: kW and MW, an hour and a month are often mistaken; if it is meant, leave it"
SHARE_OF_CAPEX = Usual("0.1 %/year", "30 %/year", "1 to 3 % a year are usual")
AI = ("training", "inference")  # kinds of work that bands of whole machines are known for; others may count anything


@dataclass(frozen=True)
class Odd:
    """A number outside its band: where, of what column, as written."""

    where: Location
    column: str
    what: str


def unusual_numbers(inputs: Inputs) -> Iterator[Finding]:
    """Numbers outside the band of their column, or that come to something unheard of together."""
    found = [*_of_rows(inputs), *_of_the_scenario(inputs)]
    if not any(odd.column == "limits.fleet_power" for odd in found):
        found += _of_the_fleet(inputs)
    found += _together(inputs, {odd.where.key.rpartition(".")[0] for odd in found})
    alike: dict[tuple[str, str], list[Odd]] = {}
    for odd in sorted(set(found), key=lambda odd: odd.where):
        alike.setdefault((odd.where.file, odd.column), []).append(odd)
    for first, *others in alike.values():
        more = f"; so do {len(others)} more of this column" if others else ""
        yield Finding(first.where, first.what + more, FIX, "warning")


def _odd(where: Location, column: str, written: str, usual: Usual) -> Odd:
    return Odd(where, column, f"`{written}` lies outside {usual.low} to {usual.high} ({usual.why})")


# --- one number -------------------------------------------------------------------------------------------------------


def _of_rows(inputs: Inputs) -> Iterator[Odd]:
    """Of the rows that take part in the plan."""
    for table, records in used(inputs).items():
        kinds = {name: kind for name, kind in column_kinds(TABLES[table].record).items() if isinstance(kind, Quantity)}
        for record in records:
            for column, value, unit, where in record.origin.written:
                kind = kinds.get("throughput_*" if column.startswith("throughput_") else column)
                usual = kind and band(kind, _value(record, column))
                if kind and usual and not usual.within(_number(_value(record, column)), _unit(kind, _value(record, column))):
                    place = where.at(f"{label(record, table)}.{column}")
                    yield _odd(place, f"{table}.{column}", f"{value} {unit}".strip(), usual)


def band(kind: Quantity, value: object) -> Usual | None:
    """The band that a value of a field belongs to."""
    return SHARE_OF_CAPEX if isinstance(value, YearlyCost) and value.share else kind.usual


def _unit(kind: Quantity, value: object) -> str:
    return "1/year" if isinstance(value, YearlyCost) and value.share else kind.unit


def _number(value: object) -> float:
    if isinstance(value, YearlyCost):
        return value.share or value.usd
    return float(value) if isinstance(value, (int, float)) else 0.0


def _value(record: Record, column: str) -> object:
    if column.startswith("throughput_"):
        return getattr(record, "throughput", {}).get(column.removeprefix("throughput_"))
    return getattr(record, column, None)


# --- the scenario -----------------------------------------------------------------------------------------------------


def _of_the_scenario(inputs: Inputs) -> Iterator[Odd]:
    """Of the sections and workloads of the scenario: quantities, and each value of a series."""
    currencies = tuple((code, Fraction(str(worth))) for code, worth in inputs.scenario.money.rates.items())
    for path, kind, node in _quantities(inputs.scenario, inputs.root, ()):
        for at, leaf in _leaves(node, path):
            try:
                value = kind.read(leaf.value, currencies)
            except (UnitError, ValueError):
                continue  # a day, or the price of a soft limit
            if kind.usual and not kind.usual.within(_number(value), kind.unit):
                column = ".".join(str(part) for part in path if not isinstance(part, int))
                yield _odd(leaf.where.at(".".join(with_ids(inputs.root, at))), column, str(leaf.value), kind.usual)


def _of_the_fleet(inputs: Inputs) -> Iterator[Odd]:
    """A cap on the whole fleet far below the power that its sites have: gigawatts and megawatts are a thousand apart."""
    limit = inputs.scenario.limits.fleet_power
    there = max(sum(inputs.power_series(site).mean(t) for site in inputs.site_power) for t in inputs.horizon)
    lows = [low for t in inputs.horizon if limit and (low := limit.series.lowest(t)) is not None]
    if lows and 0 < max(lows) < there / 100:
        little = f"less than a hundredth of the {there:,.0f} MW that the sites have"
        what = f"is {max(lows):g} MW at most, {little}, outside of what is usual"
        yield Odd(inputs.root.find(("limits", "fleet_power")).where.at("limits.fleet_power"), "limits.fleet_power", what)


Path = tuple[str | int, ...]


def _quantities(record: Record, node: Node, path: Path) -> Iterator[tuple[Path, Quantity, Node]]:
    """Path, kind and written value of every quantity with a band below a record of the scenario."""
    for name, info in type(record).model_fields.items():
        key = info.alias or name
        if not isinstance(node.value, dict) or key not in node.value:
            continue
        value, here, below = getattr(record, name), node.value[key], (*path, key)
        kind = next((found for mark in _marks(info.annotation, info.metadata) if (found := _quantity(mark))), None)
        if isinstance(value, Record):
            yield from _quantities(value, here, below)
        elif isinstance(value, tuple) and value and isinstance(value[0], Record):
            rows = here.value if isinstance(here.value, list) else []
            for i, (part, row_node) in enumerate(zip(value, rows, strict=False)):
                yield from _quantities(part, row_node, (*below, i))
        elif kind is not None and isinstance(value, dict) and isinstance(here.value, dict):
            yield from (((*below, k), kind, part) for k, part in here.value.items())
        elif kind is not None:
            yield below, kind, here


def _marks(annotation: Any, metadata: Iterable[Any]) -> Iterator[Any]:
    yield from metadata
    for arg in getattr(annotation, "__args__", ()):
        yield from getattr(arg, "__metadata__", ())
        yield from _marks(arg, ())


def _quantity(mark: object) -> Quantity | None:
    item = mark.item if isinstance(mark, (SeriesField, LimitField)) else mark
    return item if isinstance(item, Quantity) and item.usual else None


def _leaves(node: Node, path: Path) -> Iterator[tuple[Path, Node]]:
    """The written values below a node, without days and the prices of soft limits."""
    if isinstance(node.value, dict):
        for key, part in node.value.items():
            if key not in ("at", "from", "interpolate"):
                yield from _leaves(part, (*path, key))
    elif isinstance(node.value, list):
        for i, part in enumerate(node.value):
            yield from _leaves(part, (*path, i))
    else:
        yield path, node


# --- several numbers together -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Together:
    """What columns of a row come to together, and the column that is named where it is unheard of."""

    table: str
    column: str
    what: str
    unit: str
    usual: Usual
    value: Callable[[Inputs, Any], float]


def _power_per_gpu(inputs: Inputs, row: Accelerator) -> float:
    return row.rack_power / row.chips_per_rack if any(kind in AI for kind in row.throughput) else 0.0


def _rent_of_compute(inputs: Inputs, row: Offer) -> float:
    machines = inputs.accelerators[row.accelerator]
    best = max((rate for machine in machines for kind, rate in machine.throughput.items() if kind in AI), default=0.0)
    return row.price / best if best else 0.0


def _capex_per_gpu(inputs: Inputs, row: Offer) -> float:
    machine = inputs.accelerators[row.accelerator][0]
    return row.capex / machine.chips_per_rack if any(kind in AI for kind in machine.throughput) else 0.0


def _value_of_power(inputs: Inputs, row: Contract) -> float:
    days = ((row.end or inputs.horizon[-1].last) - row.start).days + 1
    return (row.value or 0.0) / row.max_power / (days / 365.25) if row.max_power and days > 0 else 0.0


def _fixed_share(inputs: Inputs, row: PowerSource) -> float:
    return row.fixed_om.usd / row.capex if row.capex else 0.0


TOGETHER = (
    Together("accelerators", "rack_power", "with chips_per_rack that is", "kW/gpu",
             Usual("0.1 kW/gpu", "10 kW/gpu", "a card is 0.3, a superchip with its share of the rack 2 to 5"), _power_per_gpu),
    Together("offers", "price", "with the throughput of its accelerator that is", "USD/h100e/hour",
             Usual("0.05 USD/h100e/hour", "60 USD/h100e/hour", "an h100e is rented for 0.1 to 15"), _rent_of_compute),
    Together("offers", "capex", "with chips_per_rack that is", "USD/gpu",
             Usual("2000 USD/gpu", "1 million USD/gpu", "one costs 20,000 to 200,000"), _capex_per_gpu),
    Together("contracts", "value", "with max_power and its days that is", "USD/MW/year",
             Usual("0.1 million USD/MW/year", "200 million USD/MW/year", "a MW of racks costs 5 to 20 million a year"),
             _value_of_power),
    Together("power_sources", "fixed_om", "with capex that is", "%/year", SHARE_OF_CAPEX, _fixed_share),
)  # fmt: skip


def _together(inputs: Inputs, said: set[str]) -> Iterator[Odd]:
    """Of rows that nothing was said of yet: one slip is told once."""
    units_of = {"kW/gpu": ("MW/gpu", 1e3), "%/year": ("1/year", 1e2)}
    rows = used(inputs)
    for rule in TOGETHER:
        unit, size = units_of.get(rule.unit, (rule.unit, 1.0))
        for record in rows.get(rule.table, ()):
            value = rule.value(inputs, record)
            if said & {label(record, rule.table), f"accelerator.{getattr(record, 'accelerator', '')}"}:
                continue
            if not rule.usual.within(value, unit):
                written = next((f"{v} {u}".strip() for name, v, u, _ in record.origin.written if name == rule.column), "")
                where = row(record, f"{label(record, rule.table)}.{rule.column}")
                what = f"`{written}`: {rule.what} {value * size:.4g} {rule.unit}, outside "
                band = f"{rule.usual.low} to {rule.usual.high} ({rule.usual.why})"
                yield Odd(where, f"{rule.table}.{rule.column}", what + band)
