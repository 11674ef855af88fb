"""Reads a scenario with everything it stands on: its base scenarios, the profile folders, inline rows and `--set` overrides.

Tables are merged as text by key, the last writer wins column by column; only then are rows validated. Nothing is decided here:
what belongs together is the matter of `checks`.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin

from pydantic import ValidationError

from planner.core import units
from planner.core.errors import Finding, InputFault, Location, did_you_mean
from planner.inputs.document import MAX_DEPTH, SPOKEN, Node, decoded, parse_csv, parse_toml, read_bytes, tree
from planner.inputs.fields import Currencies, DayField, Number, Origin, Quantity, Record, SeriesField
from planner.inputs.scenario import Scenario, Workload
from planner.inputs.tables import CONFIDENCE, TABLES, THROUGHPUT, Table

R = TypeVar("R", bound=Record)
SINGULAR = {table.singular: table for table in TABLES.values()}
ROW_KEYS: dict[str, tuple[str, ...]] = {"workload": ("id",), "assumption": ("key",)} | {
    table.singular: table.key for table in TABLES.values()
}
MERGED_BY = ROW_KEYS | {"route": ("workload", "site", "provider", "country")}  # rows of a base are replaced by these
KEYED = {("limits", name) for name in ("national_share", "country_power", "provider_power", "budget", "carbon")} | {
    ("money", "rates")
}
ENERGY = ("slices", "shapes", "power_sources")  # read where a scenario has an [energy] section: nothing else needs them
PROVENANCE = ("source", "confidence", "note")
REFERENCE = "reference"  # the collection that every scenario reads unless it says otherwise
SET = "--set "


@dataclass(frozen=True)
class Cell:
    """A value as written, the unit of its column header if it has one, and its place."""

    value: object
    unit: str
    where: Location


@dataclass
class RawRow:
    """A row before validation: cells by column, and the place where the row begins."""

    cells: dict[str, Cell]
    where: Location
    inline: bool = False


RawTables = dict[str, list[RawRow]]


@dataclass(frozen=True)
class Source:
    """A file that was read: how it is shown, where it is, and the SHA-256 of its bytes."""

    shown: str
    path: Path
    sha256: str


@dataclass
class Reading:
    """What one pass over the files gathers."""

    files: dict[str, Source] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    chain: list[tuple[Path, str]] = field(default_factory=list)  # the scenario and the ones it extends, the base first

    def text(self, path: Path, shown: str) -> str:
        try:
            data = read_bytes(path)
            text = decoded(path, data)
        except InputFault as error:
            moved = [replace(f, where=replace(f.where, file=shown)) for f in error.findings]
            raise InputFault(moved) from None
        self.files[shown] = Source(shown, path, hashlib.sha256(data).hexdigest())
        return text


@dataclass(frozen=True)
class Document:
    """A scenario as read: the merged tree, the validated sections, the rows of every table in order, and the files."""

    name: str
    root: Node
    scenario: Scenario
    rows: Mapping[str, tuple[Record, ...]]
    files: tuple[Source, ...]
    currencies: Currencies


MOST_BASES = 100  # scenarios that extend each other
# endings of what people keep tables in
TABLE_ENDINGS = {
    "", "csv", "tsv", "tab", "psv", "ssv", "dat", "xls", "xlsx", "xlsm", "ods", "numbers", "parquet", "feather", "json", "jsonl",
    "csv.gz", "csv.zip", "csv.bz2", "csv.xz", "gz", "zip", "sqlite", "db",
}  # fmt: skip


def bundled(kind: str) -> Path:
    """The folder of bundled `inputs` or `profiles`: the checkout's if there is one (a copy would be stale), else the wheel's."""
    here = Path(__file__).resolve().parents[1]
    checkout = here.parent / kind
    return checkout if (here.parent / "pyproject.toml").exists() and checkout.is_dir() else here / "bundled" / kind


def bundled_scenarios() -> list[str]:
    return sorted(path.stem for path in bundled("inputs").glob("*.toml"))


def bundled_collections() -> dict[str, tuple[Path, str]]:
    """The bundled collections of tables by name, the reference first: folder, and how it is shown."""
    names = sorted(
        (path.name for path in bundled("profiles").iterdir() if path.is_dir()), key=lambda name: (name != REFERENCE, name)
    )
    return {name: (bundled("profiles") / name, f"profiles/{name}") for name in names}


def locate(name: str) -> tuple[Path, str]:
    """The file of a scenario given as a path or as the name of a bundled one, and how it is shown."""
    path = Path(name)
    if is_file(path):
        return path, name
    if (found := bundled("inputs") / f"{path.name.removesuffix('.toml')}.toml") and path.parent == Path() and is_file(found):
        return found, f"inputs/{found.name}"
    if _is_dir(path):
        raise InputFault.one(f"`{name}` is a folder", "give the scenario file in it, e.g. scenario.toml")
    raise InputFault.one(f"there is no scenario `{name}`", did_you_mean(name, bundled_scenarios()) + " (or give a path)")


def is_file(path: Path) -> bool:
    """Whether there is such a file; no for a name that no file can have."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def _is_dir(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def read(name: str | Mapping[str, Any], overrides: Sequence[str] = ()) -> Document:
    """The scenario `name`, or one given as a dictionary, which finds what it names from where one is; with all it stands on.

    InputFault with every finding if anything cannot be read.
    """
    reading = Reading()
    if isinstance(name, str):
        path, shown = locate(name)
        root = _with_bases(path, shown, reading, ())
    else:
        path, shown = Path(SPOKEN), SPOKEN
        root = tree(name)
        written = json.dumps(root.plain(), sort_keys=True, default=str).encode()
        reading.files[shown] = Source(shown, path, hashlib.sha256(written).hexdigest())
        reading.chain.insert(0, (path, shown))
        root = _extended(root, path, shown, reading, ())
    for text in overrides:
        root = _override(root, text)
    currencies = _currencies(root)
    raw: RawTables = {table: [] for table in TABLES}
    for folder, folder_shown in _folders(root, reading):
        _stray_tables(folder, folder_shown, reading)
        for table in TABLES.values():
            file = folder / f"{table.name}.csv"
            if file.is_file() and ("energy" in root.value or table.name not in ENERGY):
                _merge_rows(table, raw[table.name], _csv_rows(table, file, f"{folder_shown}/{file.name}", reading, currencies))
    for singular, table in SINGULAR.items():
        if singular in root.value:
            _merge_rows(table, raw[table.name], _inline_rows(root.value[singular], table, reading))
    sections = {key: node for key, node in root.value.items() if key not in SINGULAR}
    scenario = _validate(Scenario, Node(sections, root.where), currencies, reading, known=[*SINGULAR])
    raw["shapes"] = _named_shapes(raw, root)
    rows = {name: _records(TABLES[name], raw[name], currencies, reading) for name in TABLES}
    if reading.findings or scenario is None:
        raise InputFault(reading.findings)
    return Document(Path(shown).stem, root, scenario, rows, tuple(reading.files.values()), currencies)


