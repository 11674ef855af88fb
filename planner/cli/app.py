"""The commands: options in, exit code out. Nothing is computed here; each imports what it needs, so that `--help` is quick."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from planner.cli.shell import (
    STARTED,
    AsJson,
    Locks,
    Overrides,
    Quiet,
    Scenario,
    app,
    busy,
    end_infeasible,
    guarded,
    main,
    may_write,
    print_json,
    tell,
    write_answer,
)
from planner.core.errors import InputFault, Location, Stopped, VerificationFailed

if TYPE_CHECKING:
    from planner.run.compare import Compared

__all__ = ["main"]
Ties = Literal["provider", "site"]

importer = typer.Typer(no_args_is_help=True, help="Turn a real price catalogue into offers.")
app.add_typer(importer, name="import")


def _tables(incomplete: str) -> list[str]:
    from planner.inputs.tables import TABLES

    return [name for name in TABLES if name.startswith(incomplete)]


@app.command()
@guarded
def solve(
    scenario: Scenario,
    output: Annotated[Path | None, typer.Option("--output", "-o", metavar="DIR", help="Write the plan folder here.")] = None,
    set_: Overrides = None,
    lock: Locks = None,
    ties: Annotated[Ties, typer.Option("--ties", help="Whose room at the same cost the last lines tell.")] = "provider",
    as_json: AsJson = False,
    quiet: Quiet = False,
    timings: Annotated[bool, typer.Option("--timings", help="Print seconds by stage to stderr.")] = False,
) -> None:
    """Plan a scenario, print the answer, write the tables."""
    begun = time.perf_counter()
    from planner.alternatives.ties import room as ties_of
    from planner.results.folder import check_target, write
    from planner.run import pipeline
    from planner.terminal import plan as answer
    from planner.terminal import screen

    clock = pipeline.Timings({"imports": LOADED - STARTED + time.perf_counter() - begun})
    if output:
        check_target(output)
    with busy(f"solving {scenario}", quiet):
        result = pipeline.plan_scenario(scenario, set_ or [], clock, lock or [])
    if not quiet:
        answer.show_warnings(result.warnings, screen.console(stderr=True))
    failed = pipeline.unproved(result)
    if output and pipeline.writable(result):
        with clock.of("write"):
            write(output, pipeline.files(result, output))
    if timings:
        total = LOADED - STARTED + time.perf_counter() - begun
        parts = [f"{stage} {seconds:.3f}" for stage, seconds in clock.seconds.items()]
        print(f"timings [s]: {', '.join(parts)}; total {total:.3f}", file=sys.stderr)
    if result.status == "infeasible":
        end_infeasible(result, as_json)
    if result.status == "unbounded":
        raise pipeline.boundless()
    if as_json:
        print_json(pipeline.manifest(result, output or Path()))
    elif pipeline.writable(result):
        with busy("looking for mixes as good", quiet):
            room = ties_of(result.model, result.solution, ties == "site") if result.status == "optimal" else ()
        answer.show(result, str(output) if output else None, screen.console(), room, ties)
    if failed is not None:
        raise failed


@app.command()
@guarded
def check(scenario: Scenario, set_: Overrides = None, as_json: AsJson = False) -> None:
    """Check the inputs without solving. Says what would be solved."""
    from planner.run import pipeline
    from planner.terminal import plan as answer
    from planner.terminal import screen

    found, warnings = pipeline.outline(scenario, set_ or [])
    if as_json:
        print_json(found | {"warnings": [str(w) for w in warnings]})
    else:
        answer.show_check(found, warnings, screen.console())


@app.command()
@guarded
def compare(
    plans: Annotated[
        list[str], typer.Argument(metavar="DIR-or-SCENARIO...", help="Plan folders or scenarios; the first is the baseline.")
    ],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="DIR", help="Write results.csv and inputs.csv here.")
    ] = None,
    set_: Overrides = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Show plans side by side. Totals, provider mixes, and what differs in the inputs."""
    if len(plans) < 2:
        raise typer.BadParameter("give two or more plan folders or scenarios")
    from planner.run import compare as room
    from planner.terminal import plan as answer
    from planner.terminal import screen

    may_write(output, "compare")
    found = room.distinct([_compared(name, set_ or [], quiet) for name in plans])
    if all(plan.status == "infeasible" for plan in found):
        raise typer.Exit(3)
    results, inputs = room.results(found), room.inputs(found)
    tables = (room.as_table("results", results), room.as_table("inputs", inputs))
    write_answer(output, "compare", None, set_ or [], tables, about={"compared": [plan.name for plan in found]})
    if as_json:
        print_json(room.data(found, inputs))
        return
    answer.show_comparison(found, inputs, screen.console())
    if output:
        tell(f"files: {output}/results.csv, {output}/inputs.csv")


