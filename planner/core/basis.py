"""A basis of a linear programme as letters: what a solver hands on to whoever proves its answer."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Basis:
    """Which columns and rows are basic, as one letter each.

    Columns: B basic, L at zero, U at their upper bound. Rows: B with room, N at their right side. Any letters are a proposal.
    """

    columns: str
    rows: str
