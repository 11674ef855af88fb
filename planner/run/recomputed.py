"""What a plan folder must hold, made anew from its inputs and the values of its plan, and held against what it does hold.

The values come from the certificate: a basis stands for them, or they are written there. They are believed in nothing: whatever
follows from them, every cell of every table and every field of plan.json, must be what the folder says, and the audit judges the
tables by themselves. What no second run could give again (seconds, versions, why a solver gave no proof) must have its shape.
"""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

from planner.core.errors import Finding
from planner.inputs.assembly import Inputs
from planner.run import pipeline
from planner.solver.solve import Solution

if TYPE_CHECKING:
    from planner.audit import Audit
    from planner.model.formulation import Model
    from planner.proof.certificate import Claim
    from planner.results.folder import Stored

NEAR, DUST = 1e-9, 2e-9  # relative, and what a cell of 0 may hide
TIED = 3e-9  # what a second solve may give up of the objective to break ties by cost
ROUNDING = 1e-12  # of the largest number of a row: what a difference of two of its numbers cannot be better than
PROPOSED = {
    "optimum": ("columns", "rows"),
    "bound": ("columns", "rows"),
    "prices": ("prices",),
    "values": ("values",),
    "infeasible": ("multipliers",),
}
WITNESS = ("values", "prices")  # may stand beside any proposal
STAGE, VERSION = re.compile(r"[a-z][a-z ]*"), re.compile(r"\d+(\.\w+)+([-+.]\w+)*")
MOST = 3  # differences of a table that are told one by one


@dataclass(frozen=True)
class Given:
    """A plan folder and what it is judged by.

    `folder` is where it lies, to name its scenario from there; None if the scenario was named by whoever asks.
    """

    stored: Stored
    folder: Path | None
    inputs: Inputs
    warnings: tuple[Finding, ...]


def unlike(given: Given, model: Model, claim: Claim, found: Audit) -> Iterator[str]:
    """What the folder says that does not follow from its inputs and the values of its plan."""
    from planner.proof.certificate import read
    from planner.results.folder import CERTIFICATE

    stored, inputs = given.stored, given.inputs
    told = stored.manifest
    text = stored.files.get(CERTIFICATE, b"").decode("utf-8", "replace")
    proposal = read(text)
    if not proposal:
        yield "certificate.json: it holds neither a proof of the plan nor its values"
        return
    yield from _odd_proposal(_json(text), model)
    empty = told.get("status") == "infeasible"
    if not empty and len(claim.values) != len(model.program.columns):
        yield "certificate.json: it holds neither a proof of the plan nor its values"
        return
    prices = proposal.get("prices")
    duals = list(claim.prices) or ([prices.get(i, 0.0) for i in range(len(model.program.rows))] if prices else [])
    objective = _value(told.get("objective"))
    solution = Solution(str(told.get("status")), list(claim.values), duals, objective, solver=str(told.get("solver")))
    overrides = tuple(told.get("set", ()))
    result = pipeline.Result(inputs, overrides, model, solution, given.warnings, pipeline.Timings(), claim=claim)
    if not empty:
        made = pipeline.tabled(inputs, model, solution, None if "values" in proposal else claim.sides)
        result = replace(result, **made, audit=found)
        due = pipeline.tables(result)
        for name in sorted({*due, *told["tables"]} - {CERTIFICATE}):
            if name not in due or name not in stored.files:
                yield f"{name}: {'there is no such table of this plan' if name not in due else 'is not there'}"
            elif name.endswith(".csv"):
                yield from _unlike_table(name, stored.files[name].decode("utf-8"), due[name], _places(told, inputs))
            elif _json(stored.files[name].decode("utf-8", "replace")) != _json(due[name]):
                yield f"{name}: it does not describe the tables"
    yield from _unlike_manifest(result, told, given.folder)


def _odd_proposal(proposal: Mapping[str, Any], model: Model) -> Iterator[str]:
    """What certificate.json holds beside a proof, and where that is of something else."""
    known = {"kind", "objective", "record", *PROPOSED[proposal["kind"]], *WITNESS}
    if odd := sorted(proposal.keys() - known):
        yield f"certificate.json: it holds what belongs to no proof: {', '.join(odd)}"
    if proposal.get("objective") != model.instance.objective:
        yield "certificate.json: the objective is not that of the scenario"
    columns, rows = len(model.program.columns), len(model.program.rows)
    for name, size in (("values", columns), ("prices", rows), ("multipliers", rows)):
        if any(not index.isdigit() or int(index) >= size for index in proposal.get(name, ())):
            yield f"certificate.json: `{name}` are of another model"


