"""constraints.txt: exact versions of everything for every Python, within the bounds of pyproject.toml. Installs nothing."""

from __future__ import annotations

import re
import sys
from importlib import metadata
from itertools import chain
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests import requirements, versions
from tests.requirements import CONSTRAINTS, PROJECT, SUPPORTED

TEXT = CONSTRAINTS.read_text("utf-8")
LINES = [line for line in TEXT.splitlines() if not line.startswith("#")]
HERE = f"{sys.version_info.major}.{sys.version_info.minor}"


# --- constraints.txt --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("line", LINES)
def test_a_line_is_a_name_an_exact_version_and_at_most_a_python(line: str) -> None:
    exact = r"[a-z0-9]+(-[a-z0-9]+)*==[0-9][0-9a-z.]*"  # no address, no path, no option
    marker = r'python_version (<|>=|==) "3\.\d+"'
    assert re.fullmatch(rf"{exact}( ; {marker}( or {marker})*)?", line)


def test_it_is_as_the_command_writes_it() -> None:
    assert requirements.known(TEXT) == SUPPORTED
    assert requirements.written({python: requirements.pinned(TEXT, python) for python in SUPPORTED}) == TEXT
    assert "python -m tests.versions lock" in TEXT, "it says how it is made again"


@pytest.mark.parametrize("python", SUPPORTED)
def test_a_name_has_one_version_for_each_python(python: str) -> None:
    names = [canonicalize_name(one.name) for one in map(Requirement, LINES) if requirements.holds(one, python)]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("python", SUPPORTED)
def test_all_that_pyproject_asks_for_is_there_within_its_bounds(python: str) -> None:
    pins = requirements.pinned(TEXT, python)
    for one in requirements.required(python):
        assert one.specifier.contains(pins[canonicalize_name(one.name)]), one
    assert canonicalize_name(PROJECT["name"]) not in pins


def test_all_that_is_needed_in_turn_is_there() -> None:
    """What the packages that are installed here ask for, if they are those of constraints.txt."""
    pins = requirements.pinned(TEXT, HERE)
    left = {canonicalize_name(one.name) for one in requirements.required(HERE)}
    if HERE not in SUPPORTED or any(metadata.version(name) != pins[name] for name in left):
        pytest.skip("other versions are installed here")
    seen: set[str] = set()
    while left:
        name = left.pop()
        seen.add(name)
        assert name in pins
        for line in metadata.requires(name) or ():
            one = Requirement(line)
            if one.marker is None or one.marker.evaluate({"extra": ""}):
                left |= {canonicalize_name(one.name)} - seen


# --- pyproject.toml ---------------------------------------------------------------------------------------------------


ASKED = [Requirement(line) for line in (*PROJECT["dependencies"], *chain(*PROJECT["optional-dependencies"].values()))]


@pytest.mark.parametrize("one", ASKED, ids=str)
def test_every_dependency_has_a_lowest_version_and_an_end(one: Requirement) -> None:
    """It ends at the next major version after the locked one, or at the next minor one while a package counts from 0."""
    (end,) = (Version(part.version) for part in one.specifier if part.operator == "<")
    newest = max(Version(requirements.pinned(TEXT, python)[canonicalize_name(one.name)]) for python in SUPPORTED)
    assert sorted(part.operator for part in one.specifier) == ["<", ">="]
    assert end.release == ((newest.major + 1,) if newest.major else (0, newest.minor + 1))


def test_a_package_in_two_extras_has_one_bound() -> None:
    """vl-convert-python stands in the extra of the pictures and in that of the tests."""
    bounds: dict[str, set[str]] = {}
    for one in ASKED:
        bounds.setdefault(f"{one.name} {one.marker}", set()).add(str(one.specifier))
    assert [name for name, some in bounds.items() if len(some) > 1] == []


def test_the_name_on_the_index_is_not_that_of_the_command() -> None:
    """`planner` on the package index is somebody else's."""
    assert PROJECT["name"] != "planner" and PROJECT["scripts"] == {"planner": "planner.cli:main"}


# --- python -m tests.versions -----------------------------------------------------------------------------------------


