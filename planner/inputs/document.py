"""A TOML text as a tree of values that know their file and line.

The standard library parses the text; it keeps no line numbers, so a small scanner walks the same (already valid) text once more
and notes on which line every key and list element stands. CSV text becomes rows of the same kind of nodes.
"""

from __future__ import annotations

import csv
import io
import re
import stat
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from planner.core.errors import Finding, InputFault, Location

MAX_BYTES = 20_000_000
MAX_DEPTH = 40
Path_ = tuple[str | int, ...]


@dataclass(frozen=True)
class Node:
    """A value with its place. `value` is a scalar, a dict of nodes or a list of nodes."""

    value: Any
    where: Location

    def plain(self) -> Any:
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value

    def find(self, path: Iterator[str | int] | Path_) -> Node:
        """The deepest node on `path` that exists."""
        node = self
        for step in path:
            value: Any = node.value
            known = range(len(value)) if isinstance(value, list) else value if isinstance(value, dict) else ()
            if step not in known:
                break
            node = value[step]
        return node


@dataclass(frozen=True)
class Row:
    """A line of a profile table: cells as text (blank cells left out), header units, and where it stands."""

    cells: Mapping[str, str]
    units: Mapping[str, str]
    where: Location


def read_bytes(path: Path) -> bytes:
    """The bytes of a file, looked at before it is read. InputFault if it is none, too large, or cannot be read."""
    here = Location(str(path))
    try:
        about = path.stat()
        if not stat.S_ISREG(about.st_mode):  # a pipe or a device may have no end
            raise InputFault.one("is no file", "give an ordinary file", here)
        size = about.st_size
        if size <= MAX_BYTES:
            with path.open("rb") as file:
                data = file.read(MAX_BYTES + 1)
            size = max(size, len(data))
    except OSError as error:
        raise InputFault.one(f"cannot be read: {error.strerror or error}", "check the path and its rights", here) from None
    if size > MAX_BYTES:
        raise InputFault.one(f"is {size / 1e6:,.0f} MB; at most {MAX_BYTES // 10**6} MB are read", "split it", here)
    return data


def read_text(path: Path) -> str:
    """The text of a file. InputFault if it cannot be read, is too large, or is not UTF-8 (line named)."""
    return decoded(path, read_bytes(path))


def decoded(path: Path, data: bytes) -> str:
    """The text that the bytes of a file are. InputFault with the line if they are not UTF-8."""
    data = data.removeprefix(b"\xef\xbb\xbf")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        what = f"is not UTF-8 text (byte {data[error.start]:#04x})"
        raise InputFault.one(what, "save the file with the encoding UTF-8", Location(str(path), line)) from None


def parse_toml(text: str, file: str) -> Node:
    """The root table of a TOML text. InputFault with file and line if it is not TOML."""
    lines: dict[Path_, int] = {}
    try:
        values = tomllib.loads(text)
        for path, line in _toml_lines(text):
            lines.setdefault(path, line)
    except tomllib.TOMLDecodeError as error:
        raise InputFault([_syntax_fault(str(error), text, file)]) from None
    except RecursionError:
        raise InputFault.one("its values are nested too deeply", "write a flatter document", Location(file)) from None
    except ValueError:  # an integer of thousands of digits
        raise InputFault.one(
            "holds a number that is too long to read", "write a number that can be true", Location(file)
        ) from None
    return _nodes(values, lines, file, (), 1)


SPOKEN = "the dictionary"  # where a scenario stands that is no file


def tree(values: Mapping[str, Any]) -> Node:
    """The root table of a scenario given as a dictionary. InputFault for what no scenario file could hold, with its key."""
    return _nodes(_plain(values, ""), {}, SPOKEN, (), 0)


def _plain(value: Any, key: str) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _plain(item, f"{key}.{name}".lstrip(".")) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item, key) for item in value]
    if isinstance(value, (bool, int, float, str, date)):
        return value
    what = f"a {type(value).__name__} is nothing that a scenario can hold"
    raise InputFault.one(
        what, 'write text with a unit ("30 GW"), numbers, dates, lists or dictionaries', Location(SPOKEN, 0, key)
    )


