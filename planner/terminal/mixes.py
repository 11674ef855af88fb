"""What a user reads of `planner mixes`: how far the shares can move, and mixes nearly as good with what each is better at."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console

from planner.alternatives.candidates import MERIT, Mix, percent, percent_range
from planner.alternatives.mixes import Mixes, best_of
from planner.alternatives.share_ranges import Interval
from planner.core.format import amount, percents
from planner.terminal.screen import draw, facts, say

SHOWN = (("cost_usd", "USD"), ("peak_power_mw", "MW"), ("carbon_t", "t"), ("shortfall_usd", "USD"))


def show(found: Mixes, out: Console, of: str = "compute") -> None:
    """The answer on one screen; `of` says which shares the ranges are of (compute, power, spend)."""
    if found.optimum is None:
        say(f"{found.name}: {found.status}, there is no optimum to look around", out, "bold")
        return
    say(found.name, out, "bold")
    best = found.optimum
    totals = best.totals
    told = [amount(totals["cost_usd"], "USD"), f"peak {amount(totals['peak_power_mw'], 'MW')}",
            f"carbon {amount(totals['carbon_t'], 't')}", f"{percent(totals['served_share'])} served"]  # fmt: skip
    pairs = [("optimum", "; ".join(told)), ("unique", found.unique)]
    if found.objective != "cost":
        side = "below" if found.objective == "demand_scale" else "above"
        pairs.append(("within", f"so much {side} the {best_of(found.objective)}, and so much above its cost"))
    if found.relaxed:
        pairs.append(("racks", "continuous here, though the scenario asks for whole ones"))
    facts(pairs, out)
    say("", out)
    _ranges(found, of, out)
    say("", out)
    _mixes([best, *found.alternatives], out)
    checked = sum(mix.checked for mix in (best, *found.alternatives))
    say(f"{1 + len(found.alternatives)} mixes, each audited ({checked:,} checks in all)", out)
    if found.left_out:
        say(f"left out, as the audit did not pass them: {', '.join(found.left_out)}", out)


def _ranges(found: Mixes, of: str, out: Console) -> None:
    """Provider × its share at the optimum and its range at every distance."""
    assert found.optimum is not None
    shares = found.optimum.shares
    cells = {(x.provider, x.within): _range(x) for x in found.intervals if x.of == of}
    levels = sorted({level for _, level in cells})
    names = sorted({name for name, _ in cells}, key=lambda name: (-shares.get((name, of), 0.0), name))
    mine = [shares.get((name, of), 0.0) for name in names]
    digits = 1 if any(share < 0.0995 for share in mine) else 0
    told = [text.replace("%", " %") for text in percents(mine, digits)]
    rows = [[name, text, *(cells[name, level] for level in levels)] for name, text in zip(names, told, strict=True)]
    title = f"Share of {of} over the horizon: in the optimum, and its range in all plans at most so far above it"
    draw(title, ["provider", "optimum", *(f"{level * 100:g} %" for level in levels)], rows, out)


def _range(x: Interval) -> str:
    if x.low is None or x.high is None:
        return "-"
    low, high = percent_range(x.low, x.high)
    return low if low == high else f"{low.removesuffix(' %')} to {high}"


def _mixes(mixes: Sequence[Mix], out: Console) -> None:
    """A line per mix: its shares, totals, and what it is better at than the optimum."""
    best, rows = mixes[0], []
    for mix in mixes:
        t = mix.totals
        above, largest = f"+{percent(mix.above)}", f"{percent(t['largest_share'])} {mix.largest}"
        amounts = [amount(float(round(t[name])) if unit == "USD" else t[name], unit) for name, unit in SHOWN]
        rows.append([mix.id, amounts[0], above, *amounts[1:], largest, percent(t["served_share"]), f"{t['sites']:.0f}"])
    heads = ["mix", "cost", "above", "peak power", "carbon", "shortfall", "largest", "served", "sites"]
    draw("Mixes nearly as good, with their totals", heads, rows, out)
    say("", out)
    say("What each is better at than the optimum", out, "bold")
    facts([(mix.id, _better(mix, best)) for mix in mixes[1:]], out)


def _better(mix: Mix, best: Mix) -> str:
    """What it is better at, and whether that is because it serves less."""
    served, before = mix.totals["served_share"], best.totals["served_share"]
    less = f"; it serves {percent(served)}, not {percent(before)}" if before - served >= MERIT else ""
    return ("; ".join(mix.better) or "another mix, better in nothing that is measured") + less
