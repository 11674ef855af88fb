"""A table of a plan: a name, columns that carry their unit, and rows of plain values."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

MILLION = 1e6
Row = tuple[Any, ...]


@dataclass(frozen=True)
class Table:
    """A named table with its columns and rows."""

    name: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]

    def records(self) -> list[dict[str, Any]]:
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]


def make(name: str, columns: str, rows: Iterable[Row]) -> Table:
    """A table from column names with blanks between them."""
    return Table(name, tuple(columns.split()), tuple(rows))


# the ends of column names that are units, longest first
_UNITS = {
    "usd_per_gpu_hour": "USD/gpu/hour", "h100e_h": "h100e·h", "h100e": "h100e", "usd": "USD", "mwh": "MWh", "mw": "MW", "t": "t",
    "l": "L", "racks": "rack", "gpus": "gpu",
}  # fmt: skip


def unit_of(column: str) -> str:
    """The unit that a column name ends with; empty where it has none."""
    return next((unit for end, unit in _UNITS.items() if column == end or column.endswith(f"_{end}")), "")


def units(table: Table) -> dict[str, str]:
    """The units of the columns that have one."""
    return {column: unit for column in table.columns if (unit := unit_of(column))}
