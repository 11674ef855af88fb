"""How reasons are told: what binds and what it is worth, and which numbers a result moves with."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from rich.console import Console

from planner.core.format import UNIT_OF_ROOM, amount, number
from planner.model.rules import RULES, rule_name
from planner.sensitivity.answers import Reasons
from planner.sensitivity.binding import SAME, Binding, Explanation, Rewrite
from planner.sensitivity.trace import Trace
from planner.terminal.rules import show_entries, show_losses, show_rules
from planner.terminal.screen import draw, say

UNTRACED = "discount rate, lifetimes, delays, shapes, tpp, shares of providers, power sources and grid prices at their sites"
ANOTHER = "the trace is of an optimum with prices (ties open, parts of racks), and leaves out power that sites share"


def show(found: Reasons, out: Console) -> None:
    """The answers of `planner explain`, one below the other."""
    entries, rules, losses = found.entries, found.rules, found.losses
    parts: list[Callable[[], None]] = [lambda: show_binding(found.binding, out)] if found.wanted.binding else []
    parts += [lambda: show_entries(entries, out)] if entries is not None else []
    parts += [lambda: show_rules(rules, out)] if rules is not None else []
    parts += [lambda: show_losses(losses, out)] if losses is not None else []
    parts += [partial(show_trace, traced, out) for traced in found.traces]
    for i, part in enumerate(parts):
        if i:
            out.print()
        part()


def show_binding(found: Explanation | None, out: Console) -> None:
    """The limits that bind, a paragraph each."""
    if found is None:
        say("no shadow prices: whole racks and other solvers give none (try --set solve.whole_racks=false)", out)
        return
    if not found.found:
        told = [*_survival(found), *([_idle(found)] if found.idle else [])]
        for line in told or ["no limit binds: the plan is what the prices make of the demand"]:
            say(line, out)
        return
    title = "What binds, by what 1 % more room saves at the margin (each moved in all its rows, and the plan solved again)"
    say(title, out, "bold")
    for i, limit in enumerate(found.found, 1):
        say(f"{i:2d}. {sentence(limit, found.unit)}", out, indent="    ")
        for note in notes(limit, found.unit):
            say(f"    {note}", out, indent="    ")
    if found.others:
        say(f"and {found.others} more limits that have a price (constraints.csv with -o DIR, or --most)", out)
    for line in (*_survival(found), *([_idle(found)] if found.idle else [])):
        say(line, out)
    if found.one_sided:
        kinks = f"at {found.one_sided} of {found.priced} shadow prices in constraints.csv stands a kink"
        say(f"{kinks}: less room costs more than as much more of it saves (shadow_price_less)", out)


def _idle(found: Explanation, most: int = 4) -> str:
    """The limits that are met and of which a little more saves nothing."""
    names = [" and ".join(names) for names in found.idle]
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return f"met, and a little more of it saves nothing: {', '.join(names[:most])}{more}" if names else ""


def _survival(found: Explanation, most: int = 3) -> list[str]:
    """What must survive a loss, where that costs something."""
    names, more = found.survival, len(found.survival) - most
    if not names:
        return []
    return [f"{', '.join(names[:most])}{f' and {more} more' if more > 0 else ''} costs something: --losses says what"]


def sentence(limit: Binding, unit: str) -> str:
    """What a limit is, when it binds, what to write in its place, what that saves and how far the price holds."""
    when = limit.first if limit.first == limit.last else f"{limit.first} to {limit.last}"
    often = "" if limit.periods == 1 else f", {limit.periods} periods"
    name = " and ".join([rule_name(limit.rule, limit.subject), *limit.twice])
    ends = dict.fromkeys(f"{x:.0%}" if limit.unit == "share" else amount(x, limit.unit) for x in (limit.limit, limit.last_limit))
    at = " to ".join(ends)
    bind = "bind" if limit.twice else "binds"
    head = f"{name} {bind} ({when}{often}; {at})" if when not in ("", "total") else f"{name} {bind} ({at})"
    more, _ = _directions(limit)
    saves, _ = _verbs(unit)
    if limit.unit == "share":
        return f"{head}: one percentage point {more} {saves} about {amount(limit.saves, unit)}"
    reach = f"however much {more}"
    if limit.holds < float("inf"):
        far = f"{number(100 * limit.holds / limit.whole)} %" if limit.varies else amount(limit.holds, limit.unit)
        reach = f"up to {far} {more}"
    margin = f"at the margin {_margin(limit, limit.more, unit)}, {reach}"
    return f"{head}: {_to_write(limit)} {saves} {amount(limit.saves, unit)}; {margin}"


def _margin(limit: Binding, worth: float, unit: str) -> str:
    """A price per unit of the limit; where the limit is not the same all along, per one per cent of it."""
    if limit.varies:
        return f"{amount(worth * limit.whole / 100, unit)} per 1 %"
    size, per = UNIT_OF_ROOM.get(limit.unit, (1.0, limit.unit))
    return f"{amount(worth * size, unit)} per {per}"


def _to_write(limit: Binding) -> str:
    """What a user would write for the step: every number in its own unit, further rows of it in proportion."""
    more, _ = _directions(limit)
    told = []
    for w in limit.written if limit.limit or limit.last_limit or limit.varies else ():
        if w.more:
            told.append(f"{w.more} instead of {w.number.value} {w.number.unit}".rstrip() + f" in {w.number.place}")
        else:
            told.append(f"every point of {w.number.what} in proportion in {w.number.place}")
        if w.others:
            rows = f"{len(w.others)} more row{'s' if len(w.others) > 1 else ''}"
            told[-1] += f" and in proportion {rows} ({_places(w)})"
    if not told:
        return f"{amount(limit.step, limit.unit)} {more} throughout"
    step = "" if any(w.more for w in limit.written) else f"{amount(limit.step, limit.unit)} {more}, "
    return f"{step}write {' and '.join(told)}, and it"


def _places(w: Rewrite, most: int = 4) -> str:
    """Where the further rows stand: their lines, where they are in the file of the first."""
    places = list(dict.fromkeys(other.place.removeprefix(f"{w.number.file}:") for other in w.others))
    return ", ".join(places[:most]) + (" ..." if len(places) > most else "")


def _directions(limit: Binding) -> tuple[str, str]:
    """What gives room, and what takes it: a floor gives room as it falls."""
    return ("less", "more") if RULES[limit.rule].floor else ("more", "less")


def _verbs(unit: str) -> tuple[str, str]:
    """What room does for the objective, and the lack of it: all are made as small as can be, but the scale of demand."""
    return ("adds", "takes off") if unit == "scale" else ("saves", "costs")


def notes(limit: Binding, unit: str) -> list[str]:
    """What has to be said beside it: the other direction, twins, where the limit is written."""
    found = []
    (_, less), (_, costs) = _directions(limit), _verbs(unit)
    if limit.unit != "share":
        back = "leaves no plan" if limit.loses is None else f"{costs} {amount(limit.loses, unit)}"
        edge = ""
        if limit.less is not None and abs(limit.less - limit.more) > SAME * max(abs(limit.less), abs(limit.more)):
            edge = f" (at the margin {_margin(limit, limit.less, unit)}: a kink stands here, the two sides differ)"
        instead = " and ".join(w.less for w in limit.written if w.less)
        found.append((f"{instead} instead" if instead else f"{amount(limit.step, limit.unit)} {less}") + f" {back}{edge}")
    if limit.twice:
        saves, _ = _verbs(unit)
        alone = ", ".join(f"{name} {amount(x, unit)}" for name, x in limit.alone)
        found.append(f"they say the same and are moved together: more of one alone {saves} ({alone})")
    shown = [f"{w.number.what} ({w.number.confidence})" for w in limit.written[:2]]
    if shown:
        more = f" and {len(limit.written) - 2} more numbers" if len(limit.written) > 2 else ""
        at = "" if limit.unit != "share" else f" in {limit.written[0].number.place}"
        found.append("written as " + ", ".join(shown) + at + more)
    return found


def show_trace(found: Trace, out: Console, most: int = 15) -> None:
    """The numbers that a result moves with, strongest first."""
    say(f"{found.what}: {amount(found.value, found.unit)}", out, "bold")
    if found.another is not None:
        say(f"the plan has {amount(found.another, found.unit)}: {ANOTHER}", out)
    if not found.moves:
        say(found.rests, out)
        return
    rows = []
    for m in found.moves[:most]:
        written = f"{m.number.value} {m.number.unit}".strip()
        rows.append([f"{m.elasticity:+.2f} %", m.number.what, written, m.number.place, m.number.confidence])
    draw("", ["moves by", "number", "written", "where", "confidence"], rows, out, left=5)
    say("moves by: when the number rises by 1 %, while the same limits bind; prices move amounts only where others do", out)
    say(f"not traced: {UNTRACED}", out)
    if len(found.moves) > most:
        say(f"and {len(found.moves) - most} more numbers (trace.csv with -o DIR)", out)
