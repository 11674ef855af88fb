# ruff: noqa: E501 - a case of a table stays on one line
"""Lines of keys against the text itself, and texts that are not TOML or CSV."""

from __future__ import annotations

import csv
import io
import json
import tomllib
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.core.errors import InputFault, Location
from planner.inputs.document import MAX_DEPTH, Node, parse_csv, parse_toml, read_text

EVERYTHING = '''# a comment = "not a key"
top = 1
"quoted key" = "a # b"   # [not.a.table]
'literal.key' = 'C:\\dir'
dotted.one = 1
dotted.two.three = "x"
when = 2026-01-01
time = 1979-05-27 07:32:00
floats = [1.5,
  nan,   # a comment with ] and "
  -inf]
text = """
[[fake]]
id = "fake"  \\""" still
"""
raw = \'\'\'
[fake.table]
'\'\'\'\'
after = true
inline = { a = 1, b = { c = [1, 2], "d e" = "}" }, f.g = 3 }
empty = []
none = {}
list = [ { id = "x", v = 1 }, # first
  { id = "y", v = 2 },
]

[table]
key = 1
  [table.sub]   # indented
  key = 2
["quoted.table".sub]
key = 3

[[rows]]
id = "a"
value.deep = 1
[rows.child]
key = 4
[[rows.grand]]
n = 1
[[rows.grand]]
n = 2
[[rows]]
id = "b"
[[rows.grand]]
n = 3
'''


def line(found: Node, *path: str | int) -> int:
    node = found.find(path)
    assert len(path) == 0 or node is not found, path
    return node.where.line


def test_every_kind_of_construct_has_its_line() -> None:
    root = parse_toml(EVERYTHING, "a.toml")
    lines = EVERYTHING.split("\n")
    places: dict[tuple[str | int, ...], str] = {
        ("top",): "top = 1",
        ("quoted key",): '"quoted key"',
        ("literal.key",): "'literal.key'",
        ("dotted",): "dotted.one",
        ("dotted", "one"): "dotted.one",
        ("dotted", "two"): "dotted.two",
        ("dotted", "two", "three"): "dotted.two",
        ("when",): "when",
        ("time",): "time",
        ("floats",): "floats",
        ("floats", 0): "floats",
        ("floats", 1): "  nan",
        ("floats", 2): "  -inf",
        ("text",): "text",
        ("raw",): "raw",
        ("after",): "after",
        ("inline", "b", "c", 1): "inline",
        ("inline", "b", "d e"): "inline",
        ("inline", "f", "g"): "inline",
        ("empty",): "empty",
        ("none",): "none",
        ("list", 0, "v"): "list",
        ("list", 1): '  { id = "y"',
        ("list", 1, "v"): '  { id = "y"',
        ("table",): "[table]",
        ("table", "sub"): "  [table.sub]",
        ("table", "sub", "key"): "  key = 2",
        ("quoted.table",): '["quoted.table"',
        ("quoted.table", "sub", "key"): "key = 3",
        ("rows",): "[[rows]]",
        ("rows", 0): "[[rows]]",
        ("rows", 0, "id"): 'id = "a"',
        ("rows", 0, "value", "deep"): "value.deep",
        ("rows", 0, "child"): "[rows.child]",
        ("rows", 0, "child", "key"): "key = 4",
        ("rows", 0, "grand", 0, "n"): "n = 1",
        ("rows", 0, "grand", 1, "n"): "n = 2",
        ("rows", 1, "id"): 'id = "b"',
        ("rows", 1, "grand", 0, "n"): "n = 3",
    }
    for path, begins in places.items():
        assert lines[line(root, *path) - 1].startswith(begins), path
    assert root.plain()["dotted"] == {"one": 1, "two": {"three": "x"}}
    assert root.find(("rows", 1, "grand", 0, "n")).where == Location("a.toml", lines.index("n = 3") + 1, "rows.grand.n")