def test_the_lowest_versions_come_from_pyproject() -> None:
    pins = requirements.lowest("3.11", [])
    assert set(pins) == {canonicalize_name(Requirement(line).name) for line in PROJECT["dependencies"]}
    assert Version(requirements.lowest("3.13")["numpy"]) > Version(pins["numpy"]), "the higher of two bounds"
    for python in SUPPORTED:
        locked, low = requirements.pinned(TEXT, python), requirements.lowest(python)
        assert all(Version(low[name]) <= Version(locked[name]) for name in low)


PINS = {
    "3.9": {"a": "1", "b": "1", "c": "1", "d": "1"},
    "3.10": {"a": "1", "b": "1", "c": "2", "d": "2"},
    "3.11": {"a": "1", "b": "2", "c": "3", "d": "1", "e": "1"},
}


def test_constraints_are_written_and_read() -> None:
    text = requirements.written(PINS)
    assert requirements.known(text) == ["3.9", "3.10", "3.11"]
    assert {python: requirements.pinned(text, python) for python in PINS} == PINS
    assert text.splitlines()[3:] == [
        "a==1",
        'b==1 ; python_version < "3.11"',
        'b==2 ; python_version >= "3.11"',
        'c==1 ; python_version < "3.10"',
        'c==2 ; python_version == "3.10"',
        'c==3 ; python_version >= "3.11"',
        'd==1 ; python_version == "3.9" or python_version == "3.11"',
        'd==2 ; python_version == "3.10"',
        'e==1 ; python_version >= "3.11"',
    ]


def test_a_lock_keeps_what_it_cannot_ask(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = {python: {"kept": "1"} for python in SUPPORTED}
    (tmp_path / "constraints.txt").write_text(requirements.written(old), "utf-8")
    monkeypatch.setattr(versions, "CONSTRAINTS", tmp_path / "constraints.txt")
    monkeypatch.setattr(versions, "resolved", lambda python: {"kept": "2"})
    monkeypatch.setattr(versions, "minor", {"one": SUPPORTED[-1], "strange": "3.1"}.get)
    versions.lock(["one", "two", "strange"])
    text = (tmp_path / "constraints.txt").read_text("utf-8")
    assert [requirements.pinned(text, python)["kept"] for python in SUPPORTED] == ["1"] * (len(SUPPORTED) - 1) + ["2"]
    assert f"{SUPPORTED[0]}: not here, kept as it was" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ({"status": "optimal", "totals": {"cost_usd": 1_000_000.5}}, ""),
        ({"status": "optimal", "totals": {"cost_usd": 1_000_002}}, "cost 1000002 USD, not 1000000.0"),
        ({"status": "optimal", "totals": {}}, "cost None USD, not 1000000.0"),
        ({"status": "feasible", "totals": {"cost_usd": 1_000_000.0}}, "status feasible, not optimal"),
        ({}, "status None, not optimal"),
    ],
)
def test_an_answer_is_held_against_the_golden_one(answer: dict[str, object], says: str) -> None:
    assert versions.differs(answer, {"status": "optimal", "totals": {"cost_usd": {"value": 1_000_000.0}}}) == says


def test_tables_are_compared_byte_for_byte(tmp_path: Path) -> None:
    one, other = {"a.csv": "1", "b.csv": "2", "d.json": "4"}, {"a.csv": "1", "b.csv": "2 ", "c.csv": ""}
    for folder, texts in (("one", one), ("other", other)):
        (tmp_path / folder).mkdir()
        for name, text in texts.items():
            (tmp_path / folder / name).write_text(text, "utf-8")
    assert versions.tables_that_differ(tmp_path / "one", tmp_path / "other") == ["b.csv", "c.csv"]
    assert versions.tables_that_differ(tmp_path / "one", tmp_path / "one") == []


@pytest.mark.parametrize("must", [False, True])
def test_other_bytes_fail_only_if_asked(must: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    envs = [versions.Env(kind, "python3", "3.11", kind, tmp_path / kind) for kind in ("locked", "newest")]

    def solve(env: versions.Env, name: str) -> str:
        env.answer(name).mkdir(parents=True)
        (env.answer(name) / "mix.csv").write_text(env.kind, "utf-8")
        return ""

    monkeypatch.setattr(versions, "solve", solve)
    assert versions.answers(envs, must, 1) is not must


@pytest.mark.parametrize("what", [["lock", "newest"], [], ["newest", "sometimes"]])
def test_a_wrong_call_is_refused(what: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["versions", *what])
    with pytest.raises(SystemExit) as end:
        versions.main()
    assert end.value.code == 2
