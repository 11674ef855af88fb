"""What a user reads of entry prices, costs of rules and losses: a sentence that says how to read them, and small tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console

from planner.core.format import amount, number
from planner.terminal.screen import draw, say

if TYPE_CHECKING:
    from planner.sensitivity.entry_prices import Entry
    from planner.sensitivity.outages import Gone, Report
    from planner.sensitivity.rule_costs import Cost


def show_entries(found: Sequence[Entry], out: Console, most: int = 12) -> None:
    """Offers outside the mix, by how little brings them in; all of them are in entry_prices.csv."""
    if not found:
        say("every offer is in the mix", out)
        return
    near = sorted((e for e in found if e.entry is not None and e.price), key=lambda e: (e.rebate or 0.0) / (e.price or 1.0))
    if near:
        title = "Offers outside the mix, and the price below which each comes into it, nearest first (USD/gpu/hour)"
        rows = [[e.offer, number(e.price or 0.0), number(e.entry or 0.0), _cut(e), f"{e.period} {e.site}"] for e in near[:most]]
        draw(title, ["offer", "price", "enters below", "cut", "first at"], rows, out)
        if len(near) > most:
            say(f"and {len(near) - most} more (entry_prices.csv)", out)
    for e in found:
        if e.state == "never":
            say(
                f"{e.offer} would not enter even at 0 USD: what it takes (power, energy, capex, limits) is worth more elsewhere.",
                out,
            )
    unusable: dict[str, list[str]] = {}
    for e in found:
        if e.state == "unusable":
            unusable.setdefault(e.why, []).append(e.offer)
    for why, names in unusable.items():
        say(f"no price helps, as {why}: {', '.join(names)}", out, indent="  ")


def _cut(e: Entry) -> str:
    return "none: ties" if e.state == "ties" else f"{(e.rebate or 0.0) / (e.price or 1.0):.1%}"


def show_rules(found: Sequence[Cost], out: Console) -> None:
    """What each rule costs, the dearest first, then those that save, then those that change nothing."""
    if not found:
        say("no rule is in force", out)
        return
    change = [c for c in found if c.status != "nothing"]
    if change:
        rows = [[_name(c), c.rule.what, _cost(c), "" if c.part is None else _percent(c.part), _moves(c)] for c in change]
        title = "What each rule costs: the optimum with it, minus the optimum without it"
        draw(title, ["rule", "what it says", "costs", "of the optimum", "without it, share of compute"], rows, out, left=2)
        say("Each is alone: two rules that stand in for each other cost nothing singly, so the costs do not add up.", out)
        if any(c.cost < 0 for c in change):
            say("Below zero: what the rule saves, as a permit does.", out)
    nothing = [_name(c) for c in found if c.status == "nothing"]
    if nothing:
        say(f"costs nothing, one by one ({len(nothing)}): {', '.join(nothing)}", out, indent="  ")


def _name(c: Cost) -> str:
    return c.rule.id if c.rule.kind in ("export_rule", "contract") else f"{c.rule.kind} {c.rule.id}"


def _cost(c: Cost) -> str:
    return {"infeasible": "without it nothing fits", "unbounded": "without it no end"}.get(c.status) or amount(c.cost, c.unit)


def _percent(part: float) -> str:
    return f"{part:.2%}" if abs(part) >= 5e-5 else "under 0.01%"


def _moves(c: Cost) -> str:
    if c.share_with is None or c.share_without is None or abs(c.share_without - c.share_with) < 5e-4:
        return "as before"
    return f"{c.provider} {c.share_with:.1%} to {c.share_without:.1%}"


def show_losses(report: Report, out: Console) -> None:
    """Per loss: what goes when it hurts most, what is left, the spare, and what surviving it costs."""
    if not report.left:
        say('no workload has a critical share, so nothing must survive: e.g. critical = "60 %" in a [[workload]]', out)
        return
    if not report.asked:
        say(f"The scenario does not ask to survive a loss. What the loss of any one {report.kind} would leave of its plan:", out)
    tightest: dict[str, Gone] = {}
    for g in report.gone:
        if g.loss not in tightest or g.times < tightest[g.loss].times:
            tightest[g.loss] = g
    rows = [_loss(g, report) for g in sorted(tightest.values(), key=lambda g: g.times)]
    heads = ["lost", "tightest", "power lost", "critical", "stops at once", "from idle racks", "times left"]
    draw(
        f"Loss of any one {report.kind}, in its tightest period",
        [*heads, *(["surviving costs"] if report.cost else [])],
        rows,
        out,
    )
    notes = (
        "times left: how often what is left could carry the critical shares; at 1 the loss binds, below it they are not met.",
        "stops at once: critical work on what is lost; it moves to racks of other work, the rest to racks that stood idle.",
        "All periods are in losses.csv.",
    )
    for note in notes:
        say(note, out)
    if "" in report.cost:
        say(f"Surviving all of them costs {amount(report.cost[''], report.unit)}; single losses do not add up to it.", out)
    if not report.asked:
        say(f'To plan for it: [resilience] lose = "{report.kind}", and critical = "60 %" or the like in a [[workload]].', out)


def _loss(g: Gone, report: Report) -> list[str]:
    kept = [x for x in report.left if (x.loss, x.period) == (g.loss, g.period)]
    needed, spare = sum(x.needed for x in kept), sum(x.spare for x in kept)
    stops = sum(max(0.0, x.needed - x.still) for x in kept)
    cells = [g.loss, g.period, amount(g.power, "MW"), amount(needed, "h100e"), _compute(stops), _compute(spare), f"{g.times:.3f}"]
    return cells + ([amount(report.cost[g.loss], report.unit)] if g.loss in report.cost else [])


def _compute(value: float) -> str:
    return amount(value, "h100e") if value >= 1 else "-"
