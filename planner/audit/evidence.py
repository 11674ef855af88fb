"""What an audit judges with: the verdict of one comparison (`Check`), the scales it is weighed on (`Judge`), the tables of a plan
read from text (`Plan`). Whatever is wrong with the text becomes a failed check of the rule
`tables`; nothing here raises.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from planner.audit.premises import Key, World

# What a number of each unit may be off by, whatever its size. A solver leaves rows open by 1e-7 of its own units (MW, racks, h,
# million USD, million TPP), and a microrack is 7e-5 gpu, 2e-7 MW, 4e-4 h100e, 3e-4 MWh or 1 TPP: each floor lies just above that
# and far below anything one could buy. Money: one dollar, on plans of billions.
FLOORS = {
    "rack": 1e-6,
    "gpu": 1e-4,
    "MW": 1e-6,
    "MWh": 1e-2,
    "t": 1e-2,
    "h100e": 1e-3,
    "h100e*h": 10.0,
    "L": 100.0,
    "TPP": 10.0,
    "USD": 1.0,
    "share": 1e-6,
    "": 1e-9,
}
ROUNDING = (
    1e-9  # a cell of 10 digits is off by up to this part of itself: what a difference of two large cells cannot be better than
)


@dataclass(frozen=True, slots=True)
class Check:
    """One comparison: `value` against `limit` under a rule; `violation` is how far it is off, relative to what is compared."""

    rule: str
    subject: str
    period: str
    value: float
    limit: float
    unit: str
    ok: bool
    note: str = ""
    violation: float = 0.0


@dataclass(frozen=True)
class Judge:
    """Weighs values against limits. `gross` is the sum of the magnitudes that a value came from, where some of them cancel."""

    tolerance: float

    def at_most(
        self, rule: str, subject: str, period: str, value: float, limit: float, unit: str, gross: float = 0.0, note: str = ""
    ) -> Check:
        return self._check(rule, subject, period, value, limit, unit, value - limit, gross, note)

    def at_least(
        self, rule: str, subject: str, period: str, value: float, limit: float, unit: str, gross: float = 0.0, note: str = ""
    ) -> Check:
        return self._check(rule, subject, period, value, limit, unit, limit - value, gross, note)

    def equal(
        self, rule: str, subject: str, period: str, value: float, limit: float, unit: str, gross: float = 0.0, note: str = ""
    ) -> Check:
        return self._check(rule, subject, period, value, limit, unit, abs(value - limit), gross, note)

    def fault(self, rule: str, subject: str, period: str, note: str) -> Check:
        """A failure that no number measures."""
        return Check(rule, subject, period, 1.0, 0.0, "", False, note, 1.0)

    def _check(
        self, rule: str, subject: str, period: str, value: float, limit: float, unit: str, excess: float, gross: float, note: str
    ) -> Check:
        if excess <= 0.0:
            return Check(rule, subject, period, value, limit, unit, True, note)
        allowed = self.tolerance * max(abs(value), abs(limit)) + FLOORS[unit] + ROUNDING * gross
        violation = 1.0 if math.isnan(excess) else min(1.0, excess / allowed * self.tolerance)
        return Check(rule, subject, period, value, limit, unit, excess <= allowed, note, violation)  # NaN fails


@dataclass(frozen=True)
class Shape:
    """The columns of a table: those of the key, other names, numbers (never negative), signed numbers; which may be blank."""

    key: tuple[str, ...]
    names: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()
    signed: tuple[str, ...] = ()
    blank: frozenset[str] = frozenset()
    repeats: tuple[str, ...] = ()  # items of which several rows may stand under one key

    @property
    def columns(self) -> tuple[str, ...]:
        return (*self.key, *self.names, *self.numbers, *self.signed)


SHAPES = {
    "mix": Shape(
        ("period", "provider"),
        numbers=("racks_held", "gpus", "compute_h100e", "power_mw", "share_compute", "share_power"),
        signed=("spend_usd", "share_spend"),
        blank=frozenset(("share_compute", "share_power", "share_spend")),
    ),
    "summary": Shape(
        ("span", "provider"),
        numbers=("racks_held", "gpus", "compute_h100e", "power_mw", "share_compute", "share_power"),
        signed=("spend_usd", "share_spend"),
        blank=frozenset(("share_compute", "share_power", "share_spend")),
    ),
    "compute": Shape(("period", "provider", "kind"), numbers=("compute_h100e", "share"), blank=frozenset(("share",))),
    "allocation": Shape(
        ("period", "workload", "site", "offer"),
        names=("provider", "country", "accelerator"),
        numbers=("racks", "gpus", "compute_h100e"),
    ),
    "fleet": Shape(
        ("period", "site", "offer"),
        names=("provider", "accelerator"),
        numbers=("racks_added", "racks_removed", "racks_held", "racks_online", "racks_dark", "power_mw"),
        blank=frozenset(("racks_added",)),
    ),
    "demand": Shape(("period", "workload"), numbers=("demand_h100e", "served_h100e", "unserved_h100e")),
    "cost": Shape(
        ("period", "provider", "site", "accelerator", "offer", "contract", "item"),
        signed=("amount_usd", "discounted_usd"),
        blank=frozenset(("provider", "site", "accelerator", "offer", "contract")),
        repeats=("soft",),
    ),
    "power": Shape(
        ("period", "scope", "id"),
        numbers=("draw_mw", "limit_mw", "energy_mwh", "carbon_t"),
        signed=("headroom_mw",),
        blank=frozenset(("id", "limit_mw", "headroom_mw", "carbon_t")),
    ),
    "contracts": Shape(
        ("contract", "year"),
        names=("provider",),
        numbers=("committed_usd", "shortfall_usd", "gpu_hours"),
        signed=("spent_usd", "counted_usd", "paid_usd", "usd_per_gpu_hour"),
        blank=frozenset(
            ("committed_usd", "spent_usd", "counted_usd", "shortfall_usd", "paid_usd", "gpu_hours", "usd_per_gpu_hour")
        ),
    ),
    "licences": Shape(("licence", "period", "site", "accelerator"), numbers=("gpus",)),
    "resilience": Shape(
        ("lost", "period", "workload", "site", "offer"), names=("accelerator",), numbers=("racks", "compute_h100e")
    ),
}
ENERGY_SHAPES = {  # of scenarios with an energy section
    "dispatch": Shape(
        ("period", "slice", "workload", "site", "offer"), names=("accelerator",), numbers=("racks", "compute_h100e")
    ),
    "running": Shape(("period", "slice", "site", "offer"), numbers=("racks_running",)),
    "energy": Shape(
        ("period", "slice", "site", "source"),
        signed=("mw", "mwh", "cost_usd", "carbon_t", "water_l"),
        blank=frozenset(("carbon_t", "water_l")),
    ),
    "built": Shape(
        ("source", "period"),
        numbers=("built_mw", "there_mw", "paid_mwh"),
        signed=("cost_usd",),
        blank=frozenset(("built_mw",)),
    ),
}
ITEMS = ("rent", "dark_rent", "energy", "capex", "route", "shortfall", "unserved", "soft")
SCOPES = ("site", "grid", "country", "provider", "fleet")
POSITION_TABLES = ("allocation", "fleet", "resilience", "dispatch", "running")
GRID = "grid"  # the source that stands for energy bought at the price of the grid


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a table: its names, and its numbers as far as they were not blank."""

    text: Mapping[str, str]
    number: Mapping[str, float]

    def get(self, column: str) -> float:
        return self.number.get(column, 0.0)

    @property
    def place(self) -> Key:
        return self.text["site"], self.text["offer"]


