"""Which written numbers stand behind a row or a coefficient of the programme: the way back from a result to its sources.

A number is known by its name in sources.csv, where one `*` stands for what may come between (`site_power.abilene.*power`,
`limits.fleet_power`); `Numbers` finds the lines, of a dated series those in force in a period.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import Any

from planner.core.calendar import ONE_DAY, Period
from planner.data.instance import Instance
from planner.inputs.assembly import Inputs
from planner.inputs.provenance import sources
from planner.model.naming import resting_on
from planner.model.program import Program
from planner.model.rules import Key, Row, decode

STEADY = re.compile(r"^accelerator\.(?!.*[.*]throughput_)|^offer\..*[.*]max$")  # one number, however many dated rows repeat it
PRICE = re.compile(r"^limits\.(?!.*points\.\d+\.at$).*\.at$")  # of a soft limit: another number than the limit itself
DATED = re.compile(r"\.(\d{4}-\d{2}-\d{2})(?:\.|$)")


@dataclass(frozen=True)
class Written:
    """A number where it is written. Points of one series are one `Written` with several lines."""

    what: str
    value: str
    unit: str
    file: str
    line: int | None
    last_line: int | None
    source: str
    confidence: str

    @property
    def place(self) -> str:
        """file:line, or file:first-last."""
        if self.line is None:
            return self.file
        return f"{self.file}:{self.line}" + (f"-{self.last_line}" if self.last_line not in (None, self.line) else "")


class Numbers:
    """The rows of sources.csv by the beginning of their name."""

    def __init__(self, inputs: Inputs) -> None:
        self._rows = [(str(row[0]), row) for row in sources(inputs).rows]

    def find(self, name: str, period: Period | None = None) -> list[Written]:
        """The numbers of a name, or below it; of dated rows those in force in the period, and of rates all up to it.

        Points of a series in a scenario are gathered.
        """
        start, _, end = name.partition("*")
        found = [
            row
            for what, row in self._rows
            if (what.startswith(start) and what.endswith("." + end) if end else what == name or what.startswith(name + "."))
            and (what == name or not PRICE.search(what))
        ]
        if STEADY.match(name):
            found = found[:1]
            period = None
        groups: dict[str, list[Sequence[object]]] = {}
        for row in found:
            what = str(row[0])
            point = DATED.search(what) is None and what != name
            stem = re.split(r"\.(?:points\.)?\d+\.(?:at|from|value)$", what)[0] if point else what
            groups.setdefault(stem, []).append(row)
        made = [_written(stem, rows) for stem, rows in groups.items()]
        if period is None:
            return made
        return _past(made, period) if end == "rate" else _in_force(made, period)


def _written(stem: str, rows: Sequence[Sequence[object]]) -> Written:
    _, value, unit, file, _, source, confidence, *_ = rows[0]
    lines = [int(str(row[4])) for row in rows if row[4] is not None]
    one = len(rows) == 1
    return Written(
        stem,
        str(value) if one else "series",
        str(unit) if one else "",
        str(file),
        min(lines, default=None),
        max(lines, default=None),
        str(source),
        str(confidence),
    )


def _past(found: list[Written], period: Period) -> list[Written]:
    """Deliveries add up: every rate that began before the end of the period."""
    return [number for number in found if (m := DATED.search(number.what)) is None or m[1] <= str(period.last)]


def _in_force(found: list[Written], period: Period) -> list[Written]:
    """Of dated numbers those of days in the period, and the last before it."""
    dated: dict[str, list[tuple[str, Written]]] = {}
    kept: list[Written] = []
    for number in found:
        dated.setdefault(DATED.sub(".", number.what), []).append((_day(number), number))
    for numbers in dated.values():
        past = [item for item in numbers if item[0] <= str(period.last)]
        recent = [number for day, number in past if day > str(period.first)]
        before = [number for day, number in past if day <= str(period.first)]
        kept += before[-1:] + recent
    return kept


def _day(number: Written) -> str:
    """The day from which it holds; a row without one begins before all others."""
    match = DATED.search(number.what)
    return match[1] if match else ""


def shares(found: Sequence[Written], period: Period | None) -> list[float]:
    """What each of the numbers makes up where all together count: value × days in force within the period (of rates: until
    its end); alike, if they are not rows of one thing."""
    if period is None or len({DATED.sub(".", number.what) for number in found}) > 1 or any(n.value == "series" for n in found):
        return [1 / len(found)] * len(found)
    rates = any(number.what.endswith(".rate") for number in found)
    begins = [max(_day(n), "" if rates else str(period.first)) or str(period.first) for n in found]
    turns = [date.fromisoformat(day) for day in begins] + [period.last + ONE_DAY]
    amounts = [float(n.value) * max(0, (end - begin).days) for n, (begin, end) in zip(found, pairwise(turns), strict=True)]
    whole = sum(amounts)
    return [amount / whole for amount in amounts] if whole else [1 / len(found)] * len(found)


def bound_parts(inputs: Inputs, data: Instance, program: Program, i: int, worth: float) -> Iterator[tuple[str, float]]:
    """(number, worth × its part of a right side): the bound as stated, and the racks that already run.

    A delay moves power in time: nothing is proportional to it.
    """
    row = decode(program.rows[i])
    there = 0.0
    if row.rule.counts_fleet:
        for j in range(program.starts[i], program.starts[i + 1]):
            kind, *key = program.columns[program.indices[j]]
            fleet = data.positions[int(str(key[0]))].fleet[int(str(key[1]))] if kind == "taken" else 0.0
            if fleet:
                part = -program.coefficients[j] * fleet
                there += part
                yield fleet_number(data, int(str(key[0]))), worth * part
                terms = behind_term(inputs, data, row, program.columns[program.indices[j]])
                yield from ((name, worth * part * share) for name, share in terms)
    if row.rule.counts_fleet and "position" in row.parts:  # where nothing may be added the fleet is all that is held
        yield fleet_number(data, row["position"]), worth * (program.rhs[i] - there)
        return
    if row.rule.share:  # a coefficient, and no part of the right side
        return
    yield from ((name, worth * program.stated[i]) for name in resting_on(data, row) if not name.endswith(".delay"))


def fleet_number(data: Instance, p: int) -> str:
    """The racks of a position that already run."""
    position = data.positions[p]
    return f"fleet.{position.site.id}.{position.offer.id}.*racks"


Terms = Callable[[Inputs, Instance, str, Sequence[Any]], Iterable[str]]  # numbers behind a coefficient, by kind and key of column


def _compute(inputs: Inputs, data: Instance, kind: str, key: Sequence[Any]) -> Iterable[str]:
    w, k = (key[0], key[1]) if kind == "use" else (key[1], key[2])
    return throughput_numbers(inputs, w, data.classes[k].accelerator)


def _carbon(inputs: Inputs, data: Instance, kind: str, key: Sequence[Any]) -> Iterable[str]:
    return (*energy_numbers(data, key[0]), f"grid.{data.positions[key[0]].site.grid}.*carbon")


RACKS = ("online", "run", "taken", "added", "shipped", "standby")  # columns of racks
# what the coefficients of a rule are made of: the columns that have them, and the numbers behind
TERMS: dict[str, tuple[tuple[str, ...], Terms]] = {
    "facility power": (RACKS, lambda inputs, data, kind, key: power_numbers(*_where(data, kind, key))),
    "rack power": (("taken", "added", "shipped"), lambda inputs, data, kind, key: power_numbers(*_where(data, kind, key))[:1]),
    "compute": (("use", "rescue"), _compute),
    "gpus": (("taken", "added", "online"), lambda inputs, data, kind, key: (_chips(data.positions[key[0]].accelerator.id),)),
    "load": (("online", "run"), lambda inputs, data, kind, key: energy_numbers(data, key[0])),
    "carbon": (("online", "run"), _carbon),
}
MONEY = ("spend", "rent")  # kinds of terms of which a number makes up a share: see `money_numbers`
PAID = ("online", "run", "taken", "added", "first_paid")


def behind_term(inputs: Inputs, data: Instance, row: Row, column: Key) -> Iterator[tuple[str, float]]:
    """(number, share): the numbers that a coefficient of a row, or a share of it, is proportional to."""
    terms = row.rule.terms
    kind, *key = column
    if terms in MONEY:
        if kind in PAID:
            yield from money_numbers(data, terms == "spend", kind, key[0], key[1])
        return
    kinds, numbers = TERMS.get(terms, ((), None))
    if numbers is not None and kind in kinds:
        yield from ((name, 1.0) for name in numbers(inputs, data, kind, key))


def money_numbers(data: Instance, budget: bool, kind: str, p: int, t: int) -> Iterator[tuple[str, float]]:
    """(number, share): what a rack costs in a budget or for a contract is rent, energy and, in a budget, capital."""
    position = data.positions[p]
    whole = {"online": data.online_cost, "run": data.online_cost, "first_paid": data.capital}.get(kind, data.held_cost)[p][t]
    rented = data.rent[p][t] if (kind == "online") == position.on_demand and kind not in ("run", "first_paid") else 0.0
    capital = data.capital[p][t] if kind in ("taken", "added") and budget and not data.cash_price else 0.0
    if not budget or data.cash_price:
        whole -= data.capital[p][t] if kind in ("taken", "added") else 0.0
    if kind == "first_paid":
        yield offer_number(data, p, "capex"), 1.0
    elif kind == "run" or whole > 0:
        rented, capital = (0.0, 0.0) if kind == "run" else (rented / whole, capital / whole)
        yield from ((name, rented) for name in (offer_number(data, p, "price"), _chips(position.accelerator.id)) if rented)
        if capital:
            yield offer_number(data, p, "capex"), capital
        energy = 1.0 - rented - capital
        if energy > 1e-12:
            yield from ((name, energy) for name in (f"grid.{position.site.grid}.*price", *energy_numbers(data, p)))


def offer_number(data: Instance, p: int, name: str) -> str:
    """A number of the tranche of an offer that a position stands for."""
    offer = data.positions[p].offer
    return f"offer.{offer.id}.*{offer.from_}.{name}" if offer.from_ else f"offer.{offer.id}.{name}"


def _chips(accelerator: str) -> str:
    return f"accelerator.{accelerator}.*chips_per_rack"


def _where(data: Instance, kind: str, key: Sequence[object]) -> tuple[str, str]:
    """(accelerator, site) of a column of racks."""
    if kind == "shipped":
        group = data.groups[int(str(key[0]))]
        return group.accelerator, group.site.id
    position = data.positions[int(str(key[1] if kind == "standby" else key[0]))]
    return position.accelerator.id, position.site.id


def power_numbers(accelerator: str, site: str) -> tuple[str, str]:
    """What the rated facility power of a rack is made of."""
    return f"accelerator.{accelerator}.*rack_power", f"site.{site}.pue"


def energy_numbers(data: Instance, p: int) -> Iterator[str]:
    """What the mean load of a rack is made of."""
    position = data.positions[p]
    yield from (f"accelerator.{position.accelerator.id}.*rack_power", f"accelerator.{position.accelerator.id}.*average_load")
    yield f"site.{position.site.id}." + ("pue" if position.site.energy_pue == position.site.pue else "pue_energy")


def throughput_numbers(inputs: Inputs, w: int, accelerator: str) -> Iterator[str]:
    """u · G · E of a workload on an accelerator."""
    kind = inputs.scenario.workload[w].kind
    yield from (f"accelerator.{accelerator}.*{name}" for name in (f"throughput_{kind}", "chips_per_rack"))
    yield "solve.availability"
