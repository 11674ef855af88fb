"""A whole answer as one file: a workbook (.xlsx) or a database (.sqlite), made from the CSV files that a folder would hold.

Every table is a sheet or a table of its own name; `columns` says what the columns mean, in which unit; `manifest` holds the other
files of the folder as text. A seal inside tells an unchanged answer of ours from what somebody has worked on, which is never
replaced.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import sqlite3
import tempfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from planner.core.errors import InputFault, Location, PlannerError
from planner.results.columns import TABLES, described

SQLITE = (".sqlite", ".sqlite3", ".db")
SUFFIXES = (".xlsx", *SQLITE)
OTHERS = (".csv", ".ods", ".xls", ".json", ".parquet", ".html", ".txt", ".tsv")  # what is no name of a folder either
MOST_TEXT = 32_000  # characters that a cell of a workbook holds
MOST_ROWS = 1_048_575  # of a sheet, below its head


class NoFormat(PlannerError):
    """An ending that nothing is written as, or one whose library is missing: wrong usage."""

    exit_code = 2


@dataclass(frozen=True)
class Sheet:
    """A table as it is written: cells are text, numbers or blank."""

    name: str
    columns: tuple[str, ...]
    types: tuple[str, ...]  # of Frictionless: number, integer, string, date
    rows: tuple[tuple[Any, ...], ...]
    key: tuple[str, ...] = ()
    refers: tuple[tuple[tuple[str, ...], str], ...] = ()


def is_one(path: Path) -> bool:
    """Whether a target is one file and no folder. NoFormat for an ending that looks like a file and is none that we write."""
    ending = path.suffix.lower()
    if ending in OTHERS and not path.is_dir():
        raise NoFormat(f"{path}: an answer is a folder of CSV files, or one file that ends in {', '.join(SUFFIXES)}")
    return ending in SUFFIXES and not path.is_dir()


def check(path: Path, kind: str) -> None:
    """InputFault if what is at `path` is no unchanged answer of that command, NoFormat if it cannot be made."""
    if path.suffix.lower() == ".xlsx":
        _xlsxwriter()
    if not path.exists():
        return
    try:
        sealed, seal = _database_seal(path) if path.suffix.lower() in SQLITE else _workbook_seal(path)
    except (OSError, ValueError, KeyError, TypeError, sqlite3.Error, zipfile.BadZipFile):
        sealed, seal = "", None
    if seal is None or sealed != kind:
        called = "a plan" if sealed == "plan" else f"an answer of `{sealed}`"
        what = "is no answer of the planner, or one that was changed" if seal is None else f"holds {called}"
        raise InputFault.one(what, "give another -o; nothing was overwritten", Location(str(path)))


def made(path: Path, files: Mapping[str, str | bytes], kind: str) -> bytes:
    """The bytes of the file that holds what these files of a folder hold."""
    sheets = [*_tables(files), *_about(files)]
    return _database(sheets, kind) if path.suffix.lower() in SQLITE else _workbook(sheets, kind)


# --- what is in it ----------------------------------------------------------------------------------------------------


def _tables(files: Mapping[str, str | bytes]) -> Iterator[Sheet]:
    package = files.get("datapackage.json")
    schemas = {r["name"]: r["schema"] for r in json.loads(package)["resources"]} if package else {}
    for name, data in files.items():
        if not name.endswith(".csv") or isinstance(data, bytes):
            continue
        stem = name.removesuffix(".csv")
        head, *lines = csv.reader(io.StringIO(data))
        known = described(stem, head) if stem in TABLES else {}
        kinds = [known[column].kind if column in known else _kind([line[i] for line in lines]) for i, column in enumerate(head)]
        rows = tuple(tuple(_value(text, kind) for text, kind in zip(line, kinds, strict=True)) for line in lines)
        schema = schemas.get(stem, {})
        refers = tuple((tuple(x["fields"]), x["reference"]["resource"]) for x in schema.get("foreignKeys", ()))
        yield Sheet(stem, tuple(head), tuple(kinds), rows, tuple(schema.get("primaryKey", ())), refers)


def _kind(texts: Sequence[str]) -> str:
    """Of a column without a record: a number if all its cells are."""
    try:
        [float(text) for text in texts if text]
    except ValueError:
        return "string"
    return "number" if any(texts) else "string"


def _value(text: str, kind: str) -> Any:
    if text == "":
        return None
    return int(text) if kind == "integer" else float(text) if kind == "number" else text


def _about(files: Mapping[str, str | bytes]) -> Iterator[Sheet]:
    """What the columns mean, and the files that are no tables."""
    rows = []
    for name, data in files.items():
        stem = name.removesuffix(".csv")
        if name.endswith(".csv") and stem in TABLES and not isinstance(data, bytes):
            head = next(csv.reader(io.StringIO(data)))
            rows += [(stem, column, about.unit, about.text, about.blank) for column, about in described(stem, head).items()]
    columns = ("table", "column", "unit", "meaning", "blank")
    yield Sheet("columns", columns, ("string",) * 5, tuple(rows), ("table", "column"))
    texts = [(name, data) for name, data in files.items() if isinstance(data, str) and not name.endswith(".csv")]
    parts = [(name, n, text[n * MOST_TEXT :][:MOST_TEXT]) for name, text in texts for n in range(len(text) // MOST_TEXT + 1)]
    yield Sheet("manifest", ("file", "part", "text"), ("string", "integer", "string"), tuple(parts), ("file", "part"))


# --- a database -------------------------------------------------------------------------------------------------------

SQL_TYPES = {"number": "REAL", "integer": "INTEGER"}


def _database(sheets: Sequence[Sheet], kind: str) -> bytes:
    database = sqlite3.connect(":memory:")
    unique = {sheet.name: sheet.key for sheet in sheets}
    for sheet in sheets:
        parts = [f'"{c}" {SQL_TYPES.get(t, "TEXT")}' for c, t in zip(sheet.columns, sheet.types, strict=True)]
        parts += [f"PRIMARY KEY ({_names(sheet.key)})"] if sheet.key else []
        parts += [
            f'FOREIGN KEY ({_names(fields)}) REFERENCES "{other}" ({_names(fields)})'
            for fields, other in sheet.refers
            if set(unique.get(other, ())) == set(fields)
        ]
        database.execute(f'CREATE TABLE "{sheet.name}" ({", ".join(parts)})')
        database.executemany(f'INSERT INTO "{sheet.name}" VALUES ({", ".join("?" * len(sheet.columns))})', sheet.rows)
    seal = _dumped(database)
    database.execute("CREATE TABLE seal (command TEXT, sha256 TEXT)")
    database.execute("INSERT INTO seal VALUES (?, ?)", (kind, seal))
    database.commit()
    return database.serialize()


def _names(columns: Sequence[str]) -> str:
    return ", ".join(f'"{column}"' for column in columns)


def _dumped(database: sqlite3.Connection) -> str:
    lines = (line for line in database.iterdump() if not line.startswith(("CREATE TABLE seal", 'INSERT INTO "seal"')))
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _database_seal(path: Path) -> tuple[str, str | None]:
    """(command, seal) of a file; no seal if its content is not what was sealed."""
    database = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
    try:
        ((command, seal),) = database.execute("SELECT command, sha256 FROM seal").fetchall()
        return str(command), seal if _dumped(database) == seal else None
    finally:
        database.close()


# --- a workbook -------------------------------------------------------------------------------------------------------


def _xlsxwriter() -> Any:
    try:
        import xlsxwriter  # type: ignore[import-untyped, import-not-found, unused-ignore]
    except ImportError:
        raise NoFormat("workbooks need xlsxwriter: ./run --with excel ..., or pip install xlsxwriter") from None
    return xlsxwriter


def _workbook(sheets: Sequence[Sheet], kind: str) -> bytes:
    """Text is text: no formula, link or number is made of it. The seal is the comment of the archive that a workbook is."""
    out = io.BytesIO()
    options = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False, "in_memory": True}
    with tempfile.TemporaryDirectory() as folder:
        book = _xlsxwriter().Workbook(out, options | {"tmpdir": folder})
        bold = book.add_format({"bold": True})
        for sheet in sheets:
            if len(sheet.rows) > MOST_ROWS:
                raise NoFormat(
                    f"{sheet.name} has {len(sheet.rows):,} rows, a sheet at most {MOST_ROWS:,}: write a folder or .sqlite"
                )
            page = book.add_worksheet(sheet.name[:31])
            page.freeze_panes(1, 0)
            page.write_row(0, 0, sheet.columns, bold)
            for n, row in enumerate(sheet.rows, start=1):
                for i, value in enumerate(row):
                    if isinstance(value, str):
                        page.write_string(n, i, value)
                    elif value is not None:
                        page.write_number(n, i, value)
            page.autofilter(0, 0, len(sheet.rows), len(sheet.columns) - 1)
            page.set_column(0, len(sheet.columns) - 1, 16)
        book.close()
    with zipfile.ZipFile(out, "a") as archive:
        archive.comment = json.dumps({"planner": kind, "sha256": _members(archive)}).encode()
    return out.getvalue()


def _members(archive: zipfile.ZipFile) -> str:
    """The hash of what is in an archive, but for the time at which it was made."""
    found = hashlib.sha256()
    for name in sorted(archive.namelist()):
        found.update(name.encode() + hashlib.sha256(archive.read(name)).digest())
    return found.hexdigest()


def _workbook_seal(path: Path) -> tuple[str, str | None]:
    with zipfile.ZipFile(path) as archive:
        told = json.loads(archive.comment)
        return str(told["planner"]), told["sha256"] if _members(archive) == told["sha256"] else None