@dataclass(frozen=True, slots=True)
class Stock:
    """Racks at a position in a period."""

    added: float = 0.0
    held: float = 0.0
    online: float = 0.0
    removed: float = 0.0
    dark: float = 0.0


NO_STOCK = Stock()


@dataclass
class Plan:
    """The tables of a plan, read; racks by period and position, use by period, position and workload; in each slice of a period
    the use, the racks that run where the plan tells it, and the power that sites take from the grid and from sources [MW]."""

    rows: dict[str, list[Row]]
    faults: list[Check]
    stock: list[dict[Key, Stock]] = field(default_factory=list)
    use: list[dict[Key, dict[str, float]]] = field(default_factory=list)
    dispatch: list[dict[str, dict[Key, dict[str, float]]]] = field(default_factory=list)
    running: list[dict[str, dict[Key, float]]] | None = None
    flow: list[dict[str, dict[tuple[str, str], float]]] = field(default_factory=list)
    told: frozenset[str] = frozenset()

    def table(self, name: str) -> list[Row]:
        return self.rows.get(name, [])


def read_plan(world: World, tables: Mapping[str, Sequence[Mapping[str, str]]], judge: Judge) -> Plan:
    """The plan in `tables`; every row that cannot be used is a fault and left out."""
    plan = Plan({}, [])
    for name in _required(world):
        if tables.get(name) is None:
            plan.faults.append(judge.fault("tables", name, "", "the table is missing"))
    shapes = _shapes(world)
    for name, shape in shapes.items():
        reader = _Reader(name, shape, _known(world, name), judge, plan.faults)
        rows = reader.read(tables.get(name) or ())
        plan.faults += _misdated(world, name, tables.get(name) or (), judge)
        if "slice" in shape.key:
            rows = list(_existing(world, name, rows, judge, plan.faults))
        plan.rows[name] = list(_standing(world, name, rows, judge, plan.faults)) if name in POSITION_TABLES else rows
    plan.told = frozenset(name for name in shapes if tables.get(name) is not None)
    plan.stock = [{} for _ in world.horizon]
    plan.use = [{} for _ in world.horizon]
    for row in plan.rows["fleet"]:
        told = (row.get(f"racks_{name}") for name in ("added", "held", "online", "removed", "dark"))
        stock = Stock(*told)
        plan.stock[world.index[row.text["period"]]][row.place] = stock
    for row in plan.rows["allocation"]:
        at = plan.use[world.index[row.text["period"]]].setdefault(row.place, {})
        at[row.text["workload"]] = row.get("racks")
    _read_slices(world, plan)
    return plan


