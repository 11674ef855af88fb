"""Which written numbers stand behind a row or a coefficient of the programme: the way back from a result to its sources.

A number is known by its name in sources.csv, where one `*` stands for what may come between (`site_power.abilene.*power`,
`limits.fleet_power`); `Numbers` finds the lines, of a dated series those in force in a period.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from planner.horizon import Period
from planner.inputs import Inputs
from planner.instance import Instance
from planner.program import Key
from planner.provenance import sources

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
        ]
        groups: dict[str, list[Sequence[object]]] = {}
        for row in found:
            what = str(row[0])
            stem = re.split(r"\.(?:points\.)?\d+\.(?:at|from|value)$", what)[0] if DATED.search(what) is None else what
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
    kept = []
    for number in found:
        match = DATED.search(number.what)
        if match is None:
            kept.append(number)
        else:
            dated.setdefault(DATED.sub(".", number.what), []).append((match[1], number))
    for numbers in dated.values():
        past = [item for item in numbers if item[0] <= str(period.last)]
        recent = [number for day, number in past if day > str(period.first)]
        before = [number for day, number in past if day <= str(period.first)]
        kept += before[-1:] + recent
    return kept


def period_of(data: Instance, row: Key) -> Period | None:
    """The period of a row, where it has one."""
    rule, *key = row
    at = {"demand": 1, "resilience": 2}.get(str(rule))
    if at is None and rule in TIMELESS:
        return None
    if at is None:
        at = 1 if rule in SLICED else len(key) - 1
    return data.periods[int(key[at])]


TIMELESS = ("budget", "carbon", "licence", "max_build", "take_or_pay", "allotment", "allotment_share", "largest")
SLICED = (
    "fleet_power", "provider_power", "country_power", "national_share", "grid_headroom", "contract_max_power",
    "contract_min_power", "site_power_slice", "grid_connection", "generation", "purchase", "energy_balance", "charge",
    "battery_day", "battery_duration", "run", "peak",
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


def behind_term(inputs: Inputs, data: Instance, row: Key, column: Key) -> Iterator[str]:
    """Names of the numbers that a coefficient of a row is proportional to."""
    rule = str(row[0])
    kind, *key = column
    if rule in RATED and kind in ("online", "run", "taken", "added", "shipped", "standby"):
        yield from power_numbers(*_where(data, kind, key))
    elif rule in ("demand", "resilience") and kind in ("use", "rescue"):
        w, k = (int(key[0]), int(key[1])) if kind == "use" else (int(key[1]), int(key[2]))
        yield from throughput_numbers(inputs, w, data.classes[k].accelerator)
    elif rule in ("budget", "allotment", "allotment_share") and kind in ("online", "taken", "added"):
        position = data.positions[int(key[0])]
        yield from (f"offer.{position.offer.id}.*price", f"accelerator.{position.accelerator.id}.*chips_per_rack")
    elif rule in ("carbon", "energy_balance") and kind in ("online", "run"):
        yield from energy_numbers(data, int(key[0]))
        if rule == "carbon":
            yield f"grid.{data.positions[int(key[0])].site.grid}.*carbon"
    elif rule == "offer_max":
        yield f"accelerator.{data.positions[int(key[0])].accelerator.id}.*chips_per_rack"


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
