"""What can go wrong, where it is written, and how to mend it.

Readers and checks do not raise at the first fault: they gather `Finding`s and raise one `InputFault` with all of them,
so that a user mends a file in one go. Nothing here prints.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from planner.core.format import printable


@dataclass(frozen=True, order=True)
class Location:
    """A place in the inputs: file, line (0 = the file as a whole) and key (`site.abilene.pue`)."""

    file: str = ""
    line: int = 0
    key: str = ""

    def at(self, key: str) -> Location:
        return Location(self.file, self.line, key)

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return ": ".join(part for part in (place, self.key) if part)


@dataclass(frozen=True, order=True)
class Finding:
    """One fault or remark: where, what, and the way to mend it."""

    where: Location
    what: str
    fix: str = ""
    severity: str = "error"  # error | warning

    def __str__(self) -> str:
        prefix = "" if self.severity == "error" else f"{self.severity}: "
        head = f"{self.where}: {prefix}{self.what}" if str(self.where) else f"{prefix}{self.what}"
        return f"{_line(head)}\n  fix: {_line(self.fix)}" if self.fix else _line(head)


LONGEST = 1000  # characters of a line of a message; what a user wrote may be a megabyte


def _line(text: str) -> str:
    """One line that a terminal shows as it is: control characters written out, the middle of a very long one left out."""
    if len(text) > LONGEST:
        text = f"{text[: LONGEST * 3 // 4]} ... ({len(text) - LONGEST:,} characters left out) ... {text[-LONGEST // 4 :]}"
    return printable(text, "")


ALIKE = 3  # so many findings that differ only in what was written are told one by one; more are told once, with their number
_VALUE = re.compile(r"`[^`]*`|\d[\d.,/:-]*")


def told_once(findings: Iterable[Finding]) -> list[str]:
    """The findings as text; those of one file and column that differ only in the value are one, with their lines."""
    groups: dict[tuple[str, ...], list[Finding]] = {}
    for found in findings:
        column = found.where.key.rpartition(".")[2]
        kind = (found.where.file, column, _VALUE.sub("", found.what), _VALUE.sub("", found.fix), found.severity)
        groups.setdefault(kind if found.where.line else (*kind, found.where.key), []).append(found)
    lines = []
    for alike in groups.values():
        if len(alike) <= ALIKE:
            lines += [(found, str(found)) for found in alike]
            continue
        first, last = alike[0], alike[-1]
        more = f" (and {len(alike) - 1:,} more like it in this column, up to line {last.where.line})"
        lines.append((first, str(replace(first, what=first.what + more))))
    return [text for _, text in sorted(lines, key=lambda line: line[0])]


class PlannerError(Exception):
    """Base of everything that ends a command with a message instead of a traceback."""

    exit_code = 1


class InputFault(PlannerError):
    """The inputs cannot be planned with; carries every finding, sorted by file and line."""

    def __init__(self, findings: Iterable[Finding]):
        self.findings = sorted(set(findings))
        super().__init__("\n".join(told_once(self.findings)))

    @classmethod
    def one(cls, what: str, fix: str = "", where: Location | None = None) -> InputFault:
        return cls([Finding(where or Location(), what, fix)])


class Stopped(PlannerError):
    """The solver was stopped before it could prove anything (exit 4)."""

    exit_code = 4


class VerificationFailed(PlannerError):
    """A plan does not stand up to the audit (exit 5)."""

    exit_code = 5


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A hint naming the nearest known words, or the first few if none is near."""
    names = sorted(set(known))
    near = difflib.get_close_matches(word, names, n=3, cutoff=0.6)
    if not near:  # a slip of case or of separator is the commonest one
        folded = {name.casefold().replace("-", "_"): name for name in names}
        same = folded.get(word.casefold().replace("-", "_"))
        near = [same] if same else []
    if near:
        return "did you mean " + " or ".join(f"`{name}`" for name in near) + "?"
    if not names:
        return "there are none to choose from"
    shown = ", ".join(f"`{name}`" for name in names[:8])
    return f"known: {shown}" + (f" and {len(names) - 8} more" if len(names) > 8 else "")