def _stray_tables(folder: Path, shown: str, reading: Reading) -> None:
    """Whatever looks like a table and would be ignored in silence: a name or ending that is nearly right, or no file at all."""
    try:
        paths = sorted(folder.iterdir())
    except OSError as error:
        reading.findings.append(Finding(Location(shown), f"cannot be read: {error.strerror or error}", "check its rights"))
        return
    for path in paths:
        where = Location(f"{shown}/{path.name}")
        stem, _, ending = path.name.partition(".")
        if stem in TABLES and ending == "csv":
            if not is_file(path):
                fix = "put an ordinary CSV file in its place, or take it away"
                reading.findings.append(Finding(where, f"bears the name of a table and is {_kind(path)}, so it is not read", fix))
            continue
        plain = re.sub(r"[^a-z_]+", "", stem.casefold().replace("-", "_").replace(" ", "_")).strip("_")
        near = difflib.get_close_matches(plain, TABLES, n=1, cutoff=0.75)
        if near and ending.casefold() in TABLE_ENDINGS:
            fix = f"did you mean {near[0]}.csv? Rename it (tables are CSV), or move it elsewhere if it is none of the planner's"
            reading.findings.append(Finding(where, "is no table of the planner and would not be read", fix))


def _kind(path: Path) -> str:
    """What a name that is no file stands for."""
    if path.is_symlink() and not path.exists():
        return "a link to nothing"
    return "a folder" if _is_dir(path) else "a pipe or device"


def _named_shapes(raw: RawTables, root: Node) -> list[RawRow]:
    """The rows of shapes that anything names: a shape has hundreds of rows, and most are not used by a scenario."""
    columns = ("price_shape", "carbon_shape", "shape")
    names = {
        str(row.cells[c].value) for table in ("grids", "power_sources") for row in raw[table] for c in columns if c in row.cells
    }
    workloads = root.find(("workload",)).value
    for row in workloads if isinstance(workloads, list) else ():
        if isinstance(row.value, dict) and "demand_shape" in row.value:
            names.add(str(row.value["demand_shape"].value))
    return [row for row in raw["shapes"] if row.inline or ("id" in row.cells and str(row.cells["id"].value) in names)]


def read_tables(folders: Iterable[tuple[Path, str]]) -> tuple[Mapping[str, tuple[Record, ...]], tuple[Source, ...]]:
    """The rows of profile folders alone, later folders winning by key."""
    reading = Reading()
    raw: RawTables = {table: [] for table in TABLES}
    for folder, shown in folders:
        for table in TABLES.values():
            if (file := folder / f"{table.name}.csv").is_file():
                _merge_rows(table, raw[table.name], _csv_rows(table, file, f"{shown}/{file.name}", reading))
    rows = {name: _records(TABLES[name], raw[name], (), reading) for name in TABLES}
    if reading.findings:
        raise InputFault(reading.findings)
    return rows, tuple(reading.files.values())


# --- scenario documents -----------------------------------------------------------------------------------------------


