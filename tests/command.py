"""The command `planner` called in the test's own process, and as a process of its own."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

from planner.cli import app as cli

ROOT = Path(__file__).resolve().parent.parent
CLASSROOM = ROOT / "inputs" / "classroom.toml"


@dataclass(frozen=True)
class Done:
    """How a command ended: exit code, stdout, stderr."""

    code: int
    out: str
    err: str


def planner(*arguments: object) -> Done:
    """`planner ARGUMENTS`, in this process."""
    out, err = io.StringIO(), io.StringIO()
    with (
        mock.patch.object(sys, "argv", ["planner", *map(str, arguments)]),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            cli.main()
            code = 0
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
    return Done(code, out.getvalue(), err.getvalue())


def environment(**more: str) -> dict[str, str]:
    """The environment of a process that finds the planner of this checkout."""
    kept = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "COLUMNS", "FORCE_COLOR")}
    return kept | {"PYTHONPATH": str(ROOT)} | more


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "planner", *map(str, arguments)]


def process(arguments: Sequence[object], **options: Any) -> subprocess.CompletedProcess[str]:
    """`planner ARGUMENTS`, as a process of its own."""
    env = options.pop("env", environment())
    return subprocess.run(command(*arguments), capture_output=True, text=True, env=env, timeout=60, check=False, **options)


def python(code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """A Python script of its own that can import the planner."""
    call = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(call, capture_output=True, text=True, env=environment(), timeout=60, check=False)
