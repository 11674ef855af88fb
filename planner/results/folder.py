"""Files out: CSV text that a spreadsheet can open without harm, and a folder that appears whole or not at all.

The folder is written beside its final place, flushed to disk, and takes the place of the old one in one step (Linux swaps two
names at once; elsewhere there is a moment with the old folder under another name, from where the next command brings it back).
Whatever a killed process left behind is cleared away by the next one.
"""

from __future__ import annotations

import contextlib
import csv
import ctypes
import errno
import io
import json
import math
import os
import re
import shutil
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from planner.core.errors import InputFault, Location

if TYPE_CHECKING:
    from planner.core.table import Table

MANIFEST, CERTIFICATE = "plan.json", "certificate.json"
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # the wide ones count in Japanese spreadsheets
UNITS = ("usd", "mw", "mwh", "t", "h100e", "hour", "hours", "gpus", "racks")  # last words of columns that hold numbers
MOST_OF_ONE, MOST_OF_ALL = 200_000_000, 500_000_000  # bytes; the tables of 100,000 columns are 20 MB
LITTER = (".DS_Store", ".~lock.", "Thumbs.db", "desktop.ini")  # what desktops leave in folders


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
    text = str(value).replace("\r\n", "\n").replace("\r", "\n")  # a lone \r would end the row for some readers
    return "'" + text if text.startswith(FORMULA) and not _is_number(text) else text


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def json_text(data: Any) -> str:
    """JSON that every reader takes: what is not a number is null."""
    return json.dumps(_finite(data), indent=1, ensure_ascii=False, allow_nan=False, default=str)


def _finite(data: Any) -> Any:
    if isinstance(data, Mapping):
        return {str(key): _finite(value) for key, value in data.items()}
    if isinstance(data, (list, tuple)):
        return [_finite(value) for value in data]
    return None if isinstance(data, float) and not math.isfinite(data) else data


def datapackage(name: str, tables: Iterable[Table]) -> str:
    """Frictionless description of the CSV files."""
    resources = []
    for table in tables:
        fields = [{"name": column, "type": _kind(table, i)} for i, column in enumerate(table.columns)]
        schema = {"fields": fields, "missingValues": [""]}
        kind = {"format": "csv", "mediatype": "text/csv", "encoding": "utf-8"}
        resources.append({"name": table.name, "path": f"{table.name}.csv"} | kind | {"schema": schema})
    slug = re.sub(r"[^a-z0-9._-]+", "-", name.lower()).strip("-") or "plan"
    return json.dumps({"name": slug, "profile": "data-package", "resources": resources}, indent=1) + "\n"


def _kind(table: Table, column: int) -> str:
    """integer, number or string; a column without a value is a number if its name ends with a unit."""
    values = [row[column] for row in table.rows if row[column] is not None]
    if not values:
        return "number" if table.columns[column].rpartition("_")[2] in UNITS else "string"
    if all(isinstance(value, int) for value in values):
        return "integer"
    return "number" if all(isinstance(value, (int, float)) for value in values) else "string"


# --- one folder, whole or not at all ----------------------------------------------------------------------------------


def check_target(folder: Path) -> None:
    """InputFault if a plan cannot be put at `folder`: said before hours of solving."""
    where = Location(str(folder))
    final = folder.resolve()
    _heal(final)
    if final.exists():
        if not final.is_dir():
            raise InputFault.one("is a file, not a folder", "give another -o", where)
        if final == Path.cwd() or final in Path.cwd().parents:
            what = "is the folder that you are in; a plan replaces its folder as a whole"
            raise InputFault.one(what, "give it one of its own: -o plan", where)
        if other := _not_ours(final):
            what = f"holds something else than a plan ({other})"
            raise InputFault.one(what, "give an empty or new folder to -o; nothing was overwritten", where)
    parent = final.parent
    nearest = next(p for p in (parent, *parent.parents) if p.exists())
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        raise InputFault.one(f"cannot be written ({nearest} does not allow it)", "give another -o", where)


