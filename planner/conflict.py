"""Why nothing fits: what is short, by how much and from which day, and which limits stand in each other's way.

The demand is let go first, each row in proportion to its size; if that does not help, every limit is. The prices of that relaxed
problem are a Farkas certificate: the rows with a price are the ones that cannot all hold.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from planner.formulation import Model
from planner.limits import FAMILIES, row_name
from planner.solve import load

HARD = ("export_blocked", "licence_need")  # law is not relaxed
TIGHT = 1e-7


@dataclass(frozen=True)
class Short:
    """What does not fit: a rule, by how much it is short, when first and worst."""

    rule: str
    subject: str
    unit: str
    first_period: str
    first: float
    of: float
    worst_period: str
    worst: float
    periods: int


@dataclass(frozen=True)
class InConflict:
    """A limit that takes part in the conflict."""

    rule: str
    subject: str
    first_period: str
    last_period: str
    limit: float
    unit: str


@dataclass(frozen=True)
class Conflict:
    """The least that is short, and the limits that make it so; empty `short` means that no relaxation was found."""

    short: tuple[Short, ...]
    limits: tuple[InConflict, ...]


def explain(model: Model) -> Conflict:
    """The conflict of an infeasible model."""
    for wanted in (lambda rule: rule == "demand", lambda rule: rule in FAMILIES and rule not in HARD):
        found = _relax(model, wanted)
        if found is not None:
            return found
    return Conflict((), ())


def _relax(model: Model, wanted: Callable[[str], bool]) -> Conflict | None:
    import highspy
    import numpy as np

    program = model.program
    engine = load(program, [0.0] * len(program.columns), 0.0)
    rows = [i for i, (rule, *_) in enumerate(program.rows) if wanted(rule)]
    slack_of: dict[int, list[int]] = {}
    column = len(program.columns)
    for i in rows:
        signs = {-1: (-1.0,), 1: (1.0,), 0: (1.0,) if program.rows[i][0] == "demand" else (1.0, -1.0)}[program.senses[i]]
        weight = 1.0 / max(abs(_size(model, i)), 1.0)
        for sign in signs:
            engine.addCol(weight, 0.0, highspy.kHighsInf, 1, np.array([i], dtype=np.int32), np.array([sign]))
            slack_of.setdefault(i, []).append(column)
            column += 1
    engine.setOptionValue("mip_rel_gap", 1e-3)
    for j, whole in enumerate(program.integer):
        if whole:
            engine.changeColIntegrality(j, highspy.HighsVarType.kContinuous)
    engine.run()
    if engine.getModelStatus() != highspy.HighsModelStatus.kOptimal:
        return None
    solution = engine.getSolution()
    missing = {i: sum(solution.col_value[j] for j in columns) for i, columns in slack_of.items()}
    short = tuple(_short(model, missing))
    limits = tuple(_in_conflict(model, list(solution.row_dual)))
    named = {limit.subject for limit in limits}
    return Conflict(short, limits + tuple(x for x in _prohibited(model, short) if x.subject not in named))


def _prohibited(model: Model, short: tuple[Short, ...]) -> Iterator[InConflict]:
    """Export rules that leave a short workload nothing to add: they have no row, because their columns were never made."""
    data = model.instance
    first = {s.subject: s.first_period.split(" ")[0] for s in short if s.rule == "demand"}  # the period without its slice
    names = {data.workloads.index(subject): period for subject, period in first.items()}
    serving = {p: names[s.workload] for k in data.classes for s in k.serves if s.workload in names for p in k.positions}
    labels = [t.label for t in data.periods]
    for g in data.groups:
        since = next((serving[p] for p in g.members if p in serving), None)
        if since is not None and g.blocked[labels.index(since)]:
            when = [label for label, blocked in zip(labels, g.blocked, strict=True) if blocked]
            yield InConflict("export_blocked", f"{g.site.id} {g.accelerator}", when[0], when[-1], 0.0, "rack")


def _bound(model: Model, row: int) -> float:
    """The limit of a row as the user knows it; of a share, in per cent."""
    rule = model.program.rows[row][0]
    return model.program.stated[row] * (100 if rule.startswith("provider_share") else FAMILIES[rule].scale)


def _size(model: Model, row: int) -> float:
    """What a row is about, to weigh its slack by: the demand, or its bound; a share has no size of its own."""
    rule, *key = model.program.rows[row]
    if rule.startswith("provider_share"):
        return 0.0
    return model.instance.slot_demand[key[0]][key[1]][key[2]] if rule == "demand" else model.program.stated[row]


def _short(model: Model, missing: dict[int, float]) -> Iterator[Short]:
    groups: dict[tuple[str, str], list[tuple[str, float, float]]] = {}
    for i, amount in missing.items():
        size = abs(_size(model, i))
        if amount > 1e-6 * max(1.0, size):
            rule, *key = model.program.rows[i]
            subject, period = row_name(model, rule, key)
            scale = FAMILIES[rule].scale
            groups.setdefault((rule, subject), []).append((period, amount * scale, size * scale))
    for (rule, subject), found in groups.items():
        worst = max(found, key=lambda item: item[1])
        first = found[0]
        yield Short(rule, subject, FAMILIES[rule].unit, first[0], first[1], first[2], worst[0], worst[1], len(found))


def _in_conflict(model: Model, duals: list[float]) -> Iterator[InConflict]:
    groups: dict[tuple[str, str], list[tuple[str, float]]] = {}
    largest = max((abs(dual) for dual in duals), default=0.0)
    for i, dual in enumerate(duals[: len(model.program.rows)]):
        rule, *key = model.program.rows[i]
        if rule in FAMILIES and rule != "demand" and abs(dual) > TIGHT * largest:
            subject, period = row_name(model, rule, key)
            groups.setdefault((rule, subject), []).append((period, _bound(model, i)))
    for (rule, subject), found in groups.items():
        yield InConflict(
            rule,
            subject,
            found[0][0],
            found[-1][0],
            found[0][1],
            "%" if rule.startswith("provider_share") else FAMILIES[rule].unit,
        )


def data(conflict: Conflict) -> dict[str, list[dict[str, object]]]:
    """The conflict for machines."""
    return {"short": [vars(s) for s in conflict.short], "limits": [vars(x) for x in conflict.limits]}