def test_find_stops_at_the_deepest_node() -> None:
    root = parse_toml("a = [ 1,\n 2 ]\n", "f")
    assert root.find(("a", 5)).where.line == 1
    assert root.find(("a", 1)).where.line == 2
    assert root.find(("a", 1, "x")).where.line == 2
    assert root.find(("a", -1)).where.line == 1
    assert root.find(("nope", "x")) is root


# --- random documents ---------------------------------------------------------------------------------------------------

names = st.from_regex(r"[A-Za-z0-9_-]{1,6}", fullmatch=True) | st.text(alphabet="ab.#=[] \"'\\é{},", min_size=1, max_size=4)


def spelled(name: str) -> str:
    bare = name.isascii() and name.replace("-", "a").replace("_", "a").isalnum()
    return name if bare else json.dumps(name, ensure_ascii=False)


class Writer:
    """Writes a random document and keeps the line on which each key stands."""

    def __init__(self, draw: Any):
        self.draw, self.lines, self.places = draw, [""], {}

    def emit(self, text: str) -> None:
        first, *more = text.split("\n")
        self.lines[-1] += first
        self.lines += more

    def note(self, path: tuple[str | int, ...]) -> None:
        self.places.setdefault(path, len(self.lines))

    def blank(self) -> None:
        self.emit(self.draw(st.sampled_from(["", "", "", "\n", '  # x = 1 [a] "\n', "\t\n\n"])))

    def scalar(self) -> None:
        self.emit(self.draw(st.sampled_from([
            "1", "-0.5", "true", "2026-01-01", '"a # b = [c]"', "'x\"y'", '"""\nmulti = 1\n[t]\n"" x"""', "'''\n'a''\n'''", '"\\"\\\\"',
            "1979-05-27T07:32:00Z", "inf", "1_000", '""', "''", '"""a""""', "0x1f",
        ])))  # fmt: skip

    def value(self, path: tuple[str | int, ...], depth: int, flat: bool = False) -> None:
        kind = self.draw(st.sampled_from(["scalar", "scalar", "list", "table"])) if depth else "scalar"
        if kind == "scalar":
            self.scalar()
        elif kind == "list":
            self.emit("[")
            n = self.draw(st.integers(0, 3))
            for i in range(n):
                if not flat:
                    self.blank()
                self.note((*path, i))
                self.value((*path, i), depth - 1, flat)
                if not flat:
                    self.blank()
                if i < n - 1 or self.draw(st.booleans()):
                    self.emit(", ")
            if not flat:
                self.blank()
            self.emit("]")
        else:
            self.emit("{ ")
            for i, key in enumerate(self.draw(st.lists(names, max_size=3, unique=True))):
                self.emit(", " if i else "")
                self.pair((*path,), key, depth - 1, flat=True)
            self.emit(" }")

    def pair(self, path: tuple[str | int, ...], key: str, depth: int, flat: bool = False) -> None:
        keys = [key, *self.draw(st.lists(names, max_size=1))]
        for i in range(1, len(keys) + 1):
            self.note((*path, *keys[:i]))
        self.emit(
            self.draw(st.sampled_from([".", " . "])).join(map(spelled, keys)) + self.draw(st.sampled_from(["=", " = ", "\t=  "]))
        )
        self.value((*path, *keys), depth, flat)

    def body(self, path: tuple[str | int, ...], used: set[str]) -> None:
        for key in self.draw(st.lists(names, max_size=3, unique=True)):
            if key not in used:
                used.add(key)
                self.blank()
                self.pair(path, key, 2)
                self.emit("\n")

    def document(self) -> str:
        used: set[str] = set()
        self.body((), used)
        for name in self.draw(st.lists(names, max_size=3, unique=True)):
            if name in used:
                continue
            used.add(name)
            if self.draw(st.booleans()):
                self.table((name,), f"[{spelled(name)}]")
            else:
                self.note((name,))
                for i in range(self.draw(st.integers(1, 3))):
                    self.note((name, i))
                    self.table((name, i), f"[[ {spelled(name)}]]", header=(name,))
        return "\n".join(self.lines)

    def table(self, path: tuple[str | int, ...], written: str, header: tuple[str, ...] = ()) -> None:
        self.blank()
        self.note(path)
        if header:
            self.places[path] = len(self.lines)
        self.emit(written + self.draw(st.sampled_from(["\n", "  # c\n"])))
        own: set[str] = set()
        self.body(path, own)
        for name in self.draw(st.lists(names, max_size=1)):
            if name not in own:
                self.note((*path, name))
                self.emit(f"[{'.'.join(spelled(str(k)) for k in (*(header or path), name))}]\n")
                self.body((*path, name), set())