def check_beside(folder: Path) -> None:
    """InputFault if tables that belong to no plan cannot be put into `folder`: said before the work.

    A plan folder holds what its manifest lists and nothing else, so nothing is added to one.
    """
    where, final = Location(str(folder)), folder.resolve()
    if final.exists() and not final.is_dir():
        raise InputFault.one("is a file, not a folder", "give another -o", where)
    if (final / MANIFEST).exists():
        what = "is a plan folder; with other tables in it, `planner verify` would no longer know it"
        raise InputFault.one(what, f"give a folder of its own: -o {folder}-reasons", where)


def _not_ours(folder: Path) -> str:
    """The first thing in a folder that no plan of ours put there."""
    names = sorted(path.name for path in folder.iterdir() if not path.name.startswith(LITTER))
    try:
        tables = json.loads((folder / MANIFEST).read_text("utf-8"))["tables"] if MANIFEST in names else {}
        ours = {MANIFEST, "datapackage.json", *tables} if MANIFEST in names else set()
    except (OSError, ValueError, KeyError, TypeError):
        return MANIFEST
    return next((name for name in names if name not in ours), "")


def write(folder: Path, files: Mapping[str, str]) -> None:
    """Puts the files at `folder` in one step. InputFault if it may not be replaced, or if the disk says no."""
    check_target(folder)
    final = folder.resolve()
    fresh = final.parent / f".{final.name}.new-{os.getpid()}"
    old = final.parent / f".{final.name}.old-{os.getpid()}"
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        fresh.mkdir()
        for name, text in files.items():
            _write(fresh / name, text)
        _sync(fresh)
        if not final.exists():
            fresh.rename(final)
        elif not _swap(fresh, final):
            final.rename(old)
            fresh.rename(final)
        _sync(final.parent)
    except OSError as error:
        what = f"could not be written: {error.strerror or error}"
        busy = error.errno == errno.EBUSY  # a mount point
        fix = f"give a folder inside it: -o {folder / 'plan'}" if busy else "free space or give another -o"
        raise InputFault.one(what, f"{fix}; what was there before is untouched", Location(str(folder))) from None
    finally:
        if old.exists() and not final.exists():
            old.rename(final)
        for leftover in (fresh, old):
            shutil.rmtree(leftover, ignore_errors=True)


def _write(path: Path, data: str | bytes) -> None:
    with path.open("wb") as out:
        out.write(data.encode("utf-8") if isinstance(data, str) else data)
        out.flush()
        os.fsync(out.fileno())


