"""What a row of the programme is about, in the words of an instance: its subject, its period, its unit, the ids it names."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import product
from string import Formatter
from typing import Any

from planner.core.calendar import Period
from planner.data.instance import Instance
from planner.model.rules import TIMES, Row

Ids = Mapping[str, tuple[str, ...]]  # kind of thing -> ids


def _position(data: Instance, p: int) -> str:
    position = data.positions[p]
    return f"{position.accelerator.id} at {position.site.id} ({position.offer.id})"


def _class(data: Instance, k: int) -> str:
    members = data.classes[k].positions
    return _position(data, members[0]) + (f" and {len(members) - 1} more" if len(members) > 1 else "")


def _group(data: Instance, g: int) -> str:
    return f"{data.groups[g].accelerator} at {data.groups[g].site.id}"


def _pool(data: Instance, i: int) -> str:
    return ", ".join(dict.fromkeys(data.commitments[c].contract.id for c, _ in data.pools[i].commitments))


# parts of a key that are indices: how the thing is called; all others are ids themselves
CALLED: Mapping[str, Callable[[Instance, int], str]] = {
    "workload": lambda data, w: data.workloads[w],
    "position": _position,
    "class": _class,
    "group": _group,
    "lost": lambda data, n: data.losses[n].subject,
    "pool": _pool,
    "commitment": lambda data, c: f"{data.commitments[c].contract.id} {data.commitments[c].label}",
}


def subject(data: Instance, row: Row) -> str:
    """What a row is about: the parts of its key that are no times; of a rule of the whole plan its name, or `total`."""
    told = [CALLED[part](data, row[part]) if part in CALLED else str(row[part]) for part in row.rule.key if part not in TIMES]
    return " ".join(told) or ("total" if row.parts.get("year") == "total" else row.rule.name)


def period(data: Instance, row: Row) -> Period | None:
    """The period of a row, where it has one."""
    return data.periods[row["period"]] if "period" in row.parts else None


def when(data: Instance, row: Row) -> str:
    """Its period, and the slice where there are several (of a group of slices the first names it)."""
    if "year" in row.parts:
        return str(row["year"])
    found = period(data, row)
    if found is None:
        return ""
    for part, at in row.parts.items():
        if part in TIMES and part != "period":
            slots = _slots(data, part, row)
            return found.label if len(slots) == 1 else f"{found.label} {data.slices.ids[slots[at][0]]}"
    return found.label


def _slots(data: Instance, part: str, row: Row) -> Sequence[Sequence[int]]:
    """What the part counts: slices, the slots of a workload, or days (groups of slices)."""
    if part == "slot":
        return data.slots[row["workload"]]
    return data.slices.groups if part == "day" else tuple((i,) for i in range(len(data.slices.ids)))


def unit(data: Instance, row: Row) -> tuple[str, float]:
    """The unit in which a row is told, and how many of it one unit of the row is: a cap written in gpu is told in gpu."""
    rule = row.rule
    if "export_rule" in row.parts:
        limit = next((x for x in data.export_limits if (x.family, x.subject) == (rule.name, row["export_rule"])), None)
        gpus = {g.index: g.gpus for g in data.groups}
        if limit is not None and not limit.share and any(gpus[g] == weight for g, weight, _ in limit.counted):
            return "gpu", 1.0
    return rule.unit, rule.scale


def needed(data: Instance, row: Row) -> float:
    """What a row of a need asks for [h100e]: the demand, or the share of it that must survive a loss."""
    w = row["workload"]
    wanted: float = data.slot_demand[w][row["period"]][row["slot"]]
    return wanted * data.critical[w] if "loss" in row.parts else wanted


def ids(data: Instance, row: Row) -> Ids:
    """Every id that a row names, by the kind of thing."""
    found: dict[str, list[str]] = {}
    for part, value in row.parts.items():
        for kind, name in _named(data, part, value):
            found.setdefault(kind, []).append(name)
    return {kind: tuple(dict.fromkeys(names)) for kind, names in found.items()}


def _named(data: Instance, part: str, value: Any) -> Iterator[tuple[str, str]]:
    """(kind, id) of what a part of a key names."""
    if part == "position":
        position = data.positions[value]
        yield from (("site", position.site.id), ("offer", position.offer.id), ("accelerator", position.accelerator.id))
    elif part == "group":
        yield from (("site", data.groups[value].site.id), ("accelerator", data.groups[value].accelerator))
    elif part == "contracts":
        yield from (("contract", name) for name in value.split("+"))
    elif part == "export_rule":  # a cap counts country by country
        name, _, country = value.partition(" ")
        yield from (("export_rule", name), *((("country", country),) if country else ()))
    elif part == "loss":
        yield from ((loss.kind, value) for loss in data.losses if loss.subject == value)
    elif part == "supply":
        yield from (("supply", value), ("accelerator", value))
    elif part not in TIMES or part == "year":
        yield part, CALLED[part](data, value) if part in CALLED else str(value)


def names(template: str, known: Ids) -> Iterator[str]:
    """The names that a template of a record stands for: contract.{contract}.max_power for every contract of the row."""
    fields = [field for _, field, _, _ in Formatter().parse(template) if field]
    for values in product(*(known.get(field, ()) for field in fields)):
        yield template.format(**dict(zip(fields, values, strict=True)))


def resting_on(data: Instance, row: Row) -> Iterator[str]:
    """Names of the numbers whose product or sum is the right side of a row, as sources.csv has them."""
    row = row.number
    known, rule = ids(data, row), row.rule
    if rule.total and row.parts.get("year") == "total":
        yield rule.total
        return
    for template in rule.rests:
        yield from names(template, known)
