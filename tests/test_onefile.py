"""Answers as one file: what a workbook and a database hold, and what they may replace."""

from __future__ import annotations

import csv
import io
import sqlite3
import sys
from pathlib import Path

import pytest

import planner
from planner.core.errors import InputFault
from planner.results import onefile
from planner.results.folder import write
from tests.command import planner as run

FILES: dict[str, str | bytes] = {
    "mix.csv": "period,provider,spend_usd\n2026,azure,1234567890.12\n2026,'=1+1,\n",
    "plan.json": "{}" + " " * 70_000,
    "picture.svg": b"<svg/>",
}


@pytest.fixture(scope="module")
def plan() -> planner.Plan:
    return planner.solve("classroom")


def table(path: Path, name: str) -> list[tuple[object, ...]]:
    """The rows of a table, without its head."""
    if path.suffix == ".xlsx":
        openpyxl = pytest.importorskip("openpyxl")
        page = openpyxl.load_workbook(path, read_only=True)[name]
        return [tuple(row) for row in page.iter_rows(values_only=True)][1:]
    database = sqlite3.connect(path)
    try:
        return database.execute(f'SELECT * FROM "{name}"').fetchall()
    finally:
        database.close()


@pytest.mark.parametrize("ending", [".xlsx", ".sqlite", ".db"])
def test_one_file_holds_what_the_folder_holds(plan: planner.Plan, tmp_path: Path, ending: str) -> None:
    plan.write(tmp_path / "folder")
    plan.write(tmp_path / f"plan{ending}")
    for path in (tmp_path / "folder").glob("*.csv"):
        head, *lines = csv.reader(io.StringIO(path.read_text("utf-8")))
        rows = table(tmp_path / f"plan{ending}", path.stem)
        assert len(rows) == len(lines)
        for row, line in zip(rows, lines, strict=True):
            for value, text in zip(row, line, strict=True):
                assert (value is None and text == "") or value == (float(text) if isinstance(value, (int, float)) else text)
        assert all(
            any(about[:2] == (path.stem, column) for about in table(tmp_path / f"plan{ending}", "columns")) for column in head
        )
    parts = sorted((part, text) for file, part, text in table(tmp_path / f"plan{ending}", "manifest") if file == "plan.json")
    assert "".join(str(text or "") for _, text in parts) == (tmp_path / "folder" / "plan.json").read_text("utf-8")


def test_a_database_has_keys(plan: planner.Plan, tmp_path: Path) -> None:
    plan.write(tmp_path / "plan.sqlite")
    database = sqlite3.connect(tmp_path / "plan.sqlite")
    assert database.execute("PRAGMA foreign_key_check").fetchall() == []
    assert [row[1] for row in database.execute("PRAGMA table_info(mix)") if row[5]] == ["period", "provider"]
    ((spend,),) = database.execute("SELECT sum(spend_usd) FROM mix").fetchall()
    assert spend == pytest.approx(plan.totals["spend_usd"], abs=0.01, rel=0)
    database.close()


@pytest.mark.parametrize("ending", [".xlsx", ".sqlite"])
def test_only_an_unchanged_answer_of_the_same_command_is_replaced(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"a{ending}"
    write(path, FILES, "mixes")
    write(path, FILES, "mixes")
    with pytest.raises(InputFault, match="holds an answer of `mixes`"):
        write(path, FILES, "explain")
    before = path.read_bytes()
    if ending == ".sqlite":
        database = sqlite3.connect(path)
        database.execute("UPDATE mix SET spend_usd = 1 WHERE provider = 'azure'")
        database.commit()
        database.close()
    else:
        openpyxl = pytest.importorskip("openpyxl")
        book = openpyxl.load_workbook(path)
        book["mix"]["C2"] = 1
        book.save(path)
    assert path.read_bytes() != before
    with pytest.raises(InputFault, match="or one that was changed"):
        write(path, FILES, "mixes")
    path.write_text("mine")
    with pytest.raises(InputFault, match="is no answer of the planner"):
        write(path, FILES, "mixes")
    assert path.read_text() == "mine" and [x.name for x in tmp_path.iterdir()] == [path.name]


def test_text_stays_text(tmp_path: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    write(tmp_path / "a.xlsx", FILES, "mixes")
    cell = openpyxl.load_workbook(tmp_path / "a.xlsx")["mix"]["B3"]
    assert cell.value == "'=1+1" and cell.data_type == "s"


@pytest.mark.parametrize("name", ["plan.csv", "plan.ods", "plan.json"])
def test_other_endings_are_wrong_usage(tmp_path: Path, name: str) -> None:
    found = run("solve", "classroom", "-o", str(tmp_path / name))
    assert found.code == 2 and ".xlsx, .sqlite" in found.err
    assert not list(tmp_path.iterdir())


def test_a_missing_library_is_said_before_the_solve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "xlsxwriter", None)
    with pytest.raises(onefile.NoFormat, match="./run --with excel"):
        onefile.check(tmp_path / "a.xlsx", "plan")


@pytest.mark.parametrize("command", ["explain", "mixes", "frontier", "compare"])
def test_every_command_writes_one_file(tmp_path: Path, command: str) -> None:
    asked = ["classroom", "dantzig"] if command == "compare" else ["dantzig" if command == "mixes" else "classroom"]
    found = run(command, *asked, "-o", str(tmp_path / "a.sqlite"))
    assert found.code == 0, found.err
    assert table(tmp_path / "a.sqlite", "manifest")
