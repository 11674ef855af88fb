"""What a user reads when nothing fits: what is short, the sum that proves it, the bounds that clash, and the ways out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console

from planner.core.format import STEPS, amount, number
from planner.model.rules import RULES, rule_name
from planner.terminal.screen import draw, facts, say

if TYPE_CHECKING:
    from planner.infeasible.conflict import Clash, Conflict, InConflict, Term
    from planner.infeasible.relaxations import Change, Way

TERMS = 6  # of a sum, before the rest is added up
MEMBERS = 8


def show_conflict(conflict: Conflict, name: str, out: Console) -> None:
    """Why nothing fits, on one screen."""
    say(f"{name}: infeasible, no plan keeps all limits", out, "bold")
    for s in conflict.short:
        of = f" of {amount(s.of, s.unit)}" if s.of else ""
        more = f"; worst {amount(s.worst, s.unit)} in {s.worst_period}; short in {s.periods} periods" if s.periods > 1 else ""
        when = f" in {s.first_period}" if s.first_period else ""
        short = f"{rule_name(s.rule, s.subject)} is short by {amount(s.first, s.unit)}{of}{when}{more}"
        say("  " + short, out, indent="    ")
    if not conflict.clashes:
        say("no relaxation helps: either fixed fleets contradict each other, or what is missing is as small as rounding", out)
        return
    for n, clash in enumerate(conflict.clashes, 1):
        out.print()
        _show_clash(clash, f"Conflict {n} of {len(conflict.clashes)}" if len(conflict.clashes) > 1 else "The conflict", out)
    out.print()
    _show_ways(conflict, out)


# --- a conflict -------------------------------------------------------------------------------------------------------


def _show_clash(clash: Clash, title: str, out: Console) -> None:
    if clash.need:
        proof = "the sum is proved in exact fractions" if clash.proved else "the sum is in floating point, not proved"
        say(f"{title}, as a sum ({proof})", out, "bold")
        for line in arithmetic(clash):
            say("  " + line, out, indent="    ")
    else:
        say(f"{title}: parts of racks would fit, whole racks do not", out, "bold")
    for name in clash.structure:
        say(f"the sum rests on {name}, which is part of the model and no number of the scenario: nothing written moves it", out,
            indent="    ")  # fmt: skip
    if all(x.let_go for x in clash.members):
        say(_unopposed(clash), out, indent="    ")
        return
    say("any one of these less and it fits:", out)
    for x in clash.members[:MEMBERS]:
        say("  " + member(x), out, indent="    ")
    if len(clash.members) > MEMBERS:
        say(f"  and {len(clash.members) - MEMBERS} more (--json)", out)


def _unopposed(clash: Clash) -> str:
    """What stands against a need where no limit does."""
    if clash.structure:
        return "no limit that somebody set is in its way: less of what is wanted is the only way out"
    built = ", ".join(dict.fromkeys(key[0] for key, _ in clash.multipliers if RULES[key[0]].kind == "structure"))
    why = "nothing that may serve it can be online by then (see offers' `from`, available_from, site_power, residency)"
    return f"no limit is in its way: {why}" + (f"; rows of {built}" if built else "")


def member(x: InConflict) -> str:
    """A bound of a conflict: rule, limit, when."""
    when = f" ({_when(x.first_period, x.last_period, x.periods)})" if x.first_period else ""
    return f"{rule_name(x.rule, x.subject)}: {amount(x.limit, x.unit)}{when}"


def arithmetic(clash: Clash, most: int = TERMS) -> list[str]:
    """`need …; at most …; short …`: every sum equals the sum of its terms as shown."""
    size, unit = _step(max((t.amount for t in clash.need), default=0.0), clash.unit)
    places = _places(clash, size)
    need, at_most = _gathered(clash, clash.need, most), _gathered(clash, clash.most, most)
    needed = rounded([x for _, x in need], size, places)
    there = rounded([x for _, x in at_most], size, places)
    lines = _sum("need", [name for name, _ in need], needed, places, unit)
    lines += _sum("at most", [name for name, _ in at_most], there, places, unit)
    return [*lines, f"short {_decimals(sum(needed) - sum(there), places)} {unit}".rstrip()]


def _sum(head: str, names: Sequence[str], units: Sequence[int], places: int, unit: str) -> list[str]:
    """Terms with their names, and their sum, from whole units of the last place: on one line, or below each other."""
    if not names:
        return [f"{head} nothing"]
    whole = f"{_decimals(sum(units), places)} {unit}".rstrip()
    if len(names) == 1:
        return [f"{head} {whole}: {names[0]}"]
    numbers = [_decimals(x, places) for x in units]
    width = max(map(len, numbers))
    return [f"{head} {whole}:", *(f"  {number_.rjust(width)}  {name}" for number_, name in zip(numbers, names, strict=True))]


def _decimals(units: int, places: int) -> str:
    return f"{units / 10**places:,.{places}f}"


def _gathered(clash: Clash, terms: Sequence[Term], most: int) -> list[tuple[str, float]]:
    """The largest terms by name, and the others in one."""
    if len(terms) <= most + 1:
        return [(_named(t, clash.unit), t.amount) for t in terms]
    order = sorted(terms, key=lambda t: -t.amount)
    rest = order[most:]
    return [*((_named(t, clash.unit), t.amount) for t in order[:most]), (f"{len(rest)} more", math.fsum(t.amount for t in rest))]


def _named(term: Term, unit: str) -> str:
    """What a term is: power of site abilene 1.180 GW × 2,083 h100e/MW, 2028-Q1."""
    if term.rule == "there":
        return "what is there already"
    name = rule_name(term.rule, term.subject)
    if term.limit is not None and term.rate is not None and (term.unit != unit or abs(term.rate - 1) > 1e-9):
        rate = f"{number(term.rate)} {unit}/{term.unit}" if term.unit != unit else number(term.rate)
        name += f" {amount(term.limit, term.unit)} × {rate}"
    when = _when(term.first_period, term.last_period, term.periods) if term.first_period else ""
    return f"{name}, {when}" if when else name


def _when(first: str, last: str, periods: int) -> str:
    return first if periods == 1 else f"{first} to {last}" if periods > 2 else f"{first} and {last}"


def _step(value: float, unit: str) -> tuple[float, str]:
    steps = STEPS.get(unit, ((1.0, unit),))
    return next(((size, name) for size, name in steps if abs(value) >= size), steps[-1])


def _places(clash: Clash, size: float) -> int:
    """Decimals with which what is short has three digits, and what there is at most, if it is not far less; nine at most."""
    short, most = abs(clash.short) / size, math.fsum(t.amount for t in clash.most) / size
    least = min(short, most) if most > short / 1e3 else short
    return 0 if least == 0 else min(9, max(0, 2 - math.floor(math.log10(least))))


def rounded(values: Sequence[float], size: float, places: int) -> list[int]:
    """Values in whole units of the last place whose sum is the rounded sum: what is cut goes to where most was cut."""
    exact = [value / size * 10**places for value in values]
    found = [math.floor(x) for x in exact]
    left = round(math.fsum(exact)) - sum(found)
    for i in sorted(range(len(exact)), key=lambda i: found[i] - exact[i])[:left]:
        found[i] += 1
    return found


# --- the ways out -----------------------------------------------------------------------------------------------------


def _show_ways(conflict: Conflict, out: Console) -> None:
    if not conflict.ways:
        locks = f" with {', '.join(conflict.locks)} locked" if conflict.locks else ""
        say(f"no way out{locks}: nothing else that may move is enough", out)
        return
    rows = []
    for rank, way in enumerate(conflict.ways, 1):
        for k, change in enumerate(way.changes):
            served = "all" if way.unserved_share < 5e-7 else f"{1 - way.unserved_share:.2%}"
            cost = "-" if way.cost is None else amount(way.cost, "USD")
            head = [f"{rank}{' (law)' if way.kind == 'law' else ''}", cost, served] if k == 0 else ["", "", ""]
            rows.append([head[0], *change_in_words(change), *head[1:]])
    title = "Ways out by cost of the best plan then; each suffices, and none of its changes can be spared"
    draw(title, ["way", "change", "by", "when", "cost", "served"], rows, out, left=4)
    notes = [*_ties(conflict.ways), *_law(conflict.ways)]
    notes.append(("lock", "--lock NAME keeps a bound where it is: a rule, a rule with its subject, a key of the scenario, an id"))
    if conflict.locks:
        notes.append(("locked", ", ".join(conflict.locks)))
    facts(notes, out)


def change_in_words(change: Change) -> list[str]:
    """(what, by how much, when)."""
    sign = "-" if change.sign < 0 else "+"
    worst = f"{sign}{amount(change.worst, change.unit)}"
    if change.periods == 1:
        return [rule_name(change.rule, change.subject), worst, change.first_period]
    by = f"{sign}{amount(change.first, change.unit)}, at worst {worst}"
    when = f"{change.first_period}, {change.worst_period} ({change.periods} periods)"
    return [rule_name(change.rule, change.subject), by, when]


def _ties(ways: Sequence[Way]) -> list[tuple[str, str]]:
    found = []
    for rank, way in enumerate(ways, 1):
        if way.ties and rank < min(way.ties):
            found.append(("tie", f"ways {', '.join(map(str, (rank, *way.ties)))} cost the same"))
        if way.instead and not way.ties:
            names = ", ".join(rule_name(rule, subject) for rule, subject in way.instead)
            found.append(("tie", f"way {rank} could as well use {names}, by the same amount in proportion"))
    return found


def _law(ways: Sequence[Way]) -> list[tuple[str, str]]:
    if not any(way.kind == "law" for way in ways):
        return []
    return [("law", "a planner cannot move it: a licence, or another rule, for that much would do")]