def _misdated(world: World, name: str, rows: Sequence[Mapping[str, str]], judge: Judge) -> Iterator[Check]:
    """Rows whose `start` and `end` are not the first and last day of their period, year (as far as planned) or horizon."""
    first, last = world.horizon[0].first, world.horizon[-1].last
    days = {"total": (first, last), "term": (first, last)}
    for period in world.horizon:
        days[period.label] = (period.first, period.last)
        begun, ended = days.get(str(period.year), (period.first, period.last))
        days[str(period.year)] = (min(begun, period.first), max(ended, period.last))
    for i, cells in enumerate(rows):
        label = cells.get("period", cells.get("span"))
        due = days.get(str(label)) if label is not None else None
        if due and (cells.get("start"), cells.get("end")) != (str(due[0]), str(due[1])):
            yield judge.fault("tables", f"{name} row {i + 1}", str(label), f"it is from {due[0]} to {due[1]}")


def _shapes(world: World) -> dict[str, Shape]:
    """The tables that count, and their columns; the second dispatches have a slice where there are several."""
    if world.energy is None:
        return SHAPES
    shapes = SHAPES | ENERGY_SHAPES
    if len(world.calendar.parts) > 1:
        lost = shapes["resilience"]
        shapes["resilience"] = replace(lost, key=(lost.key[0], lost.key[1], "slice", *lost.key[2:]))
    return shapes


def _read_slices(world: World, plan: Plan) -> None:
    """Use, running racks and flows of each slice. One slice needs no table of its own: all of the use is in it."""
    hours = world.calendar.hours
    plan.dispatch = [{name: {} for name in hours[t]} for t in range(len(hours))]
    plan.flow = [{name: {} for name in hours[t]} for t in range(len(hours))]
    if "dispatch" in plan.told:
        for row in plan.rows["dispatch"]:
            uses = plan.dispatch[world.index[row.text["period"]]][row.text["slice"]].setdefault(row.place, {})
            uses[row.text["workload"]] = row.get("racks")
    elif len(world.calendar.parts) == 1:
        plan.dispatch = [dict.fromkeys(hours[t], plan.use[t]) for t in range(len(hours))]
    if "running" in plan.told or world.detailed:
        plan.running = [{name: {} for name in hours[t]} for t in range(len(hours))]
        for row in plan.rows["running"]:
            plan.running[world.index[row.text["period"]]][row.text["slice"]][row.place] = row.get("racks_running")
    for row in plan.rows.get("energy", ()):
        flows = plan.flow[world.index[row.text["period"]]][row.text["slice"]]
        flows[row.text["site"], row.text["source"]] = row.get("mw")


def _existing(world: World, table: str, rows: Iterable[Row], judge: Judge, faults: list[Check]) -> Iterator[Row]:
    """The rows whose slice has hours in their period, and whose source serves their site."""
    for row in rows:
        label, name, source = row.text["period"], row.text["slice"], world.source_label(row.text.get("source", GRID))
        if name not in world.calendar.hours[world.index[label]]:
            faults.append(judge.fault("tables", table, label, f"slice {name} has no hours there"))
            continue
        if source is not None:
            site = world.inputs.sites[row.text["site"]]
            if source[0].site not in (None, site.id) or source[0].grid not in (None, site.grid):
                faults.append(judge.fault("tables", table, label, f"{row.text['source']} does not serve site {site.id}"))
                continue
        yield row


def _required(world: World) -> Iterator[str]:
    yield from ("mix", "summary", "compute", "allocation", "fleet", "demand", "cost", "power")
    if world.inputs.contracts:
        yield "contracts"
    if world.inputs.scenario.resilience:
        yield "resilience"
    if world.detailed:
        yield from ("dispatch", "energy")
        if world.sources:
            yield "built"
        if any(world.throttled(position) for position in world.positions.values()):
            yield "running"