def _compared(name: str, overrides: Sequence[str], quiet: bool) -> Compared:
    """A plan folder as it is, or a scenario once it is solved."""
    from planner.run import compare as room
    from planner.run import pipeline

    if Path(name).is_dir():
        return room.from_folder(Path(name))
    with busy(f"solving {name}", quiet):
        result = pipeline.plan_scenario(name, overrides)
    if result.status == "infeasible":
        tell(f"{name} has no feasible plan; `planner explain {name}` says why", error=True)
        return room.from_result(result)
    failed = pipeline.unproved(result)
    if failed is not None and not isinstance(failed, Stopped):
        raise failed
    if result.plan is None:
        raise failed or InputFault.one(f"{name} has no plan to compare", f"see `planner solve {name}`")
    return room.from_result(result)


@app.command()
@guarded
def verify(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A plan folder.")],
    scenario: Annotated[str | None, typer.Option("--scenario", help="The scenario, if it is not where it was.")] = None,
    exact: Annotated[bool, typer.Option("--exact", help="Prove the optimum again, in fractions and without tolerance.")] = False,
    as_json: AsJson = False,
) -> None:
    """Recompute a plan without a solver. From its inputs and tables alone; the optimum is proved again where that is easy."""
    from planner.run import pipeline, verification

    verdict = verification.verify(folder, scenario, exact)
    if verdict.foreign:
        what = "are not what the plan was made from; it is judged by them as they are now"
        tell(f"note: {scenario} or its data {what}", error=True)
    if verdict.strangers:
        names = ", ".join(map(verification.plain, verdict.strangers[:5]))
        more = f" and {len(verdict.strangers) - 5} more" if len(verdict.strangers) > 5 else ""
        tell(f"note: {folder} holds what is no part of the plan and was not judged: {names}{more}", error=True)
    if as_json:
        found = {"passed": verdict.passed, "known": verdict.word if verdict.passed else "failed", "status": verdict.status}
        of = {"scenario": verdict.scenario, "bundled": verdict.bundled, "set": verdict.overrides, "cost_usd": verdict.cost}
        claim = verdict.claim
        proof = {"certificate": {"proved": claim.proved, "gap": claim.gap, "what": claim.what}} if claim else {}
        seen = {"changed": verdict.changed, "untrue": verdict.untrue, "strangers": verdict.strangers}
        inputs = {"digest": verdict.digest, "same_inputs": not verdict.foreign}
        print_json(found | of | inputs | {"audit": pipeline.audit_data(verdict.audit)} | seen | proof)
    elif verdict.passed:
        tell(verdict.line)
        for name, what in verdict.subject:
            tell(f"  {name:9} {what}")
    if not verdict.passed:
        raise VerificationFailed("\n".join([f"{folder}: verification failed", *verdict.faults]))


