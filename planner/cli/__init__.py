"""The commands."""

from __future__ import annotations

import contextlib
import os
import signal
from typing import Any


def main() -> None:
    """The command `planner`. Until a command begins, Ctrl-C ends the process at once: there is nothing yet to tidy up."""
    with contextlib.suppress(ValueError):  # only the main thread may
        signal.signal(signal.SIGINT, _stop)
    from planner.cli.app import main as run

    run()


def _stop(_signal: int, _frame: Any) -> None:
    os.write(2, b"interrupted; nothing was changed\n")
    os._exit(130)
