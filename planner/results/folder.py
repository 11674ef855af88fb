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
import hashlib
import io
import json
import math
import os
import re
import sys
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from planner.core.errors import InputFault, Location
from planner.core.format import UNSEEN, printable
from planner.results import onefile
from planner.results.columns import TABLES, Column, described

if TYPE_CHECKING:
    from planner.core.table import Table

MANIFEST, CERTIFICATE = "plan.json", "certificate.json"
ANSWER = "manifest.json"  # of what other commands write
MARK, MARKED = ".being-written", "a planner is writing this folder; if none runs, it was stopped and the folder can go\n"
WRITTEN: list[str] = []  # what this process has put in place
FORMULA = "=+-@＝＋－＠"  # what begins a formula; the wide ones count in Japanese spreadsheets
RUN = re.compile(rf"(;\s*)(?=[{re.escape(FORMULA)}])")  # where the semicolon parts cells
MOST_OF_ONE, MOST_OF_ALL = 200_000_000, 500_000_000  # bytes; the tables of 100,000 columns are 20 MB
LITTER = (".DS_Store", ".~lock.", "Thumbs.db", "desktop.ini")  # what desktops leave in folders


def csv_text(table: Table) -> str:
    """The table as CSV: numbers with 12 significant digits, money with 15, so that sums of billions agree to the cent; text that
    a spreadsheet would run as a formula made harmless."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(table.columns)
    digits = [15 if column.endswith("_usd") else 12 for column in table.columns]
    writer.writerows([cell(value, n) for value, n in zip(row, digits, strict=True)] for row in table.rows)
    return out.getvalue()


def cell(value: Any, digits: int = 12) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        text = f"{value:.{digits}g}"
        return "0" if text in ("-0", "0") or abs(value) < 1e-9 else text
    if isinstance(value, int):
        return str(value)
    text = RUN.sub(r"\1'", printable(str(value), ""))  # nothing unseen: neither before a formula nor at all
    return "'" + text if text.lstrip()[:1] in FORMULA and text.strip() and not _is_number(text) else text


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def json_text(data: Any) -> str:
    """JSON that every reader takes: what is not a number is null."""
    text = json.dumps(_finite(data), indent=1, ensure_ascii=False, allow_nan=False, default=str)
    return text if text.isprintable() else "".join(_escaped(c) for c in text)


def _escaped(character: str) -> str:
    """A character of JSON; those that a terminal would obey as an escape, which JSON reads as the same."""
    if character == "\n" or unicodedata.category(character) not in UNSEEN:
        return character
    return json.dumps(character)[1:-1]


def _finite(data: Any) -> Any:
    if isinstance(data, Mapping):
        return {str(key): _finite(value) for key, value in data.items()}
    if isinstance(data, (list, tuple)):
        return [_finite(value) for value in data]
    return None if isinstance(data, float) and not math.isfinite(data) else data


def datapackage(name: str, tables: Iterable[Table]) -> str:
    """Frictionless description of the CSV files: types, units, what the columns mean, keys and foreign keys."""
    made = list(tables)
    names = {table.name for table in made}
    kind = {"format": "csv", "mediatype": "text/csv", "encoding": "utf-8"}
    resources = []
    for table in made:
        about, known = TABLES[table.name], described(table.name, table.columns)
        fields = [_field(column, known[column]) for column in table.columns]
        key = [column for column in about.key if column in table.columns]
        refers = [
            {"fields": list(columns), "reference": {"resource": other, "fields": list(columns)}}
            for columns, other in about.refers.items()
            if other in names
        ]
        schema: dict[str, Any] = {"fields": fields, "missingValues": [""]}
        schema |= {"primaryKey": key} if _tells_apart(table, key) else {}
        schema |= {"foreignKeys": refers} if refers else {}
        resources.append({"name": table.name, "path": f"{table.name}.csv", "description": about.text} | kind | {"schema": schema})
    slug = re.sub(r"[^a-z0-9._-]+", "-", name.lower()).strip("-") or "plan"
    return json.dumps({"name": slug, "profile": "data-package", "resources": resources}, indent=1, ensure_ascii=False) + "\n"


def _field(name: str, column: Column) -> dict[str, Any]:
    text = column.text + (f"; blank: {column.blank}" if column.blank else "")
    found: dict[str, Any] = {"name": name, "type": column.kind, "description": text}
    return found | ({"unit": column.unit} if column.unit else {}) | ({"example": column.example} if column.example else {})


def _tells_apart(table: Table, key: Sequence[str]) -> bool:
    """Whether no two rows have the same key, and no part of it is blank: only then may a reader rely on it."""
    at = [table.columns.index(column) for column in key]
    cells = [tuple(row[i] for i in at) for row in table.rows]
    return bool(key) and len(set(cells)) == len(cells) and all(cell not in (None, "") for row in cells for cell in row)


# --- one folder, whole or not at all ----------------------------------------------------------------------------------


PLAN = "plan"  # the kind of a folder that `solve` writes; other commands write answers, of their own names


def check_target(folder: Path, kind: str = PLAN) -> None:
    """InputFault if a folder of that kind cannot be put at `folder`: said before hours of work.

    Only what is ours may be replaced: an empty folder, or one of the same kind whose manifest names every file in it with the
    hash that it has. Anything else is somebody's.
    """
    where = Location(str(folder))
    final = resolved(folder)
    _heal(final)
    if onefile.is_one(folder):
        onefile.check(final, kind)
    elif final.exists():
        if not final.is_dir():
            raise InputFault.one("is a file, not a folder", "give another -o", where)
        if final == Path.cwd() or final in Path.cwd().parents:
            what = "is the folder that you are in; an answer replaces its folder as a whole"
            raise InputFault.one(what, f"give it one of its own: -o {kind}", where)
        there = _kind_of(final)
        if there.foreign:
            what = f"holds something else than {_called(kind)} ({there.foreign})"
            raise InputFault.one(what, "give an empty or new folder to -o; nothing was overwritten", where)
        if there.kind not in ("", kind):
            fix = f"give it a folder of its own: -o {folder}-{kind}"
            raise InputFault.one(f"holds {_called(there.kind)}, not {_called(kind)}", fix, where)
    parent = final.parent
    nearest = next(p for p in (parent, *parent.parents) if p.exists())
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        raise InputFault.one(f"cannot be written ({nearest} does not allow it)", "give another -o", where)


def _called(kind: str) -> str:
    return "a plan" if kind == PLAN else f"an answer of `{kind}`"


@dataclass(frozen=True)
class _There:
    """What a folder holds: the kind of its manifest (empty if it is empty), and the first thing that is not ours."""

    kind: str
    foreign: str


def _kind_of(folder: Path) -> _There:
    names = sorted(path.name for path in folder.iterdir() if not path.name.startswith(LITTER))
    if not names:
        return _There("", "")
    manifest = next((name for name in (MANIFEST, ANSWER) if name in names), None)
    if manifest is None:
        return _There("", names[0])
    try:
        told = json.loads((folder / manifest).read_text("utf-8"))
        kind, named = (PLAN, told["tables"]) if manifest == MANIFEST else (str(told["command"]), told["files"])
        ours = {name: sha for name, sha in named.items() if isinstance(sha, str)}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return _There("", manifest)
    for name in names:
        if name != manifest and ours.get(name) != _hash_of(folder / name):
            return _There(kind, name)
    return _There(kind, "")


def _hash_of(path: Path) -> str:
    """The hash of a file; empty for what is none, or cannot be read."""
    try:
        if not path.is_file() or path.stat().st_size > MOST_OF_ONE:
            return ""
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""


def answer(command: str, files: Mapping[str, str | bytes], about: Mapping[str, Any]) -> dict[str, str | bytes]:
    """The files of an answer with its manifest, which comes last: what was asked, of which inputs, and the hash of every file."""
    hashes = {name: hashlib.sha256(_bytes(data)).hexdigest() for name, data in files.items()}
    return {**files, ANSWER: json_text({"command": command, **about, "files": hashes}) + "\n"}


def write(folder: Path, files: Mapping[str, str | bytes], kind: str = PLAN) -> None:
    """Puts the files at `folder` in one step, or into one file where its name ends like one (onefile.py).

    InputFault if it may not be replaced, or if the disk says no.
    """
    check_target(folder, kind)
    if onefile.is_one(folder):
        write_file(folder, onefile.made(folder, files, kind))
        return
    final = folder.resolve()
    fresh = final.parent / f".{final.name}.new-{os.getpid()}"
    old = final.parent / f".{final.name}.old-{os.getpid()}"
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        fresh.mkdir()
        _write(fresh / MARK, MARKED)
        for name, data in files.items():
            _write(fresh / name, data)
        (fresh / MARK).unlink()
        _sync(fresh)
        if not final.exists():
            fresh.rename(final)
        elif not _swap(fresh, final):
            final.rename(old)
            fresh.rename(final)
        WRITTEN.append(str(folder))
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
            _remove(leftover)


def _remove(folder: Path) -> None:
    """Clears a folder of ours away. Its mark goes last: whoever is killed meanwhile leaves what the next one knows."""
    if not folder.is_dir():
        return
    with contextlib.suppress(OSError):  # a full disk takes no mark, but it lets go
        _write(folder / MARK, MARKED)
    with contextlib.suppress(OSError):
        for path in folder.iterdir():
            if path.name != MARK:
                path.unlink()
        (folder / MARK).unlink(missing_ok=True)
        folder.rmdir()


def _write(path: Path, data: str | bytes) -> None:
    with path.open("wb") as out:
        out.write(_bytes(data))
        out.flush()
        os.fsync(out.fileno())


def _bytes(data: str | bytes) -> bytes:
    return data.encode("utf-8") if isinstance(data, str) else data


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
    """Brings back a folder that a killed process had set aside, and clears away what it left: only what bears our mark."""
    if not final.parent.is_dir():
        return
    pattern = re.compile(re.escape(f".{final.name}.") + r"(new|old)-(\d+)")
    with contextlib.suppress(OSError):
        for path in sorted(final.parent.iterdir()):
            match = pattern.fullmatch(path.name)
            if match and path.is_dir() and not path.is_symlink() and not _alive(int(match[2])) and _is_litter(path):
                if match[1] == "old" and not final.exists() and _kind_of(path).kind and not (path / MARK).exists():
                    path.rename(final)
                else:
                    _remove(path)


def _is_litter(folder: Path) -> bool:
    """Whether a folder bears the mark of one that is being written, or is one of ours as a whole."""
    try:
        if MARKED.startswith((folder / MARK).read_text("utf-8")):  # the mark itself may be cut
            return True
    except (OSError, ValueError):
        pass
    there = _kind_of(folder)
    return not there.foreign


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
    """One file, whole or not at all; what is there is replaced, so whoever calls has seen that it may be."""
    final = resolved(path)
    fresh = final.parent / f".{final.name}.new-{os.getpid()}"
    try:
        _heal(final)
        final.parent.mkdir(parents=True, exist_ok=True)
        fresh.mkdir()
        _write(fresh / MARK, MARKED)
        _write(fresh / final.name, data)
        (fresh / final.name).replace(final)
        WRITTEN.append(str(path))
        _sync(final.parent)
    except OSError as error:
        what = f"could not be written: {error.strerror or error}"
        raise InputFault.one(what, "give another place", Location(str(path))) from None
    finally:
        _remove(fresh)


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
