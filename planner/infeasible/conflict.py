"""Why nothing fits: what is short, which bounds cannot all hold, the arithmetic that proves it, and the ways out.

The prices of the elastic programme name the bounds that take part. Among them HiGHS looks for an irreducible set; then each of
its members is deleted in turn and the rest solved again, with all of the structure, so that any one of them less lets a plan fit.
Multipliers of the rows (Farkas) prove the set: they add the rows up to `need more than there can be`, exactly, in fractions.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from planner.infeasible.elastic import FITS, Bound, Elastic, Relaxed, bound_of, bounds, full
from planner.infeasible.locks import locked
from planner.infeasible.minimal_set import fewer_groups, minimal
from planner.infeasible.relaxations import Way, unit_of, ways_out
from planner.model import naming
from planner.model.formulation import Model
from planner.model.rules import RULES, Key, decode, rule_name
from planner.proof import exact
from planner.proof.rational import Fraction

MOST = 3  # conflicts independent of each other
SPARED = 100  # rows of a ray up to which it is tried without each of them
THERE = "there"  # what a row holds besides the bound as stated: racks and sources that are there already


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
    """A bound that takes part in a conflict, in its first period; `periods` counts those that take part."""

    rule: str
    subject: str
    first_period: str
    last_period: str
    limit: float
    unit: str
    periods: int = 1

    @property
    def let_go(self) -> bool:
        """Whether it is what is wanted, and gives way by being less."""
        return self.rule in RULES and RULES[self.rule].kind == "need" and not RULES[self.rule].floor


@dataclass(frozen=True)
class Term:
    """Part of the sum: `amount` in the unit of what is short; where it is one bound, limit × rate = amount."""

    rule: str
    subject: str
    first_period: str
    last_period: str
    periods: int
    amount: float
    limit: float | None
    unit: str
    rate: float | None
    built_in: bool = False  # the right side of a row of structure, which is nobody's number


@dataclass(frozen=True)
class Clash:
    """Bounds that cannot all hold, while any of them less could: Σ need − Σ most = short > 0, in `unit`.

    `proved`: in fractions, by the multipliers of rows. Where parts of racks would fit and whole ones do not there is no sum.
    `structure` are rules in the sum whose right side nobody wrote: nothing that a user can change makes room there.
    """

    members: tuple[InConflict, ...]
    unit: str
    need: tuple[Term, ...]
    most: tuple[Term, ...]
    short: float
    proved: bool
    multipliers: tuple[tuple[Key, Fraction], ...]
    structure: tuple[str, ...] = ()


@dataclass(frozen=True)
class Conflict:
    """Why a model has no plan. All empty: no bound helps, or what is missing is within the solver's tolerance."""

    short: tuple[Short, ...] = ()
    clashes: tuple[Clash, ...] = ()
    ways: tuple[Way, ...] = ()
    locks: tuple[str, ...] = ()

    @property
    def limits(self) -> tuple[InConflict, ...]:
        """All that is in the way: the members of the clashes but for demand."""
        found = {(x.rule, x.subject): x for clash in self.clashes for x in clash.members if not x.let_go}
        return tuple(found.values())

    @property
    def proved(self) -> bool:
        return bool(self.clashes) and all(clash.proved for clash in self.clashes)


def explain(model: Model, locks: Sequence[str] = ()) -> Conflict:
    """The conflict of an infeasible model; no way out moves what is locked. InputFault for a lock that names nothing."""
    everything = full(model)
    numbers = bounds(everything)
    shut = locked(everything, numbers, locks)
    elastic = Elastic(everything, numbers)
    start = elastic.relax(range(len(numbers)))
    if start is None:
        return Conflict(locks=tuple(locks))
    pieces = any(model.program.integer)
    whole = Elastic(everything, numbers, whole=True) if pieces else elastic
    if pieces and start.size <= FITS:  # parts of racks would fit
        start = whole.relax(range(len(numbers)))
        elastic = whole
    if start is None or start.size <= FITS:
        return Conflict(locks=tuple(locks))
    short, ways = tuple(_short(whole)), ways_out(whole, shut)
    return Conflict(short, tuple(_clashes(elastic, start)), ways, tuple(locks))


# --- what is short ----------------------------------------------------------------------------------------------------


def _short(elastic: Elastic) -> Iterator[Short]:
    """The least change of demand, in proportion to its size; if that does not help, of all bounds but law; then of all."""
    numbers = elastic.bounds
    for wanted in (lambda b: b.given_up, lambda b: not b.law, lambda b: True):
        found = elastic.relax((i for i, b in enumerate(numbers) if wanted(b)), both=False)
        if found is not None:
            break
    else:
        return
    groups: dict[tuple[str, str], list[tuple[Bound, float]]] = {}
    for i, amount in found.change.items():
        if elastic.share(i, amount) > 1e-6:
            groups.setdefault(numbers[i].group, []).append((numbers[i], amount))
    for (rule, subject), moved in groups.items():
        unit, scale = _told_in(elastic, moved[0][0])
        (first, amount), (worst, most) = moved[0], max(moved, key=lambda item: item[1])
        of = abs(first.size) * scale
        yield Short(rule, subject, unit, first.period, amount * scale, of, worst.period, most * scale, len(moved))