# --- tables -----------------------------------------------------------------------------------------------------------


def _unlike_table(name: str, told: str, due: str, places: Mapping[str, str]) -> Iterator[str]:
    """Cells that are not what they must be, with row and column."""
    rows, right = _rows(told), _rows(due)
    if rows[:1] != right[:1]:
        gone, odd = (sorted({*a[0]} - {*b[0]}) for a, b in ((right, rows), (rows or [[]], right)))
        parts = [f"{what} {', '.join(names)}" for what, names in (("without", gone), ("with", odd)) if names]
        yield f"{name}: its columns are not those of the table{': ' if parts else ''}{', '.join(parts)}"
        return
    columns = right[0]
    found = []
    for n, (row, wanted) in enumerate(zip_longest(rows[1:], right[1:]), 1):
        if row is None or wanted is None:
            found.append(f"{name}: it has {len(rows) - 1:,} rows, and {len(right) - 1:,} follow from the plan")
            break
        found += [f"{name} row {n}: {what}" for what in _unlike_cells(columns, row, wanted, places)]
    yield from found[:MOST]
    if len(found) > MOST:
        yield f"{name}: {len(found) - MOST:,} more cells that do not follow from the plan"


def _rows(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline="")))


def _unlike_cells(columns: Sequence[str], row: Sequence[str], due: Sequence[str], places: Mapping[str, str]) -> Iterator[str]:
    if len(row) != len(due):
        yield f"it has {len(row)} cells, not {len(due)}"
        return
    noise = DUST + ROUNDING * max((abs(x) for x in map(_number, due) if x is not None), default=0.0)
    for column, cell, wanted in zip(columns, row, due, strict=True):
        if cell == wanted or (column == "file" and places.get(cell) == wanted):
            continue
        one, other = _number(cell), _number(wanted)
        if one is None or other is None or not math.isclose(one, other, rel_tol=NEAR, abs_tol=noise):
            yield f"{column} is {_short(cell)}, not {_short(wanted)}"


def _places(told: Mapping[str, Any], inputs: Inputs) -> dict[str, str]:
    """How a file is shown from here, by how it was shown where the plan was made: the one with the same bytes and name."""
    now = {(source.sha256, Path(source.shown).name): source.shown for source in inputs.files}
    return {then: now[sha, Path(then).name] for then, sha in told["inputs"].items() if (sha, Path(then).name) in now}


def _number(cell: str) -> float | None:
    try:
        value = float(cell)
    except ValueError:
        return None
    return value if math.isfinite(value) and "_" not in cell and cell == cell.strip() else None


