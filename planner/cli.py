"""Options in, exit code out. Nothing is computed here; every command imports what it needs, so that `--help` is quick.

Exit codes: 0 answered, 1 fault in the input, 2 wrong usage, 3 no feasible plan, 4 stopped before proof, 5 verification failed,
130 interrupted. Results go to stdout, the rest to stderr.
"""

from __future__ import annotations

import functools
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from planner import __version__
from planner.errors import InputFault, PlannerError

if TYPE_CHECKING:
    from planner.planning import Result

app = typer.Typer(
    name="planner", no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode=None,
    help="Compute and energy capacity planner: which accelerators, at which cloud, on which site, from which date.",
)  # fmt: skip
importer = typer.Typer(no_args_is_help=True, help="Turn a real price catalogue into offers.")
app.add_typer(importer, name="import")

DEBUG = False
Scenario = Annotated[str, typer.Argument(help="A scenario file, or the name of a bundled one (openai-base).")]
Overrides = Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override a key: limits.fleet_power='20 GW', site.abilene.delay='3 month'.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress, no warnings.")]


def main() -> None:
    """The command `planner`."""
    global DEBUG
    DEBUG = "--debug" in sys.argv[1:]
    sys.argv[1:] = [argument for argument in sys.argv[1:] if argument != "--debug"]
    app()


def guarded(command: Callable[..., None]) -> Callable[..., None]:
    """A command whose faults end in a message and an exit code, never in a traceback (unless --debug)."""

    @functools.wraps(command)
    def run(*args: Any, **kwargs: Any) -> None:
        try:
            command(*args, **kwargs)
            sys.stdout.flush()
        except PlannerError as error:
            if DEBUG:
                raise
            print(error, file=sys.stderr)
            raise typer.Exit(error.exit_code) from None
        except KeyboardInterrupt:
            print("interrupted; nothing was changed", file=sys.stderr)
            raise typer.Exit(130) from None
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(0) from None
        except OSError as error:
            if DEBUG:
                raise
            print(f"{error.filename or 'output'}: {error.strerror or error}", file=sys.stderr)
            raise typer.Exit(1) from None
        except MemoryError:
            print("out of memory: take longer periods, fewer sites or fewer accelerators", file=sys.stderr)
            raise typer.Exit(1) from None
        except (typer.Exit, typer.Abort):
            raise
        except Exception as error:
            if DEBUG:
                raise
            print(f"a fault of the planner itself: {type(error).__name__}: {error}", file=sys.stderr)
            print("please report it with the scenario; --debug shows where", file=sys.stderr)
            raise typer.Exit(1) from None

    return run


def _version(wanted: bool) -> None:
    if wanted:
        print(f"planner {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
) -> None:
    """Compute and energy capacity planner: which accelerators, at which cloud, on which site, from which date."""


@contextmanager
def _busy(text: str, quiet: bool) -> Iterator[None]:
    """A line with a clock on a terminal while something takes long."""
    if quiet or not sys.stderr.isatty():
        yield
        return
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    from planner.answer import console

    with Progress(SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn(), console=console(stderr=True), transient=True) as bar:
        bar.add_task(text, total=None)
        yield


def _solve(name: str, overrides: list[str] | None, quiet: bool) -> Result:
    """A solved scenario. Ends the command with exit code 3 if nothing fits, 4 if unproved, 5 if the audit fails."""
    from planner.planning import plan_scenario

    with _busy(f"solving {name}", quiet):
        return plan_scenario(name, overrides or [])


@app.command()
@guarded
def solve(
    scenario: Scenario,
    output: Annotated[Path | None, typer.Option("--output", "-o", metavar="DIR", help="Write the plan folder here.")] = None,
    set_: Overrides = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
    timings: Annotated[bool, typer.Option("--timings", help="Print seconds by stage to stderr.")] = False,
) -> None:
    """Plan a scenario, print the answer, write the tables."""
    from planner import answer, planning
    from planner.folder import check_target, write

    if output:
        check_target(output)
    result = _solve(scenario, set_, quiet)
    err = answer.console(stderr=True)
    if not quiet:
        answer.show_warnings(result.warnings, err)
    if timings:
        parts = [f"{stage} {seconds:.3f}" for stage, seconds in result.timings.seconds.items()]
        print("timings [s]: " + ", ".join(parts), file=sys.stderr)
    if result.status == "infeasible":
        _infeasible(result, as_json)
    if result.status == "unbounded":
        what = "nothing limits this scenario: the objective can grow without end"
        raise InputFault.one(what, "add power, supply or a budget that bounds it")
    failed = planning.unproved(result)
    if failed is not None and not (result.status == "stopped" and result.plan and result.audit and result.audit.passed):
        raise failed
    if output:
        write(output, planning.files(result, output))
    if as_json:
        print(json.dumps(planning.manifest(result, output or Path()), indent=1, ensure_ascii=False))
    else:
        answer.show(result, str(output) if output else None, answer.console())
    if failed is not None:
        raise failed