@settings(max_examples=60, deadline=None)
@given(st.data(), st.booleans())
def test_every_line_of_a_random_document_holds_its_key(data: Any, windows: bool) -> None:
    writer = Writer(data.draw)
    text = writer.document()
    values = tomllib.loads(text)
    root = parse_toml(text.replace("\n", "\r\n") if windows else text, "f")
    assert repr(root.plain()) == repr(values)  # repr, because nan is not nan
    lines = text.split("\n")
    for path, expected in writer.places.items():
        node = root.find(path)
        key = path[-1]
        if isinstance(key, str):
            assert spelled(key) in lines[node.where.line - 1], (path, text)
        if not (len(path) == 1 and isinstance(values.get(str(path[0])), list)) and not (len(path) == 2 and isinstance(key, int)):
            assert node.where.line == expected, (path, text)


# --- what is not TOML ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "at", "says"),
    [
        ("a = 1\nb = south-hall\n", 2, "in `b = south-hall`"),
        ("a = 1\n\na = 2\n", 3, "stands once"),
        ("[a]\n[b]\n[a]\n", 3, "stands once"),
        ("a = \n", 1, "toml.io"),
        ("a = 1\n= 2\n", 2, "toml.io"),
        ("a = 'x\n", 1, "toml.io"),
        ('a = """x\n\n', 3, "toml.io"),
        ("a = 1\x00\n", 1, "toml.io"),
        ("a = {\n", 1, "toml.io"),
    ],
)
def test_syntax_faults_name_the_line(text: str, at: int, says: str) -> None:
    with pytest.raises(InputFault) as caught:
        parse_toml(text, "a.toml")
    (finding,) = caught.value.findings
    assert finding.where.file == "a.toml"
    assert finding.where.line in (at, at + 1)
    assert says in str(finding)
    assert finding.fix


@pytest.mark.parametrize(
    "text",
    [
        "x = " + "[" * 5000,
        "x = " + "[" * 5000 + "]" * 5000,
        "x = " + "{a=" * 900 + "1" + "}" * 900,
        "x = " + "[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1),
        ".".join(["a"] * 3000) + " = 1",
        "[" + ".".join(["a"] * 3000) + "]",
        "x = " + "9" * 6000,
    ],
)
def test_what_is_too_deep_or_too_long_is_a_fault(text: str) -> None:
    with pytest.raises(InputFault) as caught:
        parse_toml(text, "a.toml")
    assert caught.value.findings[0].where.file == "a.toml"
    assert caught.value.findings[0].fix


def test_moderate_depth_is_fine() -> None:
    deep = "[" * (MAX_DEPTH - 2) + "]" * (MAX_DEPTH - 2)
    assert parse_toml(f"x = {deep}", "f").find(("x", 0, 0)).where.line == 1


@given(st.text(max_size=60))
@settings(max_examples=200)
def test_any_text_is_a_document_or_a_fault(text: str) -> None:
    try:
        assert repr(parse_toml(text, "f").plain()) == repr(tomllib.loads(text))
    except InputFault as error:
        assert error.findings[0].where.line