def _with_bases(path: Path, shown: str, reading: Reading, seen: tuple[Path, ...]) -> Node:
    """The tree of a scenario merged over the one it extends."""
    root = parse_toml(reading.text(path, shown), shown)
    reading.chain.insert(0, (path, shown))
    return _extended(root, path, shown, reading, seen)


def _extended(root: Node, path: Path, shown: str, reading: Reading, seen: tuple[Path, ...]) -> Node:
    resolved = path.resolve()
    base = root.value.get("extends")
    if base is None:
        return root
    if not isinstance(base.value, str) or not base.value.strip():
        raise InputFault.one("wants the path or name of a scenario", 'e.g. extends = "base.toml"', base.where)
    beside = path.parent / base.value
    base_path, base_shown = beside, str(Path(shown).parent / base.value)
    if not is_file(beside):
        base_path = bundled("inputs") / f"{base.value.removesuffix('.toml')}.toml"
        base_shown = f"inputs/{base_path.name}"
        if "/" in base.value or not is_file(base_path):
            fix = f"{did_you_mean(base.value, bundled_scenarios())} (or give a path from the folder of {path.name})"
            raise InputFault.one(f"there is no scenario `{base.value}`", fix, base.where)
    seen = (*seen, resolved)
    if len(seen) > MOST_BASES:
        what = f"is the {MOST_BASES}th scenario of a chain that extend each other"
        raise InputFault.one(what, "put what they say into fewer files", base.where)
    if base_path.resolve() in seen:
        chain = " -> ".join(p.name for p in (*seen[seen.index(base_path.resolve()) :], base_path))
        raise InputFault.one(f"scenarios extend each other in a circle: {chain}", "cut it at one place", base.where)
    return _merge(_with_bases(base_path, base_shown, reading, seen), root, ())


def _merge(base: Node, over: Node, path: tuple[str, ...]) -> Node:
    """`over` laid on `base`: sections and tables keyed by name or year by key, rows by their id, anything else replaced."""
    if isinstance(base.value, dict) and isinstance(over.value, dict) and (len(path) < 2 or path in KEYED):
        merged = dict(base.value)
        for key, node in over.value.items():
            merged[key] = _merge(merged[key], node, (*path, key)) if key in merged else node
        return Node(merged, over.where)
    if isinstance(base.value, list) and isinstance(over.value, list) and len(path) == 1 and path[0] in MERGED_BY:
        return Node(_merge_list(base.value, over.value, path[0]), over.where)
    return over


def _merge_list(base: list[Node], over: list[Node], name: str) -> list[Node]:
    """Rows of `over` laid on those of `base` with the same key; without a day on all rows of the id. Others are added."""
    keys = MERGED_BY[name]
    if name in SINGULAR and SINGULAR[name].grouped:
        ids = {_row_key(row, keys) for row in over}
        return [row for row in base if _row_key(row, keys) not in ids] + over
    rows, taken = list(base), set()
    for row in over:
        key = _row_key(row, keys)
        at = [i for i, old in enumerate(base) if key and _row_key(old, keys) == key]
        if not at and key and keys[-1] == "from" and key[-1] is None:
            at = [i for i, old in enumerate(base) if _row_key(old, keys)[:-1] == key[:-1]]
        if not at or key in taken:  # a second row of one key stays, to be found as a double
            rows.append(row)
            continue
        taken.add(key)
        for i in at:
            rows[i] = Node({**rows[i].value, **row.value}, row.where)
    return rows


def _row_key(row: Node, keys: tuple[str, ...]) -> tuple[str | None, ...]:
    if not isinstance(row.value, dict):
        return ()
    return tuple(str(row.value[key].value) if key in row.value else None for key in keys)


_PART = r"""(?:"[^"]*"|'[^']*'|[^=."']+)"""
_OVERRIDE = re.compile(rf"(?P<key>{_PART}(?:\.{_PART})*)=(?P<value>.*)", re.DOTALL)


def _override(root: Node, text: str) -> Node:
    """The tree with one `--set key=value` applied; rows are named by id (`site.abilene.delay`)."""
    where = Location(SET + text)
    match = _OVERRIDE.fullmatch(text)
    path = [part.strip().strip("\"'") for part in re.findall(_PART, match["key"])] if match else []
    if len(path) > MAX_DEPTH:
        raise InputFault.one(f"a key of {len(path):,} parts names nothing", "e.g. --set limits.fleet_power='20 GW'", where)
    if not match or not all(path):
        raise InputFault.one("is not of the form key=value", "e.g. --set limits.fleet_power='20 GW'", where)
    if path[0] == "extends":
        raise InputFault.one("the base of a scenario cannot be set here", "write `extends` into a scenario file", where)
    written = match["value"].strip()
    try:
        value = _relocate(parse_toml(f"value = {written}", SET).value["value"], where)
    except InputFault as error:
        if written[:1] in ("[", "{"):
            fix = 'text inside lists and tables stands in quotes, e.g. --set \'select.providers=["azure", "aws"]\''
            raise InputFault.one(error.findings[0].what.split(" in `")[0], fix, where.at(".".join(path))) from None
        value = Node(written, where)
    if path[0] in ROW_KEYS and len(path) > 1:
        table = dict(root.value)
        table[path[0]] = _set_row(table.get(path[0], Node([], where)), path[0], path[1:], value, where)
        return Node(table, root.where)
    return _set(root, path, value, where.at(".".join(path)))