def _syntax_fault(message: str, text: str, file: str) -> Finding:
    """What tomllib says, with the line it means and the usual way to mend it."""
    found = re.search(r"\(at line (\d+)", message)
    line = int(found[1]) if found else text.count("\n") + 1
    what = re.sub(r"\s*\(at [^)]*\)", "", message)
    written = [*text.split("\n"), ""][line - 1].strip()
    shown = f" in `{written[:60]}`" if written else ""
    fix = "write `key = value`; text stands in quotes: see toml.io for the syntax"
    if re.search("overwrite|twice|declare|mutable|redefine", what, re.IGNORECASE):
        fix = "a key or table stands once in a file; rename or drop one"
    return Finding(Location(file, line), f"is not valid TOML: {what}{shown}", fix)


def _nodes(value: Any, lines: dict[Path_, int], file: str, path: Path_, line: int) -> Node:
    line = lines.get(path, line)
    if len(path) > MAX_DEPTH:
        raise InputFault.one(f"values are nested more than {MAX_DEPTH} deep", "write a flatter document", Location(file, line))
    where = Location(file, line, ".".join(str(step) for step in path if isinstance(step, str)))
    if isinstance(value, dict):
        return Node({key: _nodes(item, lines, file, (*path, key), line) for key, item in value.items()}, where)
    if isinstance(value, list):
        return Node([_nodes(item, lines, file, (*path, i), line) for i, item in enumerate(value)], where)
    return Node(value, where)


_KEY_PART = re.compile(r"""[ \t]*("(?:[^"\\\n]|\\.)*"|'[^'\n]*'|[A-Za-z0-9_-]+)[ \t]*""")
_STRING = re.compile(r'"""(?:[^\\]|\\.)*?"{3,5}|\'\'\'.*?\'{3,5}|"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\'', re.DOTALL)
_SCALAR = re.compile(r"[^,\]}#\n]+")
_BLANK = re.compile(r"(?:[ \t\r\n]+|#[^\n]*)*")


def _toml_lines(text: str) -> Iterator[tuple[Path_, int]]:
    """Paths of keys and list elements with their lines, for a text that tomllib has accepted; the first of a path counts."""
    line_at = _line_counter(text)
    counts: dict[Path_, int] = {}
    table: Path_ = ()
    pos = _skip(text, 0)
    while pos < len(text):
        line = line_at(pos)
        if text.startswith("[", pos):
            double = text.startswith("[[", pos)
            keys, pos = _key(text, pos + 1 + double)
            for i in range(1, len(keys)):
                yield _resolve(keys[:i], counts), line
            table = _resolve(keys[:-1], counts)
            path = (*table, keys[-1])
            if double:
                counts[path] = counts.get(path, -1) + 1
                yield path, line
                table = (*path, counts[path])
            else:
                table = _resolve(keys, counts)
            yield table, line
            pos = text.index("]", pos) + 1 + double
        else:
            pos = yield from _pair(text, pos, table, line_at)
        pos = _skip(text, pos)


def _line_counter(text: str) -> Any:
    from bisect import bisect_right

    starts = [0, *(match.end() for match in re.finditer("\n", text))]
    return lambda pos: bisect_right(starts, pos)


def _skip(text: str, pos: int) -> int:
    match = _BLANK.match(text, pos)
    return match.end() if match else pos


def _key(text: str, pos: int) -> tuple[Path_, int]:
    keys: list[str | int] = []
    while match := _KEY_PART.match(text, pos):
        part = match[1]
        keys.append(tomllib.loads(f"k = {part}")["k"] if part[0] in "\"'" else part)
        pos = match.end()
        if not text.startswith(".", pos):
            break
        if len(keys) > MAX_DEPTH:
            raise RecursionError
        pos += 1
    return tuple(keys), pos