def _short(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    text = "".join(c if c.isprintable() else "?" for c in text)
    return (text if len(text) <= 60 else text[:57] + "...") or "blank"


# --- plan.json --------------------------------------------------------------------------------------------------------


def _unlike_manifest(result: pipeline.Result, told: Mapping[str, Any], folder: Path | None) -> Iterator[str]:
    """Fields of plan.json that do not follow from the plan, or have not the shape of what cannot be found again."""
    due = _json(_text(pipeline.manifest(result, folder or Path())))
    due["inputs"], due["tables"] = told["inputs"], told["tables"]  # judged by their hashes
    if folder is None:
        due["scenario"] = told.get("scenario")
    places = _places(told, result.inputs)
    if len(places) != len(told["inputs"]):
        yield "plan.json: `inputs` does not name the files that are read"
    shown = sorted(places.items(), key=lambda item: -len(item[0]))
    due["warnings"] = [_seen_from(shown, text) for text in due["warnings"]]
    due["certificate"] = _due_certificate(due["certificate"], result, told.get("certificate"))
    due["objective"]["value"] = _due_objective(result, told)
    shapes = {"timings": _timings, "versions": _versions, "solver": _solver}
    if result.status == "infeasible":
        shapes["conflict"] = _conflict
        due["conflict"] = told.get("conflict")
    for key in (*due, *(told.keys() - due.keys() - {"seal"})):
        if key not in due:
            yield f"plan.json: `{_short(key)}` is no field of a plan"
        elif key not in told:
            yield f"plan.json: `{key}` is not there"
        elif key in shapes:
            if not shapes[key](told[key], result):
                yield f"plan.json: `{key}` is not what a solve writes"
        elif where := _apart(told[key], due[key], key):
            yield f"plan.json: {where}"


def _seen_from(places: Sequence[tuple[str, str]], text: str) -> str:
    """A warning with files named as they were where the plan was made."""
    for then, now in places:
        if now and text.startswith(now):
            return then + text[len(now) :]
    return text


def _due_certificate(due: dict[str, Any], result: pipeline.Result, told: object) -> dict[str, Any]:
    """What plan.json says of the proof; where there is none only that, in any words."""
    claim = result.claim
    if (claim is None or not claim.stands) and isinstance(told, dict):
        return {"proved": False, "gap": None, "what": told.get("what") if isinstance(told.get("what"), str) else ""}
    return due


def _due_objective(result: pipeline.Result, told: Mapping[str, Any]) -> float | None:
    """The objective that the values come to; that which was told, where it is as near as it must be."""
    from planner.model.measures import objective_unit
    from planner.proof.certificate import worth

    if result.status == "infeasible":
        return None
    value, due = _value(told.get("objective")), worth(result.model, result.solution.values)
    dust = TIED * objective_unit(result.model.instance)[1]
    return value if math.isclose(value, due, rel_tol=TIED, abs_tol=dust) else due


def _apart(told: Any, due: Any, where: str) -> str:
    """Where two values differ, and how; empty if they are the same but for rounding."""
    if isinstance(due, dict) and isinstance(told, dict):
        for key in (*due, *(told.keys() - due.keys())):
            if key not in due or key not in told:
                return f"`{where}` {'has no' if key in due else 'knows no'} `{_short(key)}`"
            if found := _apart(told[key], due[key], f"{where}.{key}"):
                return found
        return ""
    if isinstance(due, list) and isinstance(told, list) and len(due) == len(told):
        return next((found for i, pair in enumerate(zip(told, due, strict=True)) if (found := _apart(*pair, f"{where}.{i}"))), "")
    if _near(told, due):
        return ""
    if isinstance(due, str) and isinstance(told, str) and _same_words(told, due):
        return ""
    return "" if type(told) is type(due) and told == due else f"`{where}` is {_short(told)}, not {_short(due)}"


def _near(told: Any, due: Any) -> bool:
    """Whether both are numbers, and the same but for rounding."""
    plain = (int, float)
    try:
        return type(told) in plain and type(due) in plain and math.isclose(told, due, rel_tol=NEAR, abs_tol=DUST)
    except OverflowError:  # a whole number beyond what a float holds
        return False


def _same_words(told: str, due: str) -> bool:
    """Whether two texts say the same but for the last digit of numbers with a point in them."""
    if told == due:
        return True
    number = r"\d+\.\d+(?:e-?\d+)?"
    if re.sub(number, "0", told) != re.sub(number, "0", due):
        return False
    pairs = zip(re.findall(number, told), re.findall(number, due), strict=True)
    return all(math.isclose(float(a), float(b), rel_tol=0.0, abs_tol=1.01 * _last_digit(b)) for a, b in pairs)


def _last_digit(number: str) -> float:
    """What one more in the last digit of a number with a point comes to."""
    digits, _, power = number.partition("e")
    return float(10.0 ** (int(power or 0) - len(digits.partition(".")[2])))


def _value(objective: object) -> float:
    value = objective.get("value") if isinstance(objective, dict) else None
    try:
        return float(value) if isinstance(value, (int, float)) else math.nan
    except OverflowError:
        return math.nan


def _text(data: Any) -> str:
    from planner.results.folder import json_text

    return json_text(data)


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


# --- what cannot be found again ---------------------------------------------------------------------------------------


def _timings(told: Any, result: pipeline.Result) -> bool:
    """Seconds by stage, of four digits."""
    stages = ("read", "build", "solve")
    if not isinstance(told, dict) or not all(stage in told for stage in stages):
        return False
    numbers = all(type(s) in (int, float) and 0 <= s < 1e8 and s == round(s, 4) for s in told.values())
    return numbers and all(STAGE.fullmatch(stage) for stage in told)


def _versions(told: Any, result: pipeline.Result) -> bool:
    """The packages that count, each with a version."""
    if not isinstance(told, dict) or told.keys() != pipeline.versions().keys():
        return False
    return all(isinstance(version, str) and VERSION.fullmatch(version) for version in told.values())


def _solver(told: Any, result: pipeline.Result) -> bool:
    """The solver that the scenario asks for, and its version."""
    wanted = result.inputs.scenario.solve.solver
    if not isinstance(told, str):
        return False
    name, _, version = told.partition(" ")
    return name.casefold() == wanted.casefold() and bool(re.fullmatch(r"(\(PuLP )?[\d.]+\w*\)?", version))


def _conflict(told: Any, result: pipeline.Result) -> bool:
    """Why nothing fits, as the solver's relaxations have it: the proof that nothing does is elsewhere."""
    from planner.infeasible.conflict import Conflict, data

    return isinstance(told, dict) and told.keys() == data(Conflict()).keys()