def _infeasible(result: Result, as_json: bool) -> None:
    from planner import answer, conflict

    found = result.conflict or conflict.Conflict((), ())
    if as_json:
        print(json.dumps({"name": result.inputs.name, "status": "infeasible", "conflict": conflict.data(found)}, indent=1))
    else:
        answer.show_conflict(found, result.inputs.scenario.name or result.inputs.name, answer.console())
    raise typer.Exit(3)


@app.command()
@guarded
def check(scenario: Scenario, set_: Overrides = None, as_json: AsJson = False) -> None:
    """Everything but the solve: read, check, and say what would be solved."""
    from planner import answer, instance
    from planner.planning import prepare

    inputs, warnings = prepare(scenario, set_ or [])
    data = instance.build(inputs)
    facts = {
        "name": inputs.scenario.name or inputs.name,
        "horizon": f"{inputs.horizon[0].first} to {inputs.horizon[-1].last} in {len(inputs.horizon)} {inputs.scenario.horizon.step}s",
        "objective": inputs.scenario.objective.name,
        "providers": len(inputs.providers),
        "sites": len(inputs.sites),
        "accelerators": len(inputs.accelerators),
        "offers": len(inputs.offers),
        "positions": len(data.positions),
        "classes": len(data.classes),
        "workloads": len(data.workloads),
        "contracts": len(inputs.contracts),
        "files": len(inputs.files),
    }
    if as_json:
        print(json.dumps(facts | {"warnings": [str(w) for w in warnings]}, indent=1, ensure_ascii=False))
        return
    out = answer.console()
    for name, value in facts.items():
        out.print(f"{name}: {value}")
    for warning in warnings:
        out.print(str(warning))
    out.print("no errors")