def _told_in(elastic: Elastic, bound: Bound) -> tuple[str, float]:
    """As constraints.csv tells it: a share in shares of one."""
    return (RULES[bound.rule].unit, 1.0) if bound.share else unit_of(elastic.model, bound)


# --- the bounds that cannot all hold ----------------------------------------------------------------------------------


def _clashes(elastic: Elastic, start: Relaxed) -> Iterator[Clash]:
    """A minimal set; then one that has no rule of a subject in common with it, and so on."""
    everything = set(range(len(elastic.bounds)))
    if elastic.whole:
        yield _whole_clash(elastic, start)
        return
    record = exact.record_of(elastic.model.program, elastic.model.objective)
    rest = everything
    found: Relaxed | None = start
    for _ in range(MOST):
        if found is None or found.size <= FITS:
            return
        members = minimal(elastic, found)
        yield _arithmetic(elastic, members, record)
        groups = {elastic.bounds[b].group for b in members}
        rest = {b for b in rest if elastic.bounds[b].group not in groups}
        found = elastic.relax(rest, everything - rest)


def _whole_clash(elastic: Elastic, found: Relaxed) -> Clash:
    """Where only whole racks are the trouble there are no prices, and no sum."""
    return Clash(_named(elastic, minimal(elastic, fewer_groups(elastic, found))), "", (), (), 0.0, False, ())


def _named(elastic: Elastic, members: Iterable[int], terms: Sequence[Term] = ()) -> tuple[InConflict, ...]:
    """Members by rule and subject: what is short, then rules that add nothing to the sum but shape it, then the largest term."""
    groups: dict[tuple[str, str], list[Bound]] = {}
    for b in members:
        groups.setdefault(elastic.bounds[b].group, []).append(elastic.bounds[b])
    found = []
    for (rule, subject), mine in groups.items():
        unit, scale = unit_of(elastic.model, mine[0])
        limit = bound_of(elastic.model.program, mine[0]) * scale
        found.append(InConflict(rule, subject, mine[0].period, mine[-1].period, limit, unit, len(mine)))
    amounts = {(t.rule, t.subject): abs(t.amount) for t in terms}

    def order(x: InConflict) -> tuple[bool, bool, float]:
        bound = groups[x.rule, x.subject][0]
        return bound.kind != "need", not (bound.share or bound.law), -amounts.get((x.rule, x.subject), 0.0)

    return tuple(sorted(found, key=order))


# --- the sum ----------------------------------------------------------------------------------------------------------


def _arithmetic(elastic: Elastic, members: Sequence[int], record: exact.Record) -> Clash:
    """The clash of a minimal set as a sum: what the rows need, and what they can come to at most."""
    others = set(range(len(elastic.bounds))) - set(members)
    candidates = sorted(members, key=lambda b: _as_need(elastic, b))
    for target in candidates:
        found = elastic.relax([target], others)
        if found is None:
            continue
        count = len(elastic.model.program.rows)
        hint = {i: price for i, price in enumerate(found.prices[:count]) if price}
        ray = _proof(record, hint)
        short = exact.refutes(record, ray) if ray else None
        made = ray or {i: Fraction(price) for i, price in hint.items()}
        unit, scale = unit_of(elastic.model, elastic.bounds[target])
        whole = abs(sum((made.get(i, Fraction(0)) for i in elastic.bounds[target].rows), Fraction(0)))
        one = whole / Fraction(scale) if whole else Fraction(1)
        made = {i: y / one for i, y in made.items()}
        terms = list(_terms(elastic, members, made))
        need, most = [t for t in terms if t.amount > 0], [_turned(t) for t in terms if t.amount < 0]
        if any((t.rule, t.subject) == elastic.bounds[target].group for t in need) or target == candidates[-1]:
            gap = float(short / one) if short else math.fsum(t.amount for t in terms)
            keys = tuple((elastic.model.program.rows[i], y) for i, y in sorted(made.items()))
            sums = tuple(need), tuple(_largest(most))
            built_in = tuple(dict.fromkeys(rule_name(t.rule, t.subject) for t in terms if t.built_in))
            return Clash(_named(elastic, members, terms), unit, *sums, gap, ray is not None, keys, built_in)
    raise AssertionError("a minimal set has a member to give way")


