"""Draws on the terminal: lines, facts and tables. Bold heads and wrapped lines on a screen, plain unbroken text in a pipe.

Tables wider than the screen are continued below. No number is ever cut.
"""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterable, Sequence
from typing import Any

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from planner.core.format import number, printable
from planner.core.table import Table


class _Console(Console):
    """A console that leaves it to its caller what to do when the reader of a pipe has gone."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError

    def print(self, *objects: Any, **options: Any) -> None:
        """Whatever is printed, a terminal obeys nothing in it but our own styles."""
        super().print(*(_shown(thing) for thing in objects), **options)


def _shown(thing: Any) -> Any:
    if isinstance(thing, str):
        return printable(thing)
    return Text(printable(thing.plain), style=thing.style) if isinstance(thing, Text) and not thing.spans else thing


def console(stderr: bool = False) -> Console:
    """A console that draws on a terminal and writes plain, unbroken lines in a pipe. NO_COLOR is honoured."""
    stream = sys.stderr if stderr else sys.stdout
    return _Console(file=stream, highlight=False, soft_wrap=True, width=None if stream.isatty() else 160)


def draw(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]], out: Console, left: int = 1) -> None:
    """A table: the first `left` columns to the left, the others to the right. Columns beyond the screen are continued below."""
    body = [list(row) for row in rows]
    widths = [max(cell_len(row[i]) for row in [list(columns), *body]) for i in range(len(columns))]
    if title:
        say(title, out, "bold")
    first = True
    for block in blocks(widths, out.width if out.is_terminal else None):
        if not first:
            out.print()
        first = False
        for i, row in enumerate([list(columns), *body]):
            line = "  ".join(_padded(row[j], widths[j], j >= left) for j in block).rstrip()
            out.print(Text(line, style="bold" if i == 0 else ""))


def _padded(text: str, width: int, right: bool) -> str:
    room = " " * (width - cell_len(text))
    return room + text if right else text + room


def blocks(widths: Sequence[int], room: int | None) -> list[list[int]]:
    """Columns by screen: the first one leads every block."""
    found = [[0]]
    for i, width in enumerate(widths[1:], 1):
        used = sum(widths[j] + 2 for j in found[-1])
        if room is not None and used + width > room and len(found[-1]) > 1:
            found.append([0])
        found[-1].append(i)
    return found


def say(text: str, out: Console, style: str = "", indent: str = "") -> None:
    """A line, wrapped on a terminal with its continuation indented."""
    lines = (
        textwrap.wrap(text, out.width, subsequent_indent=indent, break_on_hyphens=False, break_long_words=False)
        if out.is_terminal
        else [text]
    )
    for line in lines or [""]:
        out.print(Text(line, style=style))


def facts(pairs: Iterable[tuple[str, str]], out: Console) -> None:
    """Names and values below each other."""
    found = list(pairs)
    width = max((len(name) for name, _ in found), default=0) + 2
    for name, value in found:
        say(name.ljust(width) + value, out, indent=" " * width)


def show_table(table: Table, out: Console, names: int | None = None) -> None:
    """Any table, numbers shortened; the first `names` columns (all, if not said) to the left."""
    cells = [[cell(value) for value in row] for row in table.rows]
    draw("", table.columns, cells, out, left=len(table.columns) if names is None else names)


def cell(value: Any) -> str:
    return "" if value is None else number(value) if isinstance(value, float) else str(value)
