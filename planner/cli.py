"""Options in, exit code out. Nothing is computed here; every command imports what it needs, so that `--help` is quick.

Exit codes: 0 answered, 1 fault in the input, 2 wrong usage, 3 no feasible plan, 4 stopped before proof, 5 verification failed,
130 interrupted. Results go to stdout, the rest to stderr.
"""

from __future__ import annotations

import time

STARTED = time.perf_counter()

import functools  # noqa: E402
import os  # noqa: E402
import sys  # noqa: E402
from collections.abc import Callable, Iterator, Sequence  # noqa: E402
from contextlib import contextmanager  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import TYPE_CHECKING, Annotated, Any  # noqa: E402

import typer  # noqa: E402

from planner import __version__  # noqa: E402
from planner.errors import InputFault, PlannerError, Stopped, VerificationFailed  # noqa: E402

if TYPE_CHECKING:
    from planner.compare import Compared
    from planner.planning import Result

WHAT = "Compute and energy capacity planner: which accelerators, at which cloud, on which site, from which date."
app = typer.Typer(name="planner", no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode=None)
importer = typer.Typer(no_args_is_help=True, help="Turn a real price catalogue into offers.")
app.add_typer(importer, name="import")

DEBUG = False


def _scenarios(incomplete: str) -> list[str]:
    """Names of bundled scenarios, for shell completion."""
    from planner.reading import bundled_scenarios

    return [name for name in bundled_scenarios() if name.startswith(incomplete)]


def _tables(incomplete: str) -> list[str]:
    from planner.profiles import TABLES

    return [name for name in TABLES if name.startswith(incomplete)]


Scenario = Annotated[
    str, typer.Argument(help="A scenario file, or the name of a bundled one (openai-base).", autocompletion=_scenarios)
]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Override a key: limits.fleet_power='20 GW', site.abilene.delay='3 month'."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress, no warnings.")]


def main() -> None:
    """The command `planner`."""
    global DEBUG
    DEBUG = "--debug" in sys.argv[1:]
    sys.argv[1:] = [argument for argument in sys.argv[1:] if argument != "--debug"]
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # closed by the caller
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal that knows no `·` still gets its answer
    app(prog_name="planner")


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
            if kwargs.get("as_json") and isinstance(error, InputFault):
                _print_json({"status": "fault", "findings": [vars(f) | {"where": vars(f.where)} for f in error.findings]})
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
        except (typer.Exit, typer.Abort, typer.BadParameter):
            raise
        except Exception as error:
            if DEBUG:
                raise
            print(f"a fault of the planner itself: {type(error).__name__}: {error}", file=sys.stderr)
            print("please report it with the scenario; --debug shows where", file=sys.stderr)
            raise typer.Exit(1) from None

    return run


def _print_json(data: Any) -> None:
    from planner.folder import json_text

    print(json_text(data))


def _version(wanted: bool) -> None:
    if wanted:
        print(f"planner {__version__}")
        raise typer.Exit


@app.callback(help=WHAT)
def _options(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks; may stand anywhere.")] = False,
) -> None: ...


@contextmanager
def _busy(text: str, quiet: bool) -> Iterator[None]:
    """A line with a clock on a terminal while something takes long."""
    if quiet or not sys.stderr.isatty():
        yield
        return
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    from planner.answer import console

    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
    with Progress(*columns, console=console(stderr=True), transient=True) as bar:
        bar.add_task(text, total=None)
        yield


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
    begun = time.perf_counter()
    from planner import answer, planning
    from planner.folder import check_target, write

    clock = planning.Timings({"imports": LOADED - STARTED + time.perf_counter() - begun})
    if output:
        check_target(output)
    with _busy(f"solving {scenario}", quiet):
        result = planning.plan_scenario(scenario, set_ or [], clock)
    if not quiet:
        answer.show_warnings(result.warnings, answer.console(stderr=True))
    failed = planning.unproved(result)
    whole = result.plan is not None and result.audit is not None and result.audit.passed  # proved best or not
    if output and whole:
        with clock.of("write"):
            write(output, planning.files(result, output))
    if timings:
        total = LOADED - STARTED + time.perf_counter() - begun
        parts = [f"{stage} {seconds:.3f}" for stage, seconds in clock.seconds.items()]
        print(f"timings [s]: {', '.join(parts)}; total {total:.3f}", file=sys.stderr)
    if result.status == "infeasible":
        _infeasible(result, as_json)
    if result.status == "unbounded":
        what = "nothing limits this scenario: the objective can grow without end"
        raise InputFault.one(what, "add power, supply or a budget that bounds it")
    if as_json:
        _print_json(planning.manifest(result, output or Path()))
    elif whole:
        answer.show(result, str(output) if output else None, answer.console())
    if failed is not None:
        raise failed


def _infeasible(result: Result, as_json: bool) -> None:
    from planner import answer, conflict

    found = result.conflict or conflict.Conflict((), ())
    name = result.inputs.scenario.name or result.inputs.name
    if as_json:
        _print_json({"name": name, "status": "infeasible", "conflict": conflict.data(found)})
    else:
        answer.show_conflict(found, name, answer.console())
    raise typer.Exit(3)


