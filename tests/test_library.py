"""The bundled data as shown, and the start of an own project."""

from __future__ import annotations

from pathlib import Path

import pytest

from planner.catalog import library
from planner.core.errors import InputFault
from planner.inputs.load import bundled_collections, bundled_scenarios
from planner.inputs.provenance import collection
from planner.inputs.tables import TABLES
from planner.run.pipeline import plan_scenario
from tests.command import planner


def test_the_overview_names_every_table_and_scenario() -> None:
    found = library.overview()
    assert [row[0] for row in found.rows] == [*TABLES, "scenarios"]
    assert {row[0]: row[1] for row in found.rows}["scenarios"] == len(bundled_scenarios()) > 0


@pytest.mark.parametrize("name", TABLES)
def test_every_row_says_where_it_comes_from(name: str) -> None:
    files = {shown: folder / f"{name}.csv" for folder, shown in bundled_collections().values()}
    lines = {f"{shown}/{name}.csv": path.read_text("utf-8").splitlines() for shown, path in files.items() if path.is_file()}
    for row in library.rows(name, None).records():
        shown, _, line = str(row["line"]).rpartition(":")
        assert shown == f"profiles/{row['collection']}/{name}.csv" and row["confidence"]
        key = TABLES[name].key[0]
        assert not row[key] or row[key] in lines[shown][int(line) - 1]


def test_a_row_has_every_number_with_unit_and_source() -> None:
    found = {row["column"]: row for row in library.rows("accelerators", "gb200_nvl72").records()}
    assert found["rack_power"]["value"].endswith(" kW/rack")
    assert all(row["source"] and row["confidence"] in ("disclosed", "reported", "estimated", "assumed") for row in found.values())


def test_unknown_names() -> None:
    with pytest.raises(InputFault, match="did you mean `offers`"):
        library.rows("offer", None)
    with pytest.raises(InputFault, match="there is no row `gb200` in accelerators\n.*gb200_nvl72"):
        library.rows("accelerators", "gb200")


def test_a_new_project(tmp_path: Path) -> None:
    written = library.start_project(tmp_path / "a" / "mine")
    assert sorted(written) == sorted(str(p) for p in (tmp_path / "a" / "mine").rglob("*") if p.is_file())
    for line in (line for text in written.values() for line in [text] if "planner solve" in line):
        assert str(tmp_path / "a" / "mine" / "scenario.toml") in line
    (tmp_path / "file").write_text("mine", "utf-8")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").write_text("mine", "utf-8")
    for name in ("file", "full"):
        with pytest.raises(InputFault, match="is not empty"):
            library.start_project(tmp_path / name)


def test_a_new_project_pays_for_nothing_that_is_not_its_own(tmp_path: Path) -> None:
    library.start_project(tmp_path / "mine")
    result = plan_scenario(str(tmp_path / "mine" / "scenario.toml"))
    assert result.status == "optimal" and result.audit is not None and result.audit.passed
    assert set(result.collections) == {"reference", "scenario"}
    mine, reference = result.collections["scenario"], result.collections["reference"]
    assert (mine["offers"], mine["contracts"], reference["contracts"], reference["fleet_racks"]) == (2, 1, 0, 0)
    assert mine["cost"] + reference["cost"] == pytest.approx(1) and mine["cost"] > 0.9
    for table in TABLES.values():
        for row in result.inputs.everything[table.name]:
            assert collection(row) != "scenario" or row.origin.confidence == "assumed", row.where


def test_own_rows_win_in_a_new_project(tmp_path: Path) -> None:
    library.start_project(tmp_path / "mine")
    for name in ("grids", "sites"):
        path = tmp_path / "mine" / "profiles" / f"{name}.csv"
        path.write_text(path.read_text("utf-8").replace("MY-GRID", "ERCOT"), "utf-8")
    assert planner("solve", tmp_path / "mine" / "scenario.toml", "-q", "-o", tmp_path / "plan").code == 0
    sources = (tmp_path / "plan" / "sources.csv").read_text("utf-8")
    assert "grid.ERCOT.2025-01-01.price,60,USD/MWh," in sources and "made up to start with,assumed" in sources