def _relocate(node: Node, where: Location) -> Node:
    if isinstance(node.value, dict):
        return Node({key: _relocate(item, where) for key, item in node.value.items()}, where)
    if isinstance(node.value, list):
        return Node([_relocate(item, where) for item in node.value], where)
    return Node(node.value, where)


def _set(node: Node | None, path: list[str], value: Node, where: Location) -> Node:
    """`node` with the value at `path` replaced; elements of lists are named by id, provider or position."""
    if not path:
        return value
    head, rest = path[0], path[1:]
    if node is not None and isinstance(node.value, list):
        at = [i for i, item in enumerate(node.value) if isinstance(item.value, dict) and _is_called(item, head)]
        if not at and head.isdecimal() and int(head) < len(node.value):
            at = [int(head)]
        if not at:
            fix = "name an element by its id or position (0 is the first), or give the list as a whole: key='[ … ]'"
            raise InputFault.one(f"there is no element `{head}` in this list of {len(node.value)}", fix, where)
        return Node([_set(item, rest, value, where) if i in at else item for i, item in enumerate(node.value)], node.where)
    if node is None or not isinstance(node.value, dict):
        return Node({head: _set(None, rest, value, where)}, Location(where.file))
    return Node({**node.value, head: _set(node.value.get(head), rest, value, where)}, node.where)


def _is_called(item: Node, name: str) -> bool:
    return any(key in item.value and str(item.value[key].value) == name for key in ("id", "provider"))


def _set_row(node: Node, name: str, path: list[str], value: Node, where: Location) -> Node:
    """A list of rows with one column set: `site.abilene.delay`, `fleet.abilene.oracle-gb200-reserved.racks`,
    `site_power.abilene.2026-06-01.power`. A row that is not in the scenario is added, to be laid on that of the profiles."""
    place = where.at(".".join([name, *path]))
    if not isinstance(node.value, list):
        raise InputFault.one(f"`{name}` is a list of rows", f"write [[{name}]] with two brackets", node.where)
    columns = SINGULAR[name].columns() if name in SINGULAR else [*Workload.model_fields, "key", "why"]
    first, *others = [key for key in ROW_KEYS[name] if key != "vendor"]
    wanted, rest = {first: path[0]}, path[1:]
    for key in others:
        if len(rest) > 1 and rest[0] not in (*columns, *PROVENANCE) and not rest[0].startswith("throughput_"):
            wanted[key] = rest.pop(0)
    if not rest:
        raise InputFault.one(
            f"`{'.'.join([name, *path])}` is a row; name the column too", "e.g. site.abilene.delay='3 month'", where
        )
    at = [i for i, row in enumerate(node.value) if isinstance(row.value, dict) and _has_key(row, wanted)]
    if not at and len(wanted) == 1 and path[0].isdecimal() and int(path[0]) < len(node.value):
        at = [int(path[0])]
    if not at and name == "workload":
        ids = [str(row.value["id"].value) for row in node.value if isinstance(row.value, dict) and "id" in row.value]
        raise InputFault.one(f"there is no workload `{path[0]}`", did_you_mean(path[0], ids), place)
    rows = list(node.value)
    if not at:
        at = [len(rows)]
        rows.append(Node({key: Node(part, where) for key, part in wanted.items()}, where))
    for i in at:
        rows[i] = _set(rows[i], rest, value, place)
    return Node(rows, node.where)


def _has_key(row: Node, wanted: Mapping[str, str]) -> bool:
    """Whether a row has the wanted key; what a supply row is of may be an accelerator or a vendor."""
    for key, name in wanted.items():
        names = (key, "vendor") if key == "accelerator" else (key,)
        if not any(k in row.value and str(row.value[k].value) == name for k in names):
            return False
    return True


def _currencies(root: Node) -> Currencies:
    """`money.rates` as exact factors; faults in them are found again when the section is validated."""
    money = root.value.get("money")
    rates = money.value.get("rates") if money is not None and isinstance(money.value, dict) else None
    found: list[tuple[str, Fraction]] = []
    for code, node in rates.value.items() if rates is not None and isinstance(rates.value, dict) else ():
        try:
            worth = Fraction(str(units.parse(node.value, "USD")))
        except units.UnitError:
            continue
        if worth > 0 and re.fullmatch("[A-Z]{3}", code) and code not in units.WORDS:
            found.append((code, worth))
    return tuple(found)


