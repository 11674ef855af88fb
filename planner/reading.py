"""Reads a scenario with everything it stands on: its base scenarios, the profile folders, inline rows and `--set` overrides.

Tables are merged as text by key, the last writer wins column by column; only then are rows validated. Nothing is decided here:
what belongs together is the matter of `checks`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import ValidationError

from planner import units
from planner.document import Node, parse_csv, parse_toml, read_text
from planner.errors import Finding, InputFault, Location, did_you_mean
from planner.fields import Currencies, Number, Origin, Quantity, Record
from planner.profiles import CONFIDENCE, TABLES, Table
from planner.scenario import Scenario

R = TypeVar("R", bound=Record)
SINGULAR = {table.singular: table for table in TABLES.values()}
ROW_KEYS: dict[str, tuple[str, ...]] = {"workload": ("id",), "assumption": ("key",)} | {
    table.singular: table.key for table in TABLES.values()
}
PROVENANCE = ("source", "confidence", "note")


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

    def text(self, path: Path, shown: str) -> str:
        try:
            text = read_text(path)
        except InputFault as error:
            moved = [replace(f, where=replace(f.where, file=shown)) for f in error.findings]
            raise InputFault(moved) from None
        self.files[shown] = Source(shown, path, hashlib.sha256(path.read_bytes()).hexdigest())
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


def bundled(kind: str) -> Path:
    """The folder of bundled `inputs` or `profiles`: the checkout's if there is one (a copy would be stale), else the wheel's."""
    here = Path(__file__).resolve().parent
    checkout = here.parent / kind
    return checkout if (here.parent / "pyproject.toml").exists() and checkout.is_dir() else here / "bundled" / kind


def bundled_scenarios() -> list[str]:
    return sorted(path.stem for path in bundled("inputs").glob("*.toml"))


def locate(name: str) -> tuple[Path, str]:
    """The file of a scenario given as a path or as the name of a bundled one, and how it is shown."""
    path = Path(name)
    if path.is_file():
        return path, name
    if (found := bundled("inputs") / f"{path.name.removesuffix('.toml')}.toml").is_file() and path.parent == Path("."):
        return found, f"inputs/{found.name}"
    if path.is_dir():
        raise InputFault.one(f"`{name}` is a folder", "give the scenario file in it, e.g. scenario.toml")
    raise InputFault.one(f"there is no scenario `{name}`", did_you_mean(name, bundled_scenarios()) + " (or give a path)")


def read(name: str, overrides: Sequence[str] = ()) -> Document:
    """The scenario `name` with all it stands on. InputFault with every finding if anything cannot be read."""
    reading = Reading()
    path, shown = locate(name)
    root = _with_bases(path, shown, reading, ())
    for text in overrides:
        root = _override(root, text)
    currencies = _currencies(root)
    raw: RawTables = {table: [] for table in TABLES}
    for folder, folder_shown in _folders(root, path, shown):
        for table in TABLES.values():
            file = folder / f"{table.name}.csv"
            if file.is_file():
                _merge_rows(table, raw[table.name], _csv_rows(table, file, f"{folder_shown}/{file.name}", reading))
    for singular, table in SINGULAR.items():
        if singular in root.value:
            _merge_rows(table, raw[table.name], _inline_rows(root.value[singular], table, reading))
    sections = {key: node for key, node in root.value.items() if key not in SINGULAR}
    scenario = _validate(Scenario, Node(sections, root.where), currencies, reading, known=[*SINGULAR])
    rows = {name: _records(TABLES[name], raw[name], currencies, reading) for name in TABLES}
    if reading.findings or scenario is None:
        raise InputFault(reading.findings)
    return Document(Path(shown).stem, root, scenario, rows, tuple(reading.files.values()), currencies)


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
    resolved = path.resolve()
    root = parse_toml(reading.text(path, shown), shown)
    base = root.value.get("extends")
    if base is None:
        return root
    if not isinstance(base.value, str):
        raise InputFault.one("extends wants the path or name of a scenario", 'e.g. extends = "base.toml"', base.where)
    if resolved in seen:
        chain = " -> ".join(p.name for p in (*seen[seen.index(resolved) :], resolved))
        raise InputFault.one(f"scenarios extend each other in a circle: {chain}", "cut it at one place", base.where)
    beside = path.parent / base.value
    if beside.is_file():
        base_path, base_shown = beside, str(Path(shown).parent / base.value)
    else:
        try:
            base_path, base_shown = locate(base.value)
        except InputFault as error:
            raise InputFault.one(error.findings[0].what, error.findings[0].fix, base.where) from None
    return _merge(_with_bases(base_path, base_shown, reading, (*seen, resolved)), root, ())


def _merge(base: Node, over: Node, path: tuple[str, ...]) -> Node:
    """`over` laid on `base`: tables by key, rows by their id, anything else replaced."""
    if isinstance(base.value, dict) and isinstance(over.value, dict):
        if len(path) >= 2 and ("at" in base.value or "interpolate" in base.value or "at" in over.value or "interpolate" in over.value):
            return over  # a soft limit or a series is one value
        merged = dict(base.value)
        for key, node in over.value.items():
            merged[key] = _merge(merged[key], node, (*path, key)) if key in merged else node
        return Node(merged, over.where)
    if isinstance(base.value, list) and isinstance(over.value, list) and len(path) == 1 and path[0] in ROW_KEYS:
        if path[0] == "export_class":
            ids = {_row_key(row, ("id",)) for row in over.value}
            return Node([row for row in base.value if _row_key(row, ("id",)) not in ids] + over.value, over.where)
        rows = list(base.value)
        for row in over.value:
            key = _row_key(row, ROW_KEYS[path[0]])
            at = next((i for i, old in enumerate(rows) if _row_key(old, ROW_KEYS[path[0]]) == key), None)
            if at is None:
                rows.append(row)
            else:
                rows[at] = _replace_keys(rows[at], row)
        return Node(rows, over.where)
    return over


def _replace_keys(base: Node, over: Node) -> Node:
    return Node({**base.value, **over.value}, over.where) if isinstance(over.value, dict) else over


def _row_key(row: Node, keys: tuple[str, ...]) -> tuple[object, ...]:
    if not isinstance(row.value, dict):
        return ()
    return tuple(str(row.value[key].value) if key in row.value else None for key in keys)


def _override(root: Node, text: str) -> Node:
    """The tree with one `--set key=value` applied; rows are named by id (`site.abilene.delay`)."""
    where = Location("--set " + text)
    key, sign, written = text.partition("=")
    path = [part.strip().strip("\"'") for part in key.strip().split(".")]
    if not sign or not all(path):
        raise InputFault.one("is not of the form key=value", "e.g. --set limits.fleet_power='20 GW'", where)
    try:
        value = _relocate(parse_toml(f"value = {written.strip()}", "--set").value["value"], where)
    except InputFault:
        value = Node(written.strip(), where)
    return _set(root, path, value, where, top=True)


def _relocate(node: Node, where: Location) -> Node:
    if isinstance(node.value, dict):
        return Node({key: _relocate(item, where) for key, item in node.value.items()}, where)
    if isinstance(node.value, list):
        return Node([_relocate(item, where) for item in node.value], where)
    return Node(node.value, where)


def _set(node: Node, path: list[str], value: Node, where: Location, top: bool = False) -> Node:
    head, rest = path[0], path[1:]
    if isinstance(node.value, list):
        rows = list(node.value)
        at = [i for i, row in enumerate(rows) if isinstance(row.value, dict) and _names_row(row, head)]
        if not at and head.isdigit() and int(head) < len(rows):
            at = [int(head)]
        if not rest:
            raise InputFault.one(f"`{head}` is a row; name the column too", "e.g. site.abilene.delay='3 month'", where)
        if not at:
            return Node([*rows, _set(Node({"id": Node(head, where)}, where), rest, value, where)], node.where)
        for i in at:
            rows[i] = _set(rows[i], rest, value, where)
        return Node(rows, node.where)
    table = dict(node.value) if isinstance(node.value, dict) else {}
    if top and head in ROW_KEYS and rest:
        rows_node = table.get(head, Node([], where))
        id_column = ROW_KEYS[head][0]
        new = _set(rows_node, rest, value, where)
        if id_column != "id":
            new = Node([_rename(row, id_column) for row in new.value], new.where)
        table[head] = new
    else:
        table[head] = _set(table.get(head, Node({}, where)), rest, value, where) if rest else value
    return Node(table, node.where)


def _names_row(row: Node, name: str) -> bool:
    return any(key in row.value and str(row.value[key].value) == name for key in ("id", "iso2", "site", "accelerator", "vendor"))


def _rename(row: Node, id_column: str) -> Node:
    if "id" not in row.value:
        return row
    return Node({(id_column if key == "id" else key): item for key, item in row.value.items()}, row.where)


def _currencies(root: Node) -> Currencies:
    """`money.rates` as exact factors; faults in them are found again when the section is validated."""
    rates = root.find(("money", "rates")).value
    found: list[tuple[str, Fraction]] = []
    if isinstance(rates, dict) and root.find(("money", "rates")).where.key.endswith("rates"):
        for code, node in rates.items():
            try:
                found.append((code, Fraction(str(units.parse(node.value, "USD")))))
            except units.UnitError:
                continue
    return tuple(found)


def _folders(root: Node, path: Path, shown: str) -> list[tuple[Path, str]]:
    """Profile folders in order; without the key: the bundled ones, then `profiles/` beside the scenario if there is one."""
    node = root.value.get("profiles")
    own = path.parent / "profiles"
    if node is None:
        folders = [(bundled("profiles"), "profiles")]
        if own.is_dir() and own.resolve() != bundled("profiles").resolve():
            folders.append((own, str(Path(shown).parent / "profiles")))
        return folders
    if not isinstance(node.value, list):
        return []
    folders = []
    for item in node.value:
        if item.value == "bundled":
            folders.append((bundled("profiles"), "profiles"))
        elif isinstance(item.value, str):
            folder = path.parent / item.value
            if not folder.is_dir():
                what = f"there is no folder `{item.value}` beside {path.name}"
                raise InputFault.one(what, 'name folders relative to the scenario, or "bundled"', item.where)
            folders.append((folder, str(Path(shown).parent / item.value)))
    return folders


# --- rows -------------------------------------------------------------------------------------------------------------


def _csv_rows(table: Table, file: Path, shown: str, reading: Reading) -> list[RawRow]:
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
            findings.append(Finding(header, f"column `{name}` is missing", f"table {table.name} needs {', '.join(_required(table))}"))
    for name in ("source", "confidence"):
        if names and name not in names:
            findings.append(Finding(header, f"column `{name}` is missing", "every row says where its numbers come from"))
    used = {name for row in rows for name in row.cells}
    for name in names:
        kind = kinds.get("throughput_*" if name.startswith("throughput_") else name)
        unit = next((row.units.get(name) for row in rows[:1]), None)
        if isinstance(kind, Quantity) and name in used and not unit:
            fix = f"write it into the header, e.g. `{name} [{kind.unit}]`"
            findings.append(Finding(header.at(name), f"column `{name}` has no unit", fix))
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
        kinds["throughput_*"] = Quantity("h100e/gpu")
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
        rows.append(RawRow({key: Cell(cell.plain(), "", cell.where) for key, cell in item.value.items()}, item.where, inline=True))
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
    return Finding(row.where.at(table.singular), f"`{name}` stands twice, first in {first}", "an id names one row; rename or drop one")


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
    for row in new:
        key = _cell_key(row, table.key)
        at = index.get(key, [])
        if not at and row.inline and key[-1] is None and table.key[-1] == "from":
            at = index.get((*key[:-1], "any"), [])  # an inline row without a day changes every row of that id
        for i in at:
            if row.inline or old[i].inline:
                cells = {**old[i].cells, **{name: cell for name, cell in row.cells.items() if name != "from" or key[-1]}}
                old[i] = RawRow(cells, row.where, inline=True)
            else:
                old[i] = row
        if not at:
            old.append(row)


def _records(table: Table, rows: list[RawRow], currencies: Currencies, reading: Reading) -> tuple[Record, ...]:
    found: list[Record] = []
    seen: dict[tuple[object, ...], RawRow] = {}
    for row in rows:
        key = _cell_key(row, table.key)
        if not table.grouped and key in seen:
            reading.findings.append(_duplicate(table, row, seen[key].where))
            continue
        seen[key] = row
        record = _record(table, row, currencies, reading)
        if record is not None:
            found.append(record)
    return tuple(found)


def _record(table: Table, row: RawRow, currencies: Currencies, reading: Reading) -> Record | None:
    name = ".".join(str(part) for part in _cell_key(row, table.key) if part) or "?"
    label = f"{table.singular}.{name}"
    values: dict[str, Any] = {}
    nodes: dict[str, Node] = {}
    for column, cell in row.cells.items():
        nodes[column] = Node(cell.value, cell.where.at(f"{label}.{column}"))
        if column not in PROVENANCE:
            values[column] = f"{cell.value} {cell.unit}" if cell.unit else cell.value
    root = Node(nodes, row.where.at(label))
    before = len(reading.findings)
    source, confidence, note = (str(row.cells[name].value) if name in row.cells else "" for name in PROVENANCE)
    if not row.inline and not source:
        reading.findings.append(Finding(row.where.at(label), "has no source", "say where its numbers come from"))
    confidence = confidence or ("assumed" if row.inline else "")
    grades = [part.split("=")[-1].strip() for part in confidence.split(";")]
    if not all(grade in CONFIDENCE for grade in grades):
        fix = f"one of {', '.join(CONFIDENCE)}; exceptions by column: `reported; pue=assumed`"
        reading.findings.append(Finding(row.where.at(label), f"confidence `{confidence}` is not known", fix))
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
    loc = tuple(step for step in problem["loc"] if step != "[key]")
    place = node.find(loc)
    names = [str(step) for step in loc if not (isinstance(step, str) and "(" in step)]
    prefix = [node.where.key] if node.where.key and not node.where.key.startswith(tuple(names[:1] or [" "])) else []
    where = replace(place.where, key=".".join([*prefix, *_with_ids(node, names)]))
    kind, ctx = problem["type"], problem.get("ctx", {})
    if kind == "planner":
        return Finding(where, ctx["what"], ctx["fix"])
    if kind == "too_short":
        return Finding(where, "is empty", f"add at least one [[{names[-1]}]]")
    if kind == "missing":
        return Finding(where, f"`{names[-1]}` is missing", f"add {names[-1]}")
    if kind == "extra_forbidden":
        fix = did_you_mean(names[-1], [*_fields_at(model, loc[:-1]), *(known if len(loc) == 1 else ())])
        return Finding(where, f"unknown key `{names[-1]}`", fix)
    if kind == "literal_error":
        return Finding(where, f"`{problem['input']}` is not possible here", f"one of: {ctx['expected']}")
    if kind == "string_pattern_mismatch":
        what = "letters, digits, `-` and `_`, no spaces or dots" if "{2}" not in ctx["pattern"] else "two capital letters (ISO 3166)"
        what = "a year of four digits" if "{4}" in ctx["pattern"] else what
        return Finding(where, f"`{problem['input']}` is not a name that can stand here", what)
    if kind in ("model_type", "dict_type", "tuple_type", "list_type", "model_attributes_type"):
        return Finding(where, f"{units._kind(problem['input'])} cannot stand here", "a table or list is wanted; see `planner schema`")
    return Finding(where, problem["msg"][:1].lower() + problem["msg"][1:], "see `planner schema` for what is expected")


def _with_ids(node: Node, names: list[str]) -> list[str]:
    """Path names with list indices replaced by the id of the row, where it has one."""
    shown, current = [], node
    for name in names:
        step: str | int = int(name) if name.isdigit() and isinstance(current.value, list) else name
        current = current.find((step,))
        if isinstance(step, int) and isinstance(current.value, dict) and "id" in current.value:
            name = str(current.value["id"].value)
        shown.append(name)
    return shown


def _fields_at(model: type[Record], path: Iterable[str | int]) -> list[str]:
    """The keys that may stand at a path of a record."""
    current: Any = model
    for step in path:
        if isinstance(step, int):
            continue
        fields = getattr(current, "model_fields", {})
        info = next((f for name, f in fields.items() if step in (name, f.alias)), None)
        if info is None:
            return []
        current = next((arg for arg in _unwrap(info.annotation) if hasattr(arg, "model_fields")), None)
    fields = getattr(current, "model_fields", {})
    return [info.alias or name for name, info in fields.items()]


def _unwrap(annotation: Any) -> Iterable[Any]:
    yield annotation
    for arg in get_args(annotation):
        yield from _unwrap(arg)

