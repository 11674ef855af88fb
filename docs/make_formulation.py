"""Writes docs/formulation.md from the docstrings of planner/formulation.py, measures.py and energy.py:

    python docs/make_formulation.py

Each docstring that begins with a number holds a line per rule, `(number)  equation   [unit; unit of the dual]   rows`, three
blanks between the parts, and below it what is not plain. The order is that of the paper, which is the order of the functions.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FunctionType, ModuleType

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from planner.model import energy, formulation, measures  # noqa: E402
from planner.model.rules import RULES  # noqa: E402

PAGE = HERE / "formulation.md"
SECTIONS = ((formulation, measures), (energy,))
RULE = re.compile(
    r"\((?P<number>E?\d+[a-z]?'?)\)  (?P<equation>.+?)   \[(?P<unit>[^;\]]+); (?P<dual>[^\]]+)\](?:   (?P<rows>.+))?"
)
DECISION = re.compile(r"\bD(\d+)\b")

HEAD = """\
# The formulation

<!-- Made by docs/make_formulation.py from the docstrings of formulation.py, measures.py and energy.py: change those, not it. -->

What the planner solves: a linear programme over the periods of the horizon (with `[solve] whole_racks = true` some columns are
integer). The tables follow the code, one line per rule: what you read here is the docstring of the function that states it.

## Symbols

| symbol | meaning | unit |
|---|---|---|
| t, i | period; slice of the year: some hours of the day in some months (`all` where a scenario chooses no set) | |
| s, p | site; position: an offer (one tranche of it) at a site | |
| k | class of positions that no workload tells apart | |
| w, l, c | workload; something that can be lost; commitment of a contract (a calendar year of it, or its term) | |
| g | group: an accelerator at a site, over all reserved offers | |
| added, taken, held, online | racks taken on; taken on and still running; paid for (`fleet + taken`); powered | rack |
| run | racks running: `online` where none is throttled | rack |
| use, unserved | racks at work for a workload; demand that is not met | rack; h100e |
| shipped, new, net | racks shipped in so far; in a period; net change of racks held | rack |
| lic | what is shipped under a licence | gpu |
| allotted, shortfall | spend that counts for a commitment; what is missing there | million USD |
| first_paid[p,t] | racks whose capex is paid in cash | rack |
| standby, rescue | racks powered, and at work, in the second dispatch after a loss | rack |
| excess | what is above a soft limit | that of the limit |
| demand, E | demand; throughput of a gpu for a kind of workload | h100e; h100e/gpu |
| G, K | gpu per rack; IT power per rack | gpu/rack; MW/rack |
| ρ_s, u | PUE of a site; availability | 1 |
| idle | share of its load that a rack draws when it is online and does not run; 1 without `[energy]` | 1 |
| P[s,t], length | facility power of a site; length of a period | MW; year |
| h_i, H | hours of a slice in a period; of all slices of a slot | h |
| δ_t, (1+r)^−τ | mean discount factor of a period; the factor at the end of a year or of the horizon | 1 |

All variables are ≥ 0. Coefficients are rounded once to 15 significant digits, and those decimals are the model.

"""
TABLE = """\
## Rules

The dual is the `shadow_price` of constraints.csv: what one more unit of room saves (for a demand: costs) where cost is minimised;
with another objective its unit takes the place of the USD. Rows marked † hold the model together and are not shown in that file.

"""
COLUMNS = """\
| number | equation | unit | unit of the dual | rows in constraints.csv | function |
|---|---|---|---|---|---|
"""
ENERGY = """\

## Energy

Where the power of a site comes from, slice by slice. A site is managed where its energy has to be balanced: it has power sources
of its own, or metered offers on a grid where energy can be bought. Every other site takes its load from the grid as it comes,
without a column. Energy balances at mean load; capacity is checked at rated load.

| symbol | meaning | unit |
|---|---|---|
| m | managed site | |
| source | row of `power_sources`: at a site, or on a grid for all metered offers there | |
| spot | taken from the grid at its price | MW |
| bought[source,m,t,i] | bought from a source over the grid | MW |
| generated, charged | made by a source at the site, or discharged by a battery; charged into it | MW |
| built, there | decided in a period; capacity and what was built and is ready | MW |
| paid | energy paid for, taken or not | GWh |
| availability | mean of the shape of a source over the hours of a slice in a period | 1 |
| firm | share of a source that counts at rated load | 1 |

"""
NOTES = """\

## Notes

"""
TAIL = """
Why the programme is as small as it is, and why that is exact: one `use` per class of positions
([D1](decisions.md)), one region for all that are equal ([D2](decisions.md)), no `added` without a term ([D3](decisions.md)), no
column for shipments where nothing leaves ([D4](decisions.md)). What the rules mean in words is in sections 7 and 10 of the
design; that the programme says it is checked by a second formulation, written apart from this one (tests/oracle.py), on random
worlds (tests/test_second_formulation.py), by each rule alone (tests/test_formulation.py), and after every solve by the audit.
"""


@dataclass(frozen=True)
class Rule:
    """One line of the table."""

    number: str
    equation: str
    unit: str
    dual: str
    rows: tuple[str, ...]
    function: str


def stated(function: FunctionType) -> tuple[list[Rule], str]:
    """The rules in a docstring and the note below them. ValueError where a line cannot be read."""
    text = inspect.cleandoc(function.__doc__ or "")
    if not re.match(r"\(E?\d", text):
        return [], ""
    head, _, note = text.partition("\n\n")
    lines = re.sub(r"\n(?!\()", "   ", head).replace("      ", "   ").splitlines()
    found = []
    for line in lines:
        match = RULE.fullmatch(line)
        if match is None:
            raise ValueError(
                f"{function.__name__}: this line is not `(number)  equation   [unit; unit of the dual]   rows`: {line}"
            )
        names = tuple(re.split(r",\s+", match["rows"])) if match["rows"] else ()
        found.append(Rule(match["number"], match["equation"], match["unit"], match["dual"], names, function.__name__))
    return found, " ".join(note.split())


def functions(modules: tuple[ModuleType, ...]) -> Iterator[FunctionType]:
    """The functions of the modules of a section in the order of their text."""
    for module in modules:
        own = [f for f in vars(module).values() if isinstance(f, FunctionType) and f.__module__ == module.__name__]
        yield from sorted(own, key=lambda f: f.__code__.co_firstlineno)


def rules() -> Iterator[Rule]:
    for section in SECTIONS:
        for function in functions(section):
            yield from stated(function)[0]


def line(rule: Rule) -> str:
    """A rule as a line of its table."""
    rows = ", ".join(f"`{name}`" + ("" if RULES[name].shown else " †") for name in rule.rows) or "objective"
    cells = (f"({rule.number})", rule.equation.replace("|", "\\|"), rule.unit, rule.dual, rows, f"`{rule.function}`")
    return "| " + " | ".join(cells) + " |\n"


def page() -> str:
    """The text of docs/formulation.md."""
    tables, notes = [], []
    for section in SECTIONS:
        lines = []
        for function in functions(section):
            found, note = stated(function)
            lines += [line(rule) for rule in found]
            if note:
                numbers = ", ".join(f"({rule.number})" for rule in found)
                notes.append(f"- **{numbers}** " + DECISION.sub(r"[D\1](decisions.md)", note))
        tables.append(COLUMNS + "".join(lines))
    return HEAD + TABLE + ENERGY.join(tables) + NOTES + "\n".join(notes) + "\n" + TAIL


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
