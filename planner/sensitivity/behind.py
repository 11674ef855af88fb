"""Which written numbers stand behind a row or a coefficient of the programme: the way back from a result to its sources.

A number is known by its name in sources.csv, where one `*` stands for what may come between (`site_power.abilene.*power`,
`limits.fleet_power`); `Numbers` finds the lines, of a dated series those in force in a period.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise

from planner.core.calendar import ONE_DAY, Period
from planner.data.instance import Instance
from planner.inputs.assembly import Inputs
from planner.inputs.provenance import sources
from planner.model.program import Key, Program

STEADY = re.compile(r"^accelerator\.(?!.*[.*]throughput_)|^offer\..*[.*]max$")  # one number, however many dated rows repeat it
PRICE = re.compile(r"^limits\.(?!.*points\.\d+\.at$).*\.at$")  # of a soft limit: another number than the limit itself
DATED = re.compile(r"\.(\d{4}-\d{2}-\d{2})(?:\.|$)")
RATED = (  # rules whose terms are ρ · K · racks
    "site_power", "site_power_slice", "fleet_power", "provider_power", "country_power", "national_share", "grid_headroom",
    "contract_max_power", "contract_min_power", "build_rate", "standby_power", "peak",
)  # fmt: skip


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


def period_of(data: Instance, row: Key) -> Period | None:
    """The period of a row, where it has one."""
    rule, *key = row
    at = {"demand": 1, "resilience": 2, "rescue": 2}.get(str(rule))
    if at is None and rule in TIMELESS:
        return None
    if at is None:
        at = 1 if rule in SLICED else len(key) - 1
    return data.periods[int(key[at])]


TIMELESS = ("budget", "carbon", "licence", "max_build", "take_or_pay", "allotment", "allotment_share", "largest")
MONEY = ("budget", "allotment", "allotment_share")
SLICED = (
    "fleet_power", "provider_power", "country_power", "national_share", "grid_headroom", "contract_max_power",
    "contract_min_power", "site_power_slice", "grid_connection", "generation", "purchase", "energy_balance", "charge",
    "battery_day", "battery_duration", "run", "use", "peak",
)  # fmt: skip


def behind_bound(data: Instance, row: Key) -> Iterator[str]:
    """Names of the numbers whose product or sum is the right side of a row."""
    rule, *key = row
    subject = str(key[0]) if key else ""
    if rule in ("site_power", "site_power_slice", "grid_connection"):
        yield from (f"site_power.{subject}.*power", f"site.{subject}.available", f"site.{subject}.delay")
    elif rule == "standby_power":
        yield from (f"site_power.{key[1]}.*power", f"site.{key[1]}.available", f"site.{key[1]}.delay")
    elif rule == "fleet_power":
        yield "limits.fleet_power"
    elif rule in ("provider_power", "country_power"):
        yield f"limits.{rule}.{subject}"
    elif rule == "national_share":
        yield from (f"limits.national_share.{subject}", f"country.{subject}.*capacity")
    elif rule == "grid_headroom":
        yield f"grid.{subject}.*headroom"
    elif rule in ("contract_max_power", "contract_min_power"):
        yield from (f"contract.{name}.{str(rule).removeprefix('contract_')}" for name in subject.split("+"))
    elif rule == "build_rate":
        yield f"site.{subject}.build_rate"
    elif rule in ("supply", "supply_total"):
        yield f"supply.{subject}.*{'rate' if rule == 'supply' else 'total'}"
    elif rule == "offer_max":
        yield f"offer.{subject}.*max"
    elif rule == "demand":
        yield f"workload.{data.workloads[int(key[0])]}.demand"
    elif rule == "resilience":
        name = data.workloads[int(key[1])]
        yield from (f"workload.{name}.demand", f"workload.{name}.critical")
    elif rule == "budget":
        yield "limits.budget_total" if subject == "total" else f"limits.budget.{subject}"
    elif rule == "carbon":
        yield f"limits.carbon.{subject}"
    elif rule in ("provider_share_max", "provider_share_min"):
        yield "limits.provider_share"
    elif rule in ("export_cap", "export_max_share", "export_min_share"):
        yield f"export_rule.{subject.split(' ')[0]}.amount"
    elif rule == "licence":
        yield f"licence.{subject}.quantity"
    elif rule == "take_or_pay":
        yield from (f"contract.{subject}.value", f"contract.{subject}.take_or_pay")
    elif rule == "max_build":
        yield f"power_source.{subject}.max_build"
    elif rule in ("generation", "purchase", "charge"):
        yield f"power_source.{subject}.capacity"
    elif rule in ("online", "stock"):  # what already runs stands on the right
        position = data.positions[int(key[0])]
        yield f"fleet.{position.site.id}.{position.offer.id}.*racks"


HOLDING = ("online", "offer_max", "budget", "allotment", "allotment_share", "standby")  # rules whose rows have racks held


def bound_parts(inputs: Inputs, data: Instance, program: Program, i: int, worth: float) -> Iterator[tuple[str, float]]:
    """(number, worth × its part of a right side): the bound as stated, and the racks that already run.

    A delay moves power in time: nothing is proportional to it.
    """
    row = program.rows[i]
    there = 0.0
    if row[0] in HOLDING:
        for j in range(program.starts[i], program.starts[i + 1]):
            kind, *key = program.columns[program.indices[j]]
            fleet = data.positions[int(str(key[0]))].fleet[int(str(key[1]))] if kind == "taken" else 0.0
            if fleet:
                part = -program.coefficients[j] * fleet
                there += part
                yield fleet_number(data, int(str(key[0]))), worth * part
                terms = behind_term(inputs, data, row, program.columns[program.indices[j]])
                yield from ((name, worth * part * share) for name, share in terms)
    if row[0] in ("online", "standby"):  # where nothing may be added the racks of the fleet are all that is held
        p = int(str(row[1 if row[0] == "online" else 2]))
        yield fleet_number(data, p), worth * (program.rhs[i] - there)
        return
    yield from ((name, worth * program.stated[i]) for name in behind_bound(data, row) if not name.endswith(".delay"))


def fleet_number(data: Instance, p: int) -> str:
    """The racks of a position that already run."""
    position = data.positions[p]
    return f"fleet.{position.site.id}.{position.offer.id}.*racks"


def behind_term(inputs: Inputs, data: Instance, row: Key, column: Key) -> Iterator[tuple[str, float]]:
    """(number, share): the numbers that a coefficient of a row, or a share of it, is proportional to."""
    rule = str(row[0])
    kind, *key = column
    names: Iterable[str] = ()
    if rule in RATED and kind in ("online", "run", "taken", "added", "shipped", "standby"):
        names = power_numbers(*_where(data, kind, key))
    elif rule == "supply_total" and kind in ("taken", "added", "shipped"):
        names = power_numbers(*_where(data, kind, key))[:1]  # of the racks alone
    elif rule in ("demand", "resilience") and kind in ("use", "rescue"):
        w, k = (int(key[0]), int(key[1])) if kind == "use" else (int(key[1]), int(key[2]))
        names = throughput_numbers(inputs, w, data.classes[k].accelerator)
    elif rule in MONEY and kind in ("online", "run", "taken", "added", "first_paid"):
        yield from money_numbers(data, rule, kind, int(key[0]), int(key[1]))
    elif rule in ("carbon", "energy_balance") and kind in ("online", "run"):
        names = energy_numbers(data, int(key[0]))
        if rule == "carbon":
            names = (*names, f"grid.{data.positions[int(key[0])].site.grid}.*carbon")
    elif rule == "offer_max":
        names = (f"accelerator.{data.positions[int(key[0])].accelerator.id}.*chips_per_rack",)
    yield from ((name, 1.0) for name in names)


def money_numbers(data: Instance, rule: str, kind: str, p: int, t: int) -> Iterator[tuple[str, float]]:
    """(number, share): what a rack costs in a budget or for a contract is rent, energy and, in a budget, capital."""
    position = data.positions[p]
    whole = {"online": data.online_cost, "run": data.online_cost, "first_paid": data.capital}.get(kind, data.held_cost)[p][t]
    rented = data.rent[p][t] if (kind == "online") == position.on_demand and kind not in ("run", "first_paid") else 0.0
    capital = data.capital[p][t] if kind in ("taken", "added") and rule == "budget" and not data.cash_price else 0.0
    if rule != "budget" or data.cash_price:
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
