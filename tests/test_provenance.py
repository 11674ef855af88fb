"""Every number that entered the model is listed with the line that really holds it, and the cost is weighed by confidence."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest

from planner.core.table import Table
from planner.inputs import provenance
from planner.inputs.fields import Number, Origin, Quantity
from planner.inputs.load import column_kinds
from planner.inputs.tables import TABLES
from planner.results import grades
from planner.run import pipeline
from tests.command import CLASSROOM, ROOT


@pytest.fixture(scope="module", params=["openai-base", "seed-2025", "classroom"])
def result(request: pytest.FixtureRequest) -> pipeline.Result:
    return pipeline.plan_scenario(request.param)


def test_the_line_really_holds_the_number(result: pipeline.Result) -> None:
    texts = {source.shown: source.path.read_text("utf-8").splitlines() for source in result.inputs.files}
    for row in result.table("sources").records():
        line = texts[row["file"]][row["line"] - 1]
        if row["file"].endswith(".csv"):
            (cells,) = csv.reader([line])
            whole = f"{row['value']} {row['unit']}"  # the unit stands in the cell, or in the head of the column
            assert whole in cells or (row["value"] in cells and row["unit"] in texts[row["file"]][0]), row
        else:
            assert row["value"] in line and row["unit"] in line, row


def test_every_number_of_the_selected_rows_is_there(result: pipeline.Result) -> None:
    """Counted from the records, without the function under test: a cell of a number's column is a row of sources.csv."""
    listed = {(row["file"], row["line"], row["what"].rpartition(".")[2]) for row in result.table("sources").records()}
    inputs = result.inputs
    records = [("offers", row) for row in inputs.offers] + [("sites", row) for row in inputs.sites.values()]
    records += [("accelerators", row) for rows in inputs.accelerators.values() for row in rows]
    records += [("site_power", row) for rows in inputs.site_power.values() for row in rows]
    records += [("contracts", row) for row in inputs.contracts] + [("supply", row) for row in inputs.supply]
    count = 0
    for table, record in records:
        kinds = column_kinds(TABLES[table].record)
        for column, _, _, where in record.origin.written:
            kind = kinds.get("throughput_*" if column.startswith("throughput_") else column)
            if isinstance(kind, (Quantity, Number)):
                assert (where.file, where.line, column) in listed
                count += 1
    assert count > 10


def test_every_row_has_a_source_and_a_grade(result: pipeline.Result) -> None:
    for row in result.table("sources").records():
        assert row["source"] and row["confidence"] in ("disclosed", "reported", "estimated", "assumed"), row


def test_the_numbers_of_the_scenario_are_there(result: pipeline.Result) -> None:
    """Demand, limits and prices that the TOML states; nothing of it twice."""
    what = [row["what"] for row in result.table("sources").records()]
    assert "horizon.start" in what and any(name.startswith("workload.") for name in what)
    here = [(row["what"], row["file"], row["line"]) for row in result.table("sources").records()]
    assert len(set(here)) == len(here)


def test_grades_sum_to_one(result: pipeline.Result) -> None:
    assert sum(result.grades.values()) == pytest.approx(1.0, abs=1e-12)
    assert all(share >= 0 for share in result.grades.values())


def test_grades_weigh_the_cost(tmp_path: Path) -> None:
    """South's price is disclosed, and its part of the cost by hand: 20 + 60 thousand GPUs at 2 USD an hour, 8760 h a year."""
    text = CLASSROOM.read_text("utf-8").replace(
        'id = "south-lease"', 'id = "south-lease"\nsource = "a letter"\nconfidence = "disclosed"'
    )
    (tmp_path / "s.toml").write_text(text, "utf-8")
    found = pipeline.plan_scenario(str(tmp_path / "s.toml"))
    assert found.grades["disclosed"] == pytest.approx(80_000 * 2 * 8760 / 2277.6e6, rel=1e-9)
    assert found.grades["disclosed"] + found.grades["assumed"] == pytest.approx(1)


def test_routes_and_what_is_unserved_count_as_assumed() -> None:
    """Dantzig's cost is freight alone."""
    assert pipeline.plan_scenario("dantzig").grades["assumed"] == pytest.approx(1)


def test_a_plan_that_costs_nothing_has_no_grades() -> None:
    found = pipeline.plan_scenario("classroom")
    assert found.plan
    empty = Table("cost", found.table("cost").columns, ())
    free = found.plan
    assert sum(grades.grades(found.inputs, free, empty).values()) == pytest.approx(1)


@pytest.mark.parametrize(
    ("written", "column", "expected"),
    [
        ("reported", "pue", "reported"),
        ("reported; pue=assumed", "pue", "assumed"),
        ("reported; pue=assumed", "grid", "reported"),
        ("", "", "assumed"),
    ],
)
def test_grade(written: str, column: str, expected: str) -> None:
    assert provenance.grade(Origin(confidence=written), column) == expected


def test_the_weakest_counts() -> None:
    assert provenance.weakest(["reported", "assumed", "disclosed"]) == "assumed"
    assert provenance.weakest([]) == "disclosed"


def test_overlapping_announcements_are_named() -> None:
    inputs, warnings = pipeline.prepare("openai-base")
    groups = provenance.overlaps(inputs)
    assert groups and all(len(rows) > 1 and rows == sorted(rows) for rows in groups.values())
    for name, rows in groups.items():
        assert any(name in w.what and all(row in w.what for row in rows) for w in warnings)
    by_hand: dict[str, set[str]] = {}
    with (ROOT / "profiles" / "openai" / "contracts.csv").open(encoding="utf-8", newline="") as text:
        for row in csv.DictReader(text):
            if row["overlaps"] and row["id"] in {c.id for c in inputs.contracts}:
                by_hand.setdefault(row["overlaps"], set()).add(row["id"])
    for name, ids in by_hand.items():
        if len(ids) > 1:
            assert ids <= set(groups[name])


def test_an_assumption_is_the_source_of_its_key(tmp_path: Path) -> None:
    text = CLASSROOM.read_text("utf-8").replace('key = "everything"', 'key = "limits.fleet_power"')
    (tmp_path / "s.toml").write_text(text, "utf-8")
    found = pipeline.plan_scenario(str(tmp_path / "s.toml"))
    (row,) = [row for row in found.table("sources").records() if row["what"] == "limits.fleet_power"]
    assert row["source"].startswith("Made up so that") and (row["value"], row["unit"]) == ("100", "MW")
    assert re.search("fleet_power", text.splitlines()[row["line"] - 1])
