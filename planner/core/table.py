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
