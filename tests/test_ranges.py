"""Ranges of numbers: which cells they are of, how ends are read, and how much of a plan's cost has none."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from planner.checks.ranges import ranges_are_clear
from planner.inputs.assembly import Inputs, assemble, called
from planner.inputs.fields import Number, Quantity, Record
from planner.inputs.load import read
from planner.inputs.provenance import grade
from planner.inputs.ranges import Range, ends
from planner.inputs.tables import TABLES
from planner.results.grades import _priced
from planner.run.pipeline import plan_scenario

MOST = 0.02  # of the cost of openai-base may rest on estimated or assumed numbers without a range


def range_of(**cells: str) -> Range:
    return Range.model_validate({"table": "offers", "row": "x", "column": "price"} | cells, context={"currencies": ()})


@pytest.mark.parametrize(
    ("low", "high", "value", "kind", "found"),
    [
        ("1 USD/MWh", "3 USD/MWh", 2.0, Quantity("USD/MWh"), (1, 2, 3)),
        ("0.001 USD/kWh", "3 USD/MWh", 2.0, Quantity("USD/MWh"), (1, 2, 3)),
        ("-20 %", "+15 %", 2.0, Quantity("USD/MWh"), (0.8, 1, 1.15)),
        ("-20 %", "15 %", 2.0, Quantity("USD/MWh"), (0.8, 1, 1.15)),
        ("60 %", "0.9", 0.8, Number(0, 1), (0.6, 0.8, 0.9)),
        ("-10 %", "+10 %", 0.8, Number(0, 1), (0.9, 1, 1.1)),
        ("0 month", "1 year", date(2028, 1, 1), "other", (0, 0, 12)),
        ("2 year", "6 year", 5.0, Quantity("year"), (2, 5, 6)),
    ],
)
def test_ends(low: str, high: str, value: object, kind: object, found: tuple[float, float, float]) -> None:
    got = ends(range_of(low=low, high=high), value, kind, ())
    assert (got.low, got.value, got.high) == pytest.approx(found)


def test_a_wildcard_a_day_and_a_name() -> None:
    day = date(2026, 1, 1)
    assert range_of(low="1", high="2", row="*-lease").names({"north-lease"}, None)
    assert not range_of(low="1", high="2", row="*-lease").names({"north-rent"}, None)
    dated = range_of(low="1", high="2", **{"from": "2026-01-01"})
    assert dated.names({"x"}, day) and not dated.names({"x"}, None) and range_of(low="1", high="2").names({"x"}, day)


def test_a_number_of_ones_own_wins_over_a_bundled_range() -> None:
    found = assemble(read("openai-base", ["offer.oracle-vr200-reserved.price=99 USD/gpu/hour"]))
    assert not list(ranges_are_clear(found))


def test_a_range_in_the_scenario_is_laid_over_the_table(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    row = '[[range]]\ntable = "offers"\nrow = "oracle-vr200-reserved"\ncolumn = "price"\nhigh = "8 USD/gpu/hour"\n'
    path.write_text('schema = 1\nextends = "openai-base"\n' + row)
    (mine,) = [r for r in assemble(read(str(path))).everything["ranges"] if r.row == "oracle-vr200-reserved"]  # type: ignore[attr-defined]
    assert mine.high == "8 USD/gpu/hour" and mine.low.startswith("3.")  # type: ignore[attr-defined]


def table_of(record: Record) -> str:
    return next(name for name, table in TABLES.items() if isinstance(record, table.record))


def ranged(inputs: Inputs, record: Record, column: str) -> bool:
    table = table_of(record)
    rows: tuple[Range, ...] = inputs.everything["ranges"]  # type: ignore[assignment]
    day = getattr(record, "from_", None)
    return any(r.table == table and r.column == column and r.names(called(table, record), day) for r in rows)


def test_hardly_any_of_the_cost_rests_on_unsure_numbers_without_a_range() -> None:
    result = plan_scenario("openai-base")
    assert result.plan is not None
    rows: tuple[Range, ...] = result.inputs.everything["ranges"]  # type: ignore[assignment]
    priced = {r.row for r in rows if r.table == "workload" and r.column == "unserved"}
    bare: dict[str, float] = {}
    whole = 0.0
    for amount, cells in _priced(result.inputs, result.plan, result.table("cost")):
        whole += amount
        for record, column in cells:
            unsure = amount > 0 and grade(record.origin, column) in ("estimated", "assumed")
            if unsure and not ranged(result.inputs, record, column):
                name = f"{next(iter(sorted(called(table_of(record), record))))}.{column}"
                bare[name] = bare.get(name, 0.0) + amount
                break
        if not cells and "*" not in priced:
            bare["unserved"] = bare.get("unserved", 0.0) + amount
    share = sum(bare.values()) / whole
    print(f"{share:.2%} of the cost of openai-base rests on estimated or assumed numbers without a range")
    print({name: f"{amount / whole:.2%}" for name, amount in sorted(bare.items(), key=lambda item: -item[1])[:8]})
    assert share < MOST, bare