def _folders(root: Node, reading: Reading) -> list[tuple[Path, str]]:
    """Profile folders in order: what the key `profiles` names (without it, the reference), then `profiles/` beside each scenario.

    Whoever writes the key says what is read for that file and the ones below it: only scenarios that extend it add the folder
    beside them. Folders named in a file are found from the folder of that file.
    """
    node = root.value.get("profiles")
    collections = bundled_collections()
    beside = {shown: (path.parent, Path(shown).parent) for path, shown in reading.chain}
    shown_names = list(beside)
    if node is None:
        folders, above = [collections[REFERENCE]], shown_names
    elif not isinstance(node.value, list):
        return []
    else:
        named = [_named_folder(item, collections, beside, reading.chain[-1][1]) for item in node.value]
        folders = [folder for folder in named if folder is not None]
        writer = node.where.file
        above = shown_names[shown_names.index(writer) + 1 :] if writer in beside else []
    for name in above:
        folder, shown = beside[name]
        own = folder / "profiles"
        known = [bundled("profiles").resolve(), *(path.resolve() for path, _ in folders)]
        if own.is_dir() and own.resolve() not in known:
            folders.append((own, _own_name(shown / "profiles")))
    return folders


def _named_folder(
    item: Node, collections: Mapping[str, tuple[Path, str]], beside: Mapping[str, tuple[Path, Path]], asker: str
) -> tuple[Path, str] | None:
    """A bundled collection, or a folder beside the file that names it; never one of them where the other may be meant."""
    if not isinstance(item.value, str):
        return None  # found when the section is validated
    start, shown = beside.get(item.where.file, beside[asker])
    there = _is_dir(start / item.value)
    if item.value == "bundled":
        both, other = json.dumps(list(collections)), "; a folder of that name is written ./bundled" if there else ""
        what = "`bundled` is no longer one collection: what is true for everyone is apart from one customer's case"
        fix = f'write ["{REFERENCE}"] for chips, regions, list prices and rules, or {both} for all of it{other}'
        raise InputFault.one(what, fix, item.where)
    if item.value in collections:
        if there:
            what = f"`{item.value}` is a bundled collection, and a folder of that name stands beside the scenario"
            raise InputFault.one(what, f"write `./{item.value}` for the folder, or rename it", item.where)
        return collections[item.value]
    if not there:
        file = Path(item.where.file).name if item.where.line else "the scenario"
        what = f"there is no folder `{item.value}` beside {file}, and no bundled collection of that name"
        hint = f"bundled are {', '.join(collections)}; folders are named relative to the scenario"
        fix = f"{did_you_mean(item.value, collections)} ({hint})"
        raise InputFault.one(what, fix, item.where)
    return start / item.value, _own_name(shown / item.value)


def _own_name(path: Path) -> str:
    """How a folder of the user's is shown: never like one that is bundled."""
    return f"./{path}" if path.parts[:1] == ("profiles",) else str(path)


# --- rows -------------------------------------------------------------------------------------------------------------


def _csv_rows(table: Table, file: Path, shown: str, reading: Reading, currencies: Currencies = ()) -> list[RawRow]:
    """The rows of one CSV file, with findings for a header that does not fit the table."""
    try:
        text = reading.text(file, shown)
    except InputFault as error:
        reading.findings += error.findings
        return []
    names, rows, findings = parse_csv(text, shown)
    header = Location(shown, 1)
    kinds = column_kinds(table.record)
    for name in names:
        kind = kinds.get("throughput_*" if name.startswith("throughput_") and table.name == "accelerators" else name)
        if kind is None and name not in PROVENANCE:
            fix = did_you_mean(name, [*table.columns(), *PROVENANCE])
            findings.append(Finding(header.at(name), f"table {table.name} has no column `{name}`", fix))
    for name in _required(table):
        if name not in names and not findings:
            findings.append(
                Finding(header, f"column `{name}` is missing", f"table {table.name} needs {', '.join(_required(table))}")
            )
    for name in ("source", "confidence"):
        if names and name not in names:
            findings.append(Finding(header, f"column `{name}` is missing", "every row says where its numbers come from"))
    used = {name for row in rows for name in row.cells}
    for name in names:
        kind = kinds.get("throughput_*" if name.startswith("throughput_") else name)
        unit = next((row.units.get(name) for row in rows[:1]), None)
        example = f"write it into the header, e.g. `{name} [{kind.unit}]`" if isinstance(kind, Quantity) else ""
        if isinstance(kind, Quantity) and name in used and not unit:
            findings.append(Finding(header.at(name), f"column `{name}` has no unit", example))
        elif isinstance(kind, (Quantity, Number)) and unit:
            try:
                if isinstance(kind, Quantity):
                    kind.takes(unit, currencies)
                else:
                    units.parse(f"1 {unit}", "", currencies)
            except units.UnitError as error:
                what = f"the unit of column `{name}` cannot be used: {error.what}"
                findings.append(
                    Finding(header.at(name), what, error.fix if error.what.endswith("refused") else example or error.fix)
                )
        elif unit and not isinstance(kind, (Quantity, Number)) and kind is not None:
            findings.append(Finding(header.at(name), f"column `{name}` takes no unit", f"write just `{name}`"))
    reading.findings += findings
    if findings:
        return []
    return [RawRow({k: Cell(v, row.units.get(k, ""), row.where) for k, v in row.cells.items()}, row.where) for row in rows]