def _sync(folder: Path) -> None:
    """Makes the names in a folder as durable as the files, where the system can."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _swap(one: Path, other: Path) -> bool:
    """Exchanges two names at once; False where the system cannot."""
    if sys.platform != "linux":
        return False
    here, exchange = -100, 2  # AT_FDCWD, RENAME_EXCHANGE
    try:
        rename = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, AttributeError):
        return False
    return bool(rename(here, os.fsencode(one), here, os.fsencode(other), exchange) == 0)


def _heal(final: Path) -> None:
    """Brings back a plan that a killed process had set aside, and clears away what it left."""
    if not final.parent.is_dir():
        return
    pattern = re.compile(re.escape(f".{final.name}.") + r"(new|old)-(\d+)")
    with contextlib.suppress(OSError):
        for path in sorted(final.parent.iterdir()):
            match = pattern.fullmatch(path.name)
            if match and not _alive(int(match[2])):
                if match[1] == "old" and not final.exists():
                    path.rename(final)
                elif path.is_dir():
                    shutil.rmtree(path, ignore_errors=True)
                else:
                    path.unlink()


def _alive(process: int) -> bool:
    if os.name != "posix":
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def write_file(path: Path, data: str | bytes) -> None:
    """One file, whole or not at all."""
    final = path.resolve()
    fresh = final.parent / f".{final.name}.new-{os.getpid()}"
    try:
        _heal(final)
        final.parent.mkdir(parents=True, exist_ok=True)
        _write(fresh, data)
        fresh.replace(final)
        _sync(final.parent)
    except OSError as error:
        what = f"could not be written: {error.strerror or error}"
        raise InputFault.one(what, "give another place", Location(str(path))) from None
    finally:
        with contextlib.suppress(OSError):
            fresh.unlink(missing_ok=True)


@dataclass(frozen=True)
class Stored:
    """A plan folder as it lies there: plan.json as text and as data, and of the files that it names the bytes and the tables.

    `strangers` are files of the folder that plan.json does not name: no part of the plan.
    """

    manifest: dict[str, Any]
    text: str
    files: dict[str, bytes]
    tables: dict[str, list[dict[str, str]]]
    strangers: tuple[str, ...]


def read_folder(folder: Path) -> Stored:
    """What a plan folder holds. InputFault if it is not one, or too large to be one."""
    where = Location(str(folder))
    _heal(resolved(folder))
    if not (folder / MANIFEST).is_file():
        raise InputFault.one("is not a plan folder: it has no plan.json", "give a folder that `planner solve -o` wrote", where)
    try:
        _small_enough(folder, [MANIFEST])
        text = (folder / MANIFEST).read_bytes().decode("utf-8")
        plan = json.loads(text)
        if wrong := _no_plan(plan):
            raise InputFault.one(f"plan.json holds no plan: {wrong}", "the folder is damaged; solve again", where)
        present = {path.name for path in folder.iterdir() if not path.name.startswith(LITTER)} - {MANIFEST}
        named = sorted(name for name in plan["tables"] if name in present and (folder / name).is_file())  # a pipe has no end
        _small_enough(folder, named)
        files = {name: (folder / name).read_bytes() for name in named}
        texts = {name.removesuffix(".csv"): data.decode("utf-8") for name, data in files.items() if name.endswith(".csv")}
        tables = {name: list(csv.DictReader(io.StringIO(text, newline=""))) for name, text in texts.items()}
    except (OSError, ValueError, RecursionError, csv.Error) as error:
        raise InputFault.one(f"cannot be read: {error}", "the folder is damaged; solve again", where) from None
    return Stored(plan, text, files, tables, tuple(sorted(present - {*plan["tables"]})))


def resolved(folder: Path) -> Path:
    """Where a folder really lies. InputFault for links that lead round in a circle."""
    try:
        return folder.resolve()
    except (OSError, RuntimeError):
        what = "is a link that leads round in a circle"
        raise InputFault.one(what, "give the folder itself, or mend the link", Location(str(folder))) from None


def _small_enough(folder: Path, names: Iterable[str]) -> None:
    """InputFault, naming the file, before anything is read that no plan of ours is as large as."""
    left = MOST_OF_ALL
    for name in names:
        size = (folder / name).stat().st_size
        left -= size
        if size > MOST_OF_ONE or left < 0:
            most = f"at most {MOST_OF_ONE // 10**6} MB of a file and {MOST_OF_ALL // 10**6} MB of a folder are read"
            what = f"is {size / 1e6:,.0f} MB; {most}"
            raise InputFault.one(what, "no plan is that large: the folder is damaged; solve again", Location(str(folder / name)))


def _no_plan(plan: Any) -> str:
    """What keeps a value read from JSON from being the manifest of a plan, as far as its readers rely on it; empty if nothing."""
    if not isinstance(plan, dict):
        return "it is no object"
    for key, kind, what in (("totals", (int, float), "numbers"), ("tables", str, "texts"), ("inputs", str, "texts")):
        part = plan.get(key)
        if not isinstance(part, dict) or not all(isinstance(value, kind) for value in part.values()):
            return f"`{key}` must be {what} by name"
    if not all(abs(value) <= sys.float_info.max for value in plan["totals"].values()):  # NaN is not either
        return "`totals` must be finite"
    if any(name in ("", ".", "..", MANIFEST) or "/" in name or "\\" in name or "\0" in name for name in plan["tables"]):
        return "`tables` must name files beside it"
    overrides = plan.get("set", [])
    if not isinstance(overrides, list) or not all(isinstance(item, str) for item in overrides):
        return "`set` must be a list of texts"
    return ""
