"""No single change of a plan folder goes unseen: accidents are caught by the seal, forgers who seal anew by recomputing.

Every field of plan.json and certificate.json, and a cell of every column of every table, is changed once, in small worlds that
have every table between them. What a forger can change unseen stands in FREE, with the reason why nobody could know better.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from planner.core.errors import InputFault
from planner.results.folder import json_text, read_folder, write
from planner.run import pipeline, verification
from tests.command import CLASSROOM
from tests.forged import sign
from tests.small import scenario
from tests.test_oracle import OTHER
from tests.worlds import energy_world, world

WORLDS: dict[str, tuple[Callable[[], str], tuple[str, ...]]] = {
    "classroom": (lambda: CLASSROOM.read_text("utf-8"), ()),
    "licences": (lambda: world(14), ()),
    "losses": (lambda: world(20), ()),
    "energy": (lambda: energy_world(25), ()),
    "whole racks": (lambda: world(31), ("solve.whole_racks=true",)),
    "peak power": (lambda: scenario(objective='[objective]\nminimize = "peak_power"', more=OTHER), ()),
    "nothing fits": (lambda: CLASSROOM.read_text("utf-8"), ("limits.fleet_power='10 MW'",)),
}
LONG = ("licences", "losses", "energy", "whole racks")  # half a minute each
FREE = {
    "plan.json timings": "seconds are never the same twice; they must be seconds",
    "plan.json versions": "which versions solved is known to nobody else; they must be versions",
    "plan.json solver": "the same; it must be the solver that the scenario asks for",
    "plan.json certificate.pivots": "how far the solver was from an exact basis is known to nobody else; it must be a count",
    "plan.json certificate.what": "of pivots, as above",
    "plan.json conflict": "the ways out take solves to find; that nothing fits is proved by the multipliers alone",
    "plan.json inputs": "the folder in which an input lay: its name and its bytes are held against what is there",
    "certificate.json columns": "another basis is another proposal: it is taken if it proves the same optimum of the same plan",
    "certificate.json rows": "the same",
    "certificate.json multipliers": "other multipliers are another proof, if they are one",
    "certificate.json prices": "the prices of a solver, where none is proved, are its word; the table must repeat them",
}


@pytest.fixture(scope="module", params=[pytest.param(n, marks=[pytest.mark.slow] * (n in LONG)) for n in WORLDS])
def honest(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An honest plan folder beside its scenario."""
    text, overrides = WORLDS[request.param]
    home = tmp_path_factory.mktemp("world")
    (home / "scenario.toml").write_text(text(), "utf-8")
    result = pipeline.plan_scenario(str(home / "scenario.toml"), overrides)
    assert pipeline.writable(result)
    write(home / "plan", pipeline.files(result, home / "plan"))
    return home / "plan"


def passes(plan: Path, exact: bool = True) -> bool:
    try:
        return verification.verify(plan, exact=exact).passed
    except InputFault:
        return False


def test_the_honest_folder_passes(honest: Path) -> None:
    for exact in (False, True):
        verdict = verification.verify(honest, exact=exact)
        assert verdict.passed, verdict.faults