def column_kinds(record: type[Record]) -> dict[str, object]:
    """What each column of a record holds: a Quantity, a Number, or anything else."""
    kinds: dict[str, object] = {}
    for name, info in record.model_fields.items():
        marks = [*info.metadata, *(mark for arg in get_args(info.annotation) for mark in getattr(arg, "__metadata__", ()))]
        kinds[info.alias or name] = next((mark for mark in marks if isinstance(mark, (Quantity, Number))), "other")
    if "throughput" in kinds:
        del kinds["throughput"]
        kinds["throughput_*"] = THROUGHPUT
    return kinds


def _required(table: Table) -> list[str]:
    return [info.alias or name for name, info in table.record.model_fields.items() if info.is_required()]


def _inline_rows(node: Node, table: Table, reading: Reading) -> list[RawRow]:
    if not isinstance(node.value, list):
        what, fix = f"`{table.singular}` is a list of rows", f"write [[{table.singular}]] with two brackets"
        reading.findings.append(Finding(node.where, what, fix))
        return []
    rows = []
    for item in node.value:
        if not isinstance(item.value, dict):
            reading.findings.append(Finding(item.where, "a row is a table of columns", f"write [[{table.singular}]]"))
            continue
        rows.append(
            RawRow({key: Cell(cell.plain(), "", cell.where) for key, cell in item.value.items()}, item.where, inline=True)
        )
    seen: dict[tuple[object, ...], Location] = {}
    for row in rows:
        key = _cell_key(row, table.key)
        if not table.grouped and key in seen and any(key):
            reading.findings.append(_duplicate(table, row, seen[key]))
        seen.setdefault(key, row.where)
    return rows


def _cell_key(row: RawRow, keys: tuple[str, ...]) -> tuple[object, ...]:
    return tuple(str(row.cells[key].value) if key in row.cells else None for key in keys)


def _duplicate(table: Table, row: RawRow, first: Location) -> Finding:
    name = " ".join(str(part) for part in _cell_key(row, table.key) if part)
    return Finding(
        row.where.at(table.singular), f"`{name}` stands twice, first in {first}", "an id names one row; rename or drop one"
    )


def _merge_rows(table: Table, old: list[RawRow], new: list[RawRow]) -> None:
    """Lays `new` rows over `old` in place, by key and column by column; rows of a grouped table are replaced together."""
    if table.grouped:
        ids = {_cell_key(row, ("id",)) for row in new}
        old[:] = [row for row in old if _cell_key(row, ("id",)) not in ids] + new
        return
    index: dict[tuple[object, ...], list[int]] = {}
    for i, row in enumerate(old):
        index.setdefault(_cell_key(row, table.key), []).append(i)
        if len(table.key) > 1 and table.key[-1] == "from":
            index.setdefault((*_cell_key(row, table.key)[:-1], "any"), []).append(i)
    taken: set[int] = set()
    for row in new:
        if table.name == "supply" and row.where.file.startswith(SET):
            row = _of_vendor(row, index)
        key = _cell_key(row, table.key)
        at = index.get(key, [])
        if not at and row.inline and key[-1] is None and table.key[-1] == "from":
            at = index.get((*key[:-1], "any"), [])  # an inline row without a day changes every row of that id
        elif not row.inline and taken & set(at):
            at = []  # a second row of one key in one file stays, to be found as a double
        taken |= set(at)
        for i in at:
            if row.inline or old[i].inline:
                cells = {name: cell for name, cell in row.cells.items() if name != "from" or key[-1]}
                old[i] = RawRow({**old[i].cells, **_graded(table, old[i], cells), **cells}, row.where, inline=True)
            else:
                old[i] = row
        if not at:
            old.append(row)


def _of_vendor(row: RawRow, index: Mapping[tuple[object, ...], object]) -> RawRow:
    """A row set by `--set supply.NAME.…` is one of a vendor if there are such rows."""
    key = _cell_key(row, ("accelerator", "vendor", "from"))
    if (None, key[0], key[2] or "any") not in index:
        return row
    return replace(row, cells={"vendor" if name == "accelerator" else name: cell for name, cell in row.cells.items()})


def _graded(table: Table, old: RawRow, cells: Mapping[str, Cell]) -> dict[str, Cell]:
    """The confidence of a row after columns were replaced inline: those are `assumed` unless the new row says otherwise."""
    known = old.cells.get("confidence")
    changed = [name for name in cells if name not in (*table.key, *PROVENANCE)]
    if known is None or not changed or "confidence" in cells:
        return {}
    general, *exceptions = (part.strip() for part in str(known.value).split(";"))
    return {"confidence": replace(known, value="; ".join([general, *(f"{name}=assumed" for name in changed), *exceptions]))}


