"""Refuses a programme with numbers that solvers cannot keep, and names the written numbers behind them.

A solver counts what is below its tolerance as nothing, drops the smallest coefficients in silence and ends in confusion over
the largest. Coefficients of rows and of the objective, right sides and bounds are judged alike. Internal numbers of rows say
nothing to who wrote the inputs: a finding names file, line and key of what the number is made of, and of that only what lies
outside its usual band, where anything does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from planner.core.errors import Finding, InputFault, Location
from planner.data.instance import Instance
from planner.inputs.fields import Quantity, Record
from planner.inputs.load import column_kinds, with_ids
from planner.inputs.tables import TABLES
from planner.model.program import LARGEST, SMALLEST, SMALLEST_COST, Outside, Program
from planner.model.rules import RULES, Key

MONEY = ("objective", "budget", "allotment", "allotment_share", "provider_share_max", "provider_share_min")
SOURCE = (
    "capacity", "max_build", "capex", "lifetime", "fixed_om", "variable_cost", "fuel_price", "heat_rate", "carbon", "min_take",
    "duration", "efficiency",
)  # fmt: skip


@dataclass(frozen=True, order=True)
class Number:
    """A number as written: odd where it lies outside the band of its column."""

    where: Location
    text: str
    odd: bool = False

    def __str__(self) -> str:
        place = f"{self.where.file}:{self.where.line}" if self.where.line else self.where.file
        return f"{place} {self.where.key} = {self.text}"


def judge(program: Program, data: Instance, goals: Iterable[Any]) -> None:
    """InputFault if the programme, or one of the expressions to be minimised, holds a number out of range."""
    found = list(program.outside)
    for goal in goals:
        costs, _ = program.terms(goal)
        pairs = zip(program.columns, costs, strict=True)
        found += [Outside(("objective",), key, c) for key, c in pairs if c and not SMALLEST_COST <= abs(c) <= LARGEST]
    if found:
        raise InputFault(_findings(data, found))


def _findings(data: Instance, found: Iterable[Outside]) -> Iterator[Finding]:
    """One for all that is made of the same numbers."""
    alike: dict[tuple[Number, ...], list[Outside]] = {}
    for each in dict.fromkeys(found):
        numbers = tuple(dict.fromkeys([*_behind_column(data, each), *_behind_row(data, each)]))
        odd = tuple(number for number in numbers if number.odd)
        alike.setdefault(odd or numbers, []).append(each)
    for numbers, members in alike.items():
        first, more = members[0], len({*members}) - 1
        thing = f"{'a cost' if first.row == ('objective',) else 'a coefficient'} of {first.value:.3g}"
        if first.column is None:
            thing = f"a right side of {first.value:.3g}"
        elif first.row[0] == "bound":
            thing = f"a bound of {first.value:.3g}"
        low = SMALLEST_COST if first.row == ("objective",) else SMALLEST
        written = f"`{numbers[0].text}` " if numbers else ""
        others = f" and {more} more" if more else ""
        span = f"{low:g} to {first.most:g}, where solvers lose digits"
        what = f"{written}makes {thing} in {_subject(data, first.row)}{others}, outside {span}"
        fix = "check numbers and units: is one a million times too large or small?"
        fix += f" It is made of {'; '.join(map(str, numbers))}" if len(numbers) > 1 else ""
        yield Finding(numbers[0].where if numbers else Location(), what, fix)


def _subject(data: Instance, row: Key) -> str:
    """A row in words: the rule and whose it is."""
    rule, *key = row
    if rule == "objective":
        return "what is minimised"
    at = {"demand": 0, "bound": 0, "shortage": 0, "resilience": 1}.get(str(rule))
    name = data.workloads[int(key[at])] if at is not None else next((part for part in key if isinstance(part, str)), "")
    if rule in ("online", "stock", "standby", "first_paid") and not name:
        name = data.positions[int(key[0])].label
    return f"the rule {str('demand' if rule == 'bound' else rule).replace('_', ' ')} {name}".rstrip()


# --- the numbers behind a coefficient -----------------------------------------------------------------------------------


def _cells(table: str, records: Iterable[Record], *columns: str) -> Iterator[Number]:
    """The cells of some columns of some rows, where they are filled."""
    kinds = column_kinds(TABLES[table].record)
    for record in records:
        key = ".".join(str(v) for k in TABLES[table].key if (v := getattr(record, f"{k}_" if k == "from" else k)) is not None)
        for column, value, unit, where in record.origin.written:
            if column in columns:
                kind = kinds.get("throughput_*" if column.startswith("throughput_") else column)
                name = column.removeprefix("throughput_")
                held = getattr(record, column, None) if name == column else getattr(record, "throughput", {}).get(name)
                odd = False
                if isinstance(kind, Quantity) and kind.usual and isinstance(held, (int, float)):
                    odd = not kind.usual.within(float(held), kind.unit)
                yield Number(where.at(f"{TABLES[table].singular}.{key}.{column}"), f"{value} {unit}".strip(), odd)


def _keys(data: Instance, *path: str | int, odd: bool = False) -> Iterator[Number]:
    """A key of the scenario, where it is written."""
    node = data.inputs.root
    for step in path:
        inner = node.find((step,))
        if inner is node:
            return
        node = inner
    text = str(node.plain()) if not isinstance(node.value, (dict, list)) else "a series"
    yield Number(node.where.at(".".join(with_ids(data.inputs.root, path))), text, odd)


def _behind_column(data: Instance, each: Outside) -> Iterator[Number]:
    """The numbers that the coefficient of a column is made of."""
    if each.column is None:
        return
    rule = str(each.row[0])
    kind, *key = each.column
    if kind in ("taken", "added", "online", "run", "first_paid", "standby"):
        yield from _of_position(data, rule, int(key[1 if kind == "standby" else 0]))
    elif kind in ("use", "rescue"):
        w, k = (int(key[0]), int(key[1])) if kind == "use" else (int(key[1]), int(key[2]))
        workload = data.inputs.scenario.workload[w]
        rows = data.inputs.accelerators[data.classes[k].accelerator]
        yield from _cells("accelerators", rows, f"throughput_{workload.kind}", "chips_per_rack")
        yield from _keys(data, "solve", "availability", odd=data.inputs.scenario.solve.availability < 0.01)
        if rule in MONEY:
            for n, route in enumerate(data.inputs.scenario.route):
                if route.workload == workload.id:
                    yield from _keys(data, "route", n, "cost")
    elif kind in ("shipped", "licensed"):
        group = data.groups[int(key[0 if kind == "shipped" else 1])]
        power = ("rack_power",) if rule in ("build_rate", "supply_total") else ("tpp", "chips_per_rack")
        yield from _cells("accelerators", data.inputs.accelerators[group.accelerator][:1], *power)
        yield from _cells("sites", [group.site], "pue") if rule == "build_rate" else ()
    elif kind == "unserved":
        yield from _keys(data, "workload", int(key[0]), "unserved" if rule == "objective" else "demand")
    elif kind == "spot":
        site = data.managed[int(key[0])].site
        yield from _cells("grids", data.inputs.grids.get(site.grid, ()), "carbon" if rule == "carbon" else "price")
    elif kind in ("bought", "generated", "charged", "built", "paid"):
        yield from _cells("power_sources", [data.sources[int(key[0])].row], *SOURCE)
    elif kind == "excess":
        yield from _keys(data, "limits", *_limit(str(key[0]), key[1:]))
    elif kind == "level":
        yield from _keys(data, "workload", int(each.row[1]), "demand")
    elif kind == "scale":
        w = int(each.row[1 if rule == "demand" else 2]) if rule in ("demand", "resilience") else 0
        yield from _keys(data, "workload", w, "demand")


def _of_position(data: Instance, rule: str, p: int) -> Iterator[Number]:
    """What a rack of a position costs, draws or emits."""
    position = data.positions[p]
    machine = data.inputs.accelerators[position.accelerator.id][:1]
    grid = data.inputs.grids.get(position.site.grid, ())
    metered = position.offer.energy == "metered"
    if rule in MONEY:
        yield from _cells("offers", [position.offer], "price", "capex", "lifetime")
        yield from _cells("accelerators", machine, "chips_per_rack", *(("rack_power",) if metered else ()))
        yield from _cells("grids", grid, "price") if metered else ()
    elif rule == "offer_max":
        yield from _cells("accelerators", machine, "chips_per_rack")
    elif rule.startswith(("export", "licence")):
        yield from _cells("accelerators", machine, "tpp", "chips_per_rack")
    else:
        yield from _cells("accelerators", machine, "rack_power", "average_load", "idle_load")
        yield from _cells("sites", [position.site], "pue", "pue_energy")
        yield from _cells("grids", grid, "carbon") if rule == "carbon" else ()


def _limit(rule: str, key: Iterable[Any]) -> tuple[str, ...]:
    """The key of a limit of the scenario below `limits`."""
    subject = str(next(iter(key), ""))
    if rule == "fleet_power":
        return ("fleet_power",)
    return ("budget_total",) if (rule, subject) == ("budget", "total") else (rule, subject)


def _behind_row(data: Instance, each: Outside) -> Iterator[Number]:
    """The numbers that the right side of a row is made of."""
    inputs = data.inputs
    rule, *key = each.row
    if str(rule).startswith("standby_") and rule != "standby_power" and RULES[str(rule)].number_of:
        rule, key = RULES[str(rule)].number_of, key[1:]
    subject = str(key[0]) if key else ""
    if each.column is not None and rule != "bound":
        return
    if rule in ("demand", "resilience", "bound"):
        yield from _keys(data, "workload", int(key[1 if rule == "resilience" else 0]), "demand")
    elif rule in ("fleet_power", "provider_power", "country_power", "national_share", "budget", "carbon"):
        yield from _keys(data, "limits", *_limit(str(rule), key))
        if rule == "national_share":
            yield from _cells("countries", inputs.countries.get(subject, ()), "capacity")
    elif rule in ("site_power", "site_power_slice", "grid_connection", "standby_power"):
        name = str(key[1]) if rule == "standby_power" else subject
        yield from _cells("site_power", inputs.site_power.get(name, ()), "power")
        yield from _cells("sites", [inputs.sites[name]], "available")
    elif rule == "build_rate":
        yield from _cells("sites", [inputs.sites[subject]], "build_rate")
    elif rule == "grid_headroom":
        yield from _cells("grids", inputs.grids.get(subject, ()), "headroom")
    elif rule in ("contract_max_power", "contract_min_power"):
        rows = [row for row in inputs.contracts if row.id in subject.split("+")]
        yield from _cells("contracts", rows, str(rule).removeprefix("contract_"))
    elif rule == "take_or_pay":
        yield from _cells("contracts", [row for row in inputs.contracts if row.id == subject], "value", "take_or_pay")
    elif rule in ("supply", "supply_total"):
        rows_of = [row for row in inputs.supply if subject in (row.accelerator, row.vendor)]
        yield from _cells("supply", rows_of, "rate" if rule == "supply" else "total")
    elif rule == "offer_max":
        yield from _cells("offers", inputs.offers_of(subject), "max")
    elif rule == "licence":
        yield from _cells("licences", [row for row in inputs.licences if row.id == subject], "quantity")
    elif rule in ("export_cap", "export_max_share", "export_min_share"):
        yield from _cells("export_rules", [row for row in inputs.export_rules if row.id == subject.split(" ")[0]], "amount")
    elif rule in ("max_build", "generation", "purchase", "charge"):
        rows_at = [source.row for source in data.sources if source.row.id == subject]
        yield from _cells("power_sources", rows_at, "max_build" if rule == "max_build" else "capacity")