def _proof(record: exact.Record, hint: Mapping[int, float]) -> Mapping[int, Fraction] | None:
    """Exact multipliers near the prices; if these balance more than they need to, without one row or another."""
    found = exact.farkas(record, hint)
    for spared in hint if found is None and len(hint) <= SPARED else ():
        found = exact.farkas(record, {i: price for i, price in hint.items() if i != spared})
        if found is not None:
            break
    return found


def _as_need(elastic: Elastic, b: int) -> tuple[int, float]:
    """What is spoken of as short: demand first, then what must survive, then a floor; the largest of them."""
    bound = elastic.bounds[b]
    kind = 0 if bound.given_up else 1 if bound.kind == "need" else 2 if bound.side > 0 and not bound.share else 3
    return kind, -abs(bound.size)


def _terms(elastic: Elastic, members: Sequence[int], multipliers: Mapping[int, Fraction]) -> Iterator[Term]:
    """multiplier × right side, added up by rule and subject; what a row holds besides the stated bound apart."""
    program = elastic.model.program
    sums: dict[tuple[str, str], list[tuple[str, Fraction, Bound | None]]] = {}
    for b in members:
        bound = elastic.bounds[b]
        for i in bound.rows:
            y = multipliers.get(i, Fraction(0))
            stated = 0.0 if bound.share else program.stated[i]
            sums.setdefault(bound.group, []).append((bound.period, y * _decimal(stated), bound))
            rest = y * (_decimal(program.rhs[i]) - _decimal(stated))
            sums.setdefault((THERE, ""), []).append((bound.period, rest, None))
    known = {i for b in members for i in elastic.bounds[b].rows}
    for i, y in multipliers.items():
        if i not in known and program.rhs[i]:
            row = decode(program.rows[i])
            what = (THERE, "") if row.rule.there else (row.rule.name, naming.subject(elastic.model.instance, row))
            sums.setdefault(what, []).append(("", y * _decimal(program.rhs[i]), None))
    for j, d in _reduced(elastic, multipliers).items():
        if d < 0 and program.upper[j] < math.inf:
            kind, *key = program.columns[j]
            mine = next((elastic.bounds[b] for b in members if elastic.bounds[b].column == j), None)
            sums.setdefault((kind, " ".join(map(str, key))), []).append(("", d * _decimal(program.upper[j]), mine))
    for (rule, subject), parts in sums.items():
        amount = sum((x for _, x, _ in parts), Fraction(0))
        if amount:
            yield _term(elastic, rule, subject, parts, amount)


def _term(
    elastic: Elastic, rule: str, subject: str, parts: Sequence[tuple[str, Fraction, Bound | None]], amount: Fraction
) -> Term:
    there = [(period, bound) for period, x, bound in parts if x]
    mine = next((bound for _, bound in there if bound is not None), None)
    unit, scale = unit_of(elastic.model, mine) if mine else ("", 1.0)
    limits = {bound_of(elastic.model.program, bound) * scale for _, bound in there if bound is not None}
    periods = list(dict.fromkeys(period for period, _ in there))
    limit = limits.pop() if len(limits) == 1 and len(periods) == 1 else None
    rate = abs(float(amount)) / limit if limit else None
    built_in = rule in RULES and RULES[rule].kind == "structure"
    return Term(rule, subject, periods[0], periods[-1], len(periods), float(amount), limit, unit, rate, built_in)


def _reduced(elastic: Elastic, multipliers: Mapping[int, Fraction]) -> dict[int, Fraction]:
    """− y A for the columns with an upper bound, where it is not 0."""
    program = elastic.model.program
    sums: dict[int, Fraction] = {}
    for i, y in multipliers.items():
        for k in range(program.starts[i], program.starts[i + 1]):
            j = program.indices[k]
            if program.upper[j] < math.inf:
                sums[j] = sums.get(j, Fraction(0)) - y * _decimal(program.coefficients[k])
    return sums


def _decimal(value: float) -> Fraction:
    """The decimal that a float of the programme stands for, as in the record."""
    return Fraction(f"{value:.15g}")


def _turned(term: Term) -> Term:
    return Term(**{**vars(term), "amount": -term.amount})


def _largest(terms: Iterable[Term]) -> list[Term]:
    return sorted(terms, key=lambda term: -term.amount)


# --- for machines -----------------------------------------------------------------------------------------------------


def data(conflict: Conflict) -> dict[str, Any]:
    """The conflict for machines. Multipliers are fractions as text, by row."""
    clashes = [
        {**asdict(clash), "multipliers": [[" ".join(map(str, key)), str(y)] for key, y in clash.multipliers]}
        for clash in conflict.clashes
    ]
    return {
        "short": [asdict(s) for s in conflict.short],
        "limits": [asdict(x) for x in conflict.limits],
        "clashes": clashes,
        "ways": [{"rank": n, **asdict(way)} for n, way in enumerate(conflict.ways, 1)],
        "locks": list(conflict.locks),
        "proved": conflict.proved,
    }