def _resolve(keys: Path_, counts: dict[Path_, int]) -> Path_:
    """The path of a header: a step that names a list of tables means its last element."""
    path: Path_ = ()
    for key in keys:
        path = (*path, key)
        if path in counts:
            path = (*path, counts[path])
    return path


def _pair(text: str, pos: int, table: Path_, line_at: Any) -> Any:
    keys, after = _key(text, pos)
    for i in range(1, len(keys)):
        yield (*table, *keys[:i]), line_at(pos)
    path = (*table, *keys)
    yield path, line_at(pos)
    pos = _skip(text, text.index("=", after) + 1)
    return (yield from _value(text, pos, path, line_at))


def _value(text: str, pos: int, path: Path_, line_at: Any) -> Any:
    if text[pos] in "\"'":
        match = _STRING.match(text, pos)
        return match.end() if match else len(text)
    if text[pos] == "[":
        pos, i = _skip(text, pos + 1), 0
        while text[pos] != "]":
            yield (*path, i), line_at(pos)
            pos = _skip(text, (yield from _value(text, pos, (*path, i), line_at)))
            pos, i = (_skip(text, pos + 1), i + 1) if text[pos] == "," else (pos, i + 1)
        return pos + 1
    if text[pos] == "{":
        pos = _skip(text, pos + 1)
        while text[pos] != "}":
            pos = _skip(text, (yield from _pair(text, pos, path, line_at)))
            pos = _skip(text, pos + 1) if text[pos] == "," else pos
        return pos + 1
    match = _SCALAR.match(text, pos)
    return match.end() if match else pos + 1


_HEADER = re.compile(r"\s*([A-Za-z][A-Za-z0-9_]*)\s*(?:\[([^\]]*)\])?\s*")


def parse_csv(text: str, file: str) -> tuple[list[str], list[Row], list[Finding]]:
    """Column names, rows and findings of a CSV text: ragged rows, semicolons, doubled or unreadable columns are faults."""
    findings: list[Finding] = []
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    rows: list[Row] = []
    names: list[str] = []
    units: dict[str, str] = {}
    line = 1
    try:
        for cells in reader:
            where = Location(file, line)
            line = reader.line_num + 1
            if not names:
                if len(cells) == 1 and ";" in cells[0]:
                    fix = "save it with commas between the columns; `;` is for lists inside a cell"
                    return [], [], [Finding(where, "columns are separated by semicolons", fix)]
                names, units, faults = _header(cells, where)
                findings += faults
                if faults:
                    return names, [], findings
            elif any(cell.strip() for cell in cells):
                if len(cells) != len(names):
                    what = f"has {len(cells)} cells where the header has {len(names)}"
                    fix = 'check for a missing or stray comma; a cell with a comma stands in quotes: "a, b"'
                    findings.append(Finding(where, what, fix))
                    continue
                filled = {name: cell.strip() for name, cell in zip(names, cells, strict=True) if cell.strip()}
                rows.append(Row(filled, units, where))
    except csv.Error as error:
        findings.append(Finding(Location(file, line), f"is not valid CSV: {error}", "check the quotes of this line"))
    if not names and not findings:
        findings.append(Finding(Location(file), "is empty", "the first line names the columns"))
    return names, rows, findings


def _header(cells: list[str], where: Location) -> tuple[list[str], dict[str, str], list[Finding]]:
    names: list[str] = []
    units: dict[str, str] = {}
    findings: list[Finding] = []
    for cell in cells:
        match = _HEADER.fullmatch(cell)
        if not match:
            findings.append(Finding(where, f"`{cell}` is not a column name", "write `name` or `name [unit]`"))
            continue
        if match[1] in names:
            findings.append(Finding(where, f"column `{match[1]}` stands twice", "keep one of them"))
        names.append(match[1])
        if match[2] is not None:
            units[match[1]] = match[2].strip()
    return names, units, findings