def _known(world: World, table: str) -> dict[str, frozenset[str]]:
    """The names that each column of a table may hold; a column without an entry takes any."""
    inputs = world.inputs
    years = {str(period.year) for period in world.horizon}
    known = {
        "period": set(world.index),
        "workload": {w.id for w in inputs.scenario.workload},
        "provider": set(inputs.providers),
        "site": set(inputs.sites),
        "country": {site.country for site in inputs.sites.values()},
        "accelerator": set(inputs.accelerators),
        "offer": {offer for _, offer in world.positions} | set(world.tranches),
        "contract": {c.id for c in inputs.contracts},
        "licence": {licence.id for licence in inputs.licences},
        "year": years | {"term", "after"},
        "item": set(ITEMS),
        "scope": set(SCOPES),
        "slice": set(world.calendar.parts),
        "source": set(world.sources),
    }
    if table == "energy":
        known["source"] |= {GRID} | {f"{row.id} charge" for row in world.sources.values() if row.kind == "battery"}
    if table == "summary":
        known["span"] = years | {"total"}
    if table == "cost":
        known["period"] |= years | {"term", "total"}
        for column in ("provider", "site", "accelerator", "offer", "contract"):
            known[column] |= {""}
    return {column: frozenset(names) for column, names in known.items()}


@dataclass
class _Reader:
    """Reads the rows of one table, leaving faults behind."""

    name: str
    shape: Shape
    known: Mapping[str, frozenset[str]]
    judge: Judge
    faults: list[Check]

    def read(self, rows: Sequence[Mapping[str, str]]) -> list[Row]:
        if rows and (missing := [column for column in self.shape.columns if column not in rows[0]]):
            self.faults += [self.judge.fault("tables", self.name, "", f"column `{column}` is missing") for column in missing]
            return []
        found: list[Row] = []
        seen: set[tuple[str, ...]] = set()
        for i, cells in enumerate(rows):
            row = self._row(cells)
            if isinstance(row, str):
                self._fault(i, str(cells.get("period") or ""), row)
                continue
            key = tuple([row.text[column] for column in self.shape.key])
            if key in seen and row.text.get("item") not in self.shape.repeats:
                self._fault(i, row.text.get("period", ""), f"a second row of {' '.join(key)}")
                continue
            seen.add(key)
            found.append(row)
        return found

    def _row(self, cells: Mapping[str, str]) -> Row | str:
        """The row, or what is wrong with it."""
        text: dict[str, str] = {}
        number: dict[str, float] = {}
        if None in cells:
            return "more cells than columns"
        for column, blank, known in self._names:
            name = cells.get(column)
            if name is None or (name == "" and not blank):
                return f"no `{column}`"
            if known is not None and name not in known:
                return f"`{name}` is not a known {column}"
            text[column] = name
        for column, blank, signed in self._numbers:
            cell = cells.get(column)
            if cell == "" and blank:
                continue
            value = _number(cell)
            if value is None:
                return f"`{cell}` in {column} is not a number"
            if value < -1e-6 and not signed:
                return f"{column} is {cell}: negative"
            number[column] = value
        return Row(text, number)

    @cached_property
    def _names(self) -> list[tuple[str, bool, frozenset[str] | None]]:
        """Name columns: may they be blank, what they may hold."""
        return [(column, column in self.shape.blank, self.known.get(column)) for column in (*self.shape.key, *self.shape.names)]

    @cached_property
    def _numbers(self) -> list[tuple[str, bool, bool]]:
        """Number columns: may they be blank, may they be negative."""
        blank = self.shape.blank
        return [(c, c in blank, False) for c in self.shape.numbers] + [(c, c in blank, True) for c in self.shape.signed]

    def _fault(self, i: int, period: str, note: str) -> None:
        self.faults.append(self.judge.fault("tables", f"{self.name} row {i + 1}", period, note))


def _number(cell: object) -> float | None:
    """The finite number in a cell, or None; python's own `1_000` is not one, and nothing true is above 1e30."""
    if not isinstance(cell, str) or "_" in cell:
        return None
    try:
        value = float(cell)
    except ValueError:
        return None
    return value if math.isfinite(value) and abs(value) <= 1e30 else None


def _standing(world: World, table: str, rows: Iterable[Row], judge: Judge, faults: list[Check]) -> Iterator[Row]:
    """The rows whose offer stands at their site and whose other names are those of site and offer."""
    for row in rows:
        position = world.positions.get(row.place)
        if position is None:
            what = f"offer {row.text['offer']} does not stand at site {row.text['site']}"
            faults.append(judge.fault("tables", table, row.text["period"], what))
            continue
        names = {"provider": position.provider, "country": position.country, "accelerator": position.accelerator}
        wrong = [f"{column} {row.text[column]}" for column, name in names.items() if row.text.get(column, name) != name]
        if wrong:
            what = f"{', '.join(wrong)} is not that of {' '.join(row.place)}"
            faults.append(judge.fault("tables", table, row.text["period"], what))
            continue
        yield row