@app.command()
@guarded
def compare(
    plans: Annotated[list[str], typer.Argument(metavar="DIR-or-SCENARIO...", help="Plan folders or scenarios; the first is the baseline.")],
    output: Annotated[Path | None, typer.Option("--output", "-o", metavar="DIR", help="Write results.csv and inputs.csv here.")] = None,
    set_: Overrides = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Provider mixes and totals side by side, and what differs in the inputs."""
    from planner import answer
    from planner import compare as room
    from planner.folder import csv_text, write_file

    found = []
    for name in plans:
        if room.is_folder(name):
            found.append(room.from_folder(Path(name)))
            continue
        result = _solve(name, set_, quiet)
        if result.status == "infeasible":
            print(f"{name} has no feasible plan; `planner solve {name}` says why", file=sys.stderr)
            raise typer.Exit(3)
        if result.plan is None or not (result.audit and result.audit.passed):
            raise InputFault.one(f"{name} has no verified plan to compare", f"see `planner solve {name}`")
        found.append(room.from_result(result))
    found = room.distinct(found)
    results, inputs = room.results(found), room.inputs(found)
    if output:
        write_file(output / "results.csv", csv_text(room.as_table("results", results)))
        write_file(output / "inputs.csv", csv_text(room.as_table("inputs", inputs)))
    if as_json:
        print(json.dumps({"totals": {p.name: p.totals for p in found}, "inputs": inputs.to_dict("records")}, indent=1))
        return
    _show_comparison(found, inputs, answer.console())
    if output:
        answer.console().print(f"files: {output}/results.csv, {output}/inputs.csv")


def _show_comparison(found: list[Any], inputs: Any, out: Any) -> None:
    from planner import answer
    from planner.compare import UNITS

    base = found[0]
    rows = []
    for what in dict.fromkeys(key for plan in found for key in plan.totals):
        cells = [what.rsplit("_", 1)[0].replace("_", " ") if what in UNITS else what]
        for plan in found:
            value, first = plan.totals.get(what), base.totals.get(what)
            text = "-" if value is None else answer.amount(value, UNITS.get(what, ""))
            if plan is not base and value is not None and first:
                text += f" ({value / first - 1:+.1%})"
            cells.append(text)
        rows.append(cells)
    rows.append(["status", *(plan.status for plan in found)])
    answer.draw("Totals (difference to the first)", ["", *(plan.name for plan in found)], rows, out)
    out.print()
    names = sorted({name for plan in found for name in plan.mix["provider"]})
    rows = []
    for name in names:
        cells = [name]
        for plan in found:
            total = plan.mix[(plan.mix["period"] == "total") & (plan.mix["provider"] == name)]
            cells.append(f"{float(total['share_compute'].iloc[0]):.1%}" if len(total) else "-")
        rows.append(cells)
    answer.draw("Share of compute over the horizon", ["provider", *(plan.name for plan in found)], rows, out)
    out.print()
    for plan in found[1:]:
        mine = inputs[inputs["plan"] == plan.name]
        out.print(f"{plan.name}: {len(mine)} numbers differ from {base.name}")
        for row in mine.head(8).to_dict("records"):
            out.print(f"  {row['what']}: {row['baseline'] or 'absent'} -> {row['value'] or 'absent'}")
        if len(mine) > 8:
            out.print(f"  and {len(mine) - 8} more (-o DIR writes inputs.csv)")


@app.command()
@guarded
def verify(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A plan folder.")],
    scenario: Annotated[str | None, typer.Option("--scenario", help="The scenario, if it is not where it was.")] = None,
    as_json: AsJson = False,
) -> None:
    """Recompute a plan from its inputs and tables, without a solver."""
    from planner import planning
    from planner.errors import VerificationFailed

    verdict = planning.verify(folder, scenario)
    if as_json:
        print(json.dumps({"passed": verdict.passed, "status": verdict.status, "audit": planning.audit_data(verdict.audit), "changed": list(verdict.changed)}, indent=1))
    elif verdict.passed:
        note = "" if verdict.status == "optimal" else f" (status {verdict.status}: feasible, not proved best)"
        print(f"{folder}: verified, {verdict.audit.checked:,} checks passed{note}")
    if not verdict.passed:
        lines = [f"  {name} is not the file that was written" for name in verdict.changed]
        lines += [f"  {c.rule} {c.subject} {c.period}: {c.value:g} against {c.limit:g} {c.unit} {c.note}".rstrip() for c in verdict.audit.failures[:20]]
        raise VerificationFailed(f"{folder}: verification failed\n" + "\n".join(lines))


@app.command()
@guarded
def profiles(
    table: Annotated[str | None, typer.Argument(help="A table, e.g. sites; without it, all tables with their sizes.")] = None,
    row: Annotated[str | None, typer.Argument(help="An id: every number of that row with unit and source.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show the bundled data with its sources."""
    from planner import answer, library

    out = answer.console()
    if table is None:
        answer.show_table(library.overview(), out)
        return
    found = library.rows(table, row)
    if as_json:
        print(json.dumps(found.records(), indent=1, ensure_ascii=False, default=str))
    else:
        answer.show_table(found, out)


@importer.command("skypilot")
@guarded
def import_skypilot(
    path: Annotated[Path, typer.Argument(help="A folder in the layout of the SkyPilot catalogue: CLOUD/vms.csv.")],
    output: Annotated[Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write the offers here, e.g. profiles/offers.csv.")] = None,
    max_gpus: Annotated[int | None, typer.Option("--max-gpus", help="`max` of every offer: how many GPUs one may count on (not in the catalogue).")] = None,
) -> None:
    """Turn a SkyPilot price catalogue into offers rows; says what it left out and why."""
    from planner import skypilot
    from planner.folder import csv_text, write_file
    from planner.report import Table

    found = skypilot.read_catalogue(path, max_gpus=max_gpus)
    names = [column.split(" ")[0] for column in skypilot.COLUMNS]
    table = Table("offers", skypilot.COLUMNS, tuple(tuple(offer.get(c, offer.get(n, "")) for c, n in zip(skypilot.COLUMNS, names, strict=True)) for offer in found.offers))
    if output:
        write_file(output, csv_text(table))
    else:
        sys.stdout.write(csv_text(table))
    reasons: dict[str, int] = {}
    for left in found.left_out:
        reasons[left.why] = reasons.get(left.why, 0) + 1
    print(f"{len(found.offers)} offers from {len(found.files)} files; {len(found.left_out)} rows left out:", file=sys.stderr)
    for why, count in sorted(reasons.items(), key=lambda item: -item[1]):
        print(f"  {count:5d}  {why}", file=sys.stderr)


@app.command()
@guarded
def init(folder: Annotated[Path, typer.Argument(metavar="DIR", help="A new or empty folder.")]) -> None:
    """Start an own project: a small scenario and a profile table to edit."""
    from planner import library

    for line in library.start_project(folder):
        print(line)


@app.command()
@guarded
def schema() -> None:
    """JSON Schema of a scenario file, for editors."""
    from planner.scenario import json_schema

    print(json.dumps(json_schema(), indent=1, ensure_ascii=False))


@app.command()
@guarded
def doctor() -> None:
    """Versions, and a self-test that solves and verifies the classroom scenario."""
    from planner.planning import plan_scenario, versions

    for name, version in versions().items():
        print(f"{name} {version}")
    result = plan_scenario("classroom")
    good = result.status == "optimal" and result.audit is not None and result.audit.passed
    print(f"self-test (classroom): {'passed' if good else 'FAILED'}")
    if not good:
        raise typer.Exit(5)


__all__ = ["app", "main"]

if __name__ == "__main__":
    main()
