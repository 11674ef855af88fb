"""What limits the plan: every rule that a user wrote, with its value, its bound and what one more unit of room is worth.

A shadow price is the saving (in the objective) from a little more room in a row, per unit; for demand it is the cost of a little
more. Beside it stands what a little less room would cost: the same, but where the plan stands at a kink. Both are derivatives of
the optimum, so they do not depend on the solver or its basis; a limit that is written twice saves nothing by one copy alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from planner.core.table import MILLION, Row, Table, make
from planner.data.instance import Instance
from planner.model.formulation import Model
from planner.model.measures import objective_unit
from planner.results.plan import Plan
from planner.results.tables import ProviderSums, provider_sums

Sides = tuple[float | None, float | None]  # change of the objective per unit more of a right side, and per unit less
KINK = 1e-9  # relative difference of two prices from which they are two
# what a source generates or sells in a slice passes on what its capacity is worth: priced there, not row by row
PASS_ON = ("generation", "purchase")
TIGHT = 1e-6  # relative slack below which a limit binds


@dataclass(frozen=True)
class Family:
    """How rows of a rule are shown: unit and its size in canonical units; the role of the subject."""

    unit: str
    scale: float = 1.0


FAMILIES = {
    "demand": Family("h100e"),
    "site_power": Family("MW"),
    "site_power_slice": Family("MW"),
    "grid_connection": Family("MW"),
    "generation": Family("MW"),
    "purchase": Family("MW"),
    "max_build": Family("MW"),
    "build_rate": Family("MW"),
    "fleet_power": Family("MW"),
    "provider_power": Family("MW"),
    "country_power": Family("MW"),
    "national_share": Family("MW"),
    "grid_headroom": Family("MW"),
    "contract_max_power": Family("MW"),
    "contract_min_power": Family("MW"),
    "supply": Family("rack"),
    "supply_total": Family("MW"),
    "offer_max": Family("gpu"),
    "export_blocked": Family("rack"),
    "export_cap": Family("million TPP"),
    "export_max_share": Family("million TPP"),
    "export_min_share": Family("million TPP"),
    "licence": Family("gpu"),
    "licence_need": Family("gpu"),
    "budget": Family("USD", MILLION),
    "take_or_pay": Family("USD", MILLION),
    "provider_share_max": Family("share"),
    "provider_share_min": Family("share"),
    "resilience": Family("h100e"),
    "carbon": Family("t"),
}

SLICED = ("fleet_power", "provider_power", "country_power", "national_share", "grid_headroom", "contract_max_power",
          "contract_min_power", "site_power_slice", "grid_connection", "generation", "purchase")  # fmt: skip


POWER_OF_SITE = {"site_power": 0, "site_power_slice": 0, "grid_connection": 0, "standby_power": 1}  # where the site's id stands


@dataclass(frozen=True)
class Limit:
    """One row of constraints.csv. `worth` is what a unit more room saves, at the margin, `worth_less` what a unit less costs.

    Both None where there are no prices (whole racks, other solvers); `worth_less` also where nothing would fit with less, or
    where the price is that of a basis and not proved (`sided` False).
    """

    row: int
    rule: str
    subject: str
    period: str
    value: float
    limit: float
    unit: str
    slack: float
    binding: bool
    worth: float | None
    worth_unit: str
    worth_less: float | None = None
    sided: bool = False

    @property
    def number(self) -> tuple[str, str]:
        """The rule and the subject under which somebody set it."""
        return "site_power" if self.rule in POWER_OF_SITE else self.rule, self.subject

    @property
    def when(self) -> str:
        """Its period without the slice."""
        return self.period.split(" ")[0]

    @property
    def one_sided(self) -> bool:
        """Whether less room costs more than as much more saves: the plan stands at a kink in this limit."""
        return (
            self.sided
            and self.worth is not None
            and (self.worth_less is None or self.worth_less - self.worth > KINK * abs(self.worth_less))
        )


def limits(model: Model, plan: Plan, sides: Mapping[int, Sides] | None = None) -> Iterator[Limit]:
    """Every user-facing row in the order of the formulation; `sides` are exact prices of those without room, if there are any."""
    program, data = model.program, model.instance
    money, _ = objective_unit(data)
    sums = provider_sums(plan) if data.shares else {}
    for i, (rule, *key) in enumerate(program.rows):
        family = FAMILIES.get(rule)
        if family is None:
            continue
        bound = program.stated[i]
        value = plan.activity[i] + bound - program.rhs[i] + _excess(plan, rule, key)
        worth, less = worths(model, i, plan.duals[i] if plan.duals else None, sides)
        value, bound = value * family.scale, bound * family.scale
        subject, period = row_name(model, rule, key)
        unit = family.unit
        if rule.startswith("provider_share"):
            value, whole = _as_share(sums, key)
            worth, less = (None if x is None else x * whole for x in (worth, less))
        if rule in ("export_cap", "export_max_share", "export_min_share") and _in_gpu(model, subject):
            unit = "gpu"
        slack = (bound - value) if program.senses[i] < 0 else (value - bound)
        if rule == "demand":
            value = bound = data.slot_demand[key[0]][key[1]][key[2]] * plan.scale
            slack = 0.0
        binding = slack <= TIGHT * max(1.0, abs(bound)) and program.senses[i] != 0
        sided = sides is not None and rule not in PASS_ON
        yield Limit(i, rule, subject, period, value, bound, unit, slack, binding, worth, f"{money}/{unit}", less, sided)


def priced(model: Model, tight: Sequence[int]) -> list[int]:
    """Of the rows without room, those whose prices are shown."""
    rows = model.program.rows
    return [i for i in tight if rows[i][0] in FAMILIES and rows[i][0] not in PASS_ON]


def worths(model: Model, row: int, dual: float | None, sides: Mapping[int, Sides] | None) -> tuple[float | None, float | None]:
    """What a unit more room of a row saves, and what a unit less costs. Of demand: what a unit more costs, and a unit less saves.

    Without exact sides the first is the price of one basis. A row with room to spare is worth nothing either way.
    """
    if sides is None:
        return (None if dual is None else worth_of(model, row, dual)), None
    if model.program.rows[row][0] in PASS_ON:
        return None, None
    more, less = sides.get(row, (0.0, 0.0))
    size = worth_of(model, row, 1.0 if model.program.senses[row] >= 0 else -1.0)
    if model.program.senses[row] == 0:
        return (None if more is None else more * size + 0.0), (None if less is None else 0.0 - less * size)
    room, tighter = (more, less) if model.program.senses[row] < 0 else (less, more)
    return (None if room is None else 0.0 - room * size), (None if tighter is None else tighter * size + 0.0)


def worth_of(model: Model, row: int, dual: float) -> float:
    """The shadow price that a dual is, in units of the objective per unit of the rule (of a share: of its row)."""
    size = objective_unit(model.instance)[1] / FAMILIES[model.program.rows[row][0]].scale
    return (dual if model.program.senses[row] >= 0 else -dual) * size


def _excess(plan: Plan, rule: str, key: list[Any]) -> float:
    """What was taken beyond a soft limit and paid for: part of the value, though not of the row."""
    return plan.excess.get((rule, *key[:2]), plan.excess.get((rule, *key[:1]), 0.0))


def _in_gpu(model: Model, subject: str) -> bool:
    rules = {rule.subject: rule for rule in model.instance.export_limits}
    found = rules.get(subject)
    return (
        found is not None
        and not found.share
        and any(g.gpus == w for i, w, _ in found.counted for g in model.instance.groups if g.index == i)
    )


def row_name(model: Model, rule: str, key: list[object]) -> tuple[str, str]:
    """(subject, period) of a row from its key."""
    data = model.instance
    if rule == "demand":
        return data.workloads[int(str(key[0]))], _when(data, key[1], key[2], data.slots[int(str(key[0]))])
    if rule == "resilience":
        return f"{key[0]} {data.workloads[int(str(key[1]))]}", _when(data, key[2], key[3], data.slots[int(str(key[1]))])
    if rule in SLICED:
        return str(key[0]), _when(data, key[1], key[2], tuple((i,) for i in range(len(data.slices.ids))))
    if rule in ("budget", "carbon"):
        return ("total" if key[0] == "total" else rule), str(key[0])
    if rule in ("licence", "max_build"):
        return str(key[0]), ""
    if rule == "take_or_pay":
        return str(key[0]), str(key[1])
    return " ".join(str(part) for part in key[:-1]), data.periods[int(str(key[-1]))].label


def _when(data: Instance, t: object, slot: object, slots: Sequence[tuple[int, ...]]) -> str:
    """A period, and the slice where there are several (of a group of slices the first names it)."""
    label = data.periods[int(str(t))].label
    return label if len(slots) == 1 else f"{label} {data.slices.ids[slots[int(str(slot))][0]]}"


def _as_share(sums: Mapping[tuple[int, str], ProviderSums], key: list[Any]) -> tuple[float, float]:
    """A share row (mine − share · all) as a share: what it is, and how much of the row one whole share is."""
    provider, of, t = key
    whole = sum(getattr(s, of) for (i, _), s in sums.items() if i == t)
    mine = getattr(sums[t, provider], of) if (t, provider) in sums else 0.0
    in_rows = whole / MILLION if of == "spend" else whole
    return (mine / whole if whole else 0.0), in_rows


def table(found: list[Limit]) -> Table:
    """constraints.csv."""
    columns = "constraint subject period value limit unit slack binding shadow_price shadow_price_less shadow_unit"
    return make("constraints", columns, (_cells(x) for x in found))


def _cells(x: Limit) -> Row:
    binding = "yes" if x.binding else "no"
    return (x.rule, x.subject, x.period, x.value, x.limit, x.unit, x.slack, binding, x.worth, x.worth_less, x.worth_unit)


@dataclass(frozen=True)
class Hardest:
    """A limit over all its periods: what one more unit in every one of them is worth, and what the limit costs in all."""

    rule: str
    subject: str
    first: str
    last: str
    unit: str
    worth: float
    weight: float


# demand is no limit; bans have no room to give; power sources only pass on what their capacity or max_build is worth
NOT_MOVED = ("demand", "resilience", "take_or_pay", "export_blocked", "licence_need", "generation", "purchase")


def bearing(found: Iterable[Limit]) -> dict[tuple[str, str], list[Limit]]:
    """The limits that bind and have a price, by rule and subject, dearest first: shadow price times limit over all periods.

    The power of a site stands in rows of several rules and is one limit.
    """
    groups: dict[tuple[str, str], list[Limit]] = {}
    for x in found:
        if x.binding and ((x.worth or 0.0) > 0 or (x.worth_less or 0.0) > 0) and x.rule not in NOT_MOVED:
            groups.setdefault(x.number, []).append(x)
    groups = {key: sorted(rows, key=lambda x: x.when) for key, rows in groups.items()}
    return dict(sorted(groups.items(), key=lambda group: (-_weight(group[1]), group[0])))


def _weight(rows: Iterable[Limit]) -> float:
    return sum((x.worth or 0.0) * max(abs(x.limit), 1.0) for x in rows)


def hardest(found: Iterable[Limit], most: int = 3) -> list[Hardest]:
    """The limits that cost most."""
    return [
        Hardest(rule, subject, rows[0].period, rows[-1].period, rows[0].unit, sum(x.worth or 0.0 for x in rows), _weight(rows))
        for (rule, subject), rows in list(bearing(found).items())[:most]
    ]
