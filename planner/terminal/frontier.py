"""What `planner frontier` shows on the terminal: what was found, the kinks, their slopes and what starts to bind there."""

from __future__ import annotations

from itertools import pairwise

from rich.console import Console

from planner.core.format import amount, clip
from planner.terminal.charts import slope_text
from planner.terminal.screen import draw, facts, say
from planner.tradeoff.frontier import Frontier, Point

MOST = 25  # kinks in the table


def show(found: Frontier, out: Console) -> None:
    """The answer. Of many kinks those with the largest change of slope, and both ends."""
    x, y, points = found.x, found.y, found.points
    say(found.inputs.scenario.name or found.inputs.name, out, "bold")
    if len(points) == 1:
        here = f"{_value(points[0].x, x.unit)} of {x.name} and {_value(points[0].y, y.unit)} of {y.name}"
        say(f"{x.name} and {y.name} do not conflict: one plan is best in both, with {here}", out)
    else:
        say(_found(found), out)
    say(f"plans at {sum(1 for p in points if p.mix)} points worked out; audits passed ({found.checks:,} checks)", out)
    out.print()
    chosen = _largest(found, MOST)
    rows = []
    for point in chosen:
        slope = "" if point.slope is None else slope_text(found, point.slope)
        rows.append([_value(point.x, x.unit), _value(point.y, y.unit), slope, clip(point.limit, 90)])
    tighter = "more" if x.size < 0 else "less"
    title = f"Kinks, and what starts to bind where {x.name} is to be {tighter} than there"
    draw(title, [x.name, y.name, "slope to the next", "what starts to bind"], [[*row] for row in rows], out, left=4)
    if len(chosen) < len(found.kinks):
        say(f"the {len(chosen)} with the largest change of slope; frontier.csv has all {len(found.kinks)}", out)
    out.print()
    facts(_reading(found), out)


def _found(found: Frontier) -> str:
    span = f"{_value(found.points[0].x, found.x.unit)} to {_value(found.points[-1].x, found.x.unit)} of {found.x.name}"
    if found.exact:
        return f"{len(found.kinks)} kinks; exact over the whole range of {span}"
    most = max(abs(p.y) for p in found.points)
    far = f"{amount(found.gap, found.y.unit)} ({found.gap / most if most else 0.0:.2g} of the largest {found.y.name})"
    side = "above" if found.y.size < 0 else "below"
    return (
        f"{len(found.kinks)} kinks proved over {span} after {found.asked} questions; between its points the curve may still lie "
        f"{far} {side} the straight line: --kinks asks for more"
    )


def _reading(found: Frontier) -> list[tuple[str, str]]:
    """How to read the table."""
    lines = []
    first = next((p for p in found.points if p.slope is not None), None)
    if first is not None and first.slope:
        verb = "more" if first.slope > 0 else "less"
        step = slope_text(found, abs(first.slope)).split(" per ")
        lines.append(("slope", f"at the left end one more {step[1]} of {found.x.name} means {step[0]} {verb} of {found.y.name}"))
    if found.relaxed:
        lines.append(("racks", "the scenario asks for whole racks; these plans have continuous ones"))
    lines.append(("mix", "of one plan where several are as good; frontier_mix.csv has it by year and provider along the curve"))
    return lines


def _largest(found: Frontier, most: int) -> list[Point]:
    kinks = list(found.kinks)
    if len(kinks) <= most:
        return kinks
    bends = {q.x: abs((q.slope or 0.0) - (p.slope or 0.0)) for p, q in pairwise(found.points) if q.kink and q.slope is not None}
    sharpest = set(sorted(bends, key=lambda place: (-bends[place], place))[: most - 2])
    return [p for i, p in enumerate(kinks) if i in (0, len(kinks) - 1) or p.x in sharpest]


def _value(value: float, unit: str) -> str:
    if unit == "share":
        return f"{value:.2%}"
    return amount(value, "" if unit == "scale" else unit)