def _records(table: Table, rows: list[RawRow], currencies: Currencies, reading: Reading) -> tuple[Record, ...]:
    found: list[Record] = []
    seen: dict[tuple[object, ...], RawRow] = {}
    for row in rows:
        key = _cell_key(row, table.key)
        if not table.grouped and key in seen:
            reading.findings.append(_duplicate(table, row, seen[key].where))
            continue
        seen[key] = row
        before = len(reading.findings)
        record = _record(table, row, currencies, reading)
        if record is not None:
            found.append(record)
            continue
        foreign = any(not cell.where.file.startswith(SET) for cell in row.cells.values())
        if not foreign and any(f.what.endswith("is missing") for f in reading.findings[before:]):
            reading.findings[before:] = [_no_row(table, row, rows)]  # it was to change a row of the profiles
    return tuple(found)


def _no_row(table: Table, row: RawRow, rows: Iterable[RawRow]) -> Finding:
    """What `--set` says of a row that is nowhere."""
    key = [str(part) for part in _cell_key(row, table.key) if part]
    others = [[str(part) for part in _cell_key(r, table.key) if part] for r in rows if r is not row]
    known = {".".join(other[: len(key)]) for other in others if other}
    what = f"there is no {table.singular} `{'.'.join(key)}`"
    return Finding(
        row.where, what, did_you_mean(".".join(key), known) if known else f"add a [[{table.singular}]] row to the scenario"
    )


def _record(table: Table, row: RawRow, currencies: Currencies, reading: Reading) -> Record | None:
    name = ".".join(str(part) for part in _cell_key(row, table.key) if part) or "?"
    label = f"{table.singular}.{name}"
    values: dict[str, Any] = {}
    nodes: dict[str, Node] = {}
    before = len(reading.findings)
    for column, cell in row.cells.items():
        nodes[column] = Node(cell.value, cell.where.at(f"{label}.{column}"))
        if cell.unit and not units.PLAIN.fullmatch(str(cell.value)):
            what = f"`{cell.value}` is not a plain number; its unit [{cell.unit}] stands in the header"
            fix = "write just the number, with a point for decimals and no thousands separators"
            reading.findings.append(Finding(nodes[column].where, what, fix))
        elif column not in PROVENANCE:
            values[column] = f"{cell.value} {cell.unit}" if cell.unit else cell.value
    root = Node(nodes, row.where.at(label))
    source, confidence, note = (str(row.cells[name].value) if name in row.cells else "" for name in PROVENANCE)
    if not row.inline and not source:
        reading.findings.append(Finding(row.where.at(label), "has no source", "say where its numbers come from"))
    confidence = confidence or ("assumed" if row.inline else "")
    grades = [part.split("=")[-1].strip() for part in confidence.split(";")]
    if not all(grade in CONFIDENCE for grade in grades):
        fix = f"one of {', '.join(CONFIDENCE)}; exceptions by column: `reported; pue=assumed`"
        where = nodes["confidence"].where if "confidence" in nodes else row.where.at(label)
        reading.findings.append(Finding(where, f"confidence `{confidence}` is not known", fix))
    if len(reading.findings) > before and len(values) < len(row.cells.keys() - PROVENANCE):
        return None  # a cell that cannot be read would be reported as missing
    record = _validate(table.record, root, currencies, reading, values, known=list(PROVENANCE))
    if record is None or len(reading.findings) > before:
        return None
    written = tuple(
        (column, str(cell.value), cell.unit, cell.where) for column, cell in row.cells.items() if column not in PROVENANCE
    )
    object.__setattr__(record, "_origin", Origin(row.where, source, confidence, note, written, row.inline))
    return record


def _validate(
    model: type[R],
    node: Node,
    currencies: Currencies,
    reading: Reading,
    values: dict[str, Any] | None = None,
    known: Sequence[str] = (),
) -> R | None:
    """The record in `node`, or None with its findings noted, each at its own line."""
    try:
        return model.model_validate(node.plain() if values is None else values, context={"currencies": currencies}, strict=False)
    except ValidationError as error:
        for problem in error.errors(include_url=False):
            if problem["type"] == "too_short" and problem["input"]:
                continue  # its members are at fault, and said so
            reading.findings.append(_finding(problem, model, node, known))
        return None