@app.command()
@guarded
def check(scenario: Scenario, set_: Overrides = None, as_json: AsJson = False) -> None:
    """Check the inputs without solving. Says what would be solved."""
    from planner import answer, planning

    found, warnings = planning.outline(scenario, set_ or [])
    if as_json:
        _print_json(found | {"warnings": [str(w) for w in warnings]})
    else:
        answer.show_check(found, warnings, answer.console())


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
    from planner import answer
    from planner import compare as room
    from planner.folder import csv_text, write_file

    found = room.distinct([_compared(name, set_ or [], quiet) for name in plans])
    results, inputs = room.results(found), room.inputs(found)
    if output:
        write_file(output / "results.csv", csv_text(room.as_table("results", results)))
        write_file(output / "inputs.csv", csv_text(room.as_table("inputs", inputs)))
    if as_json:
        _print_json(room.data(found, inputs))
        return
    answer.show_comparison(found, inputs, answer.console())
    if output:
        print(f"files: {output}/results.csv, {output}/inputs.csv")


def _compared(name: str, overrides: Sequence[str], quiet: bool) -> Compared:
    """A plan folder as it is, or a scenario once it is solved."""
    from planner import compare as room
    from planner import planning

    if Path(name).is_dir():
        return room.from_folder(Path(name))
    with _busy(f"solving {name}", quiet):
        result = planning.plan_scenario(name, overrides)
    if result.status == "infeasible":
        print(f"{name} has no feasible plan; `planner solve {name}` says why", file=sys.stderr)
        raise typer.Exit(3)
    failed = planning.unproved(result)
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
    as_json: AsJson = False,
) -> None:
    """Recompute a plan without a solver. From its inputs and tables alone."""
    from planner import planning

    verdict = planning.verify(folder, scenario)
    if verdict.foreign:
        what = "are not what the plan was made from; it is judged by them as they are now"
        print(f"note: {scenario} or its data {what}", file=sys.stderr)
    if as_json:
        found = {"passed": verdict.passed, "status": verdict.status, "audit": planning.audit_data(verdict.audit)}
        _print_json(found | {"changed": verdict.changed, "same_inputs": not verdict.foreign})
    elif verdict.passed:
        note = "" if verdict.status == "optimal" else f" (status {verdict.status}: feasible, not proved best)"
        print(f"{folder}: verified, {verdict.audit.checked:,} checks passed{note}")
    if not verdict.passed:
        lines = [f"  {name} is not the file that was written" for name in verdict.changed]
        raise VerificationFailed("\n".join([f"{folder}: verification failed", *lines, *planning.failures(verdict.audit, 20)]))


@app.command()
@guarded
def profiles(
    table: Annotated[
        str | None, typer.Argument(help="A table, e.g. sites; without it, all tables with their sizes.", autocompletion=_tables)
    ] = None,
    row: Annotated[str | None, typer.Argument(help="An id: every number of that row with unit and source.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show the bundled data with its sources."""
    from planner import answer, library

    out = answer.console()
    found = library.overview() if table is None else library.rows(table, row)
    if as_json:
        _print_json(found.records())
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
        typer.Option("--max-gpus", min=1, help="`max` of every offer: how many GPUs one may count on (not in the catalogue)."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Turn a SkyPilot catalogue into offers. Says what it left out and why."""
    from planner import skypilot
    from planner.folder import csv_text, write_file
    from planner.table import Table

    found = skypilot.read_catalogue(path, max_gpus=max_gpus)
    names = [column.split(" ")[0] for column in skypilot.COLUMNS]
    rows = [tuple(offer.get(c, offer.get(n, "")) for c, n in zip(skypilot.COLUMNS, names, strict=True)) for offer in found.offers]
    table = Table("offers", skypilot.COLUMNS, tuple(rows))
    reasons: dict[str, int] = {}
    for left in found.left_out:
        reasons[left.why] = reasons.get(left.why, 0) + 1
    if output:
        write_file(output, csv_text(table))
    if as_json:
        _print_json({"offers": table.records(), "files": len(found.files), "left_out": reasons})
    elif not output:
        sys.stdout.write(csv_text(table))
    print(f"{len(found.offers)} offers from {len(found.files)} files; {len(found.left_out)} rows left out:", file=sys.stderr)
    for why, count in sorted(reasons.items(), key=lambda item: -item[1]):
        print(f"  {count:5d}  {why}", file=sys.stderr)


@app.command()
@guarded
def init(folder: Annotated[Path, typer.Argument(metavar="DIR", help="A new or empty folder.")], as_json: AsJson = False) -> None:
    """Start an own project. Writes a small scenario and a profile table to edit."""
    from planner import library

    written = library.start_project(folder)
    if as_json:
        _print_json(written)
        return
    for name, what in written.items():
        print(f"{name}: {what}")
    print("planner schema > scenario.schema.json gives editors completion and checks")


@app.command()
@guarded
def schema() -> None:
    """Print the JSON Schema of a scenario file. For completion and checks in editors."""
    from planner.scenario import json_schema

    _print_json(json_schema())


@app.command()
@guarded
def doctor(as_json: AsJson = False) -> None:
    """Print versions and run a self-test. It solves and verifies the classroom scenario."""
    from planner.planning import plan_scenario, versions

    result = plan_scenario("classroom")
    good = result.status == "optimal" and result.audit is not None and result.audit.passed
    if as_json:
        _print_json({"versions": versions(), "passed": good})
    else:
        for name, version in versions().items():
            print(f"{name} {version}")
        print(f"self-test (classroom): {'passed' if good else 'FAILED'}")
    if not good:
        raise typer.Exit(5)


LOADED = time.perf_counter()

if __name__ == "__main__":
    main()