def test_the_worlds_have_every_table(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A table that a new rule brings must be among those that are tampered with here."""
    from planner.audit.evidence import ENERGY_SHAPES, SHAPES

    seen: set[str] = set()
    for i, (text, overrides) in enumerate(WORLDS.values()):
        path = tmp_path_factory.mktemp("tables") / f"{i}.toml"
        path.write_text(text(), "utf-8")
        seen |= pipeline.plan_scenario(str(path), overrides).texts.keys()
    assert seen >= {*SHAPES, *ENERGY_SHAPES, "constraints", "sources"}


# --- accidents --------------------------------------------------------------------------------------------------------


def test_no_accident_goes_unseen(honest: Path) -> None:
    """Any byte of any file, at places drawn by lot, lost, doubled or changed: hashes and seal alone tell."""
    dice, unseen = Random(1), []
    for path in sorted(honest.iterdir()):
        data = path.read_bytes()
        for _ in range(60):
            at = dice.randrange(len(data))
            for changed in (data[:at] + data[at + 1 :], data[:at] + data[at : at + 1] + data[at:], _flipped(data, at)):
                path.write_bytes(changed)
                if changed != data and not _accident(honest):
                    unseen.append((path.name, at, changed[at - 20 : at + 20]))
        path.write_bytes(data)
    assert not unseen and not _accident(honest)


def _accident(plan: Path) -> bool:
    try:
        return any(verification.accidents(read_folder(plan)))
    except InputFault:
        return True


def test_the_field_that_was_changed_is_named(honest: Path) -> None:
    text = (honest / "plan.json").read_text("utf-8")
    for key in json.loads(text):
        manifest = json.loads(text)
        if key not in ("seal", "inputs", "tables", "set", "scenario"):  # these are faults of the input
            manifest[key] = {"totals": {"cost_usd": 1.0}}.get(key, "x")
            (honest / "plan.json").write_text(json_text(manifest) + "\n", "utf-8")
            assert f"plan.json: `{key}` is not what was written" in verification.verify(honest).untrue
    (honest / "plan.json").write_text(text.replace('"whole": "', '"whole": "0'), "utf-8")
    assert verification.verify(honest).untrue == ("plan.json: its seal is not what was written",)
    (honest / "plan.json").write_text(text.replace("\n", "\n "), "utf-8")
    assert verification.verify(honest).untrue == ("plan.json: its text is not what was written, though it says the same",)
    (honest / "plan.json").write_text(text, "utf-8")
    assert verification.verify(honest).passed


def _flipped(data: bytes, at: int) -> bytes:
    return data[:at] + (b"7" if data[at : at + 1] != b"7" else b"3") + data[at + 1 :]


# --- forgers ----------------------------------------------------------------------------------------------------------


def test_no_forged_cell_goes_unseen(honest: Path) -> None:
    """A cell of every column, a row more, a row less, a column more, less or by another name; hashes and seal agree."""
    unseen, tried = [], 0
    for path in sorted(honest.glob("*.csv")):
        text = path.read_text("utf-8")
        rows = list(csv.reader(io.StringIO(text, newline="")))
        for what, forged in _forgeries(rows):
            out = io.StringIO(newline="")
            csv.writer(out, lineterminator="\n").writerows(forged)
            path.write_text(out.getvalue(), "utf-8")
            sign(honest)
            tried += 1
            if passes(honest, exact=False):  # all of it is found without being asked for
                unseen.append(f"{path.name} {what}")
        path.write_text(text, "utf-8")
    sign(honest)
    assert [what for what in unseen if not what.startswith(tuple(FREE))] == []
    assert passes(honest)
    assert tried > 150 or not list(honest.glob("*.csv"))


def _forgeries(rows: list[list[str]]) -> Iterator[tuple[str, list[list[str]]]]:
    head, body = rows[0], rows[1:]
    yield "a column more", [[*head, "note"], *([*row, "x"] for row in body)]
    yield "a row more", [*rows, body[-1] if body else ["x"] * len(head)]
    for j, column in enumerate(head):
        if j % 3 == 0:
            yield f"no {column}", [row[:j] + row[j + 1 :] for row in rows]
            yield f"{column} renamed", [[*head[:j], f"{column}_x", *head[j + 1 :]], *body]
        filled = [i for i, row in enumerate(body) if row[j] != ""]
        blank = [i for i, row in enumerate(body) if row[j] == ""]
        for i in {*filled[-1:], *blank[:1]}:
            for cell in _other(body[i][j]):
                changed = [*body[:i], [*body[i][:j], cell, *body[i][j + 1 :]], *body[i + 1 :]]
                yield f"{column} of row {i + 1}: {body[i][j]} -> {cell}", [head, *changed]
    if body:
        yield "a row less", rows[:-1]
        yield "the first row less", [head, *body[1:]]
    if len(body) > 1 and body[0] != body[-1]:
        yield "two rows in each other's place", [head, body[-1], *body[1:-1], body[0]]


def _other(cell: str) -> Iterator[str]:
    """What a cell may be forged to: a number by a thousandth and to nothing, a word to another."""
    try:
        value = float(cell)
    except ValueError:
        yield {"yes": "no", "no": "yes"}.get(cell, f"{cell}x" if cell else "1")
        return
    yield f"{value * 1.001 + 0.001:.12g}"
    yield ""


def test_no_forged_field_goes_unseen(honest: Path) -> None:
    """Every value of plan.json, changed, gone, or with a neighbour; but what is FREE."""
    unseen, text = [], (honest / "plan.json").read_text("utf-8")
    manifest = json.loads(text)
    del manifest["seal"]
    for where, forged in _edits(manifest):
        if "tables" in forged and not where.startswith(("tables.", "conflict.")):  # which `sign` makes agree; hundreds, and FREE
            (honest / "plan.json").write_text(json.dumps(forged), "utf-8")
            sign(honest)
            if passes(honest, exact=False):
                unseen.append(f"plan.json {where}")
    (honest / "plan.json").write_text(text, "utf-8")
    assert [what for what in unseen if not what.startswith(tuple(FREE))] == []
    assert passes(honest)


def test_no_forged_proof_goes_unseen(honest: Path) -> None:
    """Every value of certificate.json; but what is FREE."""
    unseen, text = [], (honest / "certificate.json").read_text("utf-8")
    for where, forged in _edits(json.loads(text)):
        (honest / "certificate.json").write_text(json.dumps(forged), "utf-8")
        sign(honest)
        if passes(honest):
            unseen.append(f"certificate.json {where}")
    (honest / "certificate.json").write_text(text, "utf-8")
    sign(honest)
    assert [what for what in unseen if not what.startswith(tuple(FREE))] == []
    assert passes(honest)


def _edits(data: Any, most: int = 6) -> Iterator[tuple[str, Any]]:
    """(where, the whole with one edit there): of long lists and objects only some members."""
    if isinstance(data, dict):
        yield "one more", {**data, "more": 1}
        for key in list(data)[:40] if len(data) <= 40 else [*list(data)[:most], *list(data)[-most:]]:
            yield f"{key} gone", {k: v for k, v in data.items() if k != key}
            yield from ((f"{key}.{where}", {**data, key: inner}) for where, inner in _edits(data[key]))
    elif isinstance(data, list):
        yield "one more", [*data, data[0] if data else "x"]
        for i in range(min(len(data), most)):
            yield f"{i} gone", data[:i] + data[i + 1 :]
            yield from ((f"{i}.{where}", [*data[:i], inner, *data[i + 1 :]]) for where, inner in _edits(data[i]))
    else:
        for other in _another(data):
            yield f"{data} -> {other}", other


def _another(value: Any) -> Iterator[Any]:
    yield None if value is not None else 1
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, (int, float)):
        yield value * 1.001 + 1e-3
        yield str(value)
        yield -1
    elif isinstance(value, str):
        yield f"{value}x"
        yield value.swapcase() if value.swapcase() != value else "x"
        yield ""