def _finding(problem: Any, model: type[Record], node: Node, known: Sequence[str]) -> Finding:
    """A pydantic error as what, where and how to mend."""
    kind, ctx, given = problem["type"], problem.get("ctx", {}), problem["input"]
    loc: tuple[str | int, ...] = problem["loc"]
    if loc[-1:] == ("[key]",) and kind != "extra_forbidden":
        loc = loc[:-1]
    if kind == "planner":
        loc += tuple(ctx["path"])
    if len(loc) > 1 and loc[0] == "throughput":
        loc = (f"throughput_{loc[1]}", *loc[2:])
    name = str(loc[-1]) if loc else "the file"
    where = replace(node.find(loc).where, key=".".join([*filter(None, [node.where.key]), *with_ids(node, loc)]))
    if kind == "planner":
        return Finding(where, ctx["what"], ctx["fix"])
    if kind == "too_short":
        return Finding(where, "is empty", f"add at least one [[{name}]]")
    if kind == "missing":
        fix = f"fill the column `{name}`" if where.file.endswith(".csv") else f"add {_example(model, loc)}"
        return Finding(where, f"`{name}` is missing", fix)
    if kind == "extra_forbidden":
        fix = did_you_mean(name, [*_fields_at(model, loc[:-1]), *(known if len(loc) == 1 else ())])
        return Finding(where, f"unknown key `{name}`", fix)
    if kind == "literal_error":
        return Finding(where, f"`{units._short(str(given))}` is not possible here", f"one of: {ctx['expected']}")
    if kind == "string_pattern_mismatch":
        return Finding(
            where,
            f"`{units._short(str(given))}` is not a name that can stand here",
            _NAMES.get(ctx["pattern"], _NAMES[""]) + _slug(str(given), ctx["pattern"]),
        )
    if kind == "string_type":
        fix = 'write it in quotes: "…"' if isinstance(loc[-1], int) else f'write it in quotes, e.g. {name} = "…"'
        return Finding(where, f"text is wanted, got {units._kind(given)}", fix)
    if kind == "string_too_long":
        return Finding(where, f"is longer than {ctx['max_length']} characters", "shorten it")
    if kind in ("bool_type", "bool_parsing"):
        return Finding(where, f"true or false is wanted, got {units._kind(given)}", f"write {name} = true or {name} = false")
    if kind in ("model_type", "dict_type", "model_attributes_type"):
        fix = (
            "write { key = value, … }"
            if isinstance(loc[-1], int)
            else f"write [{name}] with a line for each key, or {name} = {{ key = value }}"
        )
        return Finding(where, f"a table is wanted, got {units._kind(given)}", fix)
    if kind in ("tuple_type", "list_type"):
        rows = len(loc) == 1 and _fields_at(model, loc)
        return Finding(
            where,
            f"a list is wanted, got {units._kind(given)}",
            f"write [[{name}]] with two brackets" if rows else f"e.g. {name} = [ … ]",
        )
    return Finding(where, problem["msg"][:1].lower() + problem["msg"][1:], "see `planner schema` for what is expected")


_NAMES = {
    "": "letters, digits, `-` and `_`, no spaces or dots",
    r"^[A-Z]{2}$": "two capital letters (ISO 3166), e.g. US",
    r"^[A-Z]{3}$": "three capital letters (ISO 4217), e.g. CAD",
    r"^\d{4}$": "a year of four digits, e.g. 2026",
}


def with_ids(node: Node, path: Iterable[str | int]) -> list[str]:
    """A path as text, list positions replaced by the id of the row where it has one."""
    shown, current = [], node
    for step in path:
        current = current.find((step,))
        named = isinstance(step, int) and isinstance(current.value, dict) and "id" in current.value
        shown.append(str(current.value["id"].value) if named else str(step))
    return shown


def _model_at(model: type[Record], path: Iterable[str | int]) -> Any:
    """The record class at a path of a record, None if there is none."""
    current: Any = model
    for step in path:
        if isinstance(step, int):
            continue
        info = _field(current, step)
        current = next((arg for arg in _unwrap(info.annotation) if hasattr(arg, "model_fields")), None) if info else None
    return current


def _field(model: Any, name: str | int) -> Any:
    fields = getattr(model, "model_fields", {})
    return next((info for key, info in fields.items() if name in (info.alias or key, key)), None)


def _fields_at(model: type[Record], path: Iterable[str | int]) -> list[str]:
    """The keys that may stand at a path of a record."""
    return [info.alias or name for name, info in getattr(_model_at(model, path), "model_fields", {}).items()]


def _example(model: type[Record], loc: tuple[str | int, ...]) -> str:
    """How a missing key is written."""
    name, info = loc[-1], _field(_model_at(model, loc[:-1]), loc[-1])
    kinds = list(_unwrap(info.annotation)) if info else []
    marks = [*(info.metadata if info else ()), *(mark for kind in kinds for mark in getattr(kind, "__metadata__", ()))]
    if any(hasattr(kind, "model_fields") for kind in kinds):
        return f"[[{name}]]" if any(get_origin(kind) is tuple for kind in kinds) else f"[{name}]"
    choices = next((get_args(kind) for kind in kinds if get_origin(kind) is Literal), ())
    for mark in marks:
        mark = mark.item if isinstance(mark, SeriesField) else mark
        if isinstance(mark, Quantity):
            return f'{name} = "{mark.example or f"100 {mark.unit}"}"'
        if isinstance(mark, Number):
            return f"{name} = {mark.low or 0.5:g}"
        if isinstance(mark, DayField):
            return f"{name} = 2026-01-01"
    if choices:
        return f'{name} = "{choices[0]}"' if isinstance(choices[0], str) else f"{name} = {choices[0]}"
    return f'{name} = "…"'


def _unwrap(annotation: Any) -> Iterable[Any]:
    yield annotation
    for arg in get_args(annotation):
        yield from _unwrap(arg)


def _slug(text: str, pattern: str) -> str:
    """A name near a text that can be none, as a proposal."""
    plain = unicodedata.normalize("NFKD", text[:80]).encode("ascii", "ignore").decode().casefold()
    made = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")
    return f"; e.g. `{made}`" if made and re.fullmatch(pattern, made) else ""
