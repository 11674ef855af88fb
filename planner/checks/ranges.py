"""Checks of ranges: they name what is there, their ends are in order, and the number that they are of lies between them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction

from planner.checks.places import row as place
from planner.core.errors import Finding, Location, did_you_mean
from planner.core.units import UnitError
from planner.inputs.assembly import Inputs, called
from planner.inputs.fields import Quantity, Record
from planner.inputs.load import column_kinds
from planner.inputs.provenance import OWN, collection
from planner.inputs.ranges import WORKLOAD, Range, cell, ends
from planner.inputs.scenario import Workload
from planner.inputs.tables import TABLES

VARYING = {"demand", "unserved"}  # what can have a range in a workload


def ranges_are_clear(inputs: Inputs) -> Iterator[Finding]:
    """Every range names rows and a column that are there and holds their numbers; a group has one shape."""
    shapes: dict[str, Range] = {}
    for row in inputs.everything["ranges"]:
        assert isinstance(row, Range)
        yield from _of_range(inputs, row)
        first = shapes.setdefault(row.group, row) if row.group else row
        if first.shape != row.shape:
            what = f"group {row.group} is {row.shape} here and {first.shape} in {first.where}: rows of a group move together"
            yield Finding(_at(row, "shape"), what, "give all rows of a group one shape, or name another group")


def _at(row: Range, column: str) -> Location:
    parts = [row.table, row.row, row.column, *([str(row.from_)] if row.from_ else [])]
    return place(row, f"range.{'.'.join(parts)}.{column}")


def _of_range(inputs: Inputs, row: Range) -> Iterator[Finding]:
    rows, kinds = _named(inputs, row.table)
    if rows is None:
        yield Finding(_at(row, "table"), f"there is no table `{row.table}`", did_you_mean(row.table, [*TABLES, WORKLOAD]))
        return
    known = "throughput_*" if row.column.startswith("throughput_") else row.column
    if known not in kinds:
        yield Finding(_at(row, "column"), f"{row.table} has no column `{row.column}`", did_you_mean(row.column, kinds))
        return
    mine = [r for r in rows if row.names(_called(row.table, r), getattr(r, "from_", None))]
    if not mine:
        if row.table not in ("slices", "shapes", "power_sources") or inputs.scenario.energy:
            names = {name for r in rows for name in _called(row.table, r)}
            day = f" from {row.from_}" if row.from_ else ""
            yield Finding(_at(row, "row"), f"there is no row `{row.row}`{day} in {row.table}", did_you_mean(row.row, names))
        return
    written = [(r, value) for r in mine if (value := cell(r, row.column)) is not None]
    if not written:
        what = f"the column {row.column} of {row.table} {row.row} is blank, so it has no range"
        yield Finding(_at(row, "column"), what, "fill the cell, or name another column")
    said = False
    for record, value in written:
        if not said and (found := _fault(inputs, row, record, value, kinds[known])):
            said = True  # the ends of a range are at fault once, whatever number of rows it is of
            yield found


def _fault(inputs: Inputs, row: Range, record: Record, value: object, kind: object) -> Finding | None:
    """What is wrong with the ends of a range for one cell."""
    try:
        rates = tuple((code, Fraction(str(worth))) for code, worth in inputs.scenario.money.rates.items())
        found = ends(row, value, kind, rates)
    except UnitError as error:
        return Finding(_at(row, "low"), f"low or high cannot be of {row.column}: {error.what}", error.fix)
    except ValueError as error:
        example = kind.example or f"100 {kind.unit}" if isinstance(kind, Quantity) else "0.6"
        what = getattr(error, "context", None) or {"what": str(error)}
        return Finding(_at(row, "low"), f"low or high cannot be of {row.column}: {what['what']}", f'e.g. "{example}" or "-20 %"')
    if found.low > found.high:
        return Finding(_at(row, "low"), f"low {row.low} is above high {row.high}", "swap them")
    if found.low == found.high:
        return Finding(_at(row, "low"), f"low and high are both {row.low}: an empty range", "drop the row, or widen it")
    if row.shape == "lognormal" and found.low <= 0:
        return Finding(_at(row, "low"), f"low {row.low} is not above 0, which a lognormal never reaches", "take another shape")
    if found.likely is not None and not found.low <= found.likely <= found.high:
        return Finding(_at(row, "likely"), f"likely {row.likely} lies outside {row.low} to {row.high}", "put it between them")
    own_number = collection(record, row.column) == OWN and collection(row) != OWN  # the user's number wins over a bundled range
    if not own_number and not found.low * (1 - 1e-12) <= found.value <= found.high * (1 + 1e-12):
        name = next(iter(sorted(_called(row.table, record))))
        what = f"{row.column} of {name} is not between {row.low} and {row.high}"
        there = place(record, f"{row.table}.{name}.{row.column}")
        return Finding(_at(row, "low"), what, f"see {there}; widen the range or mend the number")
    return None


def _named(inputs: Inputs, table: str) -> tuple[tuple[Record, ...] | None, Mapping[str, object]]:
    """The rows of a table and what its columns hold; workloads count as one."""
    if table == WORKLOAD:
        return inputs.scenario.workload, {name: kind for name, kind in column_kinds(Workload).items() if name in VARYING}
    if table not in TABLES or table == "ranges":
        return None, {}
    kinds = column_kinds(TABLES[table].record)
    return inputs.everything[table], {
        name: kind for name, kind in kinds.items() if name not in TABLES[table].key or name == "from"
    }


def _called(table: str, row: Record) -> set[str]:
    return {row.id} if isinstance(row, Workload) else called(table, row)
