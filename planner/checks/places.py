"""Where a row or a cell of a table is written, and how it is called in messages."""

from __future__ import annotations

from planner.core.errors import Location
from planner.inputs.fields import Record
from planner.inputs.tables import TABLES


def row(record: Record, label: str) -> Location:
    """The place of a row, or of its cell if the last part of the label is a column that is filled."""
    column = label.rpartition(".")[2]
    return next((where for name, _, _, where in record.origin.written if name == column), record.where).at(label)


def label(record: Record, table: str) -> str:
    """How a row is called in messages: `site_power.abilene.2026-06-01`."""
    parts = (getattr(record, f"{key}_" if key in ("from", "class") else key) for key in TABLES[table].key)
    return ".".join([TABLES[table].singular, *(str(part) for part in parts if part is not None)])
