"""The frame of every command: application, shared options, faults that become messages and exit codes, a clock to wait by.

Exit codes: 0 answered, 1 fault in the input, 2 wrong usage, 3 no feasible plan, 4 stopped before proof, 5 verification failed,
130 interrupted. Results go to stdout, the rest to stderr.
"""

from __future__ import annotations

import time

STARTED = time.perf_counter()

import functools  # noqa: E402
import os  # noqa: E402
import sys  # noqa: E402
import threading  # noqa: E402
from collections.abc import Callable, Iterator  # noqa: E402
from contextlib import contextmanager  # noqa: E402
from typing import TYPE_CHECKING, Annotated, Any  # noqa: E402

import typer  # noqa: E402

from planner import __version__  # noqa: E402
from planner.core.errors import InputFault, PlannerError  # noqa: E402

if TYPE_CHECKING:
    from planner.run.pipeline import Result

WHAT = "Compute and energy capacity planner: which accelerators, at which cloud, on which site, from which date."
app = typer.Typer(name="planner", no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode=None)
DEBUG = False


def _scenarios(incomplete: str) -> list[str]:
    """Names of bundled scenarios, for shell completion."""
    from planner.inputs.load import bundled_scenarios

    return [name for name in bundled_scenarios() if name.startswith(incomplete)]


Scenario = Annotated[
    str, typer.Argument(help="A scenario file, or the name of a bundled one (openai-base).", autocompletion=_scenarios)
]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Override a key: limits.fleet_power='20 GW', site.abilene.delay='3 month'."),
]
Locks = Annotated[
    list[str] | None,
    typer.Option("--lock", metavar="NAME", help="If nothing fits: what cannot move (limits.fleet_power, site.abilene, demand)."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress, no warnings.")]


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
                print_json({"status": "fault", "findings": [vars(f) | {"where": vars(f.where)} for f in error.findings]})
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


def print_json(data: Any) -> None:
    from planner.results.folder import json_text

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
def busy(text: str, quiet: bool) -> Iterator[Callable[[str], None]]:
    """A line with a clock on a terminal while something takes long; what it yields says what it is at."""
    if quiet or not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    from planner.terminal.screen import console

    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
    with Progress(*columns, console=console(stderr=True), transient=True) as bar:
        task = bar.add_task(text, total=None)
        yield lambda at: bar.update(task, description=f"{text}: {at}")


def end_infeasible(result: Result, as_json: bool) -> None:
    """Says why nothing fits, and ends the command."""
    from planner.infeasible import conflict
    from planner.terminal import conflict as answer_conflict
    from planner.terminal import screen

    found = result.conflict or conflict.Conflict()
    name = result.inputs.scenario.name or result.inputs.name
    if as_json:
        print_json({"name": name, "status": "infeasible", "conflict": conflict.data(found)})
    else:
        answer_conflict.show_conflict(found, name, screen.console())
    raise typer.Exit(3)


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
    try:
        app(prog_name="planner")
    except SystemExit as end:
        if end.code == 130 and threading.active_count() > 1:  # a solver that still runs would abort the process as it ends
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(130)
        raise
