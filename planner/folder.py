"""Files out: CSV text that a spreadsheet can open without harm, and a folder that appears whole or not at all.

The folder is written beside its final place, flushed to disk and renamed; the old one stays until then. The manifest
(`plan.json`) is written last, so that a folder with a manifest is complete.
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from planner.errors import InputFault, Location
from planner.report import Table

MANIFEST = "plan.json"
FORMULA = ("=", "+", "-", "@", "\t", "\r")
UNITS = {"usd": "USD", "mw": "MW", "mwh": "MWh", "t": "t", "h100e": "h100e"}


def csv_text(table: Table) -> str:
    """The table as CSV: numbers with 12 significant digits, text that a spreadsheet would run as a formula made harmless."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(table.columns)
    writer.writerows([cell(value) for value in row] for row in table.rows)
    return out.getvalue()


def cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        text = f"{value:.12g}"
        return "0" if text in ("-0", "0") or abs(value) < 1e-9 else text
    if isinstance(value, int):
        return str(value)
    text = str(value)
    return "'" + text if text.startswith(FORMULA) and not _is_number(text) else text


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def datapackage(name: str, tables: Iterable[Table]) -> str:
    """Frictionless description of the CSV files."""
    resources = []
    for table in tables:
        fields = [{"name": column, "type": _kind(table, i)} for i, column in enumerate(table.columns)]
        schema = {"fields": fields, "missingValues": [""]}
        resources.append(
            {"name": table.name, "path": f"{table.name}.csv", "format": "csv", "mediatype": "text/csv", "encoding": "utf-8", "schema": schema}
        )
    return json.dumps({"name": name.lower(), "profile": "data-package", "resources": resources}, indent=1) + "\n"


def _kind(table: Table, column: int) -> str:
    values = [row[column] for row in table.rows if row[column] is not None]
    if values and all(isinstance(value, int) for value in values):
        return "integer"
    return "number" if values and all(isinstance(value, (int, float)) for value in values) else "string"


def check_target(folder: Path) -> None:
    """InputFault if a plan cannot be put at `folder`: said before hours of solving."""
    where = Location(str(folder))
    if folder.exists():
        if not folder.is_dir():
            raise InputFault.one("is a file, not a folder", "give another -o", where)
        if any(folder.iterdir()) and not (folder / MANIFEST).is_file():
            raise InputFault.one("holds something else than a plan", "give an empty or new folder to -o; nothing was overwritten", where)
    parent = folder.resolve().parent
    nearest = next(p for p in (parent, *parent.parents) if p.exists())
    if not nearest.is_dir() or not os.access(nearest, os.W_OK):
        raise InputFault.one(f"cannot be written ({nearest} does not allow it)", "give another -o", where)


def write(folder: Path, files: Mapping[str, str]) -> None:
    """Puts the files at `folder` in one step; the manifest is the last file in the mapping. InputFault if the disk says no."""
    check_target(folder)
    final = folder.resolve()
    fresh = final.parent / f".{final.name}.new-{os.getpid()}"
    old = final.parent / f".{final.name}.old-{os.getpid()}"
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        fresh.mkdir()
        for name, text in files.items():
            with (fresh / name).open("w", encoding="utf-8", newline="") as out:
                out.write(text)
                out.flush()
                os.fsync(out.fileno())
        if final.exists():
            final.rename(old)
        try:
            fresh.rename(final)
        except BaseException:
            if old.exists():
                old.rename(final)
            raise
    except OSError as error:
        what = f"could not be written: {error.strerror or error}"
        raise InputFault.one(what, "free space or give another -o; what was there before is untouched", Location(str(folder))) from None
    finally:
        for leftover in (fresh, old):
            with contextlib.suppress(OSError):
                if leftover.exists():
                    shutil.rmtree(leftover)


def write_file(path: Path, text: str) -> None:
    """One file, whole or not at all."""
    fresh = path.parent / f".{path.name}.new-{os.getpid()}"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with fresh.open("w", encoding="utf-8", newline="") as out:
            out.write(text)
            out.flush()
            os.fsync(out.fileno())
        fresh.replace(path)
    except OSError as error:
        raise InputFault.one(f"could not be written: {error.strerror or error}", "give another place", Location(str(path))) from None
    finally:
        with contextlib.suppress(OSError):
            fresh.unlink(missing_ok=True)


def read_tables(folder: Path) -> tuple[dict[str, Any], dict[str, list[dict[str, str]]], dict[str, bytes]]:
    """(manifest, rows of every CSV file as text, their bytes) of a plan folder. InputFault if it is not one."""
    where = Location(str(folder))
    manifest = folder / MANIFEST
    if not manifest.is_file():
        raise InputFault.one("is not a plan folder: it has no plan.json", "give a folder that `planner solve -o` wrote", where)
    try:
        plan = json.loads(manifest.read_text("utf-8"))
        raw = {path.stem: path.read_bytes() for path in sorted(folder.glob("*.csv"))}
        tables = {name: list(csv.DictReader(io.StringIO(data.decode("utf-8"), newline=""))) for name, data in raw.items()}
    except (OSError, ValueError, csv.Error) as error:
        raise InputFault.one(f"cannot be read: {error}", "the folder is damaged; solve again", where) from None
    if not isinstance(plan, dict):
        raise InputFault.one("plan.json holds no plan", "the folder is damaged; solve again", where)
    return plan, tables, raw
