"""The commands that give reasons and alternatives: explain, mixes, frontier."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, get_args

import typer

from planner.cli.shell import (
    AsJson,
    Locks,
    Overrides,
    Quiet,
    Scenario,
    app,
    busy,
    end_infeasible,
    guarded,
    may_write,
    print_json,
    tell,
    write_answer,
)
from planner.core.errors import InputFault

if TYPE_CHECKING:
    from planner.core.table import Table
    from planner.tradeoff.frontier import Frontier

Of = Literal["compute", "power", "spend"]
Output = Annotated[Path | None, typer.Option("--output", "-o", metavar="DIR", help="Write the tables here.")]
Target = Annotated[str, typer.Argument(metavar="SCENARIO|DIR", help="A scenario, or a plan folder whose scenario is meant.")]


@app.command()
@guarded
def explain(
    target: Target,
    set_: Overrides = None,
    trace: Annotated[
        list[str] | None,
        typer.Option("--trace", metavar="CELL", help="What a result moves with: mix.csv:azure:2028-Q3, plan.json:cost_usd."),
    ] = None,
    entry_prices: Annotated[bool, typer.Option("--entry-prices", help="The price at which each unused offer comes in.")] = False,
    cost_of_rules: Annotated[
        bool, typer.Option("--cost-of-rules", help="What each export rule, contract, share and limit costs.")
    ] = False,
    losses: Annotated[bool, typer.Option("--losses", help="What each loss would leave, and what surviving it costs.")] = False,
    lock: Locks = None,
    most: Annotated[int, typer.Option("--most", min=1, max=100_000, help="How many of the limits that bind are tried out.")] = 8,
    output: Output = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Say what binds and what it is worth. If nothing fits: the conflict, and the least that would mend it."""
    from planner.run import pipeline, verification
    from planner.sensitivity import answers as reasons
    from planner.terminal import plan as answer
    from planner.terminal import reasons as answer_explain
    from planner.terminal import screen

    may_write(output, "explain")
    name, overrides = verification.recall(Path(target)) if Path(target).is_dir() else (target, [])
    with busy(f"solving {target}", quiet):
        result = pipeline.plan_scenario(name, [*overrides, *(set_ or [])], locks=lock or [])
    if result.status == "infeasible":
        end_infeasible(result, as_json)
    failed = pipeline.unproved(result)
    if failed is not None:
        raise failed
    wanted = reasons.Wanted(tuple(trace or ()), entry_prices, cost_of_rules, losses, most)
    with busy(f"asking {target} for its reasons", quiet):
        found = reasons.reasons(result, wanted)
    asked = [*overrides, *(set_ or [])]
    write_answer(output, "explain", result.inputs, asked, found.tables)
    if as_json:
        print_json(found.data())
        return
    out = screen.console()
    answer.show_headline(result, out)
    out.print()
    answer_explain.show(found, out)
    _files(output, found.tables)


@app.command()
@guarded
def mixes(
    scenario: Scenario,
    within: Annotated[str, typer.Option("--within", metavar="SHARE", help="How far above the optimum: 5% or 0.05.")] = "5%",
    count: Annotated[int, typer.Option("--count", min=1, max=1_000, help="How many whole mixes, the optimum among them.")] = 8,
    of: Annotated[Of, typer.Option("--of", help="The shares to print; the files have all three.")] = "compute",
    set_: Overrides = None,
    output: Output = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Show the mixes that cost nearly the same. How far each provider's share can move, and plans that span the room."""
    from planner.alternatives import mixes as room
    from planner.core import units
    from planner.run import pipeline
    from planner.terminal import mixes as answer_mixes
    from planner.terminal import screen

    may_write(output, "mixes")
    inputs, _ = pipeline.prepare(scenario, set_ or [])
    try:
        share = units.number(within)
    except units.UnitError as error:
        raise InputFault.one(f"--within: {error.what}", error.fix) from None
    printed_only = output is None and not as_json
    with busy(f"looking around the optimum of {scenario}", quiet) as tell:
        found = room.mixes(inputs, share, count, tell, (of,) if printed_only else get_args(Of))
    if found.status == "infeasible":
        end_infeasible(pipeline.plan_scenario(scenario, set_ or []), as_json)
    if found.status == "unbounded":
        raise pipeline.boundless()
    write_answer(output, "mixes", inputs, set_ or [], found.tables())
    if as_json:
        print_json({table.name: table.records() for table in found.tables()})
        return
    answer_mixes.show(found, screen.console(), of)
    _files(output, found.tables())


MEASURED = "cost, spend, peak_power, energy, carbon, unserved, largest_share, demand_scale"


def _measures(incomplete: str) -> list[str]:
    return [name for name in MEASURED.split(", ") if name.startswith(incomplete)]


@app.command()
@guarded
def frontier(
    scenario: Scenario,
    x: Annotated[str, typer.Option("--x", help=f"What is limited: {MEASURED}.", autocompletion=_measures)] = "peak_power",
    y: Annotated[str, typer.Option("--y", help="What is then as good as it can be.", autocompletion=_measures)] = "cost",
    points: Annotated[int, typer.Option("--points", min=2, max=10_000, help="Evenly spaced points beside the kinks.")] = 20,
    kinks: Annotated[
        int, typer.Option("--kinks", min=0, max=1_000_000, help="Questions at most to find kinks; 0: even points only.")
    ] = 2000,
    set_: Overrides = None,
    output: Output = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Draw the trade-off between two measures. Exact: with its kinks, and the limit that starts to bind at each."""
    from planner.run import pipeline
    from planner.terminal import frontier as answer_frontier
    from planner.terminal import screen
    from planner.tradeoff import frontier as room

    may_write(output, "frontier")
    inputs, _ = pipeline.prepare(scenario, set_ or [])
    with busy(f"walking along {x} of {scenario}", quiet) as tell:
        found = room.frontier(
            inputs, x, y, points, kinks, progress=lambda asked, gap: tell(f"{asked} questions, open gap {gap:.1e}")
        )
    if not found.points:
        end_infeasible(pipeline.plan_scenario(scenario, set_ or []), as_json)
    drawn = _drawn(found) if output else {}
    write_answer(output, "frontier", inputs, set_ or [], found.tables(), drawn)
    if as_json:
        print_json({table.name: table.records() for table in found.tables()})
        return
    answer_frontier.show(found, screen.console())
    _files(output, found.tables(), drawn)


def _drawn(found: Frontier) -> dict[str, bytes]:
    """The pictures of a curve by file name; without what draws a note says how to get it."""
    from planner.terminal import charts

    made: dict[str, bytes] = {}
    for name, spec in charts.frontier_charts(found).items():
        try:
            made |= {f"{name}.svg": _bytes(charts.svg(spec)), f"{name}.png": charts.png(spec)}
        except charts.NoDrawing as error:
            tell(str(error), error=True)
            return {}
    return made


def _bytes(data: str | bytes) -> bytes:
    return data.encode("utf-8") if isinstance(data, str) else data


def _files(folder: Path | None, tables: Sequence[Table], more: Iterable[str] = ()) -> None:
    """Says what was written."""
    if folder and folder.is_file():
        tell(f"file: {folder}")
    elif folder:
        tell("files: " + ", ".join(f"{folder}/{name}" for name in (*(f"{table.name}.csv" for table in tables), *more)))
