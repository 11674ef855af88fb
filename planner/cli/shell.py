"""The frame of every command: application, shared options, faults that become messages and exit codes, a clock to wait by.

Exit codes: 0 answered, 1 fault in the input, 2 wrong usage, 3 no feasible plan, 4 stopped before proof, 5 verification failed,
130 interrupted. Results go to stdout, the rest to stderr.
"""

from __future__ import annotations

import time

STARTED = time.perf_counter()

import contextlib  # noqa: E402
import functools  # noqa: E402
import os  # noqa: E402
import signal  # noqa: E402
import sys  # noqa: E402
import threading  # noqa: E402
from collections.abc import Callable, Iterator, Mapping, Sequence  # noqa: E402
from contextlib import contextmanager  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import TYPE_CHECKING, Annotated, Any  # noqa: E402

import typer  # noqa: E402

from planner import __version__  # noqa: E402
from planner.core.errors import InputFault, PlannerError  # noqa: E402
from planner.core.format import printable  # noqa: E402

if TYPE_CHECKING:
    from planner.core.table import Table
    from planner.inputs.assembly import Inputs
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
            if folder := sys.modules.get("planner.results.folder"):
                folder.WRITTEN.clear()
            if threading.current_thread() is threading.main_thread():
                signal.signal(signal.SIGINT, signal.default_int_handler)  # until here it ended the process at once
            command(*args, **kwargs)
            sys.stdout.flush()
        except PlannerError as error:
            if DEBUG:
                raise
            tell(str(error), error=True)
            if kwargs.get("as_json") and isinstance(error, InputFault):
                print_json({"status": "fault", "findings": [vars(f) | {"where": vars(f.where)} for f in error.findings]})
            raise typer.Exit(error.exit_code) from None
        except KeyboardInterrupt:
            tell(interrupted(), error=True)
            raise typer.Exit(130) from None
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(0) from None
        except OSError as error:
            if DEBUG:
                raise
            if error.filename is None:
                raise typer.Exit(_unheard(error)) from None
            tell(f"{error.filename}: {error.strerror or error}", error=True)
            raise typer.Exit(1) from None
        except MemoryError:
            print("out of memory: take longer periods, fewer sites or fewer accelerators", file=sys.stderr)
            raise typer.Exit(1) from None
        except (typer.Exit, typer.Abort, typer.BadParameter):
            raise
        except Exception as error:
            if DEBUG:
                raise
            tell(f"a fault of the planner itself: {type(error).__name__}: {error}", error=True)
            tell("please report it with the scenario; --debug shows where", error=True)
            raise typer.Exit(1) from None

    return run


def tell(text: str, error: bool = False) -> None:
    """A line to the reader: nothing in it is obeyed by a terminal."""
    print(printable(text), file=sys.stderr if error else sys.stdout)


def interrupted() -> str:
    """What is true when somebody has stopped us."""
    folder = sys.modules.get("planner.results.folder")
    written = list(folder.WRITTEN) if folder else []
    return f"interrupted; {', '.join(written)} had been written" if written else "interrupted; nothing was changed"


def may_write(folder: Path | None, kind: str) -> None:
    """InputFault if an answer of that command cannot be put there."""
    from planner.results.folder import check_target

    if folder:
        check_target(folder, kind)


def write_answer(
    folder: Path | None,
    kind: str,
    inputs: Inputs | None,
    overrides: Sequence[str],
    tables: Sequence[Table],
    pictures: Mapping[str, bytes] | None = None,
    about: Mapping[str, Any] | None = None,
) -> None:
    """Puts the tables of an answer at a folder, whole or not at all, with a manifest that says what was asked of what."""
    if not folder:
        return
    from planner.results.folder import answer, csv_text, write
    from planner.run.pipeline import scenario_reference, versions

    files: dict[str, str | bytes] = {f"{table.name}.csv": csv_text(table) for table in tables}
    asked: dict[str, Any] = {"arguments": list(sys.argv[1:]), "set": list(overrides), "versions": versions()}
    if inputs is not None:
        asked |= {"scenario": scenario_reference(inputs, folder), "inputs": {f.shown: f.sha256 for f in inputs.files}}
    write(folder, answer(kind, files | dict(pictures or {}), asked | dict(about or {})), kind)


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
        text = printable(text)
        task = bar.add_task(text, total=None)
        yield lambda at: bar.update(task, description=printable(f"{text}: {at}"))


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
    _own_stdout()
    code: Any = 0
    try:
        app(prog_name="planner")
    except SystemExit as end:
        code = end.code
    except OSError as error:  # help and version are printed before any command begins
        code = _unheard(error)
    try:
        sys.stdout.flush()
    except (OSError, ValueError) as error:
        code = _unheard(error)
    if code == 130 and threading.active_count() > 1:  # a solver that still runs would abort the process as it ends
        sys.stderr.flush()
        os._exit(130)
    raise SystemExit(code)


def _own_stdout() -> None:
    """Moves our standard output to a descriptor of its own: whatever native code prints to descriptor 1 then goes to stderr."""
    try:
        mine = os.dup(sys.stdout.fileno())
        os.dup2(2, 1)
    except (OSError, ValueError, AttributeError):  # closed, or not a file at all
        return
    sys.stdout = open(mine, "w", encoding=sys.stdout.encoding, errors="replace", newline=sys.stdout.newlines)  # noqa: PTH123, SIM115


def _unheard(error: OSError | ValueError) -> int:
    """The exit code when what we print reaches nobody: a reader that has gone is content, a full disk is a fault."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if isinstance(error, BrokenPipeError):
        return 0
    with contextlib.suppress(OSError, ValueError):
        tell(f"output: {getattr(error, 'strerror', None) or error}", error=True)
    return 1