def test_files_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "a.toml"
    file.write_bytes(b"\xef\xbb\xbfa = 1\n")
    assert read_text(file) == "a = 1\n"
    file.write_bytes("a = 1\nb = 'Zürich'\n".encode("latin-1"))
    with pytest.raises(InputFault, match=r":2: is not UTF-8 text \(byte 0xfc\)\n  fix: save the file with the encoding UTF-8"):
        read_text(file)
    file.write_bytes("a = 1".encode("utf-16"))
    with pytest.raises(InputFault, match="is not UTF-8"):
        read_text(file)
    monkeypatch.setattr("planner.inputs.document.MAX_BYTES", 1_000_000)
    file.write_bytes(b"#" * 2_000_001)
    with pytest.raises(InputFault, match="is 2 MB; at most 1 MB are read"):
        read_text(file)
    with pytest.raises(InputFault, match="cannot be read: No such file"):
        read_text(tmp_path / "none.toml")
    with pytest.raises(InputFault, match="is no file"):
        read_text(tmp_path)


# --- CSV ----------------------------------------------------------------------------------------------------------------


def test_rows_of_a_table() -> None:
    text = 'id,power [MW],note\r\n"a, b",1,"two\r\nlines"\r\n\r\n, ,\r\nNA,007,\r\nc,1e400,"say ""hi"""\r\n'
    names_, rows, findings = parse_csv(text, "t.csv")
    assert findings == []
    assert names_ == ["id", "power", "note"]
    assert [dict(row.cells) for row in rows] == [
        {"id": "a, b", "power": "1", "note": "two\r\nlines"},
        {"id": "NA", "power": "007"},
        {"id": "c", "power": "1e400", "note": 'say "hi"'},
    ]
    assert [row.where.line for row in rows] == [2, 6, 7]
    assert rows[0].units == {"power": "MW"}


@pytest.mark.parametrize(
    ("text", "at", "says"),
    [
        ("", 0, "is empty"),
        ("id;power\na;1\n", 1, "separated by semicolons"),
        ("id,power\na,1\nb\n", 3, "has 1 cells where the header has 2"),
        ("id,power\na,1,2\n", 2, "has 3 cells where the header has 2"),
        ("id,power,id\n", 1, "`id` stands twice"),
        ("id,2power\n", 1, "`2power` is not a column name"),
        ("id,\na,\n", 1, "is not a column name"),
        ("id,power [MW\n", 1, "is not a column name"),
        ('id,power\na,"1\n', 2, "is not valid CSV"),
        ('id,power\n"a"x,1\n', 2, "is not valid CSV"),
        ("id\n" + "x" * 200_000 + "\n", 2, "is not valid CSV"),
    ],
)
def test_tables_that_are_not(text: str, at: int, says: str) -> None:
    _, _, findings = parse_csv(text, "t.csv")
    assert findings
    assert (findings[0].where.file, findings[0].where.line) == ("t.csv", at)
    assert says in findings[0].what
    assert findings[0].fix


def test_ragged_rows_come_all_at_once() -> None:
    _, rows, findings = parse_csv("id,power\na\nb,1\nc,1,2\n", "t.csv")
    assert [f.where.line for f in findings] == [2, 4]
    assert len(rows) == 1


@given(st.lists(st.lists(st.text(alphabet='ab,;"\n\r é1', max_size=6), min_size=2, max_size=2), max_size=6))
def test_cells_come_back_as_a_spreadsheet_wrote_them(cells: list[list[str]]) -> None:
    out = io.StringIO(newline="")
    csv.writer(out).writerows([["one", "two [MW]"], *cells])
    _, rows, findings = parse_csv(out.getvalue(), "t.csv")
    wanted = [{k: v.strip() for k, v in zip(("one", "two"), row, strict=True) if v.strip()} for row in cells]
    assert findings == []
    assert [dict(row.cells) for row in rows] == [row for row in wanted if row]


@given(st.text(max_size=60))
def test_any_text_is_a_table_or_findings(text: str) -> None:
    names_, rows, findings = parse_csv(text, "t.csv")
    assert names_ or findings
    assert all(f.where.file == "t.csv" and f.fix for f in findings)
    assert all(set(row.cells) <= set(names_) for row in rows)


def test_a_node_knows_its_plain_value() -> None:
    assert parse_toml("a = [{b = 2026-01-01}]", "f").plain() == {"a": [{"b": date(2026, 1, 1)}]}
