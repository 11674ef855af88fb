"""What limits the plan: every rule that a user wrote, with its value, its bound and what one more unit of room is worth.

A shadow price is the saving (in the objective) from a little more room in a row, per unit; for demand it is the cost of a little
more. Beside it stands what a little less room would cost: the same, but where the plan stands at a kink. Both are derivatives of
the optimum, so they do not depend on the solver or its basis; a limit that is written twice saves nothing by one copy alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from planner.core.table import MILLION, Row, Table, make
from planner.model import naming, rules
from planner.model.formulation import Model
from planner.model.measures import objective_unit
from planner.model.program import Program
from planner.model.rules import RULES, decode
from planner.results.plan import Plan
from planner.results.tables import ProviderSums, provider_sums
from planner.solver.ranging import written_twice

Sides = tuple[float | None, float | None]  # change of the objective per unit more of a right side, and per unit less
KINK = 1e-9  # relative difference of two prices from which they are two
TIGHT = 1e-6  # relative slack below which a limit binds


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
        return RULES[self.rule].number, self.subject

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
    for i, key in enumerate(program.rows):
        if not RULES[key[0]].shown:
            continue
        row = decode(key)
        rule, (unit, scale) = row.rule, naming.unit(data, row)
        bound = program.stated[i]
        value = plan.activity[i] + bound - program.rhs[i] + plan.excess.get(row.bound, 0.0)
        worth, less = worths(model, i, plan.duals[i] if plan.duals else None, sides)
        value, bound = value * scale, bound * scale
        if rule.share:
            value, whole = _as_share(sums, row)
            worth, less = (None if x is None else x * whole for x in (worth, less))
        slack = (bound - value) if program.senses[i] < 0 else (value - bound)
        if rule.kind == "need" and program.senses[i] == 0:
            value = bound = naming.needed(data, row) * plan.scale
            slack = 0.0
        binding = slack <= TIGHT * max(1.0, abs(bound)) and program.senses[i] != 0
        sided = sides is not None and not rule.by_slice
        told = naming.subject(data, row), naming.when(data, row)
        yield Limit(i, rule.name, *told, value, bound, unit, slack, binding, worth, f"{money}/{unit}", less, sided)


def priced(model: Model, tight: Sequence[int]) -> list[int]:
    """Of the rows without room, those whose prices are shown."""
    rows = model.program.rows
    return [i for i in tight if RULES[rows[i][0]].shown and not RULES[rows[i][0]].by_slice]


def worths(model: Model, row: int, dual: float | None, sides: Mapping[int, Sides] | None) -> tuple[float | None, float | None]:
    """What a unit more room of a row saves, and what a unit less costs. Of demand: what a unit more costs, and a unit less saves.

    Without exact sides the first is the price of one basis. A row with room to spare is worth nothing either way.
    """
    if sides is None:
        return (None if dual is None else worth_of(model, row, dual)), None
    if RULES[model.program.rows[row][0]].by_slice:
        return None, None
    more, less = sides.get(row, (0.0, 0.0))
    size = worth_of(model, row, 1.0 if model.program.senses[row] >= 0 else -1.0)
    if model.program.senses[row] == 0:
        return (None if more is None else more * size + 0.0), (None if less is None else 0.0 - less * size)
    room, tighter = (more, less) if model.program.senses[row] < 0 else (less, more)
    return (None if room is None else 0.0 - room * size), (None if tighter is None else tighter * size + 0.0)


def worth_of(model: Model, row: int, dual: float) -> float:
    """The shadow price that a dual is, in units of the objective per unit of the rule (of a share: of its row)."""
    size = objective_unit(model.instance)[1] / RULES[model.program.rows[row][0]].scale
    return (dual if model.program.senses[row] >= 0 else -dual) * size


def _as_share(sums: Mapping[tuple[int, str], ProviderSums], row: rules.Row) -> tuple[float, float]:
    """A share row (mine − share · all) as a share: what it is, and how much of the row one whole share is."""
    provider, of, t = row["provider"], row["of"], row["period"]
    whole = sum(s.of(of) for (i, _), s in sums.items() if i == t)
    mine = sums[t, provider].of(of) if (t, provider) in sums else 0.0
    in_rows = whole / MILLION if of == "spend" else whole
    return (mine / whole if whole else 0.0), in_rows


def table(found: list[Limit]) -> Table:
    """constraints.csv."""
    columns = "constraint subject period value limit unit slack binding shadow_price shadow_price_less shadow_unit"
    return make("constraints", columns, (_cells(x) for x in found))


def _cells(x: Limit) -> Row:
    binding = "yes" if x.binding else "no"
    return (x.rule, x.subject, x.period, x.value, x.limit, x.unit, x.slack, binding, x.worth, x.worth_less, x.worth_unit)


Number = tuple[str, str]  # the rule and the subject under which somebody set a limit


@dataclass(frozen=True)
class Bearing:
    """A limit that binds and has a price, over the periods in which it does: rows in order of time.

    `numbers`: the rule and subject under which it was set; several where they say the same (in proportion), so that more of one
    alone saves nothing and the price is that of all of them together.
    """

    numbers: tuple[Number, ...]
    rows: tuple[Limit, ...]
    room: Room | None = field(default=None, repr=False, compare=False)

    @cached_property
    def per_cent(self) -> float:
        """What one per cent more room in all its periods saves at the margin.

        By this limits are ranked, here and in `planner explain`: it needs no common unit and no step.
        """
        return self._saves({x.row: abs(x.limit) / 100 for x in self.rows})

    @cached_property
    def worth(self) -> float:
        """What one more unit in every one of its periods saves at the margin."""
        return self._saves(dict.fromkeys((x.row for x in self.rows), 1.0))

    def _saves(self, more: Mapping[int, float]) -> float:
        """What more room by row saves, all at once: often more than row by row. A share is no right side and only added up."""
        if self.room is None or RULES[self.rows[0].rule].share:
            return sum((x.worth or 0.0) * more[x.row] for x in self.rows)
        return self.room({x: more[x.row] for x in self.rows})


Room = Callable[[Mapping[Limit, float]], float]  # more room of limits, in their units -> what it saves at the margin


def room_of(model: Model, along: Callable[[Mapping[int, float]], float | None] | None) -> Room | None:
    """What more room of several limits at once saves, from the exact derivative of a claim; None where there is none."""
    if along is None:
        return None
    size = objective_unit(model.instance)[1]

    def saves(more: Mapping[Limit, float]) -> float:
        program = model.program
        by = {x.row: -program.senses[x.row] * amount / RULES[x.rule].scale for x, amount in more.items()}
        return 0.0 - (along(by) or 0.0) * size

    return saves


def bearing(program: Program, found: Iterable[Limit], room: Room | None = None) -> list[Bearing]:
    """The limits that bind and have a price, the dearest first: what one per cent more of each saves at the margin.

    The power of a site stands in rows of several rules and is one limit. A row belongs to it that has a price on either side:
    more room in one period alone may save nothing, and more in all of them a lot.
    """
    met = [x for x in found if x.binding and RULES[x.rule].moves]
    same = said_alike(program, met)
    groups: dict[tuple[Number, ...], list[Limit]] = {}
    for x in met:
        if (x.worth or 0.0) > 0 or (room is not None and x.sided and (x.worth_less is None or x.worth_less > 0)):
            groups.setdefault(same.get(x.row, (x.number,)), []).append(x)
    made = [Bearing(numbers, tuple(sorted(rows, key=lambda x: x.when)), room) for numbers, rows in groups.items()]
    made = [b for b in made if b.per_cent > 0 or b.worth > 0]  # of a limit of nothing a per cent is nothing
    return sorted(made, key=lambda b: (-b.per_cent, 0.0 if b.per_cent > 0 else -b.worth, b.numbers))


def said_alike(program: Program, met: Sequence[Limit]) -> dict[int, tuple[Number, ...]]:
    """Rows of limits that are met and say the same as rows of other limits: the numbers behind all of them, by row."""
    at = {x.row: x for x in met}
    found: dict[int, tuple[Number, ...]] = {}
    for rows in written_twice(program, list(at)):
        numbers = tuple(sorted({at[i].number for i in rows}))
        if len(numbers) > 1:
            found |= dict.fromkeys(rows, numbers)
    return found


def met_for_nothing(program: Program, found: Sequence[Limit], room: Room | None = None) -> list[Bearing]:
    """The limits that are met though a little more of them saves nothing, in the order of the formulation."""
    priced = {number for b in bearing(program, found, room) for number in b.numbers}
    met = [x for x in found if x.binding and RULES[x.rule].moves and x.number not in priced]
    same = said_alike(program, met)
    groups: dict[tuple[Number, ...], list[Limit]] = {}
    for x in met:
        groups.setdefault(same.get(x.row, (x.number,)), []).append(x)
    return [Bearing(numbers, tuple(sorted(rows, key=lambda x: x.when))) for numbers, rows in groups.items()]


def survival(found: Iterable[Limit]) -> list[Limit]:
    """What has to survive a loss, where surviving it costs something: no number that is moved, and a limit all the same."""
    return [x for x in found if RULES[x.rule].kind == "need" and RULES[x.rule].floor and x.binding and (x.worth or 0.0) > 0]
