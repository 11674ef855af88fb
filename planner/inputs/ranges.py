"""Ranges: how sure a number is. Each row names cells of another table and says between which ends they may lie.

Ends are written in the unit of the column, relative to the number (`-20 %`, `+15 %`), or, for a day, as a delay (`6 month`).
Nothing is planned with them here: they are read, matched to the cells that they are of, and held against them.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from fnmatch import fnmatchcase
from typing import Any, Literal

from pydantic import Field

from planner.core import units
from planner.inputs.fields import Currencies, Day, Id, Number, Quantity, Record, Text

WORKLOAD = "workload"  # the one section of a scenario whose numbers can have ranges too


class Range(Record):
    """How far a number may lie from what is written: the ends, or the 5 and 95 % points of normal and lognormal."""

    table: Text
    row: Text
    column: Text
    from_: Day | None = Field(None, alias="from")
    low: Text
    high: Text
    likely: Text | None = None
    shape: Literal["triangular", "uniform", "pert", "normal", "lognormal"] = "triangular"
    group: Id | None = None

    def names(self, called: Collection[str], day: date | None) -> bool:
        """Whether it is of a row that is called so and begins on that day."""
        if self.from_ is not None and self.from_ != day:
            return False
        return any(fnmatchcase(name, self.row) for name in called) if "*" in self.row else self.row in called


@dataclass(frozen=True)
class Ends:
    """Low and high beside the number itself, all in one measure: the column's canonical unit, a factor, or months."""

    low: float
    value: float
    high: float
    likely: float | None


def cell(record: Record, column: str) -> Any:
    """The value of a column of a row, None where it is blank."""
    if column.startswith("throughput_"):
        return getattr(record, "throughput", {}).get(column.removeprefix("throughput_"))
    return getattr(record, {"from": "from_", "set": "set_", "class": "class_"}.get(column, column), None)


def ends(row: Range, value: Any, kind: object, currencies: Currencies) -> Ends:
    """The ends of a range of one cell. UnitError or a ValueError of the field if an end cannot be one of that column."""
    texts = [row.low, row.high, *([row.likely] if row.likely is not None else [])]
    if isinstance(value, date):
        numbers, middle = [units.parse(text, "month", currencies, example="6 month") for text in texts], 0.0
    elif any(_relative(text, kind) for text in texts):
        numbers, middle = [1 + units.parse(text, "", currencies, example="-20 %") for text in texts], 1.0
    elif isinstance(kind, (Quantity, Number)) and isinstance(value, (int, float)):
        numbers, middle = [float(kind.read(text, currencies)) for text in texts], float(value)
    else:
        raise units.UnitError("takes relative ends only", 'e.g. low = "-20 %", high = "+15 %"')
    return Ends(numbers[0], middle, numbers[1], numbers[2] if len(numbers) > 2 else None)


def _relative(text: str, kind: object) -> bool:
    """A percentage of the number: any of a quantity with a unit, one with a sign of a plain number (60 % is a share there)."""
    return text.strip().endswith("%") and (not isinstance(kind, Number) or text.strip()[0] in "+-")