@app.command()
@guarded
def profiles(
    table: Annotated[
        str | None, typer.Argument(help="A table, e.g. sites; without it, all tables with their sizes.", autocompletion=_tables)
    ] = None,
    row: Annotated[str | None, typer.Argument(help="An id: every number of that row with unit and source.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show the bundled data with its sources. By table and collection."""
    from planner.catalog import library
    from planner.terminal import plan as answer
    from planner.terminal import screen

    out = screen.console()
    found = library.overview() if table is None else library.rows(table, row)
    if as_json:
        print_json(found.records())
    elif row is not None:
        answer.show_row(found, out)
    elif table is not None:
        answer.show_rows(found, out)
    else:
        answer.show_overview(found, out)


@importer.callback()
def _importers() -> None: ...


@importer.command("skypilot")
@guarded
def import_skypilot(
    path: Annotated[Path, typer.Argument(help="A folder in the layout of the SkyPilot catalogue: CLOUD/vms.csv.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write the offers here, e.g. profiles/offers.csv.")
    ] = None,
    max_gpus: Annotated[
        int | None,
        typer.Option(
            "--max-gpus",
            min=1,
            max=1_000_000_000,
            help="`max` of every offer: how many GPUs one may count on (not in the catalogue).",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Turn a SkyPilot catalogue into offers. Says what it left out and why."""
    from planner.catalog import skypilot
    from planner.core.table import Table
    from planner.results.folder import csv_text, write_file

    found = skypilot.read_catalogue(path, max_gpus=max_gpus)
    names = [column.split(" ")[0] for column in skypilot.COLUMNS]
    rows = [tuple(offer.get(c, offer.get(n, "")) for c, n in zip(skypilot.COLUMNS, names, strict=True)) for offer in found.offers]
    table = Table("offers", skypilot.COLUMNS, tuple(rows))
    reasons: dict[str, int] = {}
    for left in found.left_out:
        reasons[left.why] = reasons.get(left.why, 0) + 1
    if not found.offers:
        told = "; ".join(f"{count} rows: {why}" for why, count in sorted(reasons.items(), key=lambda item: -item[1])[:5])
        what = f"no offers in {len(found.files)} files" + (f" ({told})" if told else "")
        fix = "give a folder in the layout CLOUD/vms.csv, as UTF-8 text; nothing was written"
        raise InputFault.one(what, fix, Location(str(path)))
    if output:
        if other := skypilot.not_ours(output):
            what, fix = f"is no earlier import ({other})", "give another -o; nothing was overwritten"
            raise InputFault.one(what, fix, Location(str(output)))
        write_file(output, csv_text(table))
    if as_json:
        print_json({"offers": table.records(), "files": len(found.files), "left_out": reasons})
    elif not output:
        sys.stdout.write(csv_text(table))
    print(f"{len(found.offers)} offers from {len(found.files)} files; {len(found.left_out)} rows left out:", file=sys.stderr)
    from planner.inputs.load import bundled_collections

    beside = [output.parent] if output else []
    for name, missing in skypilot.unknown(
        found.offers, [*(folder for folder, _ in bundled_collections().values()), *beside]
    ).items():
        shown = ", ".join(missing[:12]) + (f" and {len(missing) - 12} more" if len(missing) > 12 else "")
        columns = "id, name" if name == "providers" else "id, name, provider, country, grid, pue"
        tell(f"{name} that no table knows yet: {shown}; add them to {name}.csv ({columns}) before you plan with them", error=True)
    for why, count in sorted(reasons.items(), key=lambda item: -item[1]):
        tell(f"  {count:5d}  {why}", error=True)


@app.command()
@guarded
def init(folder: Annotated[Path, typer.Argument(metavar="DIR", help="A new or empty folder.")], as_json: AsJson = False) -> None:
    """Start an own project. Writes a small company to edit: its sites, offers, a contract, a demand."""
    from planner.catalog import library

    written = library.start_project(folder)
    if as_json:
        print_json(written)
        return
    for name, what in written.items():
        tell(f"{name}: {what}")
    print("planner schema > scenario.schema.json gives editors completion and checks")


@app.command()
@guarded
def schema() -> None:
    """Print the JSON Schema of a scenario file. For completion and checks in editors."""
    from planner.inputs.scenario import json_schema

    print_json(json_schema())


@app.command()
@guarded
def doctor(as_json: AsJson = False) -> None:
    """Print versions and run a self-test. It solves and verifies the classroom scenario."""
    from planner.run.pipeline import plan_scenario, versions

    result = plan_scenario("classroom")
    good = result.status == "optimal" and result.audit is not None and result.audit.passed
    if as_json:
        print_json({"versions": versions(), "passed": good})
    else:
        for name, version in versions().items():
            print(f"{name} {version}")
        print(f"self-test (classroom): {'passed' if good else 'FAILED'}")
    if not good:
        raise typer.Exit(5)


from planner.cli import reasons as cli_reasons  # noqa: E402, F401  registers its commands, after these in the help

LOADED = time.perf_counter()

if __name__ == "__main__":
    main()
